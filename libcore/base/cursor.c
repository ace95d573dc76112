#include "base/cursor.h"

#include <string.h>

struct cursor cursor_init(const void *bytes, size_t len)
{
    return (struct cursor){.bytes = bytes, .len = len};
}

static uint64_t cursor_big_endian(struct cursor *c, size_t len)
{
    const uint8_t *at = cursor_bytes(c, len);
    uint64_t value = 0;

    for (size_t i = 0; at && i < len; i++)
        value = value << 8 | at[i];
    return value;
}

static uint64_t cursor_little_endian(struct cursor *c, size_t len)
{
    const uint8_t *at = cursor_bytes(c, len);
    uint64_t value = 0;

    for (size_t i = len; at && i > 0; i--)
        value = value << 8 | at[i - 1];
    return value;
}

uint32_t cursor_u24(struct cursor *c)
{
    return (uint32_t)cursor_big_endian(c, 3);
}

uint64_t cursor_u64(struct cursor *c)
{
    return cursor_big_endian(c, 8);
}

uint16_t cursor_u16le(struct cursor *c)
{
    return (uint16_t)cursor_little_endian(c, 2);
}

uint32_t cursor_u32le(struct cursor *c)
{
    return (uint32_t)cursor_little_endian(c, 4);
}

uint32_t cursor_u32host(struct cursor *c)
{
    uint32_t value;

    cursor_copy(c, &value, sizeof(value));
    return value;
}

void cursor_seek(struct cursor *c, size_t pos)
{
    if (c->failed || pos > c->len) {
        c->failed = true;
        c->pos = c->len;
        return;
    }
    c->pos = pos;
}

void cursor_copy(struct cursor *c, void *out, size_t len)
{
    const uint8_t *at = cursor_bytes(c, len);

    if (len == 0)
        return;
    if (at)
        memcpy(out, at, len);
    else
        memset(out, 0, len);
}

struct cursor cursor_rest(struct cursor *c)
{
    return cursor_sub(c, cursor_left(c));
}
