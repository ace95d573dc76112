#include "base/writer.h"

#include <string.h>

struct writer writer_init(void *bytes, size_t size)
{
    return (struct writer){.bytes = bytes, .size = size};
}

/* Room for `len` bytes at the end, or NULL: a write that does not fit writes nothing at all. */
static uint8_t *writer_extend(struct writer *w, size_t len)
{
    if (w->failed || len > w->size - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *at = w->bytes + w->len;
    w->len += len;
    return at;
}

static void writer_big_endian(struct writer *w, uint64_t value, size_t len)
{
    uint8_t *at = writer_extend(w, len);

    for (size_t i = len; at && i > 0; i--, value >>= 8)
        at[i - 1] = (uint8_t)value;
}

static void writer_little_endian(struct writer *w, uint64_t value, size_t len)
{
    uint8_t *at = writer_extend(w, len);

    for (size_t i = 0; at && i < len; i++, value >>= 8)
        at[i] = (uint8_t)value;
}

void writer_u8(struct writer *w, uint8_t value)
{
    writer_big_endian(w, value, 1);
}

void writer_u16(struct writer *w, uint16_t value)
{
    writer_big_endian(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value)
{
    writer_big_endian(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value)
{
    writer_big_endian(w, value, 8);
}

void writer_u16le(struct writer *w, uint16_t value)
{
    writer_little_endian(w, value, 2);
}

void writer_u32le(struct writer *w, uint32_t value)
{
    writer_little_endian(w, value, 4);
}

void writer_bytes(struct writer *w, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    uint8_t *at = writer_extend(w, len);
    if (at)
        memcpy(at, bytes, len);
}

void writer_zero(struct writer *w, size_t len)
{
    if (len == 0)
        return;
    uint8_t *at = writer_extend(w, len);
    if (at)
        memset(at, 0, len);
}

void writer_patch_u16(struct writer *w, size_t pos, uint16_t value)
{
    if (pos > w->len || w->len - pos < 2) {
        w->failed = true;
        return;
    }
    w->bytes[pos] = (uint8_t)(value >> 8);
    w->bytes[pos + 1] = (uint8_t)value;
}
