#include "engine/redirect.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* --- URLs --------------------------------------------------------------------------------------
 */

/* The length of "scheme:" at the start, 0 when there is none (RFC 3986 3.1). */
static size_t url_scheme(const char *text, size_t len)
{
    if (!len || !isalpha((unsigned char)text[0]))
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (text[i] == ':')
            return i + 1;
        if (!isalnum((unsigned char)text[i]) && !strchr("+-.", text[i]))
            return 0;
    }
    return 0;
}

static int url_port(const char *text, size_t len, uint16_t *port)
{
    unsigned value = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || value > UINT16_MAX)
            return -EINVAL;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (len && (!value || value > UINT16_MAX))
        return -EINVAL;
    if (len)
        *port = (uint16_t)value;
    return 0;
}

static int url_host(const char *text, size_t len, struct redirect_url *url)
{
    if (!len || len >= REDIRECT_HOST_SIZE)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= ' ' || c >= 0x7f || strchr("/\\?#@<>\"", c))
            return -EINVAL;
        url->host[i] = (char)tolower(c);
    }
    url->host[len] = '\0';
    return 0;
}

/* "user@host:port", "[v6]:port" (RFC 3986 3.2). */
static int url_authority(const char *text, size_t len, struct redirect_url *url)
{
    const char *at = memrchr(text, '@', len), *close, *colon;

    url->port = url->tls ? 443 : 80;
    if (at) {
        len -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    if (len && *text == '[') {
        close = memchr(text, ']', len);
        if (!close || (close + 1 < text + len && close[1] != ':'))
            return -EINVAL;
        url->is_ipv6 = true;
        if (close + 1 < text + len &&
            url_port(close + 2, len - (size_t)(close + 2 - text), &url->port) < 0)
            return -EINVAL;
        return url_host(text + 1, (size_t)(close - text) - 1, url);
    }
    colon = memchr(text, ':', len);
    if (!colon)
        return url_host(text, len, url);
    if (url_port(colon + 1, len - (size_t)(colon + 1 - text), &url->port) < 0)
        return -EINVAL;
    return url_host(text, (size_t)(colon - text), url);
}

/* Path and query up to the fragment; what may not stand in a request line is percent-encoded. */
static int url_path(const char *text, size_t len, char out[REDIRECT_PATH_SIZE])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    if (!len || *text != '/')
        out[n++] = '/';
    for (size_t i = 0; i < len && text[i] != '#'; i++) {
        unsigned char c = (unsigned char)text[i];

        if (n + 4 >= REDIRECT_PATH_SIZE)
            return -EINVAL;
        if (c > ' ' && c < 0x7f) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    out[n] = '\0';
    return 0;
}

/* What follows "//". */
static int url_after_slashes(const char *text, size_t len, struct redirect_url *url)
{
    size_t authority = 0;
    int err;

    while (authority < len && !strchr("/?#", text[authority]))
        authority++;
    err = url_authority(text, authority, url);
    return err ? err : url_path(text + authority, len - authority, url->path);
}

int redirect_parse(const char *text, size_t len, struct redirect_url *out)
{
    struct redirect_url url = {0};
    size_t scheme = url_scheme(text, len);
    int err;

    if (!scheme)
        return -EINVAL;
    url.tls = scheme == 6 && !strncasecmp(text, "https:", 6);
    if (!url.tls && (scheme != 5 || strncasecmp(text, "http:", 5)))
        return -EPROTONOSUPPORT;
    if (len < scheme + 2 || text[scheme] != '/' || text[scheme + 1] != '/')
        return -EINVAL;
    err = url_after_slashes(text + scheme + 2, len - scheme - 2, &url);
    if (!err)
        *out = url;
    return err;
}

/* RFC 3986 5.2.4, in place: "/a/b/../c/./d" becomes "/a/c/d". The query stays as it is. */
static void url_remove_dots(char path[REDIRECT_PATH_SIZE])
{
    char *out = path;
    const char *in = path;

    while (*in && *in != '?') {
        size_t segment = 1 + strcspn(in + 1, "/?"); /* with its slash in front */
        bool dot = segment == 2 && in[1] == '.';
        bool dots = segment == 3 && in[1] == '.' && in[2] == '.';
        bool last = in[segment] != '/';

        while (dots && out > path && *--out != '/')
            ;
        if (!dot && !dots) {
            memmove(out, in, segment);
            out += segment;
        } else if (last) {
            *out++ = '/';
        }
        in += segment;
    }
    memmove(out, in, strlen(in) + 1);
    if (!*path)
        memcpy(path, "/", 2);
}

/* A path that is relative to the base's last slash, or a query alone. */
static int url_merge(const struct redirect_url *base, const char *text, size_t len,
                     struct redirect_url *url)
{
    size_t kept = strcspn(base->path, "?");
    char own[REDIRECT_PATH_SIZE];
    size_t room;
    int err = url_path(text, len, own);

    if (err)
        return err;
    if (*text != '?')
        while (kept > 0 && base->path[kept - 1] != '/')
            kept--;
    room = REDIRECT_PATH_SIZE - kept;
    if (strlen(own + 1) >= room)
        return -EINVAL;
    memcpy(url->path, base->path, kept);
    memcpy(url->path + kept, own + 1, strlen(own + 1) + 1);
    return 0;
}

int redirect_resolve(const struct redirect_url *base, const uint8_t *reference, size_t len,
                     struct redirect_url *out)
{
    const char *text = (const char *)reference;
    struct redirect_url url = *base;
    int err;

    if (url_scheme(text, len)) {
        err = redirect_parse(text, len, &url);
    } else if (len >= 2 && text[0] == '/' && text[1] == '/') {
        url.is_ipv6 = false;
        err = url_after_slashes(text + 2, len - 2, &url);
    } else if (len && *text == '/') {
        err = url_path(text, len, url.path);
    } else {
        err = len ? url_merge(base, text, len, &url) : -EINVAL;
    }
    if (err)
        return err;
    url_remove_dots(url.path);
    *out = url;
    return 0;
}

void redirect_format(const struct redirect_url *url, char out[REDIRECT_TEXT_SIZE])
{
    char port[16] = "";

    if (url->port != (url->tls ? 443 : 80))
        text_format(port, sizeof(port), ":%u", url->port);
    text_format(out, REDIRECT_TEXT_SIZE, "http%s://%s%s%s%s%s", url->tls ? "s" : "",
                url->is_ipv6 ? "[" : "", url->host, url->is_ipv6 ? "]" : "", port, url->path);
}

/* --- chains ------------------------------------------------------------------------------------
 */

static uint64_t chain_hash(const struct redirect_url *url, const char *cookies)
{
    char text[REDIRECT_TEXT_SIZE];
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

    redirect_format(url, text);
    for (const char *c = text; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3;
    for (const char *c = cookies; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3;
    return hash;
}

void redirects_begin(struct redirects *chain, const struct redirect_url *start, unsigned limit)
{
    *chain = (struct redirects){.limit = limit < REDIRECT_HOPS_MAX ? limit : REDIRECT_HOPS_MAX};
    memcpy(chain->cookie_host, start->host, sizeof(chain->cookie_host));
    chain->visited[0] = chain_hash(start, "");
}

/* Takes "name=" out of "a=1; name=2; b=3". */
static void cookie_remove(char *cookies, const char *pair, size_t name_len)
{
    for (char *at = cookies; *at;) {
        char *end = strchr(at, ';');

        end = end ? end + 2 : at + strlen(at);
        if (strncmp(at, pair, name_len) != 0) {
            at = end;
            continue;
        }
        memmove(at, end, strlen(end) + 1);
        if (!*at && at > cookies)
            at[-2] = '\0'; /* it was the last */
        return;
    }
}

/* A Set-Cookie's first part; attributes do not matter within one chain (RFC 6265 4.1). */
static void cookie_set(struct redirects *chain, const uint8_t *value, size_t len)
{
    const uint8_t *end = memchr(value, ';', len), *equals;
    size_t used;

    len = end ? (size_t)(end - value) : len;
    equals = memchr(value, '=', len);
    if (!equals || !text_is_safe(value, len))
        return;
    cookie_remove(chain->cookies, (const char *)value, (size_t)(equals - value) + 1);
    used = strlen(chain->cookies);
    if (used + len + 3 >= sizeof(chain->cookies))
        return;
    text_format(chain->cookies + used, sizeof(chain->cookies) - used, "%s%.*s", used ? "; " : "",
                (int)len, (const char *)value);
}

static void chain_take_cookies(struct redirects *chain, const struct redirect_url *url,
                               const struct http_facts *response)
{
    const uint8_t *value;
    size_t len;

    if (strcmp(chain->cookie_host, url->host) != 0) {
        memcpy(chain->cookie_host, url->host, sizeof(chain->cookie_host));
        chain->cookies[0] = '\0';
    }
    for (size_t n = 0; http_find(response, "Set-Cookie", n, &value, &len); n++)
        cookie_set(chain, value, len);
}

static bool chain_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

enum redirect_verdict redirects_next(struct redirects *chain, const struct redirect_url *url,
                                     const struct http_facts *response, struct redirect_url *next)
{
    const uint8_t *value;
    uint64_t hash;
    size_t len;
    int err;

    if (!chain_is_redirect(response->status) || !http_find(response, "Location", 0, &value, &len))
        return REDIRECT_NONE;
    chain_take_cookies(chain, url, response);
    err = redirect_resolve(url, value, len, next);
    if (err)
        return err == -EPROTONOSUPPORT ? REDIRECT_SCHEME : REDIRECT_BAD;
    if (!chain->limit)
        return REDIRECT_STOP;
    hash = chain_hash(next, strcmp(next->host, url->host) ? "" : chain->cookies);
    for (unsigned i = 0; i <= chain->hops; i++) {
        if (chain->visited[i] == hash)
            return REDIRECT_LOOP;
    }
    if (chain->hops == chain->limit)
        return REDIRECT_TOO_MANY;
    chain->visited[++chain->hops] = hash;
    return REDIRECT_FOLLOW;
}
