/*
 * Reads one HTTP/1.x response from bytes as they come, tolerant as clients must be and exact about
 * what was wrong: each failure has its code and the offset of the byte. RFC 9112. Bodies are
 * counted, not kept beyond body_limit, and never decompressed.
 */
#ifndef NETDX_ENGINE_HTTP_H
#define NETDX_ENGINE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cause.h"

#define HTTP_HEADERS_MAX 256
#define HTTP_HEAD_LIMIT  65536 /* bytes of status line and headers; http.too_large beyond */

struct http_header {
    uint32_t name, name_len;   /* offsets into head[] */
    uint32_t value, value_len; /* leading and trailing blanks left out, folds kept */
};

enum http_body {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_UNTIL_CLOSE,
    HTTP_BODY_FRAMES, /* HTTP/2 */
};

struct http_config {
    bool head;         /* the request was HEAD: no body follows */
    size_t head_limit; /* 0: HTTP_HEAD_LIMIT */
    size_t body_limit; /* bytes of body kept; the reader is done at that many */
};

struct http_response; /* opaque: http.c */

int http_new(const struct http_config *config, struct http_response **out); /* 0, -ENOMEM */
void http_free(struct http_response *response);

enum http_state {
    HTTP_READING_HEAD,
    HTTP_READING_BODY,
    HTTP_DONE,   /* whole, or as much as the limit asks for */
    HTTP_FAILED, /* http_cause says why */
};

/* Takes bytes in; all are read unless the state becomes DONE or FAILED. Keep calling. */
enum http_state http_receive(struct http_response *response, const uint8_t *bytes, size_t len);
/* The peer sent FIN. DONE where that ends a body, FAILED (http.truncated.*, http.no_response,
 * http.only_informational) elsewhere. */
enum http_state http_end(struct http_response *response);
const struct cause *http_cause(const struct http_response *response);

struct http_facts {
    unsigned version;      /* 9, 10, 11, 20; 0: none yet */
    int status;            /* 0: none yet */
    const uint8_t *reason; /* borrowed, raw */
    size_t reason_len;
    const uint8_t *head; /* everything received up to the end of the headers, raw */
    size_t head_len;
    size_t nheaders;
    const struct http_header *headers;
    enum http_body body_kind;
    uint64_t body_len;      /* received so far */
    uint64_t announced_len; /* Content-Length, when body_kind is LENGTH */
    const uint8_t *body;    /* the first body_limit bytes, raw */
    size_t body_kept;
    unsigned informational;                      /* 1xx before this one */
    bool lf_only, icy, duplicate_length, http09; /* bent rules: notes, not failures */
};

void http_facts(const struct http_response *response, struct http_facts *facts);

/* The n-th (from 0) header of that name, case ignored; false: none. */
bool http_find(const struct http_facts *facts, const char *name, size_t n, const uint8_t **value,
               size_t *len);

#endif
