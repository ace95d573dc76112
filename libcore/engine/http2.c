#include "engine/http2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "engine/http2_internal.h"
#include "wire/greeting.h"

void http2_fail(struct http2 *h, const char *code, const char *detail)
{
    if (h->state == HTTP_DONE || h->state == HTTP_FAILED)
        return;
    cause_set(&h->cause, code, PHASE_HTTP, "%s", detail);
    h->cause.offset = h->frame_at;
    h->state = HTTP_FAILED;
}

const struct cause *http2_cause(const struct http2 *h)
{
    return &h->cause;
}

bool http2_is_set_up(const struct http2 *h)
{
    return h->set_up;
}

/* --- what is to be sent ------------------------------------------------------------------------
 */

/* Everything nghttp2 has to say; a peer that makes us say more than fits is no good one. */
static void http2_collect(struct http2 *h)
{
    const uint8_t *bytes;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(h->session, &bytes)) > 0) {
        if ((size_t)len > sizeof(h->out) - h->out_len) {
            memmove(h->out, h->out + h->out_at, h->out_len - h->out_at);
            h->out_len -= h->out_at;
            h->out_at = 0;
        }
        if ((size_t)len > sizeof(h->out) - h->out_len) {
            http2_fail(h, "h2.protocol", "the server asks for answers and does not read them");
            return;
        }
        memcpy(h->out + h->out_len, bytes, (size_t)len);
        h->out_len += (size_t)len;
    }
    if (len < 0)
        http2_fail(h, "local.memory", "out of memory");
}

size_t http2_take(struct http2 *h, uint8_t *out, size_t size)
{
    size_t len = h->out_len - h->out_at;

    len = len < size ? len : size;
    memcpy(out, h->out + h->out_at, len);
    h->out_at += len;
    if (h->out_at == h->out_len)
        h->out_at = h->out_len = 0;
    return len;
}

/* --- opening -----------------------------------------------------------------------------------
 */

static int http2_open(struct http2 *h)
{
    nghttp2_session_callbacks *callbacks;
    int err = nghttp2_session_callbacks_new(&callbacks);

    if (err)
        return -ENOMEM;
    http2_set_callbacks(callbacks);
    err = nghttp2_session_client_new(&h->session, callbacks, h);
    nghttp2_session_callbacks_del(callbacks);
    return err ? -ENOMEM : 0;
}

int http2_new(const struct http2_config *config, struct http2 **out)
{
    struct http2 *h = calloc(1, sizeof(*h));
    int err;

    if (!h)
        return -ENOMEM;
    h->head_limit = config->head_limit ? config->head_limit : HTTP_HEAD_LIMIT;
    h->body_limit = config->body_limit;
    h->cause.alert = -1;
    err = http2_open(h);
    if (!err)
        err = http2_submit(h, config);
    if (!err)
        http2_collect(h);
    if (!err && h->state == HTTP_FAILED)
        err = -EINVAL;
    if (err) {
        http2_free(h);
        return err;
    }
    *out = h;
    return 0;
}

void http2_free(struct http2 *h)
{
    if (!h)
        return;
    nghttp2_session_del(h->session);
    free(h->head);
    free(h->body);
    free(h);
}

/* --- what comes --------------------------------------------------------------------------------
 */

static void http2_feed(struct http2 *h, const uint8_t *bytes, size_t len)
{
    ssize_t taken = nghttp2_session_mem_recv(h->session, bytes, len);

    if (taken == NGHTTP2_ERR_NOMEM)
        http2_fail(h, "local.memory", "out of memory");
    else if (taken < 0)
        http2_fail(h, "h2.protocol", nghttp2_strerror((int)taken));
    http2_collect(h);
}

/* RFC 9113 3.4: the peer's first frame is SETTINGS. Anything else is another protocol. */
static bool http2_is_foreign(struct http2 *h)
{
    static const char http1[] = "HTTP/";
    char code[CAUSE_CODE_SIZE];
    const char *other;

    if (h->frame_at > 0)
        return false;
    if (h->header_len >= sizeof(http1) - 1 && !memcmp(h->header, http1, sizeof(http1) - 1)) {
        http2_fail(h, "h2.http1_reply", "the server answers in HTTP/1");
        return true;
    }
    if (h->header_len < HTTP2_FRAME_HEADER || h->header[3] == NGHTTP2_SETTINGS)
        return false;
    other = greeting_protocol(h->header, h->header_len);
    text_format(code, sizeof(code), "http.not_http.%s", other ? other : "");
    if (other)
        http2_fail(h, code, "the answer is of another protocol");
    else
        http2_fail(h, "h2.protocol", "the server does not begin with SETTINGS");
    return true;
}

/* Bytes of a frame's header; fed to nghttp2 when it is whole. */
static size_t http2_receive_header(struct http2 *h, const uint8_t *bytes, size_t len)
{
    size_t taken = HTTP2_FRAME_HEADER - h->header_len;
    struct cursor c = cursor_init(h->header, HTTP2_FRAME_HEADER);

    if (!h->header_len)
        h->frame_at = h->received;
    taken = len < taken ? len : taken;
    memcpy(h->header + h->header_len, bytes, taken);
    h->header_len += taken;
    if (http2_is_foreign(h) || h->header_len < HTTP2_FRAME_HEADER)
        return taken;
    h->left = cursor_u24(&c);
    h->header_len = 0;
    http2_feed(h, h->header, HTTP2_FRAME_HEADER);
    return taken;
}

static size_t http2_receive_payload(struct http2 *h, const uint8_t *bytes, size_t len)
{
    size_t taken = len < h->left ? len : h->left;

    h->left -= (uint32_t)taken;
    http2_feed(h, bytes, taken);
    return taken;
}

enum http_state http2_receive(struct http2 *h, const uint8_t *bytes, size_t len)
{
    while (len > 0 && (h->state == HTTP_READING_HEAD || h->state == HTTP_READING_BODY)) {
        size_t taken =
            h->left ? http2_receive_payload(h, bytes, len) : http2_receive_header(h, bytes, len);

        h->received += taken;
        bytes += taken;
        len -= taken;
    }
    return h->state;
}

enum http_state http2_end(struct http2 *h)
{
    bool over = h->state == HTTP_DONE || h->state == HTTP_FAILED;

    if (over)
        return h->state;
    h->frame_at = h->received;
    if (!h->received)
        http2_fail(h, "http.no_response", "the connection was closed without a byte");
    else if (h->leaving)
        http2_fail(h, "h2.goaway.no_error", "the server ended the connection before the response");
    else if (h->state == HTTP_READING_BODY)
        http2_fail(h, "http.truncated.body", "the end came within the body");
    else if (h->facts.informational)
        http2_fail(h, "http.only_informational", "nothing follows a 1xx response");
    else
        http2_fail(h, "http.truncated.headers", "the end came before the headers");
    return h->state;
}

/* --- facts -------------------------------------------------------------------------------------
 */

void http2_facts(const struct http2 *h, struct http_facts *facts)
{
    *facts = h->facts;
    facts->head = h->head;
    facts->head_len = h->head_len;
    facts->headers = h->headers;
    facts->body = h->body;
}
