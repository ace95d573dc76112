/* What a certificate says, and everything that is wrong with it. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "io/tls_internal.h"
#include "wire/address.h"

/* Below these sizes a key can be broken (NIST SP 800-131A rev. 2). */
enum { TLS_RSA_BITS_LEAST = 2048, TLS_EC_BITS_LEAST = 224 };

static unsigned tls_problem_of(int error, int depth)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TLS_CERT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_CERT_NOT_YET_VALID;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return TLS_CERT_SELF_SIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return TLS_CERT_SELF_SIGNED_IN_CHAIN | TLS_CERT_UNTRUSTED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return depth == 0 ? TLS_CERT_INCOMPLETE_CHAIN : TLS_CERT_UNTRUSTED;
    case X509_V_ERR_CERT_REVOKED:
        return TLS_CERT_REVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return 0; /* the file says nothing of this issuer */
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_EE_KEY_TOO_SMALL:
        return TLS_CERT_WEAK_KEY;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return TLS_CERT_WEAK_SIGNATURE;
    default:
        return TLS_CERT_UNTRUSTED;
    }
}

/* Always goes on, so that the next thing that is wrong is met as well. */
int tls_certificate_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = ssl ? SSL_get_ex_data(ssl, tls_index()) : NULL;

    if (!ok && tls)
        tls->problems |=
            tls_problem_of(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_error_depth(store));
    return 1;
}

static int64_t tls_time(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) : 0;
}

/* Not the library's clock but ours: expired, not yet valid, expiring. */
static unsigned tls_problem_of_validity(const struct tls *tls, X509 *certificate)
{
    int64_t from = tls_time(X509_get0_notBefore(certificate));
    int64_t until = tls_time(X509_get0_notAfter(certificate)), now = tls->unix_seconds;

    if (now < from)
        return TLS_CERT_NOT_YET_VALID;
    if (now > until)
        return TLS_CERT_EXPIRED;
    return until - now < (int64_t)tls->expiring_days * 86400 ? TLS_CERT_EXPIRING : 0;
}

static unsigned tls_problem_of_name(const struct tls *tls, X509 *certificate)
{
    if (!tls->check_name ||
        X509_check_host(certificate, tls->name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) ==
            1 ||
        X509_check_ip_asc(certificate, tls->name, 0) == 1)
        return 0;
    return TLS_CERT_NAME_MISMATCH;
}

static unsigned tls_problem_of_strength(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    int digest = NID_undef, bits = key ? EVP_PKEY_get_bits(key) : 0;
    int type = key ? EVP_PKEY_get_base_id(key) : NID_undef;
    unsigned problems = 0;

    if ((type == EVP_PKEY_RSA && bits < TLS_RSA_BITS_LEAST) ||
        (type == EVP_PKEY_DSA && bits < TLS_RSA_BITS_LEAST) ||
        (type == EVP_PKEY_EC && bits < TLS_EC_BITS_LEAST))
        problems |= TLS_CERT_WEAK_KEY;
    OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digest, NULL);
    if (digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_md2)
        problems |= TLS_CERT_WEAK_SIGNATURE;
    return problems;
}

/* A stapled OCSP answer (RFC 6066 8) counts when the chain's issuer signed it and it says revoked.
 */
static unsigned tls_problem_of_staple(const struct tls *tls)
{
    const uint8_t *bytes;
    long len = SSL_get_tlsext_status_ocsp_resp(tls->ssl, &bytes);
    OCSP_RESPONSE *response = len > 0 ? d2i_OCSP_RESPONSE(NULL, &bytes, len) : NULL;
    OCSP_BASICRESP *basic = response ? OCSP_response_get1_basic(response) : NULL;
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);
    X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(tls->ssl));
    unsigned problems = 0;

    if (basic && OCSP_basic_verify(basic, chain, store, OCSP_TRUSTOTHER) == 1) {
        for (int i = 0; i < OCSP_resp_count(basic); i++) {
            OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

            if (OCSP_single_get0_status(single, NULL, NULL, NULL, NULL) ==
                V_OCSP_CERTSTATUS_REVOKED)
                problems = TLS_CERT_REVOKED;
        }
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return problems;
}

unsigned tls_certificate_problems(const struct tls *tls, X509 *certificate)
{
    /* Validity is judged by our caller's clock alone. */
    unsigned verified = tls->problems & ~(unsigned)(TLS_CERT_EXPIRED | TLS_CERT_NOT_YET_VALID);

    return verified | tls_problem_of_validity(tls, certificate) |
           tls_problem_of_name(tls, certificate) | tls_problem_of_strength(certificate) |
           tls_problem_of_staple(tls);
}

/* --- facts -------------------------------------------------------------------------------------
 */

static void tls_name(const X509_NAME *name, char out[TLS_NAME_SIZE])
{
    BIO *text = BIO_new(BIO_s_mem());
    int len = 0;

    if (text && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        len = BIO_read(text, out, TLS_NAME_SIZE - 1);
    out[len > 0 ? len : 0] = '\0';
    BIO_free(text);
}

/* DNS names as they are; a NUL within one is not its end (CVE-2009-2408): shown as '?'. */
static void tls_keep_name(struct tls_certificate *out, const uint8_t *bytes, size_t len)
{
    char *to = out->names[out->nkept];

    len = len < TLS_NAME_SIZE ? len : TLS_NAME_SIZE - 1;
    for (size_t i = 0; i < len; i++)
        to[i] = bytes[i] ? (char)bytes[i] : '?';
    to[len] = '\0';
    out->nkept++;
}

static void tls_keep_address(struct tls_certificate *out, const ASN1_OCTET_STRING *ip)
{
    int len = ASN1_STRING_length(ip);
    const uint8_t *bytes = ASN1_STRING_get0_data(ip);
    struct address address = {0};
    char text[ADDRESS_TEXT_SIZE];

    if (len == 4)
        address = address_from4(bytes);
    else if (len == 16)
        address = address_from6(bytes);
    address_format(&address, text);
    tls_keep_name(out, (const uint8_t *)text, strlen(text));
}

static void tls_names(X509 *certificate, struct tls_certificate *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        bool kept = out->nkept < TLS_NAMES_MAX;

        out->nnames++;
        if (name->type == GEN_DNS && kept)
            tls_keep_name(out, ASN1_STRING_get0_data(name->d.dNSName),
                          (size_t)ASN1_STRING_length(name->d.dNSName));
        else if (name->type == GEN_IPADD && kept)
            tls_keep_address(out, name->d.iPAddress);
    }
    GENERAL_NAMES_free(names);
}

void tls_certificate_facts(X509 *certificate, struct tls_certificate *out)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;

    *out = (struct tls_certificate){
        .not_before_unix = tls_time(X509_get0_notBefore(certificate)),
        .not_after_unix = tls_time(X509_get0_notAfter(certificate)),
        .key_bits = key ? (unsigned)EVP_PKEY_get_bits(key) : 0,
    };
    tls_name(X509_get_subject_name(certificate), out->subject);
    tls_name(X509_get_issuer_name(certificate), out->issuer);
    text_format(out->key_type, sizeof(out->key_type), "%s", type ? type : "");
    text_format(out->signature, sizeof(out->signature), "%s",
                OBJ_nid2ln(X509_get_signature_nid(certificate)));
    tls_names(certificate, out);
}
