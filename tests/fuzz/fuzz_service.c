/*
 * A whole probe against a server of arbitrary bytes. Byte 0: port; byte 1: how connections end and
 * which handshakes fail, and whether HTTP/2 is asked for; the rest: what the server says, where a
 * 0xff byte ends a connection, and 0xfe is one of 0xff.
 */
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "engine/redirect.h"
#include "engine/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct server {
    const uint8_t *at, *end;
    uint8_t manners;
    int64_t now_ns;
};

/* How a connection ends; a broken one has its cause from the TLS library. */
static void end(struct service *service, const struct server *server)
{
    struct cause cause;

    service_acknowledged(service, server->manners & 8);
    cause_set(&cause, "tls.alert.x", PHASE_TLS, "fuzz");
    if (server->manners & 4)
        service_broken(service, &cause, server->now_ns);
    else
        service_closed(service, (enum service_close)(server->manners % 3), server->now_ns);
}

static void speak(struct service *service, struct server *server)
{
    static const uint8_t last = 0xff;
    const uint8_t *stop = server->at;

    while (stop < server->end && *stop < 0xfe)
        stop++;
    service_receive(service, server->at, (size_t)(stop - server->at), server->now_ns);
    server->at = stop;
    if (stop == server->end)
        return;
    server->at++;
    if (*stop == last)
        end(service, server);
    else
        service_receive(service, &last, 1, server->now_ns);
}

static void step(struct service *service, struct server *server, const struct service_step *step)
{
    static const char *const codes[] = {"tls.not_tls.http", "tls.not_tls.ssh", "tls.alert.x"};
    struct cause cause;

    switch (step->want) {
    case SERVICE_CONNECT:
        if (server->manners & 128 && server->at == server->end)
            break; /* nothing answers the SYN */
        service_connected(service, server->manners & 64 ? 111 : 0, server->now_ns);
        break;
    case SERVICE_START_TLS:
        service_alpn(service, "h2");
        if (server->manners & 128) {
            if (server->at < server->end)
                speak(service, server); /* it ends, or the wait does */
            break;
        }
        cause_set(&cause, codes[server->manners % 3], PHASE_TLS, "fuzz");
        service_secured(service, server->manners & 32 ? &cause : NULL, server->now_ns);
        break;
    case SERVICE_SEND:
        service_sent(service, step->len, server->now_ns);
        speak(service, server);
        break;
    default:
        if (server->at < server->end)
            speak(service, server);
        else if (step->wake_ns == TIME_NEVER)
            abort(); /* nothing would ever end this wait */
        else
            server->now_ns = step->wake_ns;
        if (server->manners & 8 && server->manners & 4)
            service_stop(service, server->now_ns);
        service_acknowledged(service, server->manners & 8);
    }
}

static void follow(const struct service_facts *facts)
{
    struct redirect_url url, next;
    struct redirects chain;

    if (!facts->has_http || redirect_parse("http://a/b/c", 12, &url))
        return;
    redirects_begin(&chain, &url, 3);
    if (redirects_next(&chain, &url, &facts->http, &next) == REDIRECT_FOLLOW &&
        (next.path[0] != '/' || !next.host[0] || !next.port))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t ports[] = {80,   443,  22,    25,   21,   110, 143,
                                     3306, 6379, 11211, 5432, 9200, 999};
    struct service_config config;
    struct service_facts facts;
    struct service *service;
    unsigned steps = 0;

    if (size < 2)
        return 0;
    struct server server = {.at = data + 2, .end = data + size, .manners = data[1]};

    service_config_default(&config);
    config.host = "a";
    config.port = ports[data[0] % (sizeof(ports) / sizeof(ports[0]))];
    config.body_limit = data[1] & 16 ? 100 : 0;
    config.http2 = data[1] & 128 ? SERVICE_HTTP2_PRIOR : SERVICE_HTTP2_NEVER;
    if (service_new(&config, 0, &service))
        abort();
    for (struct service_step next = {0}; next.want != SERVICE_DONE;) {
        service_next(service, server.now_ns, &next);
        if (next.want != SERVICE_DONE)
            step(service, &server, &next);
        if (++steps > size + 100)
            abort(); /* R6: an end, whatever the server says */
    }
    service_facts(service, &facts);
    follow(&facts);
    service_free(service);
    return 0;
}
