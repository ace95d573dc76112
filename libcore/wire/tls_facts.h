/* What a TLS handshake showed, as facts: io/tls fills them in, reports show them. */
#ifndef NETDX_WIRE_TLS_FACTS_H
#define NETDX_WIRE_TLS_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
const char *tls_problem_words(unsigned bit); /* "the certificate has expired" */

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

#endif
