/*
 * HTTP/2 responses from bytes: those of RFC 7541's examples, frames written by hand after RFC 9113,
 * and what nghttpd 1.52 sent. Every row is read at once and byte by byte, to the same end.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/http2.h"
#include "tests/unit/guard.h"

/* Frames: length, type, flags, stream (RFC 9113 4.1). */
#define SETTINGS     "000000 04 00 00000000 "
#define SETTINGS_ACK "000000 04 01 00000000 "
#define HEADERS_200  "000001 01 04 00000001 88 " /* END_HEADERS; RFC 7541 A: 8 is :status 200 */
#define HEADERS_103  "000005 01 04 00000001 0803313033 "
/* RFC 7541 C.6.1, Huffman: 302, cache-control, date, location */
#define BLOCK_302                                                                                  \
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b" \
    "97c8e9ae82ae43d3"
/* What nghttpd 1.52.0 sent to GET of a file of eight bytes. */
#define NGHTTPD                                                                                    \
    "000006 04 00 00000000 000300000064 000000 04 01 00000000 000057 01 04 00000001 "              \
    "3fe11f887690aa69d29ae452a9a74a6b13015db12e0f5889a47e561cc58197000f6197e4593e94136a693f75"     \
    "040138a05ab8d3371a754c5a37ff0f0d01386c97e4593e94136a693f75040138a05ab8d3371a754c5a37ff "      \
    "000008 00 01 00000001 6569676874206279"

struct row {
    const char *name;
    const char *bytes; /* hexadecimal, blanks between */
    bool fin;
    size_t head_limit, body_limit;
    enum http_state state;
    const char *code;
    uint64_t offset;
    int status;
    size_t nheaders;
    const char *body;
    const char *detail; /* part of it; NULL: any */
};

static const struct row rows[] = {
    {.name = "headers alone", .bytes = SETTINGS HEADERS_200, .state = HTTP_DONE, .status = 200},
    {.name = "Huffman, and the table (RFC 7541 C.6.1)",
     .bytes = SETTINGS "000036 01 05 00000001 " BLOCK_302,
     .state = HTTP_DONE,
     .status = 302,
     .nheaders = 3},
    {.name = "a header block in two frames",
     .bytes = SETTINGS "000004 01 01 00000001 48826402 000032 09 04 00000001 "
                       "5885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad17"
                       "1863c78f0b97c8e9ae82ae43d3",
     .state = HTTP_DONE,
     .status = 302,
     .nheaders = 3},
    {.name = "a padded body up to END_STREAM",
     .bytes = SETTINGS HEADERS_200 "000005 00 08 00000001 0268690000 000001 00 01 00000001 21",
     .body_limit = 100,
     .state = HTTP_DONE,
     .status = 200,
     .body = "hi!"},
    {.name = "a body up to the limit",
     .bytes = SETTINGS HEADERS_200 "000005 00 00 00000001 68656c6c6f",
     .body_limit = 4,
     .state = HTTP_DONE,
     .status = 200,
     .body = "hell"},
    {.name = "nghttpd",
     .bytes = NGHTTPD,
     .body_limit = 100,
     .state = HTTP_DONE,
     .status = 200,
     .nheaders = 5,
     .body = "eight by"},
    {.name = "no body",
     .bytes = SETTINGS "000001 01 05 00000001 88",
     .body_limit = 4,
     .state = HTTP_DONE,
     .status = 200},
    {.name = "103, and then 200",
     .bytes = SETTINGS HEADERS_103 HEADERS_200,
     .state = HTTP_DONE,
     .status = 200},
    {.name = "103 and nothing",
     .bytes = SETTINGS HEADERS_103,
     .fin = true,
     .state = HTTP_FAILED,
     .code = "http.only_informational",
     .offset = 23},
    {.name = "trailers are no headers",
     .bytes = SETTINGS HEADERS_200 "000002 00 00 00000001 6869 000005 01 05 00000001 0001780179",
     .body_limit = 100,
     .state = HTTP_DONE,
     .status = 200,
     .body = "hi"},
    {.name = "nothing", .bytes = "", .fin = true, .state = HTTP_FAILED, .code = "http.no_response"},
    {.name = "SETTINGS and nothing",
     .bytes = SETTINGS SETTINGS_ACK,
     .fin = true,
     .state = HTTP_FAILED,
     .code = "http.truncated.headers",
     .offset = 18},
    {.name = "half a body",
     .bytes = SETTINGS HEADERS_200 "000005 00 01 00000001 6865",
     .fin = true,
     .body_limit = 100,
     .state = HTTP_FAILED,
     .code = "http.truncated.body",
     .offset = 30,
     .status = 200,
     .body = "he"},
    {.name = "HTTP/1.1",
     .bytes = "485454502f312e3120343030",
     .state = HTTP_FAILED,
     .code = "h2.http1_reply"},
    {.name = "SSH",
     .bytes = "5353482d322e302d78",
     .state = HTTP_FAILED,
     .code = "http.not_http.ssh"},
    {.name = "another frame first",
     .bytes = "000008 06 00 00000000 0000000000000000",
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .detail = "begin with SETTINGS"},
    {.name = "GOAWAY with an error and words",
     .bytes = SETTINGS "00000b 07 00 00000000 00000001 0000000b 63616c",
     .state = HTTP_FAILED,
     .code = "h2.goaway.enhance_your_calm",
     .offset = 9,
     .detail = "ENHANCE_YOUR_CALM, \"cal\""},
    {.name = "GOAWAY that leaves our request out",
     .bytes = SETTINGS "000008 07 00 00000000 00000000 00000000",
     .state = HTTP_FAILED,
     .code = "h2.goaway.no_error",
     .offset = 9},
    {.name = "GOAWAY that lets it be answered",
     .bytes = SETTINGS "000008 07 00 00000000 00000001 00000000 " HEADERS_200,
     .state = HTTP_DONE,
     .status = 200},
    {.name = "GOAWAY, and the end before the answer",
     .bytes = SETTINGS "000008 07 00 00000000 00000001 00000000 ",
     .fin = true,
     .state = HTTP_FAILED,
     .code = "h2.goaway.no_error",
     .offset = 26},
    {.name = "GOAWAY with an error that nobody knows",
     .bytes = SETTINGS "000008 07 00 00000000 00000001 000000ff ",
     .state = HTTP_FAILED,
     .code = "h2.goaway.unknown",
     .offset = 9},
    {.name = "RST_STREAM",
     .bytes = SETTINGS "000004 03 00 00000001 0000000d",
     .state = HTTP_FAILED,
     .code = "h2.rst_stream.http_1_1_required",
     .offset = 9},
    {.name = "RST_STREAM within the body",
     .bytes = SETTINGS HEADERS_200 "000004 03 00 00000001 00000002",
     .body_limit = 9,
     .state = HTTP_FAILED,
     .code = "h2.rst_stream.internal_error",
     .offset = 19,
     .status = 200},
    {.name = "a frame over the limit",
     .bytes = SETTINGS "004001 00 00 00000001",
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .offset = 9,
     .detail = "FRAME_SIZE_ERROR"},
    {.name = "an integer that is cut off",
     .bytes = SETTINGS "000001 01 04 00000001 ff",
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .offset = 9,
     .detail = "COMPRESSION_ERROR"},
    {.name = "an index outside the table",
     .bytes = SETTINGS "000002 01 04 00000001 ff00",
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .offset = 9,
     .detail = "COMPRESSION_ERROR"},
    {.name = "PUSH_PROMISE, which we forbid",
     .bytes = SETTINGS SETTINGS_ACK "000005 05 04 00000001 00000002 88",
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .offset = 18,
     .detail = "PROTOCOL_ERROR"},
    {.name = "headers without :status",
     .bytes = SETTINGS "000005 01 04 00000001 0001780179",
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .offset = 9,
     .nheaders = 1},
    {.name = "a NUL within a value",
     .bytes = SETTINGS "000006 01 04 00000001 880001780100",
     .state = HTTP_FAILED,
     .code = "http.malformed.header",
     .offset = 9,
     .status = 200},
    {.name = "Content-Length that is not kept to",
     .bytes = SETTINGS "000005 01 04 00000001 880f0d0139 000001 00 01 00000001 78",
     .body_limit = 9,
     .state = HTTP_FAILED,
     .code = "h2.protocol",
     .offset = 23,
     .status = 200,
     .nheaders = 1,
     .body = "x"},
    {.name = "a head over the limit",
     .bytes = SETTINGS "000036 01 05 00000001 " BLOCK_302,
     .head_limit = 64,
     .state = HTTP_FAILED,
     .code = "http.too_large",
     .offset = 9,
     .status = 302,
     .nheaders = 2},
};

static size_t read_hex(const char *text, uint8_t *out)
{
    size_t len = 0;

    while (*text) {
        char pair[3] = {text[0], text[1], 0};

        if (*text == ' ') {
            text++;
            continue;
        }
        out[len++] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
    }
    return len;
}

static struct http2 *make(const struct row *row)
{
    const struct http2_config config = {
        .method = "GET",
        .scheme = "http",
        .authority = "localhost",
        .path = "/f",
        .user_agent = "u",
        .head_limit = row->head_limit,
        .body_limit = row->body_limit,
    };
    struct http2 *http2;

    assert_int_equal(http2_new(&config, &http2), 0);
    return http2;
}

static void check_header(const struct http_facts *facts, const char *name, const char *want)
{
    const uint8_t *value;
    size_t len;

    assert_true(http_find(facts, name, 0, &value, &len));
    assert_int_equal(len, strlen(want));
    assert_memory_equal(value, want, len);
}

static void check_row(const struct row *row, struct http2 *http2)
{
    const struct cause *cause = http2_cause(http2);
    struct http_facts facts;

    http2_facts(http2, &facts);
    if (facts.nheaders != row->nheaders || facts.status != row->status)
        fail_msg("%s: status %d with %zu headers", row->name, facts.status, facts.nheaders);
    assert_string_equal(cause->code, row->code ? row->code : "");
    assert_int_equal(cause->offset, row->offset);
    assert_int_equal(facts.version, row->status ? 20 : facts.version);
    assert_int_equal(facts.body_kept, row->body ? strlen(row->body) : 0);
    if (row->body)
        assert_memory_equal(facts.body, row->body, facts.body_kept);
    if (row->detail && !strstr(cause->detail, row->detail))
        fail_msg("%s: \"%s\" is not in \"%s\"", row->name, row->detail, cause->detail);
}

static void run_row(const struct row *row, size_t step)
{
    struct http2 *http2 = make(row);
    enum http_state state = HTTP_READING_HEAD;
    uint8_t bytes[1024];
    size_t len = read_hex(row->bytes, bytes);

    for (size_t at = 0; at < len; at += step) {
        size_t piece = len - at < step ? len - at : step;
        const uint8_t *copy = guard_copy(bytes + at, piece);

        state = http2_receive(http2, copy, piece);
        guard_release(copy);
    }
    if (row->fin)
        state = http2_end(http2);
    if (state != row->state)
        fail_msg("%s: state %d, not %d (%s: %s)", row->name, state, row->state,
                 http2_cause(http2)->code, http2_cause(http2)->detail);
    check_row(row, http2);
    http2_free(http2);
}

static void responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_row(&rows[i], SIZE_MAX / 2);
        run_row(&rows[i], 1);
    }
}

static void headers_of_the_rfc(void **state)
{
    const struct row row = {.head_limit = 0};
    struct http2 *http2 = make(&row);
    struct http_facts facts;
    uint8_t bytes[1024];
    size_t len = read_hex(SETTINGS "000036 01 05 00000001 " BLOCK_302, bytes);

    (void)state;
    assert_false(http2_is_set_up(http2));
    assert_int_equal(http2_receive(http2, bytes, len), HTTP_DONE);
    assert_true(http2_is_set_up(http2));
    http2_facts(http2, &facts);
    check_header(&facts, "Cache-Control", "private");
    check_header(&facts, "date", "Mon, 21 Oct 2013 20:13:21 GMT");
    check_header(&facts, "location", "https://www.example.com");
    http2_free(http2);
}

static size_t take(struct http2 *http2, uint8_t *out, size_t size)
{
    size_t len = 0, more;

    while ((more = http2_take(http2, out + len, size - len < 7 ? size - len : 7)) > 0)
        len += more;
    return len;
}

/* The preface (RFC 9113 3.4), SETTINGS without push and with a list of 65,536 bytes, HEADERS. */
static void request(void **state)
{
    static const char want[] = "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a"
                               "00000c 04 00 00000000 000200000000 000600010000";
    const struct row row = {.head_limit = 0};
    struct http2 *http2 = make(&row);
    uint8_t bytes[1024], expected[128], settings[16];
    size_t len = read_hex(want, expected), got = take(http2, bytes, sizeof(bytes));

    (void)state;
    assert_true(got > len + 9);
    assert_memory_equal(bytes, expected, len);
    assert_int_equal(bytes[len + 3], 1); /* HEADERS */
    assert_int_equal(bytes[len + 4], 5); /* END_STREAM, END_HEADERS */
    assert_int_equal(bytes[len + 8], 1); /* on stream 1 */
    assert_int_equal(got, len + 9 + bytes[len + 2]);
    read_hex(SETTINGS, settings);
    http2_receive(http2, settings, 9);
    assert_int_equal(take(http2, bytes, sizeof(bytes)), read_hex(SETTINGS_ACK, expected));
    assert_memory_equal(bytes, expected, 9);
    http2_free(http2);
}

/* RFC 9113 6.7 wants each PING answered; a peer that reads no answer is given up. */
static void pings_without_end(void **state)
{
    const struct row row = {.head_limit = 0};
    struct http2 *http2 = make(&row);
    uint8_t bytes[32];
    unsigned pings = 0;

    (void)state;
    http2_receive(http2, bytes, read_hex(SETTINGS, bytes));
    while (http2_receive(http2, bytes, read_hex("000008 06 00 00000000 0102030405060708", bytes)) ==
           HTTP_READING_HEAD)
        assert_true(++pings < HTTP2_OUT_MAX / 17);
    assert_string_equal(http2_cause(http2)->code, "h2.protocol");
    http2_free(http2);
}

static void requests_that_do_not_fit(void **state)
{
    static char value[2 * HTTP2_OUT_MAX];
    const char *lines[80];
    struct http2_config config = {.method = "GET",
                                  .scheme = "http",
                                  .authority = "a",
                                  .path = "/",
                                  .user_agent = "u",
                                  .headers = lines};
    struct http2 *http2;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    memcpy(value, "a: ", 3);
    lines[0] = value;
    lines[1] = NULL;
    assert_int_equal(http2_new(&config, &http2), -EINVAL);
    for (size_t i = 0; i < 79; i++)
        lines[i] = "A: b";
    lines[79] = NULL;
    assert_int_equal(http2_new(&config, &http2), -EINVAL);
    lines[20] = NULL;
    assert_int_equal(http2_new(&config, &http2), 0);
    http2_free(http2);
    http2_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(headers_of_the_rfc),
        cmocka_unit_test(request),
        cmocka_unit_test(pings_without_end),
        cmocka_unit_test(requests_that_do_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
