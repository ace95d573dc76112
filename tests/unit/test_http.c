/* Responses whole, byte by byte, and cut: what they say, or the code and the byte of what is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/http.h"
#include "tests/unit/guard.h"

#define BODY_LIMIT 1000

struct whole_row {
    const char *in;
    bool head; /* the answer to HEAD */
    unsigned version;
    int status;
    const char *reason;
    size_t nheaders;
    enum http_body kind;
    const char *body;
    bool ends;        /* with the connection */
    const char *note; /* "lf", "icy", "twice", "0.9" */
};

static const struct whole_row whole_rows[] = {
    {"HTTP/1.1 200 OK\r\nServer: nginx/1.23.3\r\nContent-Length: 5\r\n\r\nhello", false, 11, 200,
     "OK", 2, HTTP_BODY_LENGTH, "hello", false, NULL},
    {"HTTP/1.0 404 Not Found\r\n\r\ngone", false, 10, 404, "Not Found", 0, HTTP_BODY_UNTIL_CLOSE,
     "gone", true, NULL},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, 11, 200, "", 1, HTTP_BODY_LENGTH, "",
     false, NULL},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", false, 11, 200, "", 1, HTTP_BODY_LENGTH, "",
     false, NULL},
    {"http/1.1  302   Moved there\r\nLocation: /x\r\nContent-Length: 3\r\n\r\n", true, 11, 302,
     "  Moved there", 2, HTTP_BODY_NONE, "", false, NULL},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", false, 11, 204, "No Content", 1,
     HTTP_BODY_NONE, "", false, NULL},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", false, 11, 304, "Not Modified", 0, HTTP_BODY_NONE, "",
     false, NULL},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", false, 11, 101,
     "Switching Protocols", 1, HTTP_BODY_NONE, "", false, NULL},
    {"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     false, 11, 200, "OK", 1, HTTP_BODY_LENGTH, "ok", false, NULL},
    {"HTTP/1.1 200 OK\nServer: x\nContent-Length: 1\n\na", false, 11, 200, "OK", 2,
     HTTP_BODY_LENGTH, "a", false, "lf"},
    {"ICY 200 OK\r\nicy-name: radio\r\n\r\n....", false, 10, 200, "OK", 1, HTTP_BODY_UNTIL_CLOSE,
     "....", true, "icy"},
    {"<html>old</html>", false, 9, 0, "", 0, HTTP_BODY_UNTIL_CLOSE, "<html>old</html>", true,
     "0.9"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nfour", false, 11, 200, "OK", 1,
     HTTP_BODY_LENGTH, "four", false, "twice"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\ncontent-length: 4\r\n\r\nfour", false, 11, 200, "OK",
     2, HTTP_BODY_LENGTH, "four", false, "twice"},
    /* Transfer-Encoding wins over Content-Length (RFC 9112 6.3) */
    {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n"
     "4\r\nWiki\r\n6;a=b\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n",
     false, 11, 200, "OK", 2, HTTP_BODY_CHUNKED, "Wikipedia in \r\n\r\nchunks.", false, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n000\r\nTrailer: "
     "y\r\n\r\n",
     false, 11, 200, "OK", 1, HTTP_BODY_CHUNKED, "x", false, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nxyz", false, 11, 200,
     "OK", 2, HTTP_BODY_UNTIL_CLOSE, "xyz", true, NULL},
    {"HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree \r\nContent-Length: 0\r\n\r\n", false, 11,
     200, "OK", 2, HTTP_BODY_LENGTH, "", false, NULL},
    {"HTTP/1.1 200 OK\r\nServer : spaced\r\nContent-Length: 0\r\n\r\n", false, 11, 200, "OK", 2,
     HTTP_BODY_LENGTH, "", false, NULL},
};

/* Feeds in steps of `step` bytes, each ending at a guard page. */
static enum http_state feed(struct http_response *response, const char *in, size_t len, size_t step)
{
    enum http_state state = HTTP_READING_HEAD;

    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        const uint8_t *copy = guard_copy(in + at, n);
        state = http_receive(response, copy, n);
        guard_release(copy);
    }
    return state;
}

static void check_notes(const struct http_facts *facts, const char *note)
{
    note = note ? note : "";
    assert_int_equal(facts->lf_only, !strcmp(note, "lf"));
    assert_int_equal(facts->icy, !strcmp(note, "icy"));
    assert_int_equal(facts->duplicate_length, !strcmp(note, "twice"));
    assert_int_equal(facts->http09, !strcmp(note, "0.9"));
}

static void check_whole(const struct whole_row *row, size_t step)
{
    const struct http_config config = {.head = row->head, .body_limit = BODY_LIMIT};
    struct http_response *response;
    struct http_facts facts;

    assert_int_equal(http_new(&config, &response), 0);
    enum http_state state = feed(response, row->in, strlen(row->in), step);
    assert_int_equal(state, row->ends ? HTTP_READING_BODY : HTTP_DONE);
    assert_int_equal(http_end(response), HTTP_DONE);
    http_facts(response, &facts);
    assert_int_equal(facts.version, row->version);
    assert_int_equal(facts.status, row->status);
    assert_int_equal(facts.reason_len, strlen(row->reason));
    if (facts.reason_len)
        assert_memory_equal(facts.reason, row->reason, facts.reason_len);
    assert_int_equal(facts.nheaders, row->nheaders);
    assert_int_equal(facts.body_kind, row->kind);
    assert_int_equal(facts.body_len, strlen(row->body));
    assert_memory_equal(facts.body ? (const char *)facts.body : "", row->body, facts.body_kept);
    check_notes(&facts, row->note);
    http_free(response);
}

static void test_whole_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(whole_rows) / sizeof(whole_rows[0]); i++) {
        for (size_t step = 1; step <= 64; step *= 4)
            check_whole(&whole_rows[i], step);
        check_whole(&whole_rows[i], strlen(whole_rows[i].in));
    }
}

struct wrong_row {
    const char *in;
    const char *code;
    uint64_t offset;
};

/* The connection is closed after `in`. */
static const struct wrong_row wrong_rows[] = {
    {"", "http.no_response", 0},
    {"HTT", "http.truncated.headers", 3},
    {"HTTP/1.1 200 OK\r\nServer: x\r\n", "http.truncated.headers", 28},
    {"HTTP/1.1 100 Continue\r\n\r\n", "http.only_informational", 25},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP", "http.truncated.headers", 29},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "http.truncated.body", 43},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "http.truncated.chunk", 52},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "http.truncated.chunk", 50},
    {"hello\r\n", "http.malformed.status_line", 0},
    {"HTTP/1.1 2x0 OK\r\n\r\n", "http.malformed.status_line", 9},
    {"HTTP/1.1 20 OK\r\n\r\n", "http.malformed.status_line", 9},
    {"HTTP/1.1200 OK\r\n\r\n", "http.malformed.status_line", 8},
    {"HTTP/1.1 2000 OK\r\n\r\n", "http.malformed.status_line", 9},
    {"HTTP/2 200\r\n\r\n", "http.malformed.version", 0},
    {"HTTP/3.0 200 OK\r\n\r\n", "http.malformed.version", 0},
    {"HTTP/x.y 200 OK\r\n\r\n", "http.malformed.version", 0},
    {"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "http.malformed.header", 17},
    {"HTTP/1.1 200 OK\r\nA: b\r\n: empty\r\n\r\n", "http.malformed.header", 23},
    {"HTTP/1.1 200 OK\r\n folded too early\r\n\r\n", "http.malformed.header", 17},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", "http.malformed.content_length", 33},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "http.malformed.content_length", 33},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n", "http.malformed.content_length", 33},
    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "http.malformed.content_length", 32},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
     "http.malformed.content_length", 52},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n",
     "http.malformed.content_length", 33},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "http.malformed.chunk", 47},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "http.malformed.chunk", 48},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", "http.malformed.chunk",
     52},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
     "http.malformed.chunk", 62},
    {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", "http.not_http.ssh", 0},
    {"220 mail.example ESMTP Postfix\r\n", "http.not_http.smtp", 0},
    {"220 (vsFTPd 3.0.3)\r\n", "http.not_http.ftp", 0},
    {"+OK Dovecot ready.\r\n", "http.not_http.pop3", 0},
    {"* OK [CAPABILITY IMAP4rev1] ready\r\n", "http.not_http.imap", 0},
    {"-ERR unknown command\r\n", "http.not_http.redis", 0},
    {"\x15\x03\x01", "http.not_http.tls", 0},
};

static void test_wrong_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong_rows) / sizeof(wrong_rows[0]); i++) {
        const struct wrong_row *row = &wrong_rows[i];
        const struct http_config config = {.body_limit = BODY_LIMIT};
        struct http_response *response;
        assert_int_equal(http_new(&config, &response), 0);
        feed(response, row->in, strlen(row->in), strlen(row->in) + 1);
        assert_int_equal(http_end(response), HTTP_FAILED);
        assert_string_equal(http_cause(response)->code, row->code);
        assert_int_equal(http_cause(response)->offset, row->offset);
        assert_int_equal(http_cause(response)->phase, PHASE_HTTP);
        http_free(response);
    }
}

static void test_nul_in_the_head(void **state)
{
    static const char in[] = "HTTP/1.1 200 OK\r\nServer: a\0b\r\n\r\n";
    const struct http_config config = {0};
    struct http_response *response;

    (void)state;
    assert_int_equal(http_new(&config, &response), 0);
    assert_int_equal(feed(response, in, sizeof(in) - 1, 7), HTTP_FAILED);
    assert_string_equal(http_cause(response)->code, "http.malformed.nul");
    assert_int_equal(http_cause(response)->offset, 26);
    http_free(response);
}

/* Every cut of every good response ends in a failure or is a response that ends with its end. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(whole_rows) / sizeof(whole_rows[0]); i++) {
        const struct whole_row *row = &whole_rows[i];
        const struct http_config config = {.head = row->head, .body_limit = BODY_LIMIT};
        for (size_t len = 0; len < strlen(row->in); len++) {
            struct http_response *response;
            assert_int_equal(http_new(&config, &response), 0);
            feed(response, row->in, len, len + 1);
            enum http_state state_after = http_end(response);
            assert_true(state_after == HTTP_FAILED || row->ends);
            assert_true(state_after == HTTP_DONE || *http_cause(response)->code);
            http_free(response);
        }
    }
}

/* R6: a head without end is given up at its limit, whatever it is made of. */
static void test_endless_heads(void **state)
{
    static const char *const lines[] = {"A: b\r\n", "x", "A: b\r\n c\r\n",
                                        "HTTP/1.1 100 Continue\r\n\r\n"};
    const struct http_config config = {.head_limit = 8192};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct http_response *response;
        struct http_facts facts;
        unsigned fed = 0;
        assert_int_equal(http_new(&config, &response), 0);
        if (i < 3)
            feed(response, "HTTP/1.1 200 OK\r\nX: ", 20, 20);
        while (feed(response, lines[i], strlen(lines[i]), 64) == HTTP_READING_HEAD)
            assert_true(++fed < 10000);
        assert_string_equal(http_cause(response)->code, "http.too_large");
        http_facts(response, &facts);
        assert_true(facts.head_len <= 8192);
        http_free(response);
    }
}

static void test_body_limit_ends_the_reading(void **state)
{
    static const char in[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n0123456789";
    struct http_config config = {.body_limit = 4};
    struct http_response *response;
    struct http_facts facts;

    (void)state;
    assert_int_equal(http_new(&config, &response), 0);
    assert_int_equal(feed(response, in, sizeof(in) - 1, sizeof(in)), HTTP_DONE);
    http_facts(response, &facts);
    assert_int_equal(facts.body_kept, 4);
    assert_memory_equal(facts.body, "0123", 4);
    http_free(response);
    config.body_limit = 0; /* the head alone */
    assert_int_equal(http_new(&config, &response), 0);
    assert_int_equal(feed(response, in, sizeof(in) - 1, sizeof(in)), HTTP_DONE);
    http_free(response);
}

static void test_headers_are_found(void **state)
{
    static const char in[] = "HTTP/1.1 200 OK\r\nserver: one\r\nX: y\r\nSERVER:\ttwo \r\n\r\n";
    const struct http_config config = {0};
    struct http_response *response;
    struct http_facts facts;
    const uint8_t *value;
    size_t len;

    (void)state;
    assert_int_equal(http_new(&config, &response), 0);
    feed(response, in, sizeof(in) - 1, 5);
    http_facts(response, &facts);
    assert_true(http_find(&facts, "Server", 0, &value, &len));
    assert_memory_equal(value, "one", len);
    assert_true(http_find(&facts, "Server", 1, &value, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(value, "two", len);
    assert_false(http_find(&facts, "Server", 2, &value, &len));
    http_free(response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_responses),
        cmocka_unit_test(test_wrong_responses),
        cmocka_unit_test(test_nul_in_the_head),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_endless_heads),
        cmocka_unit_test(test_body_limit_ends_the_reading),
        cmocka_unit_test(test_headers_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
