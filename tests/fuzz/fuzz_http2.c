/*
 * First byte: how the rest is cut into pieces, and whether a body is wanted. The rest: what a
 * server says to our request. Pieces must not matter, and what we answer stays bounded.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/http2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http2 *http2, struct http_facts *facts)
{
    http2_facts(http2, facts);
    for (size_t i = 0; i < facts->nheaders; i++) {
        const struct http_header *h = &facts->headers[i];

        if (h->name + h->name_len > 4096 || h->value + h->value_len > 4096)
            abort();
    }
    if (facts->body_kept > 64 || facts->body_kept > facts->body_len)
        abort();
}

static enum http_state run(const uint8_t *data, size_t size, size_t step, bool body,
                           struct http2 **out)
{
    static const char *const headers[] = {"X-One: 1 ", NULL};
    const struct http2_config config = {
        .method = "GET",
        .scheme = "https",
        .authority = "a",
        .path = "/",
        .user_agent = "u",
        .headers = headers,
        .head_limit = 4096,
        .body_limit = body ? 64 : 0,
    };
    uint8_t said[512];
    size_t left = 0;

    if (http2_new(&config, out))
        abort();
    for (size_t at = 0; at < size; at += step)
        http2_receive(*out, data + at, size - at < step ? size - at : step);
    for (size_t len; (len = http2_take(*out, said, sizeof(said))) > 0; left += len)
        if (left > HTTP2_OUT_MAX)
            abort();
    return http2_end(*out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http2 *pieces, *whole;
    struct http_facts a, b;

    if (size < 1)
        return 0;
    bool body = data[0] & 1;
    enum http_state first = run(data + 1, size - 1, 1 + data[0] / 2, body, &pieces);
    enum http_state second = run(data + 1, size - 1, size, body, &whole);

    check(pieces, &a);
    check(whole, &b);
    if (first != second || (first != HTTP_DONE && first != HTTP_FAILED))
        abort();
    if (first == HTTP_DONE &&
        (a.status != b.status || a.nheaders != b.nheaders || a.body_kept != b.body_kept))
        abort();
    if (first == HTTP_FAILED && strcmp(http2_cause(pieces)->code, http2_cause(whole)->code) != 0)
        abort();
    http2_free(pieces);
    http2_free(whole);
    return 0;
}
