/*
 * Asks one thing over HTTP/2 and reads the response, as bytes in and bytes out (RFC 9113; nghttp2
 * keeps the session and HPACK). The facts are those of HTTP/1.x, version 20, with header lines as
 * they would be written there. Each failure has its code and the offset of the frame:
 *
 *   h2.http1_reply       the peer answers in HTTP/1.x
 *   h2.goaway.NAME       GOAWAY with an error, or one that leaves our request out (RFC 9113 6.8)
 *   h2.rst_stream.NAME   RST_STREAM; both names are RFC 9113 7's in lower case
 *   h2.protocol          the peer breaks the protocol; the detail says how
 *   http.*               as for HTTP/1.x: too_large, malformed.header, truncated.*, no_response
 *
 * No push is allowed, the list of headers and what waits to be sent are bounded, bodies are
 * counted and not kept beyond body_limit.
 */
#ifndef NETDX_ENGINE_HTTP2_H
#define NETDX_ENGINE_HTTP2_H

#include "engine/http.h"

#define HTTP2_OUT_MAX 16384 /* bytes that may wait for a peer that does not read */

struct http2_config { /* texts borrowed for http2_new alone */
    const char *method, *scheme, *authority, *path;
    const char *user_agent;
    const char *const *headers; /* further "Name: value" lines, ends with NULL; may be NULL */
    size_t head_limit;          /* 0: HTTP_HEAD_LIMIT */
    size_t body_limit;          /* bytes of body kept; 0: done behind the headers */
};

struct http2; /* opaque */

/* The preface, our SETTINGS and the request wait to be taken. 0, -ENOMEM, -EINVAL: a request that
 * does not fit. */
int http2_new(const struct http2_config *config, struct http2 **out);
void http2_free(struct http2 *http2); /* NULL is fine */

/* Bytes for the peer, up to `size`; 0: none waits. Ask again after http2_receive. */
size_t http2_take(struct http2 *http2, uint8_t *out, size_t size);

/* As http_receive and http_end. */
enum http_state http2_receive(struct http2 *http2, const uint8_t *bytes, size_t len);
enum http_state http2_end(struct http2 *http2);
const struct cause *http2_cause(const struct http2 *http2);

/* Whether the peer's SETTINGS have come, which must be the first it says (RFC 9113 3.4). */
bool http2_is_set_up(const struct http2 *http2);

void http2_facts(const struct http2 *http2, struct http_facts *facts);

#endif
