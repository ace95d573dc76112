/* A bounded writer into the caller's buffer. Past the end it writes nothing and sets `failed`. */
#ifndef NETDX_BASE_WRITER_H
#define NETDX_BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
    uint8_t *bytes; /* borrowed */
    size_t size;
    size_t len;     /* bytes written so far, always <= size */
    bool failed;
};

struct writer writer_init(void *bytes, size_t size);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value); /* big-endian */
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);
void writer_u16le(struct writer *w, uint16_t value);
void writer_u32le(struct writer *w, uint32_t value);
void writer_bytes(struct writer *w, const void *bytes, size_t len);
void writer_zero(struct writer *w, size_t len);

/* Overwrites two bytes already written, for lengths and checksums known late. */
void writer_patch_u16(struct writer *w, size_t pos, uint16_t value);

#endif
