#include "engine/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "engine/http_internal.h"
#include "wire/greeting.h"

enum { HTTP_HEAD_FIRST = 1024, HTTP_PREFIX_LEN = 5 };

int http_new(const struct http_config *config, struct http_response **out)
{
    struct http_response *r = calloc(1, sizeof(*r));

    if (!r)
        return -ENOMEM;
    r->config = *config;
    if (!r->config.head_limit)
        r->config.head_limit = HTTP_HEAD_LIMIT;
    r->cause.alert = -1;
    *out = r;
    return 0;
}

void http_free(struct http_response *r)
{
    if (!r)
        return;
    free(r->head);
    free(r->body);
    free(r);
}

void http_fail(struct http_response *r, const char *code, uint64_t offset, const char *detail)
{
    cause_set(&r->cause, code, PHASE_HTTP, "%s", detail);
    r->cause.offset = offset;
    r->state = HTTP_FAILED;
}

const struct cause *http_cause(const struct http_response *r)
{
    return &r->cause;
}

/* --- the head: bytes into lines ----------------------------------------------------------------
 */

static bool http_head_reserve(struct http_response *r, size_t more)
{
    size_t size = r->head_size ? r->head_size : HTTP_HEAD_FIRST;
    uint8_t *grown;

    while (size < r->head_len + more)
        size *= 2;
    if (size == r->head_size)
        return true;
    grown = realloc(r->head, size);
    if (!grown) {
        http_fail(r, "local.memory", r->received, "out of memory");
        return false;
    }
    r->head = grown;
    r->head_size = size;
    return true;
}

/* RFC 9112 6.3 and 15.2 of RFC 9110: a 1xx is followed by another status line. */
static void http_head_end(struct http_response *r)
{
    bool informational = r->facts.status >= 100 && r->facts.status < 200;

    if (!informational || r->facts.status == 101) {
        r->facts.head_len = r->head_len;
        http_body_begin(r);
        return;
    }
    if (++r->facts.informational > HTTP_INFORMATIONAL_MAX) {
        http_fail(r, "http.too_large", r->received, "too many informational responses");
        return;
    }
    r->has_status_line = false;
    r->facts.status = 0;
    r->facts.nheaders = 0;
}

static void http_head_line(struct http_response *r, size_t start, size_t len)
{
    const uint8_t *nul = memchr(r->head + start, 0, len);

    if (len > 0 && r->head[start + len - 1] == '\r')
        len--;
    else
        r->facts.lf_only = true; /* RFC 9112 2.2 lets a recipient take it */
    if (nul)
        http_fail(r, "http.malformed.nul", (uint64_t)(nul - r->head), "a NUL byte in the head");
    else if (!r->has_status_line)
        http_status_line(r, start, len);
    else if (len > 0)
        http_header_line(r, start, len);
    else
        http_head_end(r);
}

/* HTTP/0.9 (RFC 1945 6): what came so far, and all that follows, is the body. */
static void http_begin_without_head(struct http_response *r)
{
    size_t len = r->head_len;

    r->facts.http09 = true;
    r->facts.version = 9;
    r->head_len = 0;
    http_body_begin(r);
    if (r->state == HTTP_READING_BODY)
        http_body_receive(r, r->head, len);
}

/* Whether the first bytes can still become a status line; false when the head ends here. */
static bool http_head_is_plausible(struct http_response *r)
{
    /* 220: FTP or SMTP, which the end of its line tells apart. */
    static const char *const prefixes[] = {"HTTP/", "ICY ", "220 ", "220-"};
    size_t len = r->head_len - r->line;
    const char *other;
    char code[CAUSE_CODE_SIZE];

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t want = strlen(prefixes[i]);

        if (!strncasecmp((const char *)r->head + r->line, prefixes[i], len < want ? len : want) &&
            (i < 2 || !memchr(r->head + r->line, '\n', len)))
            return true;
    }
    other = greeting_protocol(r->head + r->line, len);
    if (other) {
        text_format(code, sizeof(code), "http.not_http.%s", other);
        http_fail(r, code, r->line, "the answer is of another protocol");
        return false;
    }
    if (r->line == 0 && r->head[0] == '<') {
        http_begin_without_head(r);
        return false;
    }
    if (len < HTTP_PREFIX_LEN && !memchr(r->head + r->line, '\n', len))
        return true; /* too short to know what it is */
    http_fail(r, "http.malformed.status_line", r->line, "the answer does not begin with HTTP/");
    return false;
}

/* Takes bytes up to the end of a line, or all of them. */
static size_t http_head_receive(struct http_response *r, const uint8_t *bytes, size_t len)
{
    const uint8_t *end = memchr(bytes, '\n', len);
    size_t taken = end ? (size_t)(end - bytes) + 1 : len, start = r->line;

    if (r->head_len + taken > r->config.head_limit) {
        http_fail(r, "http.too_large", r->received, "the head is over its limit");
        return taken;
    }
    if (!http_head_reserve(r, taken))
        return taken;
    memcpy(r->head + r->head_len, bytes, taken);
    r->head_len += taken;
    if (!r->has_status_line && !http_head_is_plausible(r))
        return taken;
    if (end) {
        r->line = r->head_len;
        http_head_line(r, start, r->head_len - 1 - start);
    }
    return taken;
}

enum http_state http_receive(struct http_response *r, const uint8_t *bytes, size_t len)
{
    while (len > 0 && (r->state == HTTP_READING_HEAD || r->state == HTTP_READING_BODY)) {
        size_t taken = r->state == HTTP_READING_HEAD ? http_head_receive(r, bytes, len)
                                                     : http_body_receive(r, bytes, len);

        r->received += taken;
        bytes += taken;
        len -= taken;
    }
    return r->state;
}

/* --- the end -----------------------------------------------------------------------------------
 */

enum http_state http_end(struct http_response *r)
{
    if (r->state == HTTP_READING_BODY) {
        http_body_end(r);
    } else if (r->state == HTTP_READING_HEAD) {
        if (r->received == 0)
            http_fail(r, "http.no_response", 0, "the connection was closed without a byte");
        else if (r->facts.informational && r->head_len == r->line && !r->has_status_line)
            http_fail(r, "http.only_informational", r->received, "nothing follows a 1xx response");
        else
            http_fail(r, "http.truncated.headers", r->received, "the end came within the head");
    }
    return r->state;
}

/* --- facts -------------------------------------------------------------------------------------
 */

void http_facts(const struct http_response *r, struct http_facts *facts)
{
    *facts = r->facts;
    facts->head = r->head;
    facts->head_len = r->head_len;
    facts->headers = r->headers;
    facts->body = r->body;
    facts->reason = facts->reason_len ? r->head + r->reason : NULL;
}

bool http_find(const struct http_facts *facts, const char *name, size_t n, const uint8_t **value,
               size_t *len)
{
    size_t want = strlen(name);

    for (size_t i = 0; i < facts->nheaders; i++) {
        const struct http_header *h = &facts->headers[i];

        if (h->name_len != want || strncasecmp((const char *)facts->head + h->name, name, want))
            continue;
        if (n-- > 0)
            continue;
        *value = facts->head + h->value;
        *len = h->value_len;
        return true;
    }
    return false;
}
