#include "wire/quic.h"

#include <stdbool.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "base/writer.h"

enum {
    QUIC_LONG_HEADER = 0x80, /* RFC 8999 5.1 */
    QUIC_FIXED_BIT = 0x40,   /* RFC 9000 17.2; type 0 is Initial in version 1 */
    QUIC_VARINT_2 = 0x4000,  /* a length in two bytes: RFC 9000 16 */
};

#define QUIC_VERSION_1     0x00000001 /* RFC 9000 15 */
#define QUIC_VERSION_2     0x6b3343cf /* RFC 9369 3.1 */
#define QUIC_DRAFTS        0xff000000 /* the draft's number in the last byte */
#define QUIC_RESERVED_MASK 0x0f0f0f0f
#define QUIC_RESERVED      0x0a0a0a0a

/* In the form of version 1's Initial (RFC 9000 17.2.2): what looks at it finds nothing amiss. */
void quic_probe(const struct quic_ids *ids, uint8_t out[QUIC_PROBE_SIZE])
{
    struct writer w = writer_init(out, QUIC_PROBE_SIZE);

    writer_u8(&w, QUIC_LONG_HEADER | QUIC_FIXED_BIT);
    writer_u32(&w, QUIC_VERSION_NONE);
    writer_u8(&w, QUIC_ID_SIZE);
    writer_bytes(&w, ids->destination, QUIC_ID_SIZE);
    writer_u8(&w, QUIC_ID_SIZE);
    writer_bytes(&w, ids->source, QUIC_ID_SIZE);
    writer_u8(&w, 0); /* no token */
    writer_u16(&w, (uint16_t)(QUIC_VARINT_2 | (QUIC_PROBE_SIZE - w.len - 2)));
    writer_zero(&w, QUIC_PROBE_SIZE - w.len);
}

static bool quic_read_id(struct cursor *c, const uint8_t want[QUIC_ID_SIZE])
{
    struct cursor id = cursor_sub(c, cursor_u8(c));
    const uint8_t *bytes =
        cursor_left(&id) == QUIC_ID_SIZE ? cursor_bytes(&id, QUIC_ID_SIZE) : NULL;

    return bytes && !memcmp(bytes, want, QUIC_ID_SIZE);
}

static struct decode quic_read_versions(struct cursor *c, struct quic_negotiation *out)
{
    size_t start = c->pos;

    if (!cursor_left(c))
        return decode_fail(DECODE_TRUNCATED, "no version is offered", start);
    if (cursor_left(c) % 4)
        return decode_fail(DECODE_TRUNCATED, "the list ends within a version", start);
    while (cursor_left(c)) {
        uint32_t version = cursor_u32(c);

        if (out->kept < QUIC_VERSIONS_MAX)
            out->versions[out->kept++] = version;
        out->count++;
    }
    return decode_ok();
}

struct decode quic_decode_negotiation(const uint8_t *bytes, size_t len, const struct quic_ids *ids,
                                      struct quic_negotiation *out)
{
    struct cursor c = cursor_init(bytes, len);
    uint8_t first = cursor_u8(&c);
    uint32_t version = cursor_u32(&c);
    bool to_us, from_there;

    *out = (struct quic_negotiation){0};
    if (c.failed)
        return decode_fail(DECODE_TRUNCATED, "the header is cut", len);
    if (!(first & QUIC_LONG_HEADER) || version != 0)
        return decode_fail(DECODE_UNKNOWN, "not a Version Negotiation packet", 0);
    to_us = quic_read_id(&c, ids->source);
    from_there = quic_read_id(&c, ids->destination);
    if (c.failed)
        return decode_fail(DECODE_TRUNCATED, "a connection ID is cut", len);
    if (!to_us || !from_there)
        return decode_fail(DECODE_BAD, "the connection IDs are not the probe's", 5);
    return quic_read_versions(&c, out);
}

void quic_version_format(uint32_t version, char out[QUIC_VERSION_TEXT_SIZE])
{
    const unsigned char name[4] = {(unsigned char)(version >> 24), (unsigned char)(version >> 16),
                                   (unsigned char)(version >> 8), (unsigned char)version};
    bool google = (name[0] == 'Q' || name[0] == 'T') && name[1] == '0';

    if (version == QUIC_VERSION_1)
        text_format(out, QUIC_VERSION_TEXT_SIZE, "1");
    else if (version == QUIC_VERSION_2)
        text_format(out, QUIC_VERSION_TEXT_SIZE, "2");
    else if ((version & QUIC_RESERVED_MASK) == QUIC_RESERVED)
        text_format(out, QUIC_VERSION_TEXT_SIZE, "reserved");
    else if ((version & ~0xffu) == QUIC_DRAFTS)
        text_format(out, QUIC_VERSION_TEXT_SIZE, "draft-%u", name[3]);
    else if (google && name[2] >= '0' && name[2] <= '9' && name[3] >= '0' && name[3] <= '9')
        text_format(out, QUIC_VERSION_TEXT_SIZE, "%.4s", (const char *)name);
    else
        text_format(out, QUIC_VERSION_TEXT_SIZE, "0x%08x", version);
}
