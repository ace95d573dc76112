/*
 * Certificates with one thing wrong each. Two authorities, one of them trusted by what runs in the
 * lab; each has an intermediate, which signs.
 */
#include "tools/lab.h"

#include <errno.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LAB_DAY_SECONDS 86400L
#define LAB_NAMES_MANY  10000
#define LAB_NAMES_SIZE  ((size_t)32 * LAB_NAMES_MANY)

struct lab_issuer {
    X509 *root, *certificate; /* owned; the intermediate */
    EVP_PKEY *root_key, *key; /* owned */
};

struct lab_authority {
    struct lab_issuer trusted, other;
    char names[512]; /* the server's, in OpenSSL's words */
    const char *common_name;
    long serial;
    int fd; /* owned; memfd */
    char path[32];
};

struct lab_wish { /* what a certificate is like */
    const char *common_name;
    const char *names; /* NULL: an authority */
    long from_days, until_days;
    unsigned rsa_bits; /* 0: P-256 */
    const EVP_MD *digest;
};

/* --- one certificate ---------------------------------------------------------------------------
 */

static bool lab_certificate_extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool added = extension && X509_add_ext(certificate, extension, -1);

    X509_EXTENSION_free(extension);
    return added;
}

static bool lab_certificate_fill(X509 *certificate, const struct lab_wish *wish, long serial)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    const char *constraint = wish->names ? "CA:FALSE" : "critical,CA:TRUE";

    return X509_set_version(certificate, X509_VERSION_3) &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from_days * LAB_DAY_SECONDS) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), wish->until_days * LAB_DAY_SECONDS) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)wish->common_name, -1, -1, 0) &&
           lab_certificate_extend(certificate, NID_basic_constraints, constraint) &&
           (!wish->names || lab_certificate_extend(certificate, NID_subject_alt_name, wish->names));
}

/* By `issuer`, or by itself where that is NULL. */
static int lab_certificate_make(const struct lab_wish *wish, long serial, X509 *issuer,
                                EVP_PKEY *issuer_key, X509 **certificate, EVP_PKEY **key)
{
    const EVP_MD *digest = wish->digest ? wish->digest : EVP_sha256();

    *key = wish->rsa_bits ? EVP_RSA_gen(wish->rsa_bits) : EVP_EC_gen("P-256");
    *certificate = X509_new();
    if (!*key || !*certificate)
        return -ENOMEM;
    if (!lab_certificate_fill(*certificate, wish, serial) || !X509_set_pubkey(*certificate, *key) ||
        !X509_set_issuer_name(*certificate,
                              X509_get_subject_name(issuer ? issuer : *certificate)) ||
        !X509_sign(*certificate, issuer ? issuer_key : *key, digest))
        return -EINVAL;
    return 0;
}

/* --- authorities -------------------------------------------------------------------------------
 */

static int lab_issuer_make(struct lab_authority *authority, const char *name,
                           struct lab_issuer *issuer)
{
    char root[64], intermediate[64];
    struct lab_wish wish = {.common_name = root, .from_days = -365, .until_days = 3650};
    int err;

    snprintf(root, sizeof(root), "%s root", name);
    snprintf(intermediate, sizeof(intermediate), "%s intermediate", name);
    err = lab_certificate_make(&wish, ++authority->serial, NULL, NULL, &issuer->root,
                               &issuer->root_key);
    wish.common_name = intermediate;
    return err ? err
               : lab_certificate_make(&wish, ++authority->serial, issuer->root, issuer->root_key,
                                      &issuer->certificate, &issuer->key);
}

static void lab_issuer_release(struct lab_issuer *issuer)
{
    X509_free(issuer->root);
    X509_free(issuer->certificate);
    EVP_PKEY_free(issuer->root_key);
    EVP_PKEY_free(issuer->key);
}

/* In memory, where no other namespace and no later run finds it. */
static int lab_authority_publish(struct lab_authority *authority)
{
    FILE *file;
    int copy;
    bool written;

    authority->fd = memfd_create("netdx-lab-trust", 0); /* inherited by the command */
    copy = authority->fd < 0 ? -1 : dup(authority->fd);
    file = copy < 0 ? NULL : fdopen(copy, "w");
    if (!file)
        return -errno;
    written = PEM_write_X509(file, authority->trusted.root);
    if (fclose(file) || !written)
        return -EIO;
    snprintf(authority->path, sizeof(authority->path), "/proc/self/fd/%d", authority->fd);
    return 0;
}

static void lab_authority_name(struct lab_authority *authority, const struct scenario_host *host)
{
    char text4[ADDRESS_TEXT_SIZE], text6[ADDRESS_TEXT_SIZE];

    address_format(&host->address4, text4);
    address_format(&host->address6, text6);
    authority->common_name = host->name;
    snprintf(authority->names, sizeof(authority->names),
             "DNS:%s,DNS:ipv4.%s,DNS:ipv6.%s,IP:%s,IP:%s", host->name, host->name, host->name,
             text4, text6);
}

int lab_authority_new(const struct scenario_host *host, struct lab_authority **out)
{
    struct lab_authority *authority = calloc(1, sizeof(*authority));
    int err;

    if (!authority)
        return -ENOMEM;
    authority->fd = -1;
    lab_authority_name(authority, host);
    err = lab_issuer_make(authority, "netdx lab", &authority->trusted);
    if (!err)
        err = lab_issuer_make(authority, "somebody's", &authority->other);
    if (!err)
        err = lab_authority_publish(authority);
    if (err) {
        lab_authority_free(authority);
        return err;
    }
    *out = authority;
    return 0;
}

void lab_authority_free(struct lab_authority *authority)
{
    if (!authority)
        return;
    lab_issuer_release(&authority->trusted);
    lab_issuer_release(&authority->other);
    if (authority->fd >= 0)
        close(authority->fd);
    free(authority);
}

const char *lab_authority_path(const struct lab_authority *authority)
{
    return authority->path;
}

/* --- what services show ------------------------------------------------------------------------
 */

/* RFC 6960 4.2.1: the issuer itself says that it has been revoked. */
static int lab_identity_revoke(const struct lab_issuer *issuer, struct lab_identity *identity)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), identity->certificate, issuer->certificate);
    ASN1_TIME *then = X509_gmtime_adj(NULL, -LAB_DAY_SECONDS);
    ASN1_TIME *next = X509_gmtime_adj(NULL, LAB_DAY_SECONDS);
    OCSP_RESPONSE *response = NULL;
    uint8_t *bytes = NULL;
    int len = -1;

    if (basic && id && then && next &&
        OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_REVOKED,
                               OCSP_REVOKED_STATUS_KEYCOMPROMISE, then, then, next) &&
        OCSP_basic_sign(basic, issuer->certificate, issuer->key, EVP_sha256(), NULL, 0))
        response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    if (response)
        len = i2d_OCSP_RESPONSE(response, &bytes);
    identity->staple = len > 0 ? bytes : NULL;
    identity->staple_len = len > 0 ? (size_t)len : 0;
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(then);
    ASN1_TIME_free(next);
    return identity->staple ? 0 : -EINVAL;
}

/* NULL: out of memory; the caller frees it. */
static char *lab_identity_many_names(const struct lab_authority *authority)
{
    char *names = malloc(LAB_NAMES_SIZE);
    size_t len = 0;

    if (!names)
        return NULL;
    len = (size_t)snprintf(names, LAB_NAMES_SIZE, "%s", authority->names);
    for (unsigned i = 5; i < LAB_NAMES_MANY; i++) /* five are there already */
        len += (size_t)snprintf(names + len, LAB_NAMES_SIZE - len, ",DNS:n%u.example", i);
    return names;
}

static void lab_identity_wish(const struct lab_authority *authority, enum scenario_certificate kind,
                              struct lab_wish *wish)
{
    *wish = (struct lab_wish){
        .common_name = authority->common_name,
        .names = authority->names,
        .from_days = -30,
        .until_days = 90,
    };
    if (kind == CERTIFICATE_EXPIRED)
        wish->until_days = -1;
    else if (kind == CERTIFICATE_NOT_YET_VALID)
        wish->from_days = 1;
    else if (kind == CERTIFICATE_EXPIRING)
        wish->until_days = 3;
    else if (kind == CERTIFICATE_WRONG_NAME)
        wish->names = "DNS:other.example";
    else if (kind == CERTIFICATE_WEAK_KEY)
        wish->rsa_bits = 1024;
    else if (kind == CERTIFICATE_WEAK_SIGNATURE)
        wish->digest = EVP_sha1();
}

/* Who is sent along. */
static void lab_identity_chain(const struct lab_issuer *issuer, enum scenario_certificate kind,
                               struct lab_identity *identity)
{
    if (kind == CERTIFICATE_SELF_SIGNED || kind == CERTIFICATE_INCOMPLETE_CHAIN)
        return;
    X509_up_ref(issuer->certificate);
    identity->issuer = issuer->certificate;
    if (kind != CERTIFICATE_SELF_SIGNED_IN_CHAIN)
        return;
    X509_up_ref(issuer->root);
    identity->root = issuer->root;
}

int lab_authority_identity(struct lab_authority *authority, enum scenario_certificate kind,
                           struct lab_identity *out)
{
    bool foreign = kind == CERTIFICATE_UNTRUSTED || kind == CERTIFICATE_SELF_SIGNED_IN_CHAIN;
    const struct lab_issuer *issuer = foreign ? &authority->other : &authority->trusted;
    bool self = kind == CERTIFICATE_SELF_SIGNED;
    struct lab_wish wish;
    char *many = NULL;
    int err;

    *out = (struct lab_identity){0};
    lab_identity_wish(authority, kind, &wish);
    if (kind == CERTIFICATE_MANY_NAMES && !(wish.names = many = lab_identity_many_names(authority)))
        return -ENOMEM;
    err = lab_certificate_make(&wish, ++authority->serial, self ? NULL : issuer->certificate,
                               issuer->key, &out->certificate, &out->key);
    free(many);
    if (!err)
        lab_identity_chain(issuer, kind, out);
    return !err && kind == CERTIFICATE_REVOKED ? lab_identity_revoke(issuer, out) : err;
}

void lab_identity_release(struct lab_identity *identity)
{
    X509_free(identity->certificate);
    X509_free(identity->issuer);
    X509_free(identity->root);
    EVP_PKEY_free(identity->key);
    OPENSSL_free(identity->staple);
}
