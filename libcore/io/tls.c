#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/tls_internal.h"
#include "wire/greeting.h"

/* Of certificates: thousands of names are odd, and no reason not to see them. */
#define TLS_CHAIN_BYTES (1 << 20)
/* Of another protocol: enough to know which, however slowly they come. */
#define TLS_FOREIGN_BYTES 64

/* A ClientHello with these fits one segment of a path of 576 bytes. */
#define TLS_SMALL_CIPHERS "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
#define TLS_SMALL_SUITES  "TLS_AES_128_GCM_SHA256"
#define TLS_SMALL_GROUPS  "X25519"
#define TLS_SMALL_SIGNING "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256"

/* --- the context -------------------------------------------------------------------------------
 */

int tls_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

static int tls_context_fail(struct tls_context *context, char error[IO_ERROR_SIZE], int code,
                            const char *what, const char *path)
{
    char shown[128];

    text_escape(shown, sizeof(shown), path, strlen(path));
    text_format(error, IO_ERROR_SIZE, "%s \"%s\" cannot be read as PEM certificates", what, shown);
    tls_context_free(context);
    ERR_clear_error();
    return code;
}

static int tls_context_crl(SSL_CTX *ssl, const char *path)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

    if (!lookup || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1)
        return -EINVAL;
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 0;
}

/* Certificate requests are noted and answered without a certificate. */
static int tls_context_asked(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    struct tls *tls = SSL_get_ex_data(ssl, tls_index());

    (void)certificate;
    (void)key;
    if (tls)
        tls->certificate_asked = true;
    return 0;
}

int tls_context_new(const struct tls_context_options *options, struct tls_context **out,
                    char error[IO_ERROR_SIZE])
{
    struct tls_context *context = calloc(1, sizeof(*context));

    error[0] = '\0';
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (!context || !(context->ssl = SSL_CTX_new(TLS_client_method()))) {
        free(context);
        text_format(error, IO_ERROR_SIZE, "out of memory");
        return -ENOMEM;
    }
    /* What is weak is taken and told, not refused. */
    SSL_CTX_set_security_level(context->ssl, 0);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, tls_certificate_verify);
    SSL_CTX_set_client_cert_cb(context->ssl, tls_context_asked);
    /* A server that begins anew would keep us from ever sending. */
    SSL_CTX_set_options(context->ssl, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_max_cert_list(context->ssl, TLS_CHAIN_BYTES);
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    if (options->ca_file) {
        if (!SSL_CTX_load_verify_file(context->ssl, options->ca_file))
            return tls_context_fail(context, error, -EINVAL, "CA file", options->ca_file);
    } else {
        context->anchors = tls_anchors_read();
    }
    if (options->crl_file && tls_context_crl(context->ssl, options->crl_file))
        return tls_context_fail(context, error, -EINVAL, "CRL file", options->crl_file);
    ERR_clear_error();
    *out = context;
    return 0;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    tls_anchors_free(context->anchors);
    free(context);
}

/* --- a connection ------------------------------------------------------------------------------
 */

/* Alerts, also those that TLS 1.3 encrypts, come by here (IANA TLS Alerts). */
static void tls_info(const SSL *ssl, int where, int value)
{
    struct tls *tls = SSL_get_ex_data(ssl, tls_index());

    if (tls && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        tls->alert = value & 0xff;
}

static int tls_protocol(enum tls_version version)
{
    static const int protocols[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};

    return protocols[version - TLS_1_0];
}

/* RFC 7301 3.1: each name behind its length. */
static int tls_set_alpn(SSL *ssl, const char *const *names)
{
    uint8_t list[256];
    size_t len = 0;

    for (; *names; names++) {
        size_t n = strlen(*names);

        if (n > 255 || len + n + 1 > sizeof(list))
            return -EINVAL;
        list[len++] = (uint8_t)n;
        memcpy(list + len, *names, n);
        len += n;
    }
    return SSL_set_alpn_protos(ssl, list, (unsigned)len) ? -ENOMEM : 0;
}

/* Smaller than any other that these options make: a middlebox's limit shows by what passes. */
static bool tls_set_small(SSL *ssl)
{
    char groups[] = TLS_SMALL_GROUPS, signing[] = TLS_SMALL_SIGNING; /* OpenSSL asks for char * */

    SSL_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_ENCRYPT_THEN_MAC);
    return SSL_set_cipher_list(ssl, TLS_SMALL_CIPHERS) &&
           SSL_set_ciphersuites(ssl, TLS_SMALL_SUITES) &&
           SSL_set1_groups_list(ssl, groups) &&
           SSL_set1_sigalgs_list(ssl, signing);
}

static int tls_set_sni(SSL *ssl, const char *sni)
{
    char name[TLSEXT_MAXLEN_host_name + 1]; /* OpenSSL asks for char * */

    if (strlen(sni) >= sizeof(name))
        return -EINVAL;
    memcpy(name, sni, strlen(sni) + 1);
    return SSL_set_tlsext_host_name(ssl, name) ? 0 : -EINVAL;
}

static int tls_configure(struct tls *tls, const struct tls_options *options)
{
    SSL *ssl = tls->ssl;

    if (!SSL_set_ex_data(ssl, tls_index(), tls) ||
        !SSL_set_min_proto_version(ssl, tls_protocol(options->least ? options->least : TLS_1_2)) ||
        !SSL_set_max_proto_version(ssl, tls_protocol(options->most ? options->most : TLS_1_3)))
        return -ENOMEM;
    if (options->sni && tls_set_sni(ssl, options->sni))
        return -EINVAL;
    if (options->small_hello && !tls_set_small(ssl))
        return -EINVAL;
    if (!options->small_hello)
        SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    SSL_set_info_callback(ssl, tls_info);
    SSL_set_connect_state(ssl);
    return options->alpn ? tls_set_alpn(ssl, options->alpn) : 0;
}

static void tls_context_trust(struct tls_context *context)
{
    tls_anchors_trust(context->anchors, SSL_CTX_get_cert_store(context->ssl));
    tls_anchors_free(context->anchors);
    context->anchors = NULL;
    ERR_clear_error();
}

int tls_new(struct tls_context *context, const struct tls_options *options, struct tls **out)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    int err = -ENOMEM;

    if (!tls)
        return -ENOMEM;
    tls_context_trust(context);
    tls->alert = tls->cause.alert = -1;
    tls->unix_seconds = options->unix_seconds;
    tls->expiring_days = options->expiring_days ? options->expiring_days : 7;
    tls->check_name = options->name && strlen(options->name) < sizeof(tls->name);
    if (tls->check_name)
        text_format(tls->name, sizeof(tls->name), "%s", options->name);
    tls->ssl = SSL_new(context->ssl);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl && tls->in && tls->out) {
        SSL_set_bio(tls->ssl, tls->in, tls->out); /* owns both from here */
        err = tls_configure(tls, options);
    } else {
        BIO_free(tls->in);
        BIO_free(tls->out);
    }
    if (err) {
        tls_free(tls);
        return err;
    }
    *out = tls;
    return 0;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    ERR_clear_error();
    free(tls);
}

enum tls_state tls_state(const struct tls *tls)
{
    return tls->state;
}

const struct cause *tls_cause(const struct tls *tls)
{
    return &tls->cause;
}

/* --- what went wrong ---------------------------------------------------------------------------
 */

static enum tls_state tls_fail(struct tls *tls, const char *code, const char *detail)
{
    cause_set(&tls->cause, code, PHASE_TLS, "%s", detail);
    tls->cause.alert = tls->alert;
    return tls->state = TLS_FAILED;
}

static enum tls_state tls_fail_alert(struct tls *tls)
{
    char code[CAUSE_CODE_SIZE];
    bool refused = tls->alert == SSL_AD_CERTIFICATE_REQUIRED ||
                   tls->alert == SSL_AD_BAD_CERTIFICATE || tls->alert == SSL_AD_HANDSHAKE_FAILURE;

    if (tls->certificate_asked && refused)
        return tls_fail(tls, "tls.client_cert_required",
                        "the server asked for a client certificate and got none");
    if (tls->alert == SSL_AD_PROTOCOL_VERSION)
        return tls_fail(tls, "tls.version_mismatch", "the server refuses our TLS versions");
    cause_of_alert(tls->alert, code);
    return tls_fail(tls, code, "the server sent an alert");
}

/* What the library itself refuses of the server. */
static enum tls_state tls_fail_library(struct tls *tls)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);

    ERR_clear_error();
    switch (ERR_GET_REASON(error)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
        return tls_fail(tls, "tls.version_mismatch", "the server chose a TLS version we refuse");
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return tls_fail(tls, "tls.truncated", "the connection ended within a record");
    default:
        return tls_fail(tls, "tls.malformed", reason ? reason : "the server breaks the protocol");
    }
}

/* The other protocol by what came of it so far. */
static enum tls_state tls_fail_foreign(struct tls *tls)
{
    const char *other = greeting_protocol(tls->first, tls->first_len);
    char code[CAUSE_CODE_SIZE];

    if (!other)
        other = tls->first_len >= 5 && !memcmp(tls->first, "HTTP/", 5) ? "http" : "other";
    text_format(code, sizeof(code), "tls.not_tls.%s", other);
    return tls_fail(tls, code, "the first bytes are not of TLS");
}

/* RFC 8446 5.1: content types 20 to 24 begin a record; anything else is another protocol. */
static bool tls_is_foreign(struct tls *tls, const uint8_t *bytes, size_t len)
{
    size_t kept = TLS_FIRST_BYTES - tls->first_len;

    if (tls->is_tls || !len)
        return false;
    if (!tls->first_len && bytes[0] >= 20 && bytes[0] <= 24) {
        tls->is_tls = true;
        return false;
    }
    kept = len < kept ? len : kept;
    memcpy(tls->first + tls->first_len, bytes, kept);
    tls->first_len += kept;
    if (tls->first_len >= TLS_FOREIGN_BYTES || memchr(tls->first, '\n', tls->first_len) ||
        greeting_protocol(tls->first, tls->first_len))
        tls_fail_foreign(tls);
    return true;
}

/* --- driving it --------------------------------------------------------------------------------
 */

/* OpenSSL's answer to the latest call becomes our state. */
static enum tls_state tls_judge(struct tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return tls->state;
    case SSL_ERROR_ZERO_RETURN:
        return tls->state == TLS_HANDSHAKE ? tls_fail_alert(tls) : (tls->state = TLS_CLOSED);
    default:
        return tls->alert > 0 ? tls_fail_alert(tls) : tls_fail_library(tls);
    }
}

enum tls_state tls_feed(struct tls *tls, const uint8_t *bytes, size_t len)
{
    int result;

    if (tls->state == TLS_FAILED || tls_is_foreign(tls, bytes, len))
        return tls->state;
    ERR_clear_error();
    if (len && BIO_write(tls->in, bytes, (int)len) != (int)len)
        return tls_fail(tls, "local.memory", "out of memory");
    if (tls->state != TLS_HANDSHAKE)
        return tls->state; /* tls_read goes on */
    result = SSL_do_handshake(tls->ssl);
    if (!tls->hello_bytes)
        tls->hello_bytes = BIO_ctrl_pending(tls->out);
    if (result == 1)
        tls->state = TLS_OPEN;
    return result == 1 ? tls->state : tls_judge(tls, result);
}

enum tls_state tls_end(struct tls *tls)
{
    if (tls->state != TLS_HANDSHAKE && tls->state != TLS_OPEN)
        return tls->state;
    if (tls->first_len)
        return tls_fail_foreign(tls);
    if (tls->state == TLS_HANDSHAKE && tls->alert >= 0)
        return tls_fail_alert(tls); /* a warning, and then the end */
    if (tls->state == TLS_HANDSHAKE && !tls->is_tls)
        return tls_fail(tls, "tcp.closed.after_client_hello",
                        "the connection was closed in answer to the ClientHello");
    if (tls->certificate_asked && tls->alert < 0)
        return tls_fail(tls, "tls.client_cert_required",
                        "the server asked for a client certificate, got none and closed");
    return tls_fail(tls, "tls.truncated",
                    tls->state == TLS_HANDSHAKE ? "the connection ended within the TLS handshake"
                                                : "the connection ended without close_notify");
}

enum tls_state tls_expire(struct tls *tls)
{
    if (tls->state != TLS_HANDSHAKE)
        return tls->state;
    if (tls->first_len)
        return tls_fail_foreign(tls);
    if (tls->is_tls)
        return tls_fail(tls, "tls.timeout", "the TLS handshake stopped in its middle");
    return tls->state;
}

size_t tls_take(struct tls *tls, uint8_t *out, size_t size)
{
    int n = BIO_read(tls->out, out, size > INT32_MAX ? INT32_MAX : (int)size);

    return n > 0 ? (size_t)n : 0;
}

size_t tls_read(struct tls *tls, uint8_t *out, size_t size)
{
    int n;

    if (tls->state != TLS_OPEN)
        return 0;
    ERR_clear_error();
    n = SSL_read(tls->ssl, out, size > INT32_MAX ? INT32_MAX : (int)size);
    if (n > 0)
        return (size_t)n;
    tls_judge(tls, n);
    return 0;
}

size_t tls_write(struct tls *tls, const uint8_t *bytes, size_t len)
{
    int n;

    if (tls->state != TLS_OPEN || !len)
        return 0;
    ERR_clear_error();
    n = SSL_write(tls->ssl, bytes, len > INT32_MAX ? INT32_MAX : (int)len);
    if (n > 0)
        return (size_t)n;
    tls_judge(tls, n);
    return 0;
}

/* --- facts -------------------------------------------------------------------------------------
 */

static void tls_facts_alpn(const struct tls *tls, struct tls_facts *facts)
{
    const uint8_t *name;
    unsigned len = 0;

    SSL_get0_alpn_selected(tls->ssl, &name, &len);
    if (len < sizeof(facts->alpn))
        memcpy(facts->alpn, name ? name : (const uint8_t *)"", name ? len : 0);
}

void tls_facts(const struct tls *tls, struct tls_facts *facts)
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);

    *facts = (struct tls_facts){
        .chain_len = chain ? (unsigned)sk_X509_num(chain) : 0,
        .client_certificate_asked = tls->certificate_asked,
        .hello_bytes = tls->hello_bytes,
    };
    if (SSL_get_current_cipher(tls->ssl)) {
        facts->version = SSL_get_version(tls->ssl);
        facts->cipher = SSL_get_cipher_name(tls->ssl);
    }
    tls_facts_alpn(tls, facts);
    if (!certificate)
        return;
    facts->has_certificate = true;
    facts->problems = tls_certificate_problems(tls, certificate);
    tls_certificate_facts(certificate, &facts->certificate);
}
