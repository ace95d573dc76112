/*
 * TLS over memory against OpenSSL's own server, with certificates made here: what is found wrong
 * with them, what failures are called, and that no split of the bytes matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/tls.h"

#define NOW 1800000000 /* seconds since 1970 */
#define DAY 86400

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

struct wish {          /* what a certificate is like; zeros are what is usual */
    const char *names; /* subjectAltName in OpenSSL's words; NULL: DNS:server.example */
    int64_t from, until;
    unsigned rsa_bits; /* 0: P-256 */
    bool sha1, ca;
};

static EVP_PKEY *make_key(const struct wish *wish)
{
    return wish->rsa_bits ? EVP_RSA_gen(wish->rsa_bits) : EVP_EC_gen("P-256");
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Signed by `issuer`, or by itself. */
static struct identity make_identity(const struct wish *wish, const char *common_name,
                                     const struct identity *issuer)
{
    struct identity made = {.certificate = X509_new(), .key = make_key(wish)};
    X509_NAME *name = X509_get_subject_name(made.certificate);
    static long serial = 1;

    X509_set_version(made.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
    ASN1_TIME_set(X509_getm_notBefore(made.certificate), wish->from ? wish->from : NOW - 30 * DAY);
    ASN1_TIME_set(X509_getm_notAfter(made.certificate), wish->until ? wish->until : NOW + 60 * DAY);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0);
    X509_set_issuer_name(made.certificate,
                         issuer ? X509_get_subject_name(issuer->certificate) : name);
    X509_set_pubkey(made.certificate, made.key);
    if (wish->ca)
        add_extension(made.certificate, NID_basic_constraints, "critical,CA:TRUE");
    else
        add_extension(made.certificate, NID_subject_alt_name,
                      wish->names ? wish->names : "DNS:server.example");
    assert_true(X509_sign(made.certificate, issuer ? issuer->key : made.key,
                          wish->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    return made;
}

static void release_identity(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static struct identity authority;
static char ca_file[] = "/tmp/netdx-test-ca-XXXXXX";

static int make_authority(void **state)
{
    const struct wish wish = {.ca = true, .from = 1, .until = NOW * INT64_C(2)};
    int fd = mkstemp(ca_file);
    BIO *out = BIO_new_fd(fd, BIO_CLOSE);

    (void)state;
    authority = make_identity(&wish, "Test Authority", NULL);
    PEM_write_bio_X509(out, authority.certificate);
    BIO_free(out);
    return fd < 0;
}

static int release_authority(void **state)
{
    (void)state;
    release_identity(&authority);
    return unlink(ca_file);
}

/* --- a server in memory -------------------------------------------------------------------------
 */

struct server {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
};

static struct server server_new(const struct identity *identity, const struct identity *between)
{
    struct server s = {.context = SSL_CTX_new(TLS_server_method())};

    SSL_CTX_set_security_level(s.context, 0);
    SSL_CTX_set_min_proto_version(s.context, 0);
    if (identity) {
        assert_int_equal(SSL_CTX_use_certificate(s.context, identity->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(s.context, identity->key), 1);
    }
    if (between)
        SSL_CTX_add1_chain_cert(s.context, between->certificate);
    return s;
}

static void server_start(struct server *s)
{
    s->ssl = SSL_new(s->context);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_accept_state(s->ssl);
}

static void server_free(struct server *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->context);
}

/* Carries bytes both ways, `step` at a time towards the client, until nothing moves. */
static void carry(struct tls *tls, struct server *s, size_t step)
{
    uint8_t bytes[16384];

    tls_feed(tls, NULL, 0);
    for (bool moved = true; moved;) {
        size_t n;
        int got;
        moved = false;
        while ((n = tls_take(tls, bytes, sizeof(bytes))) > 0) {
            BIO_write(s->in, bytes, (int)n);
            moved = true;
        }
        if (!SSL_is_init_finished(s->ssl))
            SSL_do_handshake(s->ssl);
        while ((got = BIO_read(s->out, bytes, (int)step)) > 0) {
            tls_feed(tls, bytes, (size_t)got);
            moved = true;
        }
    }
}

static struct tls_context *client_context(bool trusting)
{
    const struct tls_context_options options = {.ca_file = trusting ? ca_file : NULL};
    struct tls_context *context;
    char error[IO_ERROR_SIZE];

    assert_int_equal(tls_context_new(&options, &context, error), 0);
    return context;
}

static const struct tls_options usual = {
    .sni = "server.example", .name = "server.example", .unix_seconds = NOW};

/* --- certificates ------------------------------------------------------------------------------
 */

struct problem_row {
    const char *what;
    struct wish wish;
    bool own; /* signed by itself */
    unsigned problems;
};

static void check_problems(const struct problem_row *row, size_t step)
{
    struct identity identity =
        make_identity(&row->wish, "server.example", row->own ? NULL : &authority);
    struct server server = server_new(&identity, NULL);
    struct tls_context *context = client_context(true);
    struct tls_facts facts;
    struct tls *tls;

    server_start(&server);
    assert_int_equal(tls_new(context, &usual, &tls), 0);
    carry(tls, &server, step);
    if (tls_state(tls) != TLS_OPEN)
        fail_msg("%s: %s", row->what, tls_cause(tls)->code);
    tls_facts(tls, &facts);
    if (facts.problems != row->problems)
        fail_msg("%s: problems %#x", row->what, facts.problems);
    assert_string_equal(facts.certificate.subject, "CN=server.example");
    assert_int_equal(facts.certificate.not_after_unix,
                     row->wish.until ? row->wish.until : NOW + 60 * DAY);
    tls_free(tls);
    tls_context_free(context);
    server_free(&server);
    release_identity(&identity);
}

static void test_certificates(void **state)
{
    static const struct problem_row rows[] = {
        {"fine", {0}, false, 0},
        {"several names", {.names = "DNS:a.example,DNS:server.example"}, false, 0},
        {"expired", {.until = NOW - DAY}, false, TLS_CERT_EXPIRED},
        {"not yet valid", {.from = NOW + DAY}, false, TLS_CERT_NOT_YET_VALID},
        {"expiring", {.until = NOW + 3 * DAY}, false, TLS_CERT_EXPIRING},
        {"another name", {.names = "DNS:other.example"}, false, TLS_CERT_NAME_MISMATCH},
        {"an address", {.names = "IP:192.0.2.1"}, false, TLS_CERT_NAME_MISMATCH},
        {"self-signed", {0}, true, TLS_CERT_SELF_SIGNED},
        {"weak key", {.rsa_bits = 1024}, false, TLS_CERT_WEAK_KEY},
        {"weak signature", {.sha1 = true}, false, TLS_CERT_WEAK_SIGNATURE},
        {"everything at once",
         {.names = "DNS:other.example", .until = NOW - DAY, .rsa_bits = 1024, .sha1 = true},
         true,
         TLS_CERT_EXPIRED | TLS_CERT_NAME_MISMATCH | TLS_CERT_WEAK_KEY | TLS_CERT_WEAK_SIGNATURE |
             TLS_CERT_SELF_SIGNED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_problems(&rows[i], 16384);
        check_problems(&rows[i], 1 + i * 7);
    }
}

static void check_chain(const struct identity *leaf, const struct identity *sent, bool trusting,
                        unsigned problems)
{
    struct server server = server_new(leaf, sent);
    struct tls_context *context = client_context(trusting);
    struct tls_facts facts;
    struct tls *tls;

    server_start(&server);
    assert_int_equal(tls_new(context, &usual, &tls), 0);
    carry(tls, &server, 16384);
    assert_int_equal(tls_state(tls), TLS_OPEN);
    tls_facts(tls, &facts);
    assert_int_equal(facts.problems, problems);
    tls_free(tls);
    tls_context_free(context);
    server_free(&server);
}

static void test_chains(void **state)
{
    const struct wish ca = {.ca = true}, usual_wish = {0};
    struct identity between = make_identity(&ca, "Between", &authority);
    struct identity leaf = make_identity(&usual_wish, "server.example", &between);

    (void)state;
    check_chain(&leaf, &between, true, 0);
    check_chain(&leaf, NULL, true, TLS_CERT_INCOMPLETE_CHAIN);
    check_chain(&leaf, &between, false, TLS_CERT_UNTRUSTED);
    release_identity(&leaf);
    release_identity(&between);
}

/* --- failures ----------------------------------------------------------------------------------
 */

static void expect_failure(struct server *server, const struct tls_options *options,
                           const char *code)
{
    struct tls_context *context = client_context(true);
    uint8_t bytes[64];
    struct tls *tls;

    server_start(server);
    assert_int_equal(tls_new(context, options, &tls), 0);
    carry(tls, server, 16384);
    tls_read(tls, bytes, sizeof(bytes)); /* TLS 1.3 refuses a client after its handshake */
    assert_int_equal(tls_state(tls), TLS_FAILED);
    assert_string_equal(tls_cause(tls)->code, code);
    tls_free(tls);
    tls_context_free(context);
    server_free(server);
}

static int refuse_name(SSL *ssl, int *alert, void *context)
{
    (void)ssl;
    (void)context;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int refuse_alpn(SSL *ssl, const uint8_t **out, uint8_t *len, const uint8_t *in, unsigned n,
                       void *context)
{
    (void)ssl, (void)out, (void)len, (void)in, (void)n, (void)context;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void test_alerts(void **state)
{
    static const char *const alpn[] = {"h2", NULL};
    const struct wish wish = {0};
    struct identity identity = make_identity(&wish, "server.example", &authority);
    struct tls_options options = usual;
    struct server server;

    (void)state;
    server = server_new(NULL, NULL); /* nothing to sign with */
    expect_failure(&server, &usual, "tls.alert.handshake_failure");
    server = server_new(&identity, NULL);
    SSL_CTX_set_tlsext_servername_callback(server.context, refuse_name);
    expect_failure(&server, &usual, "tls.alert.unrecognized_name");
    server = server_new(&identity, NULL);
    SSL_CTX_set_alpn_select_cb(server.context, refuse_alpn, NULL);
    options.alpn = alpn;
    expect_failure(&server, &options, "tls.alert.no_application_protocol");
    release_identity(&identity);
}

static void test_versions(void **state)
{
    const struct wish wish = {0};
    struct identity identity = make_identity(&wish, "server.example", &authority);
    struct tls_options options = usual;
    struct tls_context *context = client_context(true);
    struct server server = server_new(&identity, NULL);
    struct tls_facts facts;
    struct tls *tls;

    (void)state;
    SSL_CTX_set_max_proto_version(server.context, TLS1_VERSION);
    SSL_CTX_set_cipher_list(server.context, "ALL:@SECLEVEL=0");
    SSL_CTX_up_ref(server.context);
    struct server again = {.context = server.context};
    expect_failure(&server, &usual, "tls.version_mismatch");
    options.least = TLS_1_0; /* what does it speak, then? */
    server_start(&again);
    assert_int_equal(tls_new(context, &options, &tls), 0);
    carry(tls, &again, 16384);
    assert_int_equal(tls_state(tls), TLS_OPEN);
    tls_facts(tls, &facts);
    assert_string_equal(facts.version, "TLSv1");
    tls_free(tls);
    tls_context_free(context);
    server_free(&again);
    release_identity(&identity);
}

static void test_client_certificate(void **state)
{
    const struct wish wish = {0};
    struct identity identity = make_identity(&wish, "server.example", &authority);
    struct tls_options options = usual;

    (void)state;
    for (int version = TLS_1_2; version <= TLS_1_3; version++) {
        struct server server = server_new(&identity, NULL);
        SSL_CTX_set_verify(server.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        options.most = (enum tls_version)version;
        expect_failure(&server, &options, "tls.client_cert_required");
    }
    release_identity(&identity);
}

static void test_not_tls(void **state)
{
    static const char *const rows[][2] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "tls.not_tls.http"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", "tls.not_tls.ssh"},
        {"220 mail.example ESMTP Postfix\r\n", "tls.not_tls.smtp"},
        {"what is this?\r\n", "tls.not_tls.other"},
    };
    struct tls_context *context = client_context(true);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls *tls;
        assert_int_equal(tls_new(context, &usual, &tls), 0);
        tls_feed(tls, NULL, 0);
        assert_int_equal(tls_feed(tls, (const uint8_t *)rows[i][0], strlen(rows[i][0])),
                         TLS_FAILED);
        assert_string_equal(tls_cause(tls)->code, rows[i][1]);
        tls_free(tls);
        /* Byte by byte: who it is shows late, and it is not over before. */
        assert_int_equal(tls_new(context, &usual, &tls), 0);
        tls_feed(tls, NULL, 0);
        for (const char *c = rows[i][0]; tls_state(tls) == TLS_HANDSHAKE; c++)
            tls_feed(tls, (const uint8_t *)c, 1);
        assert_string_equal(tls_cause(tls)->code, rows[i][1]);
        tls_free(tls);
    }
    tls_context_free(context);
}

/* What is left of a handshake that ends, or whose time does. */
static void test_unfinished(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *closed, *expired;
    } rows[] = {
        {"", 0, "tcp.closed.after_client_hello", ""}, /* its kernel knows more of silence */
        {"\x16\x03\x03\x00\x7a\x02\x00\x00\x76", 9, "tls.truncated", "tls.timeout"},
        {"\x15\x03\x03\x00\x02\x01\x70", 7, "tls.alert.unrecognized_name", "tls.timeout"},
        {"SSH", 3, "tls.not_tls.other", "tls.not_tls.other"},
        {"HTTP/1", 6, "tls.not_tls.http", "tls.not_tls.http"},
    };
    struct tls_context *context = client_context(true);

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        const char *code = i % 2 ? rows[i / 2].expired : rows[i / 2].closed;
        struct tls *tls;
        assert_int_equal(tls_new(context, &usual, &tls), 0);
        tls_feed(tls, NULL, 0);
        assert_int_equal(tls_feed(tls, (const uint8_t *)rows[i / 2].bytes, rows[i / 2].len),
                         TLS_HANDSHAKE);
        assert_int_equal(i % 2 ? tls_expire(tls) : tls_end(tls),
                         *code ? TLS_FAILED : TLS_HANDSHAKE);
        assert_string_equal(tls_cause(tls)->code, code);
        tls_free(tls);
    }
    tls_context_free(context);
}

/* --- data --------------------------------------------------------------------------------------
 */

static void test_data_and_its_end(void **state)
{
    const struct wish wish = {0};
    struct identity identity = make_identity(&wish, "server.example", &authority);
    struct tls_context *context = client_context(true);
    char bytes[64];

    (void)state;
    for (int polite = 0; polite <= 1; polite++) {
        struct server server = server_new(&identity, NULL);
        struct tls *tls;
        server_start(&server);
        assert_int_equal(tls_new(context, &usual, &tls), 0);
        carry(tls, &server, 100);
        assert_int_equal(tls_write(tls, (const uint8_t *)"ping", 4), 4);
        carry(tls, &server, 100);
        assert_int_equal(SSL_read(server.ssl, bytes, sizeof(bytes)), 4);
        assert_memory_equal(bytes, "ping", 4);
        SSL_write(server.ssl, "pong", 4);
        if (polite)
            SSL_shutdown(server.ssl);
        carry(tls, &server, 3);
        assert_int_equal(tls_read(tls, (uint8_t *)bytes, sizeof(bytes)), 4);
        assert_memory_equal(bytes, "pong", 4);
        assert_int_equal(tls_read(tls, (uint8_t *)bytes, sizeof(bytes)), 0);
        assert_int_equal(tls_end(tls), polite ? TLS_CLOSED : TLS_FAILED);
        assert_string_equal(tls_cause(tls)->code, polite ? "" : "tls.truncated");
        tls_free(tls);
        server_free(&server);
    }
    tls_context_free(context);
    release_identity(&identity);
}

/* RFC 8446 5.1: up to 2^14 bytes in one record. */
static void test_records_of_every_length(void **state)
{
    static uint8_t sent[16384], got[sizeof(sent)];
    const struct wish wish = {0};
    struct identity identity = make_identity(&wish, "server.example", &authority);
    struct server server = server_new(&identity, NULL);
    struct tls_context *context = client_context(true);
    struct tls *tls;

    (void)state;
    server_start(&server);
    assert_int_equal(tls_new(context, &usual, &tls), 0);
    carry(tls, &server, 16384);
    for (size_t len = 1; len <= sizeof(sent); len++) {
        size_t n, total = 0;
        sent[len - 1] = (uint8_t)len;
        assert_int_equal(SSL_write(server.ssl, sent, (int)len), (int)len);
        carry(tls, &server, 16384);
        while ((n = tls_read(tls, got + total, sizeof(got) - total)) > 0)
            total += n;
        assert_int_equal(total, len);
        assert_memory_equal(got, sent, len);
    }
    assert_int_equal(tls_state(tls), TLS_OPEN);
    tls_free(tls);
    tls_context_free(context);
    server_free(&server);
    release_identity(&identity);
}

/* A header may say up to 65535; beyond 2^14 + 2048 (RFC 5246 6.2.3) nobody waits for the rest. */
static void test_headers_of_every_length(void **state)
{
    enum { LONGEST = 16384 + 2048, STEP = 89 };
    struct tls_context *context = client_context(true);

    (void)state;
    for (unsigned len = 0; len <= UINT16_MAX;
         len += len > LONGEST - 3 && len < LONGEST + 3 ? 1 : STEP) {
        for (uint8_t type = 20; type <= 24; type++) {
            uint8_t bytes[5 + 64] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
            struct tls *tls;
            assert_int_equal(tls_new(context, &usual, &tls), 0);
            tls_feed(tls, NULL, 0);
            tls_feed(tls, bytes, sizeof(bytes));
            if (len > LONGEST)
                assert_int_equal(tls_state(tls), TLS_FAILED);
            assert_int_equal(tls_end(tls), TLS_FAILED);
            assert_int_equal(strncmp(tls_cause(tls)->code, "tls.", 4), 0);
            tls_free(tls);
        }
    }
    tls_context_free(context);
}

static void test_small_hello(void **state)
{
    struct tls_context *context = client_context(true);
    struct tls_options options = usual;
    struct tls_facts large, small;
    struct tls *tls;

    (void)state;
    assert_int_equal(tls_new(context, &options, &tls), 0);
    tls_feed(tls, NULL, 0);
    tls_facts(tls, &large);
    tls_free(tls);
    options.small_hello = true;
    assert_int_equal(tls_new(context, &options, &tls), 0);
    tls_feed(tls, NULL, 0);
    tls_facts(tls, &small);
    tls_free(tls);
    tls_context_free(context);
    assert_true(small.hello_bytes > 0 && small.hello_bytes < large.hello_bytes);
    assert_true(small.hello_bytes <= 536); /* RFC 9293 3.7.1: the least MSS everybody takes */
}

static void write_certificate(const char *path, X509 *certificate)
{
    BIO *out = BIO_new_file(path, "w");

    assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
    BIO_free(out);
}

/*
 * The system's anchors from a directory, where the one that counts is the second of its hash. All
 * are gone when the handshake begins: a sandbox lets nobody read them by then.
 */
static void test_anchors_of_a_directory(void **state)
{
    const struct wish ca = {.ca = true, .from = 1, .until = NOW * INT64_C(2)}, plain = {0};
    struct identity colliding = make_identity(&ca, "Another Authority", NULL);
    struct identity identity = make_identity(&plain, "server.example", &authority);
    struct server server = server_new(&identity, NULL);
    char directory[] = "/tmp/netdx-test-anchors-XXXXXX", path[2][64];
    unsigned long hash = X509_subject_name_hash(authority.certificate);
    struct tls_context *context;
    struct tls_facts facts;
    struct tls *tls;

    (void)state;
    assert_non_null(mkdtemp(directory));
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/%08lx.%d", directory, hash, i);
        write_certificate(path[i], i ? authority.certificate : colliding.certificate);
    }
    setenv("SSL_CERT_FILE", "/nonexistent", 1);
    setenv("SSL_CERT_DIR", directory, 1);
    context = client_context(false);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    assert_int_equal(unlink(path[0]) | unlink(path[1]) | rmdir(directory), 0);

    server_start(&server);
    assert_int_equal(tls_new(context, &usual, &tls), 0);
    carry(tls, &server, 16384);
    tls_facts(tls, &facts);
    assert_int_equal(tls_state(tls), TLS_OPEN);
    assert_int_equal(facts.problems, 0);
    tls_free(tls);
    tls_context_free(context);
    server_free(&server);
    release_identity(&identity);
    release_identity(&colliding);
}

static void test_bad_files(void **state)
{
    const struct tls_context_options options = {.ca_file = "/nonexistent/\x1b[2J"};
    struct tls_context *context;
    char error[IO_ERROR_SIZE];

    (void)state;
    assert_true(tls_context_new(&options, &context, error) < 0);
    assert_string_equal(error,
                        "CA file \"/nonexistent/\\x1b[2J\" cannot be read as PEM certificates");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_data_and_its_end),
        cmocka_unit_test(test_records_of_every_length),
        cmocka_unit_test(test_headers_of_every_length),
        cmocka_unit_test(test_small_hello),
        cmocka_unit_test(test_anchors_of_a_directory),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, make_authority, release_authority);
}
