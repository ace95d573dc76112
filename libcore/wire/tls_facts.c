#include "wire/tls_facts.h"

const char *tls_problem_code(unsigned bit)
{
    static const char *const codes[TLS_PROBLEMS] = {
        "tls.cert.expired",       "tls.cert.not_yet_valid",    "tls.cert.expiring",
        "tls.cert.name_mismatch", "tls.cert.self_signed",      "tls.cert.self_signed_in_chain",
        "tls.cert.untrusted",     "tls.cert.incomplete_chain", "tls.cert.revoked",
        "tls.cert.weak_key",      "tls.cert.weak_signature",
    };

    return bit < TLS_PROBLEMS ? codes[bit] : NULL;
}

const char *tls_problem_words(unsigned bit)
{
    static const char *const words[TLS_PROBLEMS] = {
        "the certificate has expired",
        "the certificate is not valid yet",
        "the certificate expires within days",
        "the certificate is for another name",
        "the certificate is signed by itself",
        "the chain ends in a certificate that nobody here trusts",
        "nobody here trusts the issuer",
        "the server does not send the certificates between its own and the root",
        "the certificate was revoked",
        "the key is too short to be safe",
        "the signature's digest is broken",
    };

    return bit < TLS_PROBLEMS ? words[bit] : NULL;
}
