/* Status line and header fields (RFC 9112 4 and 5). */
#include <string.h>
#include <strings.h>

#include "engine/http_internal.h"

static bool http_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool http_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Shoutcast's "ICY 200 OK" stands where "HTTP/1.0 200 OK" would. */
static size_t http_version(struct http_response *r, const uint8_t *line, size_t len)
{
    if (len >= 4 && !strncasecmp((const char *)line, "ICY ", 4)) {
        r->facts.icy = true;
        r->facts.version = 10;
        return 3;
    }
    if (len < 8 || !http_is_digit(line[5]) || line[6] != '.' || !http_is_digit(line[7]))
        return 0;
    r->facts.version = (unsigned)(line[5] - '0') * 10 + (unsigned)(line[7] - '0');
    return 8;
}

void http_status_line(struct http_response *r, size_t start, size_t len)
{
    const uint8_t *line = r->head + start;
    size_t at = http_version(r, line, len), digits;

    if (!at || r->facts.version / 10 != 1) {
        http_fail(r, "http.malformed.version", start, "the version is not 1.0 or 1.1");
        return;
    }
    digits = at;
    while (digits < len && http_is_blank(line[digits]))
        digits++;
    if (digits == at || len - digits < 3 || !http_is_digit(line[digits]) ||
        !http_is_digit(line[digits + 1]) || !http_is_digit(line[digits + 2]) ||
        line[digits] == '0' || (len - digits > 3 && !http_is_blank(line[digits + 3]))) {
        http_fail(r, "http.malformed.status_line", start + digits,
                  "the status is not three digits");
        return;
    }
    r->facts.status =
        (line[digits] - '0') * 100 + (line[digits + 1] - '0') * 10 + (line[digits + 2] - '0');
    r->has_status_line = true;
    digits += len - digits > 3 ? 4 : 3;
    r->reason = start + digits;
    r->facts.reason_len = len - digits;
}

/* obs-fold (RFC 9112 5.2): a line that begins with a blank goes on with the value before it. */
static void http_fold(struct http_response *r, size_t start, size_t len)
{
    struct http_header *last = &r->headers[r->facts.nheaders - 1];

    while (len > 0 && http_is_blank(r->head[start + len - 1]))
        len--;
    last->value_len = (uint32_t)(start + len - last->value);
}

static void http_field(struct http_response *r, size_t start, size_t len, size_t colon)
{
    size_t name_len = colon, value = colon + 1, end = len;

    while (name_len > 0 && http_is_blank(r->head[start + name_len - 1]))
        name_len--;
    while (value < end && http_is_blank(r->head[start + value]))
        value++;
    while (end > value && http_is_blank(r->head[start + end - 1]))
        end--;
    r->headers[r->facts.nheaders++] = (struct http_header){
        .name = (uint32_t)start,
        .name_len = (uint32_t)name_len,
        .value = (uint32_t)(start + value),
        .value_len = (uint32_t)(end - value),
    };
}

void http_header_line(struct http_response *r, size_t start, size_t len)
{
    const uint8_t *line = r->head + start, *colon = memchr(line, ':', len);
    bool folded = http_is_blank(line[0]);

    if (folded && r->facts.nheaders > 0)
        http_fold(r, start, len);
    else if (folded || !colon || colon == line)
        http_fail(r, "http.malformed.header", start, "a header line without a name and a colon");
    else if (r->facts.nheaders == HTTP_HEADERS_MAX)
        http_fail(r, "http.too_large", start, "more header fields than are kept");
    else
        http_field(r, start, len, (size_t)(colon - line));
}
