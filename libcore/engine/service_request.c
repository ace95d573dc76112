/* The first thing we say: an HTTP request, or a row's hello. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "engine/service_internal.h"

#define SERVICE_USER_AGENT "netdx/" NETDX_VERSION

static const char *request_method(const struct service *s)
{
    if (s->config.method)
        return s->config.method;
    return s->get || s->config.body_limit ? "GET" : "HEAD";
}

static const char *request_path(const struct service *s)
{
    if (s->config.path)
        return s->config.path;
    return s->row ? s->row->http_path : "/";
}

/* Adds text that fits, or fails the request. */
static int request_add(struct service *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int request_add(struct service *s, const char *format, ...)
{
    char *end = (char *)s->request + s->request_len;
    size_t room = SERVICE_REQUEST_MAX - s->request_len, len;
    va_list list;

    va_start(list, format);
    len = text_format_list(end, room, format, list);
    va_end(list);
    if (len + 1 >= room)
        return -EINVAL;
    s->request_len += len;
    return 0;
}

static bool request_has_default_port(const struct service *s)
{
    return s->config.port == (s->tls ? 443 : 80);
}

static int request_host(struct service *s)
{
    char port[16] = "";

    if (!request_has_default_port(s))
        text_format(port, sizeof(port), ":%u", s->config.port);
    return request_add(s, "Host: %s%s\r\n", s->config.host ? s->config.host : "", port);
}

static int request_http(struct service *s)
{
    const char *agent = s->config.user_agent ? s->config.user_agent : SERVICE_USER_AGENT;
    int err = request_add(s, "%s %s HTTP/1.1\r\n", request_method(s), request_path(s));

    if (!err)
        err = request_host(s);
    if (!err)
        err = request_add(s, "User-Agent: %s\r\nAccept: */*\r\nConnection: close\r\n", agent);
    for (const char *const *line = s->config.headers; line && *line && !err; line++)
        err = request_add(s, "%s\r\n", *line);
    return err ? err : request_add(s, "\r\n");
}

/* What the row reads its version from, and in a 400 the words that this port is for TLS. */
static size_t request_body_limit(const struct service *s)
{
    size_t least = 0;

    if (s->row && s->row->in_body)
        least = SERVICE_BANNER_MAX;
    else if (s->get || s->http1_reply)
        least = SERVICE_REFUSAL_BODY;
    return s->config.body_limit < least ? least : s->config.body_limit;
}

/* RFC 9113 8.3.1: :authority stands for Host. */
static int request_http2(struct service *s)
{
    char authority[512], port[16] = "";
    struct http2_config config = {
        .method = request_method(s),
        .scheme = s->tls ? "https" : "http",
        .authority = authority,
        .path = request_path(s),
        .user_agent = s->config.user_agent ? s->config.user_agent : SERVICE_USER_AGENT,
        .headers = s->config.headers,
        .body_limit = request_body_limit(s),
    };
    int err;

    if (!request_has_default_port(s))
        text_format(port, sizeof(port), ":%u", s->config.port);
    text_format(authority, sizeof(authority), "%s%s", s->config.host ? s->config.host : "", port);
    err = http2_new(&config, &s->http2);
    if (!err)
        service_refill(s);
    return err;
}

bool service_refill(struct service *s)
{
    size_t more;

    if (s->request_sent < s->request_len)
        return true;
    more = s->http2 ? http2_take(s->http2, s->request, SERVICE_REQUEST_MAX) : 0;
    if (!more)
        return false;
    s->request_len = more;
    s->request_sent = 0;
    return true;
}

void service_drop_http(struct service *s)
{
    http_free(s->http);
    http2_free(s->http2);
    s->http = NULL;
    s->http2 = NULL;
}

/* The response to HEAD has no body. */
int service_reader(struct service *s)
{
    struct http_config config = {
        .head = !s->http1_reply && !strcmp(request_method(s), "HEAD"),
        .body_limit = request_body_limit(s),
    };

    service_drop_http(s);
    return service_is_http(s) ? http_new(&config, &s->http) : 0;
}

int service_request(struct service *s)
{
    s->request_len = s->request_sent = 0;
    service_drop_http(s);
    if (service_is_http(s))
        return s->use_h2 ? request_http2(s) : request_http(s);
    if (s->row->hello_len > SERVICE_REQUEST_MAX)
        return -EINVAL;
    if (s->row->hello)
        memcpy(s->request, s->row->hello, s->row->hello_len);
    s->request_len = s->row->hello_len;
    return 0;
}
