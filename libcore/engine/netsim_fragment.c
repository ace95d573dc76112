/* IPv4 fragmentation by routers: RFC 791 3.2. */
#include <stdlib.h>

#include "engine/netsim_internal.h"

enum { FLAG_DF = 0x4000, FLAG_MF = 0x2000, OFFSET_MASK = 0x1fff };

bool netsim_may_fragment(const struct netsim_transit *packet)
{
    return packet->version == 4 && !(netsim_get16(packet->bytes + 6) & FLAG_DF);
}

bool netsim_is_fragment(const struct netsim_transit *packet)
{
    return packet->version == 4 && netsim_get16(packet->bytes + 6) & (FLAG_MF | OFFSET_MASK);
}

/* The piece of `len` payload bytes from `at` on; NULL when memory is out. */
static struct netsim_transit *cut(struct netsim *sim, const struct netsim_transit *whole, size_t at,
                                  size_t len)
{
    struct netsim_transit *piece = netsim_packet(sim, whole->bytes, whole->len);
    uint16_t field = netsim_get16(whole->bytes + 6);
    bool last = whole->header_len + at + len == whole->len;

    if (!piece)
        return NULL;
    piece->id = whole->id;
    piece->copy = whole->copy;
    piece->entered_ns = whole->entered_ns;
    piece->heading = whole->heading;
    piece->len = whole->header_len + len;
    for (size_t i = 0; i < len; i++)
        piece->bytes[piece->header_len + i] = whole->bytes[whole->header_len + at + i];
    netsim_put16(piece->bytes + 2, (uint16_t)piece->len);
    netsim_put16(piece->bytes + 6,
                 (uint16_t)(((field & OFFSET_MASK) + at / 8) | (last ? field & FLAG_MF : FLAG_MF)));
    netsim_fix_ip(piece);
    return piece;
}

/* Every piece has the whole header: options that belong to the first one alone are rare enough. */
void netsim_fragment(struct netsim *sim, size_t from, size_t to, struct netsim_transit *packet,
                     uint16_t mtu)
{
    size_t room = (mtu - packet->header_len) / 8 * 8, payload = packet->len - packet->header_len;
    unsigned count = 0;

    for (size_t at = 0; at < payload; at += room) {
        size_t len = payload - at < room ? payload - at : room;
        struct netsim_transit *piece = cut(sim, packet, at, len);

        if (!piece)
            break;
        piece->copy += count++;
        if (at > 0)
            netsim_say(sim, NETSIM_FRAGMENTED, from, piece, 0);
        netsim_cross(sim, from, to, piece);
    }
    free(packet);
}
