/*
 * Whole probes that speak HTTP/2 against scripted servers: when it is spoken, what answers in
 * another way, and what our own half says meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/service.h"

#define SETTINGS    "\0\0\0\4\0\0\0\0\0"
#define HEADERS_200 "\0\0\1\1\5\0\0\0\1\x88" /* END_STREAM, END_HEADERS; RFC 7541 A: 8 is 200 */
#define HEADERS_405                                                                                \
    "\0\0\5\1\5\0\0\0\1\x08\x03"                                                                   \
    "405"
#define RST_STREAM "\0\0\4\3\0\0\0\0\1\0\0\0\7" /* REFUSED_STREAM */
#define PLAIN_400                                                                                  \
    "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 51\r\n\r\n"                      \
    "The plain HTTP request was sent to HTTPS port, sir."

struct said {
    const char *bytes;
    size_t len;
};

#define SAID(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

struct row {
    const char *name;
    uint16_t port;
    enum service_http2 http2;
    const char *alpn;
    struct said tries[3]; /* answers of one connection each; no bytes: silence */
    unsigned version, ntries, notes;
    int status;
    const char *code;
};

static const struct row rows[] = {
    {.name = "chosen by ALPN",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "h2",
     .tries = {SAID(SETTINGS HEADERS_200)},
     .version = 20,
     .ntries = 1,
     .status = 200,
     .code = ""},
    {.name = "not chosen",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "http/1.1",
     .tries = {SAID("HTTP/1.1 200 OK\r\n\r\n")},
     .version = 11,
     .ntries = 1,
     .notes = SERVICE_NOTE_NO_HTTP2,
     .status = 200,
     .code = ""},
    {.name = "chosen, and not asked for",
     .port = 443,
     .http2 = SERVICE_HTTP2_NEVER,
     .alpn = "h2",
     .tries = {SAID("HTTP/1.1 200 OK\r\n\r\n")},
     .version = 11,
     .ntries = 1,
     .status = 200,
     .code = ""},
    {.name = "without TLS where ALPN is to choose",
     .port = 80,
     .http2 = SERVICE_HTTP2_ALPN,
     .tries = {SAID("HTTP/1.1 200 OK\r\n\r\n")},
     .version = 11,
     .ntries = 1,
     .status = 200,
     .code = ""},
    {.name = "prior knowledge",
     .port = 80,
     .http2 = SERVICE_HTTP2_PRIOR,
     .tries = {SAID(SETTINGS HEADERS_200)},
     .version = 20,
     .ntries = 1,
     .status = 200,
     .code = ""},
    {.name = "HTTP/1 answers",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "h2",
     .tries = {SAID("HTTP/1.1 400 Bad Request\r\nServer: x\r\nContent-Length: 0\r\n\r\n")},
     .version = 11,
     .ntries = 1,
     .status = 400,
     .code = "h2.http1_reply"},
    {.name = "the port is for TLS",
     .port = 80,
     .http2 = SERVICE_HTTP2_PRIOR,
     .alpn = "h2",
     .tries = {SAID(PLAIN_400), SAID(SETTINGS HEADERS_200)},
     .version = 20,
     .ntries = 2,
     .notes = SERVICE_NOTE_PLAIN_ON_TLS,
     .status = 200,
     .code = ""},
    {.name = "HEAD is refused, GET is answered",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "h2",
     .tries = {SAID(SETTINGS HEADERS_405), SAID(SETTINGS HEADERS_200)},
     .version = 20,
     .ntries = 2,
     .notes = SERVICE_NOTE_HEAD_REFUSED,
     .status = 200,
     .code = ""},
    {.name = "RST_STREAM to both",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "h2",
     .tries = {SAID(SETTINGS RST_STREAM), SAID(SETTINGS RST_STREAM)},
     .ntries = 2,
     .notes = SERVICE_NOTE_HEAD_REFUSED,
     .code = "h2.rst_stream.refused_stream"},
    {.name = "no SETTINGS",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "h2",
     .ntries = 1,
     .code = "h2.settings_timeout"},
    {.name = "SETTINGS alone",
     .port = 443,
     .http2 = SERVICE_HTTP2_ALPN,
     .alpn = "h2",
     .tries = {SAID(SETTINGS)},
     .ntries = 1,
     .code = "http.timeout"},
    {.name = "SSH",
     .port = 80,
     .http2 = SERVICE_HTTP2_PRIOR,
     .tries = {SAID("SSH-2.0-OpenSSH_9.2\r\n")},
     .ntries = 1,
     .notes = SERVICE_NOTE_UNEXPECTED,
     .code = ""},
};

struct server {
    const struct row *row;
    unsigned tried;
    bool answered;
    uint8_t heard[1024]; /* on the latest connection */
    size_t heard_len;
    int64_t now_ns;
};

/* A byte at a time in and out. */
static void step_server(struct service *service, struct server *server,
                        const struct service_step *step)
{
    const struct said *said = &server->row->tries[server->tried ? server->tried - 1 : 0];

    switch (step->want) {
    case SERVICE_CONNECT:
        server->tried++;
        server->answered = false;
        server->heard_len = 0;
        service_connected(service, 0, server->now_ns);
        break;
    case SERVICE_START_TLS:
        service_alpn(service, server->row->alpn);
        service_secured(service, NULL, server->now_ns);
        break;
    case SERVICE_SEND:
        assert_true(server->heard_len < sizeof(server->heard));
        server->heard[server->heard_len++] = *step->bytes;
        service_sent(service, 1, server->now_ns);
        break;
    default:
        if (server->answered || !said->len)
            server->now_ns = step->wake_ns;
        for (size_t i = 0; !server->answered && i < said->len; i++)
            service_receive(service, (const uint8_t *)said->bytes + i, 1, server->now_ns);
        server->answered = true;
    }
}

static struct service *play(const struct row *row, struct server *server)
{
    struct service_config config;
    struct service_step step = {0};
    struct service *service;

    *server = (struct server){.row = row};
    service_config_default(&config);
    config.host = "host.example";
    config.port = row->port;
    config.http2 = row->http2;
    assert_int_equal(service_new(&config, 0, &service), 0);
    for (unsigned steps = 0; steps < 3000; steps++) {
        service_next(service, server->now_ns, &step);
        if (step.want == SERVICE_DONE)
            return service;
        step_server(service, server, &step);
    }
    fail_msg("%s: does not end", row->name);
    return service;
}

static void probes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct service_facts facts;
        struct server server;
        struct service *service = play(row, &server);

        service_facts(service, &facts);
        if (strcmp(facts.cause.code, row->code) != 0)
            fail_msg("%s: code \"%s\", not \"%s\"", row->name, facts.cause.code, row->code);
        if (facts.tries != row->ntries || facts.notes != row->notes)
            fail_msg("%s: tries %u, notes %u", row->name, facts.tries, facts.notes);
        if (facts.has_http &&
            (facts.http.version != row->version || facts.http.status != row->status))
            fail_msg("%s: version %u, status %d", row->name, facts.http.version, facts.http.status);
        assert_true(facts.has_http || !row->status);
        service_free(service);
    }
}

/* While the answer is awaited the server's SETTINGS are acknowledged (RFC 9113 6.5.3). */
static void acknowledges(void **state)
{
    static const uint8_t ack[] = {0, 0, 0, 4, 1, 0, 0, 0, 0};
    const struct row row = {.name = "SETTINGS alone",
                            .port = 80,
                            .http2 = SERVICE_HTTP2_PRIOR,
                            .tries = {SAID(SETTINGS)}};
    struct server server;
    struct service *service = play(&row, &server);

    (void)state;
    assert_memory_equal(server.heard, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    assert_memory_equal(server.heard + server.heard_len - sizeof(ack), ack, sizeof(ack));
    service_free(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes),
        cmocka_unit_test(acknowledges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
