/* What the parts of the HTTP/1.x reader share: lines and state, the head, the body. */
#ifndef NETDX_ENGINE_HTTP_INTERNAL_H
#define NETDX_ENGINE_HTTP_INTERNAL_H

#include "engine/http.h"

enum { HTTP_CHUNK_LINE_MAX = 4096, HTTP_CHUNK_DIGITS_MAX = 15, HTTP_INFORMATIONAL_MAX = 32 };

enum http_chunk { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

struct http_response {
    struct http_config config;
    enum http_state state;
    struct cause cause;
    uint64_t received; /* bytes taken in so far */
    /* head */
    uint8_t *head; /* owned */
    size_t head_len, head_size;
    size_t line; /* where the line being received starts */
    bool has_status_line;
    size_t reason;           /* where the reason phrase starts */
    struct http_facts facts; /* its pointers are set when it is handed out */
    struct http_header headers[HTTP_HEADERS_MAX];
    /* body */
    uint8_t *body; /* owned; body_limit bytes */
    uint64_t left; /* of the length, or of the chunk */
    enum http_chunk chunk;
    unsigned chunk_digits;
    size_t chunk_line; /* bytes of the line of a chunk so far */
};

/* Ends in HTTP_FAILED: `code`, found at `offset` bytes of the answer. */
void http_fail(struct http_response *r, const char *code, uint64_t offset, const char *detail);

/* One line of the head without its end, `start` bytes into head[]. */
void http_status_line(struct http_response *r, size_t start, size_t len);
void http_header_line(struct http_response *r, size_t start, size_t len);

/* The headers are whole: what follows them (RFC 9112 6.3). */
void http_body_begin(struct http_response *r);
/* Returns how many of the bytes were taken. */
size_t http_body_receive(struct http_response *r, const uint8_t *bytes, size_t len);
void http_body_end(struct http_response *r);

#endif
