/*
 * The cursor against the plainest reading of the same bytes. The first byte says how many bytes
 * are the script; what follows the script is read by it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* `len` bytes from `pos` as a number, zero when they are not all there. */
static uint64_t plain(const uint8_t *bytes, size_t size, size_t pos, size_t len, bool little)
{
    uint64_t value = 0;

    if (len > size - pos)
        return 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)bytes[pos + i] << 8 * (little ? i : len - 1 - i);
    return value;
}

/* One getter; the number of bytes it takes. */
static size_t get(struct cursor *c, uint8_t operation, uint64_t *value, bool *little)
{
    uint32_t host;

    *little = false;
    switch (operation % 8) {
    case 0:
        *value = cursor_u8(c);
        return 1;
    case 1:
        *value = cursor_u16(c);
        return 2;
    case 2:
        *value = cursor_u24(c);
        return 3;
    case 3:
        *value = cursor_u32(c);
        return 4;
    case 4:
        *value = cursor_u64(c);
        return 8;
    case 5:
        *little = true;
        *value = cursor_u16le(c);
        return 2;
    case 6:
        *little = true;
        *value = cursor_u32le(c);
        return 4;
    default:
        host = cursor_u32host(c);
        *value = host;
        *little = *(const uint8_t *)&(uint32_t){1} == 1;
        return 4;
    }
}

static void check_number(struct cursor *c, uint8_t operation)
{
    struct cursor before = *c;
    uint64_t value;
    bool little;
    size_t len = get(c, operation, &value, &little);
    bool fits = !before.failed && len <= before.len - before.pos;

    require(c->failed == !fits);
    require(value == (fits ? plain(before.bytes, before.len, before.pos, len, little) : 0));
    require(c->pos == (fits ? before.pos + len : c->len));
}

/* Sub-cursors, skipping, seeking and copying stay inside, and a failure stays one. */
static void check_range(struct cursor *c, uint8_t operation, size_t len)
{
    struct cursor before = *c, inner = {0};
    uint8_t copy[256];

    if (operation % 5 == 0) {
        inner = cursor_sub(c, len);
        require(inner.failed || inner.len == len);
    } else if (operation % 5 == 1) {
        inner = cursor_rest(c);
        require(inner.failed == before.failed && cursor_left(c) == 0);
    } else if (operation % 5 == 2) {
        cursor_copy(c, copy, len);
        require(len == 0 || copy[len - 1] == (c->failed ? 0 : before.bytes[before.pos + len - 1]));
    } else if (operation % 5 == 3) {
        cursor_skip(c, len);
        require(c->failed || c->pos == before.pos + len);
    } else {
        cursor_seek(c, len);
        require(c->failed || c->pos == len);
    }
    require(!before.failed || c->failed);
    require(c->pos <= c->len && inner.pos == 0);
    require(!inner.len ||
            (inner.bytes >= c->bytes && inner.bytes + inner.len <= c->bytes + c->len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t steps = data[0] < size - 1 ? data[0] : size - 1, len = size - 1 - steps;
    uint8_t *bytes = len ? malloc(len) : NULL; /* so that a byte too far is seen */
    struct cursor c = cursor_init(bytes, len);

    if (len && !bytes)
        return 0;
    if (len)
        memcpy(bytes, data + 1 + steps, len);
    for (size_t i = 1; i <= steps; i++) {
        if (data[i] < 128)
            check_number(&c, data[i]);
        else
            check_range(&c, data[i], data[i] / 4 % 32);
        if (c.failed && data[i] % 3 == 0)
            c = cursor_init(bytes, len);
    }
    free(bytes);
    return 0;
}
