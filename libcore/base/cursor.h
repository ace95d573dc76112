/*
 * A bounded reader over bytes that nobody vouches for.
 *
 * Getters past the end return zero and set `failed`, which stays set: read a whole structure,
 * then ask once. A nested length becomes a sub-cursor, so that an inner parser cannot leave it.
 * The bytes are borrowed and must outlive the cursor.
 */
#ifndef NETDX_BASE_CURSOR_H
#define NETDX_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *bytes; /* borrowed; may be NULL when len is 0 */
    size_t len;
    size_t pos;           /* always <= len */
    bool failed;
};

struct cursor cursor_init(const void *bytes, size_t len);

static inline size_t cursor_left(const struct cursor *c)
{
    return c->len - c->pos;
}

/*
 * `len` bytes at the current position, or NULL (and failed) when fewer are left. This and the
 * getters that hot paths use are inline: in a sub-cursor of known length the compiler drops
 * their checks.
 */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t len)
{
    if (c->failed || len > cursor_left(c)) {
        c->failed = true;
        c->pos = c->len;
        return NULL;
    }
    if (len == 0 && !c->bytes)
        return (const uint8_t *)""; /* NULL is for failure */
    c->pos += len;
    return c->bytes + c->pos - len;
}

/* Big-endian, the network's order. */
static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *at = cursor_bytes(c, 1);

    return at ? at[0] : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *at = cursor_bytes(c, 2);

    return at ? (uint16_t)(at[0] << 8 | at[1]) : 0;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *at = cursor_bytes(c, 4);

    return at ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3] : 0;
}

uint32_t cursor_u24(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);

/* Little-endian and host order: file formats and DLT_NULL. */
uint16_t cursor_u16le(struct cursor *c);
uint32_t cursor_u32le(struct cursor *c);
uint32_t cursor_u32host(struct cursor *c);

static inline void cursor_skip(struct cursor *c, size_t len)
{
    cursor_bytes(c, len);
}

void cursor_seek(struct cursor *c, size_t pos); /* fails when pos > len */

/* Copies `len` bytes to `out`; on failure `out` is filled with zeros. */
void cursor_copy(struct cursor *c, void *out, size_t len);

/* The next `len` bytes as a cursor of their own; an empty, failed one when fewer are left. */
static inline struct cursor cursor_sub(struct cursor *c, size_t len)
{
    const uint8_t *at = cursor_bytes(c, len);

    return (struct cursor){.bytes = at, .len = at ? len : 0, .failed = !at};
}

/* What is left, as a cursor of its own; this one moves to its end. */
struct cursor cursor_rest(struct cursor *c);

#endif
