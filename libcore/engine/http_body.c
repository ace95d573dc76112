/* How long the body is and where it ends (RFC 9112 6 and 7). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/http_internal.h"

/* One number, or several that agree: "5" or "5, 5" (RFC 9110 8.6). False: neither. */
static bool http_read_length(const uint8_t *value, size_t len, uint64_t *out, bool *repeated)
{
    bool found = false;

    for (size_t i = 0; i < len;) {
        uint64_t n = 0;
        size_t digits = 0;

        while (i < len && (value[i] == ' ' || value[i] == '\t'))
            i++;
        for (; i < len && value[i] >= '0' && value[i] <= '9'; i++, digits++)
            n = n * 10 + (uint64_t)(value[i] - '0');
        while (i < len && (value[i] == ' ' || value[i] == '\t'))
            i++;
        if (digits == 0 || digits > 18 || (i < len && value[i] != ',') || (found && n != *out))
            return false;
        *repeated |= found;
        found = true;
        *out = n;
        if (i < len && ++i == len)
            return false; /* a comma and nothing behind it */
    }
    return found;
}

/* 1: there is a length; 0: none; -1: failed. */
static int http_content_length(struct http_response *r)
{
    struct http_facts facts;
    const uint8_t *value;
    uint64_t length = 0, one = 0;
    size_t len, n;

    http_facts(r, &facts);
    for (n = 0; http_find(&facts, "Content-Length", n, &value, &len); n++) {
        if (!http_read_length(value, len, &one, &r->facts.duplicate_length) ||
            (n > 0 && one != length)) {
            http_fail(r, "http.malformed.content_length", (uint64_t)(value - facts.head),
                      "Content-Length is no number, or says two");
            return -1;
        }
        length = one;
    }
    r->facts.duplicate_length |= n > 1;
    r->facts.announced_len = length;
    return n > 0;
}

/* Whether the last transfer coding is chunked; others end with the connection. */
static bool http_is_chunked(const struct http_response *r, bool *coded)
{
    struct http_facts facts;
    const uint8_t *value;
    size_t len;
    bool chunked = false;

    http_facts(r, &facts);
    for (size_t n = 0; http_find(&facts, "Transfer-Encoding", n, &value, &len); n++) {
        *coded = true;
        chunked = len >= 7 && !strncasecmp((const char *)value + len - 7, "chunked", 7);
    }
    return chunked;
}

static bool http_has_no_body(const struct http_response *r)
{
    int status = r->facts.status;

    return r->config.head || status == 101 || status == 204 || status == 304;
}

static void http_body_choose(struct http_response *r)
{
    bool coded = false, chunked = http_is_chunked(r, &coded);
    int has_length;

    if (chunked) {
        r->facts.body_kind = HTTP_BODY_CHUNKED;
        return;
    }
    has_length = http_content_length(r);
    if (has_length > 0 && !coded) {
        r->facts.body_kind = HTTP_BODY_LENGTH;
        r->left = r->facts.announced_len;
    } else {
        r->facts.body_kind = HTTP_BODY_UNTIL_CLOSE;
    }
}

void http_body_begin(struct http_response *r)
{
    r->state = HTTP_READING_BODY;
    r->facts.body_kind = HTTP_BODY_NONE;
    if (!http_has_no_body(r))
        http_body_choose(r);
    if (r->state == HTTP_FAILED)
        return;
    if (r->facts.body_kind == HTTP_BODY_NONE || !r->config.body_limit ||
        (r->facts.body_kind == HTTP_BODY_LENGTH && !r->left)) {
        r->state = HTTP_DONE;
        return;
    }
    r->body = malloc(r->config.body_limit);
    if (!r->body)
        http_fail(r, "local.memory", r->received, "out of memory");
}

/* Body bytes that are content. Done when as many are there as are wanted. */
static void http_keep(struct http_response *r, const uint8_t *bytes, size_t len)
{
    size_t room = r->config.body_limit - r->facts.body_kept;
    size_t kept = len < room ? len : room;

    memcpy(r->body + r->facts.body_kept, bytes, kept);
    r->facts.body_kept += kept;
    r->facts.body_len += len;
    if (r->facts.body_kept == r->config.body_limit)
        r->state = HTTP_DONE;
}

static size_t http_keep_counted(struct http_response *r, const uint8_t *bytes, size_t len)
{
    size_t taken = len < r->left ? len : (size_t)r->left;

    r->left -= taken;
    http_keep(r, bytes, taken);
    return taken;
}

/* --- chunks (RFC 9112 7.1) ---------------------------------------------------------------------
 */

static int http_hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void http_chunk_fail(struct http_response *r, size_t at, const char *detail)
{
    http_fail(r, "http.malformed.chunk", r->received + at, detail);
}

static void http_chunk_size_end(struct http_response *r, size_t at)
{
    if (!r->chunk_digits)
        http_chunk_fail(r, at, "a chunk without a size");
    r->chunk = r->left ? CHUNK_DATA : CHUNK_TRAILER;
    r->chunk_line = 0;
}

static void http_chunk_size(struct http_response *r, uint8_t c, size_t at)
{
    int digit = http_hex(c);

    if (digit >= 0 && r->chunk_digits < HTTP_CHUNK_DIGITS_MAX) {
        r->left = r->left << 4 | (unsigned)digit;
        r->chunk_digits++;
    } else if (digit >= 0) {
        http_chunk_fail(r, at, "the size of a chunk is too large");
    } else if (c == '\n') {
        http_chunk_size_end(r, at);
    } else if (c == ';' || c == ' ' || c == '\t' || c == '\r') {
        r->chunk = CHUNK_EXTENSION;
    } else {
        http_chunk_fail(r, at, "the size of a chunk is not hexadecimal");
    }
}

static void http_chunk_trailer(struct http_response *r, uint8_t c)
{
    if (c == '\n' && !r->chunk_line)
        r->state = HTTP_DONE;
    else if (c == '\n')
        r->chunk_line = 0;
    else if (c != '\r')
        r->chunk_line++;
}

static void http_chunk_data_end(struct http_response *r, uint8_t c, size_t at)
{
    if (c == '\n') {
        r->chunk = CHUNK_SIZE;
        r->chunk_digits = 0;
        r->left = 0;
        r->chunk_line = 0;
    } else if (c != '\r') {
        http_chunk_fail(r, at, "a chunk is longer than its size");
    }
}

/* One byte of what is between the data. */
static void http_chunk_framing(struct http_response *r, uint8_t c, size_t at)
{
    if (r->chunk != CHUNK_DATA_END && r->chunk != CHUNK_TRAILER &&
        ++r->chunk_line > HTTP_CHUNK_LINE_MAX)
        http_chunk_fail(r, at, "the line of a chunk is too long");
    else if (r->chunk == CHUNK_SIZE)
        http_chunk_size(r, c, at);
    else if (r->chunk == CHUNK_EXTENSION && c == '\n')
        http_chunk_size_end(r, at);
    else if (r->chunk == CHUNK_DATA_END)
        http_chunk_data_end(r, c, at);
    else if (r->chunk == CHUNK_TRAILER)
        http_chunk_trailer(r, c);
}

static size_t http_chunks_receive(struct http_response *r, const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    while (at < len && r->state == HTTP_READING_BODY) {
        if (r->chunk != CHUNK_DATA) {
            http_chunk_framing(r, bytes[at], at);
            at++;
            continue;
        }
        at += http_keep_counted(r, bytes + at, len - at);
        if (!r->left)
            r->chunk = CHUNK_DATA_END;
    }
    return at;
}

/* --- all kinds ---------------------------------------------------------------------------------
 */

size_t http_body_receive(struct http_response *r, const uint8_t *bytes, size_t len)
{
    if (r->facts.body_kind == HTTP_BODY_CHUNKED)
        return http_chunks_receive(r, bytes, len);
    if (r->facts.body_kind == HTTP_BODY_UNTIL_CLOSE) {
        http_keep(r, bytes, len);
        return len;
    }
    len = http_keep_counted(r, bytes, len);
    if (!r->left)
        r->state = HTTP_DONE;
    return len;
}

void http_body_end(struct http_response *r)
{
    if (r->facts.body_kind == HTTP_BODY_UNTIL_CLOSE)
        r->state = HTTP_DONE;
    else if (r->facts.body_kind == HTTP_BODY_CHUNKED)
        http_fail(r, "http.truncated.chunk", r->received, "the end came before the last chunk");
    else
        http_fail(r, "http.truncated.body", r->received, "fewer bytes than Content-Length says");
}
