/* The first thing we say: an HTTP request, or a row's hello. */
#include <errno.h>
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
static int request_add(struct service *s, const char *format, const char *a, const char *b)
{
    char *end = (char *)s->request + s->request_len;
    size_t room = SERVICE_REQUEST_MAX - s->request_len, len = text_format(end, room, format, a, b);

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
        err = request_add(s, "User-Agent: %s\r\nAccept: */*\r\n%s", agent, "Connection: close\r\n");
    for (const char *const *line = s->config.headers; line && *line && !err; line++)
        err = request_add(s, "%s%s", *line, "\r\n");
    return err ? err : request_add(s, "%s%s", "\r\n", "");
}

/* The response to HEAD has no body; a 400 to GET may hold the words that this port is for TLS. */
int service_reader(struct service *s)
{
    struct http_config config = {
        .head = !strcmp(request_method(s), "HEAD"),
        .body_limit = s->config.body_limit,
    };

    if (s->row && s->row->in_body && config.body_limit < SERVICE_BANNER_MAX)
        config.body_limit = SERVICE_BANNER_MAX;
    else if (s->get && config.body_limit < SERVICE_REFUSAL_BODY)
        config.body_limit = SERVICE_REFUSAL_BODY;
    http_free(s->http);
    s->http = NULL;
    return service_is_http(s) ? http_new(&config, &s->http) : 0;
}

int service_request(struct service *s)
{
    s->request_len = s->request_sent = 0;
    if (service_is_http(s))
        return request_http(s);
    if (s->row->hello_len > SERVICE_REQUEST_MAX)
        return -EINVAL;
    if (s->row->hello)
        memcpy(s->request, s->row->hello, s->row->hello_len);
    s->request_len = s->row->hello_len;
    return 0;
}
