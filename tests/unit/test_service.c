/*
 * Whole probes against scripted servers: what is sent, what is made of the answer, and the code of
 * every way it can end. One row is one probe; each of its tries is one connection.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/service.h"

enum end { END_OPEN, END_FIN, END_RESET, END_CUT };

struct
try {
    int connect_error;
    const char *tls_code; /* of a handshake that fails */
    const char *greeting; /* sent before anything is heard */
    const char *answer;   /* sent after the request */
    enum end end;
    bool unacknowledged;
};

struct row {
    const char *name;
    uint16_t port;
    const char *protocol; /* that must answer */
    size_t body_limit;
    struct try tries[SERVICE_TRIES_MAX];
    const char *answered; /* protocol; NULL: none */
    bool tls;
    unsigned ntries, notes;
    const char *code;
    enum cause_phase phase;
    int status;
};

#define OK_200 "HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nContent-Length: 0\r\n\r\n"

static const struct row rows[] = {
    {"http", 80, NULL, 0, {{.answer = OK_200}}, "http", false, 1, 0, "", PHASE_NONE, 200},
    {"https", 443, NULL, 0, {{.answer = OK_200}}, "http", true, 1, 0, "", PHASE_NONE, 200},
    {"refused",
     80,
     NULL,
     0,
     {{.connect_error = ECONNREFUSED}},
     NULL,
     false,
     1,
     0,
     "tcp.refused",
     PHASE_CONNECT,
     0},
    {"no route",
     80,
     NULL,
     0,
     {{.connect_error = EHOSTUNREACH}},
     NULL,
     false,
     1,
     0,
     "tcp.unreachable.host",
     PHASE_CONNECT,
     0},
    {"SYNs vanish",
     80,
     NULL,
     0,
     {{.connect_error = -1}},
     NULL,
     false,
     1,
     0,
     "tcp.timed_out",
     PHASE_CONNECT,
     0},
    {"reset before the request is acknowledged",
     80,
     NULL,
     0,
     {{.end = END_RESET, .unacknowledged = true}},
     NULL,
     false,
     1,
     0,
     "tcp.reset.after_request",
     PHASE_HTTP,
     0},
    {"reset after the request",
     80,
     NULL,
     0,
     {{.end = END_RESET}},
     NULL,
     false,
     1,
     0,
     "tcp.reset.after_request",
     PHASE_HTTP,
     0},
    {"reset within the response",
     80,
     NULL,
     0,
     {{.answer = "HTTP/1.1 200", .end = END_RESET}},
     NULL,
     false,
     1,
     0,
     "tcp.reset.mid_response",
     PHASE_HTTP,
     0},
    {"closed without a word, to HEAD and GET",
     80,
     NULL,
     0,
     {{.end = END_FIN}, {.end = END_FIN}, {.tls_code = "tcp.closed.after_client_hello"}},
     NULL,
     false,
     3,
     0,
     "http.no_response",
     PHASE_HTTP,
     0},
    {"closed without a word, and nothing in TLS either",
     80,
     NULL,
     0,
     {{.end = END_FIN}, {.end = END_FIN}, {.tls_code = ""}},
     NULL,
     false,
     3,
     0,
     "http.no_response",
     PHASE_HTTP,
     0},
    {"closed without a word, as TLS was missing",
     80,
     NULL,
     0,
     {{.end = END_FIN}, {.end = END_FIN}, {.answer = OK_200}},
     "http",
     true,
     3,
     SERVICE_NOTE_PLAIN_ON_TLS,
     "",
     PHASE_NONE,
     200},
    {"silence after the request",
     80,
     NULL,
     0,
     {{.answer = ""}},
     NULL,
     false,
     1,
     0,
     "http.timeout",
     PHASE_HTTP,
     0},
    {"silence within the response",
     80,
     NULL,
     0,
     {{.answer = "HTTP/1.1 2"}},
     NULL,
     false,
     1,
     0,
     "http.timeout",
     PHASE_HTTP,
     0},
    {"cut head",
     80,
     NULL,
     0,
     {{.answer = "HTTP/1.1 200 OK\r\nSer", .end = END_FIN},
      {.answer = "HTTP/1.1 200 OK\r\nSer", .end = END_FIN}},
     NULL,
     false,
     2,
     SERVICE_NOTE_HEAD_REFUSED,
     "http.truncated.headers",
     PHASE_HTTP,
     200},
    {"cut body",
     80,
     NULL,
     99,
     {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .end = END_FIN}},
     NULL,
     false,
     1,
     0,
     "http.truncated.body",
     PHASE_HTTP,
     200},
    {"HEAD not allowed",
     80,
     NULL,
     0,
     {{.answer = "HTTP/1.1 405 Method Not Allowed\r\n\r\n"}, {.answer = OK_200}},
     "http",
     false,
     2,
     SERVICE_NOTE_HEAD_REFUSED,
     "",
     PHASE_NONE,
     200},
    {"nginx: plain request on a TLS port",
     8080,
     NULL,
     0,
     {{.answer = "HTTP/1.1 400 Bad Request\r\n\r\n"},
      {.answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 55\r\n\r\n"
                 "The plain HTTP request was sent to HTTPS port, so it is"},
      {.answer = OK_200}},
     "http",
     true,
     3,
     SERVICE_NOTE_HEAD_REFUSED | SERVICE_NOTE_PLAIN_ON_TLS,
     "",
     PHASE_NONE,
     200},
    {"a TLS alert answers",
     8080,
     NULL,
     0,
     {{.answer = "\x15\x03\x01\x01\x02\x02\x16"}, {.answer = OK_200}},
     "http",
     true,
     2,
     SERVICE_NOTE_PLAIN_ON_TLS,
     "",
     PHASE_NONE,
     200},
    {"HTTP on a TLS port",
     443,
     NULL,
     0,
     {{.tls_code = "tls.not_tls.http"}, {.answer = OK_200}},
     "http",
     false,
     2,
     SERVICE_NOTE_NOT_TLS,
     "",
     PHASE_NONE,
     200},
    {"SSH on a TLS port",
     443,
     NULL,
     0,
     {{.tls_code = "tls.not_tls.ssh"}, {.greeting = "SSH-2.0-OpenSSH_9.2p1\r\n"}},
     "ssh",
     false,
     2,
     SERVICE_NOTE_NOT_TLS,
     "",
     PHASE_NONE,
     0},
    {"handshake failure",
     443,
     NULL,
     0,
     {{.tls_code = "tls.alert.handshake_failure"}},
     NULL,
     true,
     1,
     0,
     "tls.alert.handshake_failure",
     PHASE_TLS,
     0},
    {"reset within the handshake",
     443,
     NULL,
     0,
     {{.tls_code = "", .end = END_RESET}},
     NULL,
     true,
     1,
     0,
     "tcp.reset.after_client_hello",
     PHASE_TLS,
     0},
    {"closed within the handshake",
     443,
     NULL,
     0,
     {{.tls_code = "", .end = END_FIN}},
     NULL,
     true,
     1,
     0,
     "tcp.closed.after_client_hello",
     PHASE_TLS,
     0},
    {"silence within the handshake",
     443,
     NULL,
     0,
     {{.tls_code = ""}},
     NULL,
     true,
     1,
     0,
     "tls.timeout",
     PHASE_TLS,
     0},
    {"ClientHello lost",
     443,
     NULL,
     0,
     {{.tls_code = "", .unacknowledged = true}},
     NULL,
     true,
     1,
     0,
     "tls.client_hello_lost",
     PHASE_TLS,
     0},
    {"old TLS alone",
     443,
     NULL,
     0,
     {{.tls_code = "tls.version_mismatch"}, {.answer = OK_200}},
     "http",
     true,
     2,
     0,
     "tls.version_mismatch",
     PHASE_TLS,
     200},
    {"old TLS alone, and silent then",
     443,
     NULL,
     0,
     {{.tls_code = "tls.version_mismatch"}, {0}},
     NULL,
     true,
     2,
     0,
     "tls.version_mismatch",
     PHASE_TLS,
     0},
    {"no TLS version at all",
     443,
     NULL,
     0,
     {{.tls_code = "tls.version_mismatch"}, {.tls_code = "tls.alert.handshake_failure"}},
     NULL,
     true,
     2,
     0,
     "tls.version_mismatch",
     PHASE_TLS,
     0},
    {"a banner cut in its middle",
     22,
     NULL,
     0,
     {{.greeting = "SSH-2.0-Open", .end = END_FIN}},
     "ssh",
     false,
     1,
     0,
     "banner.truncated",
     PHASE_BANNER,
     0},
    {"a banner that stops in its middle",
     22,
     NULL,
     0,
     {{.greeting = "SSH-2.0-Open"}},
     "ssh",
     false,
     1,
     0,
     "banner.timeout",
     PHASE_BANNER,
     0},
    {"TLS cut",
     443,
     NULL,
     99,
     {{.answer = "HTTP/1.1 200 OK\r\n\r\nbody", .end = END_CUT}},
     NULL,
     true,
     1,
     0,
     "tls.truncated",
     PHASE_HTTP,
     200},
    {"ssh",
     22,
     NULL,
     0,
     {{.greeting = "notice\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"}},
     "ssh",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"ssh says nothing",
     22,
     NULL,
     0,
     {{.greeting = ""}},
     NULL,
     false,
     1,
     0,
     "banner.timeout",
     PHASE_BANNER,
     0},
    {"ssh closes",
     22,
     NULL,
     0,
     {{.greeting = "", .end = END_FIN}},
     NULL,
     false,
     1,
     0,
     "tcp.closed.on_accept",
     PHASE_CONNECT,
     0},
    {"ftp, several lines",
     21,
     NULL,
     0,
     {{.greeting = "220-Hello\r\n220-you\r\n220 ready\r\n"}},
     "ftp",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"smtp on the ftp port",
     21,
     NULL,
     0,
     {{.greeting = "220 a.example ESMTP Postfix\r\n"}},
     "ftp",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"ssh on the http port",
     80,
     NULL,
     0,
     {{.answer = "SSH-2.0-dropbear\r\n"}},
     "ssh",
     false,
     1,
     SERVICE_NOTE_UNEXPECTED,
     "",
     PHASE_NONE,
     0},
    {"ssh where HTTP must answer",
     80,
     "http",
     0,
     {{.answer = "SSH-2.0-dropbear\r\n"}},
     NULL,
     false,
     1,
     0,
     "http.not_http.ssh",
     PHASE_HTTP,
     0},
    {"an unknown port that speaks first",
     4022,
     NULL,
     0,
     {{.greeting = "SSH-2.0-x\r\n"}},
     "ssh",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"an unknown port that waits",
     4080,
     NULL,
     0,
     {{.answer = OK_200}},
     "http",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     200},
    {"an unknown port with TLS",
     4443 + 1,
     NULL,
     0,
     {{.answer = "\x15\x03\x03\x00\x02\x02\x46"}, {.answer = OK_200}},
     "http",
     true,
     2,
     SERVICE_NOTE_PLAIN_ON_TLS,
     "",
     PHASE_NONE,
     200},
    {"redis",
     6379,
     NULL,
     0,
     {{.answer = "$26\r\nredis_version:7.0.15\r\na:b\r\n\r\n"}},
     "redis",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"redis with a password",
     6379,
     NULL,
     0,
     {{.answer = "-NOAUTH Authentication required.\r\n"}},
     "redis",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"memcached",
     11211,
     NULL,
     0,
     {{.answer = "VERSION 1.6.18\r\n"}},
     "memcached",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     0},
    {"postgresql", 5432, NULL, 0, {{.answer = "N"}}, "postgresql", false, 1, 0, "", PHASE_NONE, 0},
    {"memcached that answers rubbish",
     11211,
     NULL,
     0,
     {{.answer = "\x01\x02"}},
     NULL,
     false,
     1,
     0,
     "banner.malformed",
     PHASE_BANNER,
     0},
    {"elasticsearch reads a body",
     9200,
     NULL,
     0,
     {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}},
     "elasticsearch",
     false,
     1,
     0,
     "",
     PHASE_NONE,
     200},
};

static void end_try(struct service *service, const struct try *try, int64_t now_ns)
{
    static const enum service_close how[] = {
        [END_FIN] = SERVICE_FIN, [END_RESET] = SERVICE_RESET, [END_CUT] = SERVICE_CUT};

    service_acknowledged(service, !try->unacknowledged);
    if (try->end != END_OPEN)
        service_closed(service, how[try->end], now_ns);
}

static void say(struct service *service, const char *text, int64_t now_ns)
{
    for (size_t i = 0; text && i < strlen(text); i++) /* a byte at a time: pieces do not matter */
        service_receive(service, (const uint8_t *)text + i, 1, now_ns);
}

static void secure(struct service *service, const struct try *try, int64_t now_ns)
{
    struct cause cause;

    if (!try->tls_code) {
        service_secured(service, NULL, now_ns);
    } else if (*try->tls_code) {
        cause_set(&cause, try->tls_code, PHASE_TLS, "as told");
        service_secured(service, &cause, now_ns);
    } else {
        end_try(service, try, now_ns);
    }
}

/* Plays the servers of a row. Returns the virtual time it took. */
static int64_t play(struct service *service, const struct row *row)
{
    const struct try *try = row->tries;
    size_t tried = 0;
    int64_t now_ns = 0;
    bool greeted = false;

    for (unsigned steps = 0; steps < 1000; steps++) {
        struct service_step step;
        service_next(service, now_ns, &step);
        switch (step.want) {
        case SERVICE_CONNECT:
            assert_true(tried < SERVICE_TRIES_MAX);
            try = &row->tries[tried++];
            greeted = false;
            if (try->connect_error >= 0)
                service_connected(service, try->connect_error, now_ns);
            break;
        case SERVICE_START_TLS:
            secure(service, try, now_ns);
            break;
        case SERVICE_SEND:
            service_sent(service, 1, now_ns); /* short writes */
            if (step.len > 1)
                break;
            say(service, try->answer, now_ns);
            end_try(service, try, now_ns);
            break;
        case SERVICE_WAIT:
            assert_true(step.wake_ns < TIME_NEVER);
            if (!greeted && try->greeting) {
                greeted = true;
                say(service, try->greeting, now_ns);
                end_try(service, try, now_ns);
            } else {
                now_ns = step.wake_ns;
            }
            break;
        case SERVICE_DONE:
            return now_ns;
        }
    }
    fail_msg("%s: does not end", row->name);
    return 0;
}

static void check(const struct row *row)
{
    struct service_config config;
    struct service_facts facts;
    struct service *service;

    service_config_default(&config);
    config.host = "host.example";
    config.port = row->port;
    config.protocol = row->protocol;
    config.body_limit = row->body_limit;
    assert_int_equal(service_new(&config, 0, &service), 0);
    int64_t took_ns = play(service, row);
    service_facts(service, &facts);
    if (strcmp(facts.cause.code, row->code) != 0)
        fail_msg("%s: code \"%s\", not \"%s\"", row->name, facts.cause.code, row->code);
    if (strcmp(facts.protocol ? facts.protocol : "", row->answered ? row->answered : "") != 0)
        fail_msg("%s: answered by %s", row->name, facts.protocol ? facts.protocol : "nobody");
    if (facts.notes != row->notes || facts.tries != row->ntries || facts.tls != row->tls)
        fail_msg("%s: notes %u tries %u tls %d", row->name, facts.notes, facts.tries, facts.tls);
    if (facts.cause.phase != row->phase || (facts.has_http ? facts.http.status : 0) != row->status)
        fail_msg("%s: phase %s, status %d", row->name, cause_phase_name(facts.cause.phase),
                 facts.http.status);
    assert_true(took_ns <= 6 * NS_PER_SEC); /* no phase's time-out is over 5 s */
    service_free(service);
}

static void test_probes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

static void first_words(const struct service_config *config, char *out, size_t size)
{
    struct service *service;
    struct service_step step;

    assert_int_equal(service_new(config, 0, &service), 0);
    service_next(service, 0, &step);
    service_connected(service, 0, 0);
    service_next(service, 0, &step);
    if (step.want == SERVICE_START_TLS) {
        service_secured(service, NULL, 0);
        service_next(service, 0, &step);
    }
    assert_int_equal(step.want, SERVICE_SEND);
    assert_true(step.len < size);
    memcpy(out, step.bytes, step.len);
    out[step.len] = '\0';
    service_free(service);
}

static void test_requests(void **state)
{
    static const char *const headers[] = {"X-One: 1", "X-Two: 2", NULL};
    struct service_config config;
    char words[1024];

    (void)state;
    service_config_default(&config);
    config.host = "www.example";
    config.port = 80;
    first_words(&config, words, sizeof(words));
    assert_string_equal(words,
                        "HEAD / HTTP/1.1\r\nHost: www.example\r\nUser-Agent: netdx/" NETDX_VERSION
                        "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    config.host = "[2001:db8::1]";
    config.port = 8443;
    config.method = "OPTIONS";
    config.path = "/a?b";
    config.user_agent = "probe";
    config.headers = headers;
    first_words(&config, words, sizeof(words));
    assert_string_equal(words, "OPTIONS /a?b HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n"
                               "User-Agent: probe\r\nAccept: */*\r\nConnection: close\r\n"
                               "X-One: 1\r\nX-Two: 2\r\n\r\n");
}

/* What says its version in a body is asked by GET, and the body is kept. */
static void test_bodies_of_endpoints(void **state)
{
    static const uint16_t ports[] = {2375, 8404, 9090, 9200};
    static const char *const begins[] = {"GET /version ", "GET /stats ",
                                         "GET /api/v1/status/buildinfo ", "GET / "};
    static char body[5000];

    (void)state;
    memset(body, 'x', sizeof(body) - 1);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct service_config config;
        struct service_facts facts;
        struct service_step step;
        struct service *service;
        char words[1024];

        service_config_default(&config);
        config.host = "a";
        config.port = ports[i];
        first_words(&config, words, sizeof(words));
        assert_memory_equal(words, begins[i], strlen(begins[i]));
        assert_int_equal(service_new(&config, 0, &service), 0);
        service_next(service, 0, &step);
        service_connected(service, 0, 0);
        service_next(service, 0, &step);
        service_sent(service, step.len, 0);
        say(service, "HTTP/1.0 200 OK\r\n\r\n", 0);
        say(service, body, 0);
        service_closed(service, SERVICE_FIN, 0);
        service_facts(service, &facts);
        assert_int_equal(facts.http.body_kept, sizeof(body) - 1);
        service_free(service);
    }
}

static void test_requests_that_do_not_fit(void **state)
{
    struct service_config config;
    struct service *service;
    char path[10000];

    (void)state;
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    service_config_default(&config);
    config.host = "www.example";
    config.port = 80;
    config.path = path;
    assert_int_equal(service_new(&config, 0, &service), -EINVAL);
    config.path = NULL;
    config.protocol = "gopher";
    assert_int_equal(service_new(&config, 0, &service), -EINVAL);
}

/* TLS that failed and is given up for another try still says that it is broken. */
static void test_broken_before_the_next_try(void **state)
{
    struct service_config config;
    struct service_facts facts;
    struct service_step step;
    struct service *service;
    struct cause cause;

    (void)state;
    service_config_default(&config);
    config.port = 443;
    assert_int_equal(service_new(&config, 0, &service), 0);
    service_next(service, 0, &step);
    service_connected(service, 0, 0);
    service_next(service, 0, &step);
    assert_int_equal(step.want, SERVICE_START_TLS);
    cause_set(&cause, "tls.not_tls.ssh", PHASE_TLS, "the first bytes are not of TLS");
    service_secured(service, &cause, 0);
    service_broken(service, &cause, 0);
    service_next(service, 0, &step);
    assert_int_equal(step.want, SERVICE_CONNECT);
    service_broken(service, &cause, 0);
    service_connected(service, 0, 0);
    service_receive(service, (const uint8_t *)"SSH-2.0-a\r\n", 11, 0);
    service_facts(service, &facts);
    assert_string_equal(facts.protocol, "ssh");
    assert_string_equal(facts.cause.code, "");
    service_free(service);
}

/* It greets as memcached in all but case, and is not: once is enough to find that out. */
static void test_not_whom_it_looks_like(void **state)
{
    struct service_config config;
    struct service_facts facts;
    struct service_step step;
    struct service *service;

    (void)state;
    service_config_default(&config);
    config.port = 999;
    assert_int_equal(service_new(&config, 0, &service), 0);
    service_next(service, 0, &step);
    service_connected(service, 0, 0);
    service_receive(service, (const uint8_t *)"eRROR\r\n", 7, 0);
    service_facts(service, &facts);
    assert_null(facts.protocol);
    assert_string_equal(facts.cause.code, "banner.malformed");
    service_free(service);
}

static void test_stopped(void **state)
{
    struct service_config config;
    struct service_facts facts;
    struct service_step step;
    struct service *service;

    (void)state;
    service_config_default(&config);
    config.port = 22;
    assert_int_equal(service_new(&config, 0, &service), 0);
    service_next(service, 0, &step);
    service_connected(service, 0, 5);
    service_stop(service, 7);
    service_next(service, 7, &step);
    assert_int_equal(step.want, SERVICE_DONE);
    service_facts(service, &facts);
    assert_string_equal(facts.cause.code, "local.interrupted");
    assert_int_equal(facts.timing.connect_ns, 5);
    assert_int_equal(facts.timing.total_ns, 7);
    service_free(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bodies_of_endpoints),
        cmocka_unit_test(test_requests_that_do_not_fit),
        cmocka_unit_test(test_broken_before_the_next_try),
        cmocka_unit_test(test_not_whom_it_looks_like),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
