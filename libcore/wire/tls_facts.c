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
