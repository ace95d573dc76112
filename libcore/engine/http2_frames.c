/* What the frames of the peer mean for our one request: headers, body, endings (RFC 9113 6, 8). */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/http2_internal.h"

#define FRAMES_HEAD_FIRST 1024

/* "h2.goaway.enhance_your_calm": the error codes of RFC 9113 7 in lower case. */
static void frames_code(const char *group, uint32_t error, char out[CAUSE_CODE_SIZE])
{
    const char *name = nghttp2_http2_strerror(error);
    size_t len;

    text_format(out, CAUSE_CODE_SIZE, "%s.%s", group, name);
    len = strlen(group);
    for (char *c = out + len; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
}

static bool frames_are_over(const struct http2 *h)
{
    return h->state == HTTP_DONE || h->state == HTTP_FAILED;
}

/* --- headers -----------------------------------------------------------------------------------
 */

static bool frames_head_reserve(struct http2 *h, size_t more)
{
    size_t size = h->head_size ? h->head_size : FRAMES_HEAD_FIRST;
    uint8_t *grown;

    while (size < h->head_len + more)
        size *= 2;
    if (size == h->head_size)
        return true;
    grown = realloc(h->head, size);
    if (!grown) {
        http2_fail(h, "local.memory", "out of memory");
        return false;
    }
    h->head = grown;
    h->head_size = size;
    return true;
}

static uint32_t frames_head_add(struct http2 *h, const void *bytes, size_t len)
{
    size_t at = h->head_len;

    memcpy(h->head + at, bytes, len);
    h->head_len += len;
    return (uint32_t)at;
}

/* Kept as the line that HTTP/1.1 would have. */
static void frames_field(struct http2 *h, const uint8_t *name, size_t name_len,
                         const uint8_t *value, size_t value_len)
{
    size_t line = name_len + value_len + 4;
    struct http_header *header = &h->headers[h->facts.nheaders];

    if (h->facts.nheaders == HTTP_HEADERS_MAX || h->head_len + line > h->head_limit) {
        http2_fail(h, "http.too_large", "the head is over its limit");
        return;
    }
    if (!frames_head_reserve(h, line))
        return;
    header->name = frames_head_add(h, name, name_len);
    header->name_len = (uint32_t)name_len;
    frames_head_add(h, ": ", 2);
    header->value = frames_head_add(h, value, value_len);
    header->value_len = (uint32_t)value_len;
    frames_head_add(h, "\r\n", 2);
    h->facts.nheaders++;
}

/* Three digits: nghttp2 has checked them. */
static int frames_status(const uint8_t *value, size_t len)
{
    int status = 0;

    for (size_t i = 0; i < len; i++)
        status = status * 10 + (value[i] - '0');
    return status;
}

static int frames_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                         size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                         void *user_data)
{
    struct http2 *h = user_data;

    (void)session;
    (void)flags;
    if (frame->hd.stream_id != h->stream || h->state != HTTP_READING_HEAD)
        return 0; /* trailers and what comes behind the end */
    if (name_len == 7 && !memcmp(name, ":status", 7)) {
        h->facts.status = frames_status(value, value_len);
        h->facts.version = 20;
    } else {
        frames_field(h, name, name_len, value, value_len);
    }
    return 0;
}

/* RFC 9113 8.2.1: a response with such a field is malformed. */
static int frames_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                                 const uint8_t *name, size_t name_len, const uint8_t *value,
                                 size_t value_len, uint8_t flags, void *user_data)
{
    struct http2 *h = user_data;
    char shown[TEXT_ESCAPED_SIZE(24)], detail[CAUSE_DETAIL_SIZE];

    (void)session;
    (void)value;
    (void)value_len;
    (void)flags;
    if (frame->hd.stream_id != h->stream)
        return 0;
    text_escape(shown, sizeof(shown), name, name_len < 24 ? name_len : 24);
    text_format(detail, sizeof(detail), "the header \"%s\" has bytes that none may have", shown);
    http2_fail(h, "http.malformed.header", detail);
    return 0;
}

/* A whole header block: of a 1xx, of the response, or trailers. */
static void frames_head_end(struct http2 *h)
{
    if (h->state != HTTP_READING_HEAD)
        return;
    if (h->facts.status >= 100 && h->facts.status < 200) {
        if (++h->facts.informational > HTTP2_INFORMATIONAL_MAX)
            http2_fail(h, "http.too_large", "too many informational responses");
        h->facts.status = 0;
        h->facts.nheaders = 0;
        return;
    }
    h->facts.head_len = h->head_len;
    h->facts.body_kind = HTTP_BODY_FRAMES;
    h->state = h->body_limit ? HTTP_READING_BODY : HTTP_DONE;
    if (!h->body_limit)
        return;
    h->body = malloc(h->body_limit);
    if (!h->body)
        http2_fail(h, "local.memory", "out of memory");
}

static int frames_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                       const uint8_t *bytes, size_t len, void *user_data)
{
    struct http2 *h = user_data;
    size_t kept = h->body_limit - h->facts.body_kept;

    (void)session;
    (void)flags;
    if (stream != h->stream || h->state != HTTP_READING_BODY)
        return 0;
    kept = len < kept ? len : kept;
    memcpy(h->body + h->facts.body_kept, bytes, kept);
    h->facts.body_kept += kept;
    h->facts.body_len += len;
    if (h->facts.body_kept == h->body_limit)
        h->state = HTTP_DONE;
    return 0;
}

/* --- endings -----------------------------------------------------------------------------------
 */

/* RFC 9113 6.8: requests up to the last stream may still be answered. */
static void frames_goaway(struct http2 *h, const nghttp2_goaway *frame)
{
    char code[CAUSE_CODE_SIZE], detail[CAUSE_DETAIL_SIZE], said[TEXT_ESCAPED_SIZE(32)];
    size_t len = frame->opaque_data_len < 32 ? frame->opaque_data_len : 32;

    if (frame->error_code == NGHTTP2_NO_ERROR && frame->last_stream_id >= h->stream) {
        h->leaving = true;
        return;
    }
    frames_code("h2.goaway", frame->error_code, code);
    text_escape(said, sizeof(said), frame->opaque_data, len);
    text_format(detail, sizeof(detail), "the server ends the connection with %s%s%s%s",
                nghttp2_http2_strerror(frame->error_code), *said ? ", \"" : "", said,
                *said ? "\"" : "");
    http2_fail(h, code, detail);
}

static void frames_rst_stream(struct http2 *h, uint32_t error)
{
    char code[CAUSE_CODE_SIZE], detail[CAUSE_DETAIL_SIZE];

    frames_code("h2.rst_stream", error, code);
    text_format(detail, sizeof(detail), "the server gives the request up with %s",
                nghttp2_http2_strerror(error));
    http2_fail(h, code, detail);
}

static int frames_received(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct http2 *h = user_data;

    (void)session;
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        h->set_up = true;
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        frames_goaway(h, &frame->goaway);
    else if (frame->hd.type == NGHTTP2_RST_STREAM && frame->hd.stream_id == h->stream)
        frames_rst_stream(h, frame->rst_stream.error_code);
    else if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.stream_id == h->stream)
        frames_head_end(h);
    return 0;
}

/* What nghttp2 refuses of the peer, it says to the peer: GOAWAY for the connection. */
static int frames_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    char detail[CAUSE_DETAIL_SIZE], said[TEXT_ESCAPED_SIZE(64)];
    const nghttp2_goaway *goaway = &frame->goaway;

    (void)session;
    if (frame->hd.type != NGHTTP2_GOAWAY || goaway->error_code == NGHTTP2_NO_ERROR)
        return 0;
    text_escape(said, sizeof(said), goaway->opaque_data,
                goaway->opaque_data_len < 64 ? goaway->opaque_data_len : 64);
    text_format(detail, sizeof(detail), "the server breaks HTTP/2: %s%s%s",
                nghttp2_http2_strerror(goaway->error_code), *said ? ", " : "", said);
    http2_fail(user_data, "h2.protocol", detail);
    return 0;
}

/* Ours has ended: whole, or nghttp2 finds the response malformed (RFC 9113 8.1.1). */
static int frames_stream_closed(nghttp2_session *session, int32_t stream, uint32_t error,
                                void *user_data)
{
    struct http2 *h = user_data;
    char detail[CAUSE_DETAIL_SIZE];

    (void)session;
    if (stream != h->stream || frames_are_over(h))
        return 0;
    if (error == NGHTTP2_NO_ERROR && h->state == HTTP_READING_BODY) {
        h->state = HTTP_DONE;
        return 0;
    }
    text_format(detail, sizeof(detail), "the response is malformed: %s",
                nghttp2_http2_strerror(error));
    http2_fail(h, "h2.protocol", detail);
    return 0;
}

void http2_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_header_callback(callbacks, frames_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, frames_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, frames_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frames_received);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frames_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, frames_stream_closed);
}
