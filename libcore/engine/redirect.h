/*
 * Where a response sends its reader: Location resolved against the URL that was asked (RFC 3986 5),
 * the cookies that go along, and when it never ends. Pure; nothing is fetched here.
 */
#ifndef NETDX_ENGINE_REDIRECT_H
#define NETDX_ENGINE_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/http.h"

#define REDIRECT_HOST_SIZE    256
#define REDIRECT_PATH_SIZE    2048
#define REDIRECT_COOKIES_SIZE 4096
#define REDIRECT_HOPS_MAX     50

struct redirect_url {
    bool tls;                      /* https */
    char host[REDIRECT_HOST_SIZE]; /* lower case; IPv6 without its brackets */
    bool is_ipv6;
    uint16_t port;
    char path[REDIRECT_PATH_SIZE]; /* path and query, begins with '/'; the fragment is left out */
};

/* An absolute http or https URL. 0, -EINVAL, or -EPROTONOSUPPORT: another scheme. */
int redirect_parse(const char *text, size_t len, struct redirect_url *out);

/* `reference` may be relative. As redirect_parse. */
int redirect_resolve(const struct redirect_url *base, const uint8_t *reference, size_t len,
                     struct redirect_url *out);

/* "https://host:8443/path", the port only where it is not the scheme's. */
#define REDIRECT_TEXT_SIZE (REDIRECT_HOST_SIZE + REDIRECT_PATH_SIZE + 32)
void redirect_format(const struct redirect_url *url, char out[REDIRECT_TEXT_SIZE]);

struct redirects {  /* a chain being followed */
    unsigned limit; /* hops that are followed; 0: none */
    unsigned hops;
    uint64_t visited[REDIRECT_HOPS_MAX + 1]; /* hashes of URL and cookies */
    char cookies[REDIRECT_COOKIES_SIZE];     /* value of the Cookie header; "": none */
    char cookie_host[REDIRECT_HOST_SIZE];    /* they are only for this host */
};

enum redirect_verdict {
    REDIRECT_NONE,     /* not a redirect */
    REDIRECT_FOLLOW,   /* to *next */
    REDIRECT_STOP,     /* one, but following was not asked for: *next says where */
    REDIRECT_LOOP,     /* http.redirect_loop: seen before with the same cookies */
    REDIRECT_TOO_MANY, /* http.too_many_redirects */
    REDIRECT_BAD,      /* http.malformed.location */
    REDIRECT_SCHEME,   /* to file:, javascript: or the like: noted, never followed */
};

void redirects_begin(struct redirects *chain, const struct redirect_url *start, unsigned limit);

/* What the response to `url` says; takes its cookies along. */
enum redirect_verdict redirects_next(struct redirects *chain, const struct redirect_url *url,
                                     const struct http_facts *response, struct redirect_url *next);

#endif
