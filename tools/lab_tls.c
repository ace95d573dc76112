/* The server's side of TLS: what it shows, which versions it speaks, whether it wants to know. */
#include "tools/lab.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct lab_tls {
    SSL_CTX *context;             /* owned */
    struct lab_identity identity; /* owned */
};

/* RFC 6066 8: the library takes a copy of its own. */
static int lab_tls_staple(SSL *ssl, void *context)
{
    const struct lab_identity *identity = context;
    uint8_t *copy =
        identity->staple ? OPENSSL_memdup(identity->staple, identity->staple_len) : NULL;

    if (!copy)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)identity->staple_len);
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301 3.1. */
static int lab_tls_choose(SSL *ssl, const uint8_t **chosen, uint8_t *chosen_len,
                          const uint8_t *offered, unsigned offered_len, void *context)
{
    static const uint8_t h2[] = "\x02h2";

    (void)ssl;
    (void)context;
    for (unsigned i = 0; i + 3 <= offered_len; i += 1u + offered[i]) {
        if (memcmp(offered + i, h2, 3) != 0)
            continue;
        *chosen = offered + i + 1;
        *chosen_len = 2;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static int lab_tls_version(int version)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};

    return versions[version ? version - 10 : 3];
}

static bool lab_tls_show(SSL_CTX *context, const struct lab_identity *identity)
{
    return SSL_CTX_use_certificate(context, identity->certificate) == 1 &&
           SSL_CTX_use_PrivateKey(context, identity->key) == 1 &&
           (!identity->issuer || SSL_CTX_add1_chain_cert(context, identity->issuer)) &&
           (!identity->root || SSL_CTX_add1_chain_cert(context, identity->root));
}

static int lab_tls_configure(struct lab_tls *tls, const struct scenario_tls *config)
{
    SSL_CTX *context = tls->context;

    /* What is weak is shown on purpose. */
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
    /* Only what was given is sent. */
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_tlsext_status_cb(context, lab_tls_staple);
    SSL_CTX_set_tlsext_status_arg(context, &tls->identity);
    if (config->h2)
        SSL_CTX_set_alpn_select_cb(context, lab_tls_choose, NULL);
    if (config->client_certificate)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_VERSION) &&
                   SSL_CTX_set_max_proto_version(context, lab_tls_version(config->version)) &&
                   SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") &&
                   lab_tls_show(context, &tls->identity)
               ? 0
               : -EINVAL;
}

int lab_tls_new(struct lab_authority *authority, const struct scenario_tls *config,
                struct lab_tls **out)
{
    struct lab_tls *tls = calloc(1, sizeof(*tls));
    int err = -ENOMEM;

    if (tls && (tls->context = SSL_CTX_new(TLS_server_method())))
        err = lab_authority_identity(authority, config->certificate, &tls->identity);
    if (!err)
        err = lab_tls_configure(tls, config);
    if (err) {
        lab_tls_free(tls);
        return err;
    }
    *out = tls;
    return 0;
}

void lab_tls_free(struct lab_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    lab_identity_release(&tls->identity);
    free(tls);
}

SSL *lab_tls_accept(struct lab_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->context);

    if (ssl && SSL_set_fd(ssl, fd) && SSL_accept(ssl) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}
