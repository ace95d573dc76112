/*
 * TLS over memory: ciphertext in and out, plaintext in and out, no socket (OpenSSL with memory
 * BIOs). Trust problems are findings, not obstacles: every certificate is taken, and all that is
 * wrong with it is remembered.
 */
#ifndef NETDX_IO_TLS_H
#define NETDX_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cause.h"
#include "io/raw.h" /* IO_ERROR_SIZE */
#include "wire/tls_facts.h"

struct tls_context; /* opaque: trust anchors and what all connections share */

struct tls_context_options {
    const char *ca_file;  /* PEM; NULL: SSL_CERT_FILE, then the system's store */
    const char *crl_file; /* PEM; NULL: none */
};

/*
 * Reads the trust anchors now and no file later. 0, or -errno and a message. A system without
 * trust anchors is no error: tls.cert.untrusted will say so.
 */
int tls_context_new(const struct tls_context_options *options, struct tls_context **out,
                    char error[IO_ERROR_SIZE]);
void tls_context_free(struct tls_context *context);

enum tls_version { TLS_ANY = 0, TLS_1_0 = 10, TLS_1_1 = 11, TLS_1_2 = 12, TLS_1_3 = 13 };

struct tls_options {
    const char *sni;              /* NULL: none is sent */
    const char *name;             /* the certificate is checked against; NULL: not checked */
    const char *const *alpn;      /* offered protocols, ends with NULL; NULL: no ALPN */
    enum tls_version least, most; /* TLS_ANY: 1.2 and 1.3 */
    bool small_hello;             /* few ciphers and groups: the ClientHello fits a small MTU */
    int64_t unix_seconds;         /* now, for validity */
    int expiring_days;            /* "expiring" when fewer are left; 0: 7 */
};

struct tls; /* opaque: one connection */

/* `context` is borrowed. 0, -ENOMEM, -EINVAL (a name OpenSSL refuses). */
int tls_new(struct tls_context *context, const struct tls_options *options, struct tls **out);
void tls_free(struct tls *tls);

enum tls_state {
    TLS_HANDSHAKE,
    TLS_OPEN,
    TLS_CLOSED, /* the peer said close_notify */
    TLS_FAILED, /* tls_cause() */
};

/* Ciphertext from the peer; also begins the handshake (len 0). */
enum tls_state tls_feed(struct tls *tls, const uint8_t *bytes, size_t len);
/* The peer's FIN. TLS_FAILED with tls.truncated unless close_notify was there, or with
 * tcp.closed.after_client_hello when not a byte was. */
enum tls_state tls_end(struct tls *tls);
/* The handshake's time is over. TLS_FAILED when bytes came, with what they were; or nothing. */
enum tls_state tls_expire(struct tls *tls);
/* Ciphertext for the peer: up to `size` bytes; 0: none waits. */
size_t tls_take(struct tls *tls, uint8_t *out, size_t size);
/* Plaintext from the peer; 0: none. May change the state: ask tls_state(). */
size_t tls_read(struct tls *tls, uint8_t *out, size_t size);
/* Plaintext for the peer: how much was taken, or 0. */
size_t tls_write(struct tls *tls, const uint8_t *bytes, size_t len);

enum tls_state tls_state(const struct tls *tls);
const struct cause *tls_cause(const struct tls *tls); /* code "": none */

void tls_facts(const struct tls *tls, struct tls_facts *facts);

#endif
