/* Whether segment_decode() says of a frame what packet_decode() says. */
#ifndef NETDX_TESTS_SEGMENT_SAME_H
#define NETDX_TESTS_SEGMENT_SAME_H

#include <stdbool.h>
#include <string.h>

#include "wire/segment.h"

static inline bool segment_same_options(const struct segment *a, const struct segment *b)
{
    if (a->has != b->has || a->nsack != b->nsack)
        return false;
    if (a->has & SEGMENT_HAS_TIMESTAMPS && (a->tsval != b->tsval || a->tsecr != b->tsecr))
        return false;
    if (a->has & SEGMENT_HAS_MSS && a->mss != b->mss)
        return false;
    if (a->has & SEGMENT_HAS_WSCALE && a->wscale != b->wscale)
        return false;
    return memcmp(a->sack, b->sack, a->nsack * sizeof(a->sack[0])) == 0;
}

static inline bool segment_same_fields(const struct segment *a, const struct segment *b)
{
    return a->ifindex == b->ifindex && a->direction == b->direction && a->family == b->family &&
           a->ttl == b->ttl && a->ecn == b->ecn && a->id == b->id && a->vlan == b->vlan &&
           a->fragment == b->fragment && a->source_port == b->source_port &&
           a->destination_port == b->destination_port && a->seq == b->seq && a->ack == b->ack &&
           a->payload_len == b->payload_len && a->flags == b->flags && a->window == b->window &&
           memcmp(a->source, b->source, sizeof(a->source)) == 0 &&
           memcmp(a->destination, b->destination, sizeof(a->destination)) == 0 &&
           segment_same_options(a, b);
}

static inline bool segment_same(enum link_type type, const uint8_t *bytes, size_t len,
                                size_t wire_len)
{
    struct segment lean = {0}, full = {0};
    struct packet packet;
    struct decode result = packet_decode(type, bytes, len, wire_len, &packet);
    enum segment_kind kind = segment_from_packet(&packet, result, &full);

    if (segment_decode(type, bytes, len, wire_len, &lean) != kind)
        return false;
    return kind != SEGMENT_TCP || segment_same_fields(&lean, &full);
}

#endif
