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

#include "base/failure.h"
#include "io/raw.h" /* IO_ERROR_SIZE */

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
    TLS_FAILED, /* tls_failure() */
};

/* Ciphertext from the peer; also begins the handshake (len 0). */
enum tls_state tls_feed(struct tls *tls, const uint8_t *bytes, size_t len);
/* The peer's FIN. TLS_FAILED with tls.truncated unless close_notify was there. */
enum tls_state tls_end(struct tls *tls);
/* Ciphertext for the peer: up to `size` bytes; 0: none waits. */
size_t tls_take(struct tls *tls, uint8_t *out, size_t size);
/* Plaintext from the peer; 0: none. May change the state: ask tls_state(). */
size_t tls_read(struct tls *tls, uint8_t *out, size_t size);
/* Plaintext for the peer: how much was taken, or 0. */
size_t tls_write(struct tls *tls, const uint8_t *bytes, size_t len);

enum tls_state tls_state(const struct tls *tls);
const struct failure *tls_failure(const struct tls *tls); /* code "": none */

enum tls_problem { /* of the certificate or its chain; several at once */
                   TLS_CERT_EXPIRED = 1 << 0,
                   TLS_CERT_NOT_YET_VALID = 1 << 1,
                   TLS_CERT_EXPIRING = 1 << 2,
                   TLS_CERT_NAME_MISMATCH = 1 << 3,
                   TLS_CERT_SELF_SIGNED = 1 << 4,
                   TLS_CERT_SELF_SIGNED_IN_CHAIN = 1 << 5,
                   TLS_CERT_UNTRUSTED = 1 << 6,
                   TLS_CERT_INCOMPLETE_CHAIN = 1 << 7,
                   TLS_CERT_REVOKED = 1 << 8,
                   TLS_CERT_WEAK_KEY = 1 << 9,
                   TLS_CERT_WEAK_SIGNATURE = 1 << 10,
};

#define TLS_PROBLEMS 11

/* "tls.cert.expired" of the n-th bit. */
const char *tls_problem_code(unsigned bit);

#define TLS_NAME_SIZE 256
#define TLS_NAMES_MAX 64 /* shown; all are counted */

struct tls_certificate {
    char subject[TLS_NAME_SIZE], issuer[TLS_NAME_SIZE]; /* raw: escape before showing */
    int64_t not_before_unix, not_after_unix;            /* seconds */
    unsigned key_bits;
    char key_type[16], signature[64]; /* "RSA", "sha256WithRSAEncryption" */
    size_t nnames;                    /* subjectAltName entries in all */
    size_t nkept;
    char names[TLS_NAMES_MAX][TLS_NAME_SIZE]; /* raw */
};

struct tls_facts {
    const char *version, *cipher; /* "TLSv1.3"; NULL: no handshake got that far */
    char alpn[32];                /* "": none was chosen */
    bool has_certificate;
    struct tls_certificate certificate; /* the server's own */
    unsigned chain_len;
    unsigned problems; /* enum tls_problem */
    bool client_certificate_asked;
    size_t hello_bytes; /* of the ClientHello flight */
};

void tls_facts(const struct tls *tls, struct tls_facts *facts);

#endif
