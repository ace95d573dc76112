/* What the parts of the HTTP/2 reader share: the session and its frames, the request. */
#ifndef NETDX_ENGINE_HTTP2_INTERNAL_H
#define NETDX_ENGINE_HTTP2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "engine/http2.h"

enum {
    HTTP2_FRAME_HEADER = 9, /* RFC 9113 4.1 */
    HTTP2_INFORMATIONAL_MAX = 32,
};

struct http2 {
    size_t head_limit, body_limit;
    nghttp2_session *session; /* owned */
    int32_t stream;           /* our request's */
    enum http_state state;
    struct cause cause;
    bool set_up;
    bool leaving; /* a GOAWAY that still lets our request be answered */
    /* the frame being received */
    uint8_t header[HTTP2_FRAME_HEADER];
    size_t header_len;
    uint32_t left;     /* of its payload */
    uint64_t frame_at; /* offset of its first byte */
    uint64_t received;
    /* what waits to be sent */
    uint8_t out[HTTP2_OUT_MAX];
    size_t out_at, out_len;
    /* the response */
    uint8_t *head; /* owned */
    size_t head_len, head_size;
    uint8_t *body;           /* owned; body_limit bytes */
    struct http_facts facts; /* its pointers are set when it is handed out */
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* Ends in HTTP_FAILED at the frame being received. The first failure stays. */
void http2_fail(struct http2 *h, const char *code, const char *detail);

/* http2_frames.c: what nghttp2 tells; `user_data` is the struct http2. */
void http2_set_callbacks(nghttp2_session_callbacks *callbacks);

/* http2_request.c: our SETTINGS and the request. 0, -ENOMEM, -EINVAL. */
int http2_submit(struct http2 *h, const struct http2_config *config);

#endif
