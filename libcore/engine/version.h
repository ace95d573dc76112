/*
 * What a banner says runs there: products with their versions, from the bytes a service sent.
 *
 * Known shapes are looked for first; what remains of a Server-like header is read by a parser that
 * takes more than RFC 9110 10.2.4 allows, because a fifth of all real headers breaks its grammar.
 * All products are kept, in their order. Where no version is shown, or the number is a constant
 * that says nothing about the product, there is none: it is never guessed.
 *
 * Every text in a product is escaped already (base/text.h) and ends in "..." where it was cut.
 */
#ifndef NETDX_ENGINE_VERSION_H
#define NETDX_ENGINE_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/decode.h"
#include "engine/version_order.h"

#define VERSION_NAME_SIZE    64
#define VERSION_COMMENT_SIZE 192
#define VERSION_RAW_SIZE     256
#define VERSION_PRODUCTS_MAX 32

/* What a banner is, which is where it was found. */
enum version_kind {
    VERSION_HTTP_SERVER,
    VERSION_HTTP_POWERED_BY,
    VERSION_HTTP_VIA,
    VERSION_HTTP_GENERATOR,
    VERSION_HTTP_ASPNET,
    VERSION_HTTP_ASPNETMVC,
    VERSION_SSH,        /* the identification string, RFC 4253 4.2 */
    VERSION_SMTP,       /* the greeting of RFC 5321 3.1, with or without its code */
    VERSION_FTP,        /* likewise, RFC 959 5.4 */
    VERSION_POP3,       /* RFC 1939 3 */
    VERSION_IMAP,       /* RFC 9051 7.1 */
    VERSION_MYSQL,      /* the greeting packet, or the version text in it */
    VERSION_REDIS_INFO, /* the answer to INFO */
    VERSION_MEMCACHED,  /* the answer to "version" or "stats" */
    VERSION_DNS,        /* the TXT of version.bind */
    VERSION_KUBERNETES, /* the body of /version, and so on */
    VERSION_DOCKER,
    VERSION_ELASTICSEARCH,
    VERSION_PROMETHEUS, /* /api/v1/status/buildinfo, or metrics with a build_info */
    VERSION_HAPROXY,    /* the page of its statistics */
    VERSION_KINDS,
};

struct version_product {
    enum version_kind kind;
    char name[VERSION_NAME_SIZE];       /* as sent, or as it is known */
    char version[VERSION_TEXT_SIZE];    /* of upstream; "" when none is shown */
    char distro[VERSION_TEXT_SIZE];     /* who packaged it: "Ubuntu", "Debian-2+deb12u3"; or "" */
    char comment[VERSION_COMMENT_SIZE]; /* what stands in brackets behind it */
    char raw[VERSION_RAW_SIZE];         /* the part of the banner that is about it */
    enum version_scheme scheme;         /* by which its versions are compared */
    const char *family;                 /* static; what it is derived from; NULL: nothing known */
    const char *note;                   /* static; what to know about its version, or NULL */
    const char *fingerprint;            /* borrowed from the set that matched, else NULL */
    bool distro_build;                  /* packaged: later fixes may be in it */
    bool partial;                       /* less numbers than its releases have: "Apache/2.4" */
};

struct version_list {
    size_t count;
    size_t dropped; /* products beyond VERSION_PRODUCTS_MAX */
    struct version_product products[VERSION_PRODUCTS_MAX];
};

/* Both say that the true version may be later than the one shown. */
static inline bool version_is_lower_bound(const struct version_product *product)
{
    return product->distro_build || product->partial;
}

/*
 * Appends what the banner names to *list, which may hold other banners' products already. Readers
 * of formats (MySQL, JSON) may fail; of a text that names nothing there are no products.
 */
struct decode version_identify(enum version_kind kind, const void *bytes, size_t len,
                               struct version_list *list);

/* The names end with NULL; an index is its kind. */
extern const char *const version_kind_names[];
const char *version_kind_source(enum version_kind kind); /* "server", "ssh": where it was found */

/* Whether the product goes by that name, in any case: "httpd" and "apache" are one. */
bool version_is_named(const struct version_product *product, const char *name);

/*
 * One name for all that a product goes by: "Apache" for "httpd". Two names are of one product when
 * these are equal in any case. The text itself when nothing is known of it.
 */
const char *version_common_name(const char *name);

/* The order of the product's version and another one, by its scheme. */
struct version_answer version_compare_product(const struct version_product *product,
                                              const char *version);

#endif
