/* The answer of every decoder: what became of the bytes, why, and where. */
#ifndef NETDX_BASE_DECODE_H
#define NETDX_BASE_DECODE_H

#include <stddef.h>

enum decode_status {
    DECODE_OK,        /* every field in the result is valid */
    DECODE_TRUNCATED, /* the input ends before the format does; fields read so far are valid */
    DECODE_BAD,       /* the bytes contradict themselves or the standard */
    DECODE_UNKNOWN,   /* well-formed, but a type or version this decoder does not know */
};

struct decode {
    enum decode_status status;
    const char *reason; /* static text, lower case; NULL when OK */
    size_t offset;      /* bytes from the start of the decoder's input */
};

static inline struct decode decode_ok(void)
{
    return (struct decode){DECODE_OK, NULL, 0};
}

static inline struct decode decode_fail(enum decode_status status, const char *reason,
                                        size_t offset)
{
    return (struct decode){status, reason, offset};
}

#endif
