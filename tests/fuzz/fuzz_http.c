/*
 * First byte: HEAD or not, and how the rest is cut into pieces. The rest: a response. Pieces must
 * not matter: the same bytes at once end the same way.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_response *response, struct http_facts *facts)
{
    http_facts(response, facts);
    for (size_t i = 0; i < facts->nheaders; i++) {
        const struct http_header *h = &facts->headers[i];

        if ((size_t)h->name + h->name_len > facts->head_len ||
            (size_t)h->value + h->value_len > facts->head_len)
            abort();
    }
    if (facts->body_kept > 64 || facts->body_kept > facts->body_len)
        abort();
}

static enum http_state run(const uint8_t *data, size_t size, bool head, size_t step,
                           struct http_response **out)
{
    const struct http_config config = {.head = head, .head_limit = 4096, .body_limit = 64};

    if (http_new(&config, out))
        abort();
    for (size_t at = 0; at < size; at += step)
        http_receive(*out, data + at, size - at < step ? size - at : step);
    return http_end(*out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response *pieces, *whole;
    struct http_facts a, b;

    if (size < 1)
        return 0;
    bool head = data[0] & 1;
    enum http_state first = run(data + 1, size - 1, head, 1 + data[0] / 2, &pieces);
    enum http_state second = run(data + 1, size - 1, head, size, &whole);

    check(pieces, &a);
    check(whole, &b);
    if (first != HTTP_DONE && first != HTTP_FAILED)
        abort();
    /* What speaks another protocol may be recognised later in pieces than at once. */
    if (first == second && first == HTTP_DONE &&
        (a.status != b.status || a.nheaders != b.nheaders || a.body_kept != b.body_kept))
        abort();
    http_free(pieces);
    http_free(whole);
    return 0;
}
