/* What the parts of TLS share: connection, certificate. */
#ifndef NETDX_IO_TLS_INTERNAL_H
#define NETDX_IO_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "io/tls.h"

#define TLS_FIRST_BYTES 256

struct tls_context {
    SSL_CTX *ssl;                /* owned */
    struct tls_anchors *anchors; /* owned; NULL: none, or they are trusted already */
};

struct tls {
    SSL *ssl;      /* owned, with both BIOs */
    BIO *in, *out; /* borrowed */
    enum tls_state state;
    struct cause cause;
    bool check_name;
    char name[TLS_NAME_SIZE];
    int64_t unix_seconds;
    int expiring_days;
    unsigned problems; /* met by the verification so far */
    int alert;         /* the latest fatal or warning alert from the peer; -1: none */
    bool certificate_asked;
    bool is_tls; /* the peer's first byte was one of TLS */
    uint8_t first[TLS_FIRST_BYTES];
    size_t first_len;
    size_t hello_bytes;
};

/* tls_anchors.c: the system's; NULL: none */
struct tls_anchors *tls_anchors_read(void);
void tls_anchors_free(struct tls_anchors *anchors);
void tls_anchors_trust(const struct tls_anchors *anchors, X509_STORE *store);

/* tls_certificate.c: the verification's errors, gathered and never obeyed */
int tls_certificate_verify(int ok, X509_STORE_CTX *store);
unsigned tls_certificate_problems(const struct tls *tls, X509 *certificate);
void tls_certificate_facts(X509 *certificate, struct tls_certificate *out);
int tls_index(void); /* SSL ex_data slot of our struct tls */

#endif
