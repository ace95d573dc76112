#include "wire/segment.h"

#include <string.h>

#include "base/cursor.h"

#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_SVLAN 0x88a8
#define ETHERNET_LEN    14
#define SLL_LEN         16
#define SLL2_LEN        20
#define SLL_OUTGOING    4 /* PACKET_OUTGOING of packet(7) */
#define SLL_TYPES       5
#define IPV4_LEN        20
#define IPV6_LEN        40
#define TCP_LEN         20
#define TCP_FLAGS_MASK  0x01ff
#define FRAGMENT_MASK   0x3fff /* more fragments, and the offset */

enum { /* IANA TCP option kinds */
       OPTION_END = 0,
       OPTION_NOP = 1,
       OPTION_MSS = 2,
       OPTION_WSCALE = 3,
       OPTION_SACK_PERMITTED = 4,
       OPTION_SACK = 5,
       OPTION_TIMESTAMPS = 8,
};

/* RFC 7323, appendix A: how nearly every segment's options look. */
#define TIMESTAMPS_ALONE     UINT32_C(0x0101080a)
#define TIMESTAMPS_ALONE_LEN 12

static void segment_timestamps(struct cursor *c, struct segment *s)
{
    s->tsval = cursor_u32(c);
    s->tsecr = cursor_u32(c);
    s->has |= SEGMENT_HAS_TIMESTAMPS;
}

static void segment_sack(struct cursor *data, struct segment *s)
{
    size_t count = data->len / 8;

    if (data->len % 8 != 0 || count == 0 || count > TCP_SACK_BLOCKS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        s->sack[i].left = cursor_u32(data);
        s->sack[i].right = cursor_u32(data);
    }
    s->nsack = (uint8_t)count;
}

/* A length that does not fit the kind: the option is stepped over. */
static void segment_option(uint8_t kind, struct cursor data, struct segment *s)
{
    if (kind == OPTION_TIMESTAMPS && data.len == 8) {
        segment_timestamps(&data, s);
    } else if (kind == OPTION_SACK) {
        segment_sack(&data, s);
    } else if (kind == OPTION_MSS && data.len == 2) {
        s->mss = cursor_u16(&data);
        s->has |= SEGMENT_HAS_MSS;
    } else if (kind == OPTION_WSCALE && data.len == 1) {
        s->wscale = cursor_u8(&data);
        s->has |= SEGMENT_HAS_WSCALE;
    } else if (kind == OPTION_SACK_PERMITTED && data.len == 0) {
        s->has |= SEGMENT_HAS_SACK_PERMITTED;
    }
}

static bool segment_kind_is_other(uint8_t kind)
{
    return kind > OPTION_SACK && kind != OPTION_TIMESTAMPS;
}

static void segment_options(struct cursor options, struct segment *s)
{
    if (options.len == TIMESTAMPS_ALONE_LEN) {
        struct cursor alone = options;
        if (cursor_u32(&alone) == TIMESTAMPS_ALONE) {
            segment_timestamps(&alone, s);
            return;
        }
    }
    while (cursor_left(&options) > 0) {
        uint8_t kind = cursor_u8(&options);

        if (kind == OPTION_END)
            return;
        if (kind == OPTION_NOP)
            continue;
        if (segment_kind_is_other(kind))
            s->has |= SEGMENT_HAS_OTHER_OPTION;
        size_t len = cursor_u8(&options);
        struct cursor data = cursor_sub(&options, len - 2);
        if (data.failed)
            return;
        segment_option(kind, data, s);
    }
}

/* `len` are the bytes from here to the end of the IP packet, as declared. */
static bool segment_tcp(struct cursor *c, uint32_t len, struct segment *s)
{
    struct cursor header = cursor_sub(c, TCP_LEN);

    if (header.failed)
        return false;
    s->source_port = cursor_u16(&header);
    s->destination_port = cursor_u16(&header);
    s->seq = cursor_u32(&header);
    s->ack = cursor_u32(&header);
    uint16_t offset_and_flags = cursor_u16(&header);
    s->flags = offset_and_flags & TCP_FLAGS_MASK;
    s->window = cursor_u16(&header);
    uint32_t header_len = (uint32_t)(offset_and_flags >> 12) * 4;
    if (header_len < TCP_LEN || header_len > len)
        return false;
    s->payload_len = len - header_len;
    struct cursor options = cursor_sub(c, header_len - TCP_LEN);
    if (options.failed)
        return false;
    s->nsack = 0;
    if (options.len > 0)
        segment_options(options, s);
    return true;
}

static bool segment_ip4(struct cursor *c, struct segment *s)
{
    struct cursor header = cursor_sub(c, IPV4_LEN);

    if (header.failed)
        return false;
    uint8_t first = cursor_u8(&header);
    uint32_t header_len = (first & 15) * 4u;
    s->ecn = cursor_u8(&header) & 3;
    uint32_t total_len = cursor_u16(&header);
    s->id = cursor_u16(&header);
    uint16_t fragment = cursor_u16(&header) & FRAGMENT_MASK;
    s->ttl = cursor_u8(&header);
    uint8_t protocol = cursor_u8(&header);
    cursor_skip(&header, 2); /* the checksum: offload leaves it open on our own packets */
    if (first >> 4 != 4 || header_len < IPV4_LEN || fragment || protocol != PROTO_TCP ||
        total_len < header_len)
        return false;
    memset(s->source, 0, sizeof(s->source));
    memset(s->destination, 0, sizeof(s->destination));
    memcpy(s->source, cursor_bytes(&header, 4), 4);
    memcpy(s->destination, cursor_bytes(&header, 4), 4);
    s->family = 4;
    s->has = SEGMENT_HAS_ID;
    cursor_skip(c, header_len - IPV4_LEN);
    return segment_tcp(c, total_len - header_len, s);
}

static bool segment_ip6(struct cursor *c, struct segment *s)
{
    struct cursor header = cursor_sub(c, IPV6_LEN);

    if (header.failed)
        return false;
    uint32_t first = cursor_u32(&header);
    uint32_t payload_len = cursor_u16(&header);
    uint8_t next = cursor_u8(&header);
    s->ttl = cursor_u8(&header);
    if (first >> 28 != 6 || payload_len == 0 || next != PROTO_TCP)
        return false;
    memcpy(s->source, cursor_bytes(&header, 16), 16);
    memcpy(s->destination, cursor_bytes(&header, 16), 16);
    s->ecn = (uint8_t)(first >> 20) & 3;
    s->family = 6;
    s->id = 0;
    s->has = 0;
    return segment_tcp(c, payload_len, s);
}

static bool segment_vlans(struct cursor *c, uint16_t *ethertype, struct segment *s)
{
    unsigned count = 0;

    for (; *ethertype == ETHERTYPE_VLAN || *ethertype == ETHERTYPE_SVLAN; count++) {
        uint16_t tag = cursor_u16(c) & 0x0fff;
        *ethertype = cursor_u16(c);
        if (count == 0)
            s->vlan = tag;
    }
    return count <= LINK_VLANS_MAX && !c->failed;
}

static void segment_direction(uint16_t type, struct segment *s)
{
    if (type < SLL_TYPES)
        s->direction = type == SLL_OUTGOING ? PACKET_OUTGOING : PACKET_INCOMING;
}

static bool segment_cooked(enum link_type type, struct cursor *c, uint16_t *ethertype,
                           struct segment *s)
{
    struct cursor header = cursor_sub(c, type == LINK_LINUX_SLL ? SLL_LEN : SLL2_LEN);

    if (header.failed)
        return false;
    if (type == LINK_LINUX_SLL) {
        segment_direction(cursor_u16(&header), s);
        cursor_skip(&header, 12);
        *ethertype = cursor_u16(&header);
        return segment_vlans(c, ethertype, s);
    }
    *ethertype = cursor_u16(&header);
    cursor_skip(&header, 2);
    uint32_t ifindex = cursor_u32(&header);
    cursor_skip(&header, 2);
    segment_direction(cursor_u8(&header), s);
    if (s->ifindex == 0)
        s->ifindex = ifindex;
    return segment_vlans(c, ethertype, s);
}

/* The ordinary frames alone; false is no verdict. */
static bool segment_fast(enum link_type type, struct cursor *c, struct segment *s)
{
    uint16_t ethertype;

    s->vlan = 0;
    if (type == LINK_ETHERNET) {
        struct cursor header = cursor_sub(c, ETHERNET_LEN);
        cursor_skip(&header, ETHERNET_LEN - 2);
        ethertype = cursor_u16(&header);
        if (header.failed || !segment_vlans(c, &ethertype, s))
            return false;
    } else if (type == LINK_LINUX_SLL || type == LINK_LINUX_SLL2) {
        if (!segment_cooked(type, c, &ethertype, s))
            return false;
    } else if (type == LINK_RAW) {
        struct cursor peek = *c;
        ethertype = cursor_u8(&peek) >> 4 == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    } else {
        return false;
    }
    if (ethertype == ETHERTYPE_IPV4)
        return segment_ip4(c, s);
    return ethertype == ETHERTYPE_IPV6 && segment_ip6(c, s);
}

static void segment_from_tcp(const struct tcp_facts *tcp, struct segment *s)
{
    s->source_port = tcp->source_port;
    s->destination_port = tcp->destination_port;
    s->seq = tcp->seq;
    s->ack = tcp->ack;
    s->payload_len = tcp->payload_len;
    s->flags = tcp->flags;
    s->window = tcp->window;
    s->nsack = tcp->nsack;
    memcpy(s->sack, tcp->sack, tcp->nsack * sizeof(s->sack[0]));
    s->has = 0;
    if (tcp->has_timestamps) {
        s->has |= SEGMENT_HAS_TIMESTAMPS;
        s->tsval = tcp->tsval;
        s->tsecr = tcp->tsecr;
    }
    if (tcp->has_mss) {
        s->has |= SEGMENT_HAS_MSS;
        s->mss = tcp->mss;
    }
    if (tcp->has_wscale) {
        s->has |= SEGMENT_HAS_WSCALE;
        s->wscale = tcp->wscale;
    }
    if (tcp->sack_permitted)
        s->has |= SEGMENT_HAS_SACK_PERMITTED;
    for (size_t i = 0; i < tcp->nkinds; i++)
        if (segment_kind_is_other(tcp->kinds[i]))
            s->has |= SEGMENT_HAS_OTHER_OPTION;
}

static void segment_from_ip(const struct ip_facts *ip, struct segment *s)
{
    memcpy(s->source, ip->source.bytes, sizeof(s->source));
    memcpy(s->destination, ip->destination.bytes, sizeof(s->destination));
    s->family = ip->version;
    s->ttl = ip->ttl;
    s->ecn = ip->ecn;
    s->id = ip->version == 4 ? (uint16_t)ip->id : 0;
    s->has |= ip->version == 4 ? SEGMENT_HAS_ID : 0;
    s->fragment = ip->mf;
}

static enum segment_kind segment_kind_of(const struct packet *packet, struct decode result)
{
    if (packet->layers & LAYER_TCP)
        return SEGMENT_TCP;
    if (packet->layers & LAYER_IP) {
        if (packet->ip.mf || packet->ip.fragment_offset != 0)
            return SEGMENT_FRAGMENT;
        if (packet->ip.protocol != PROTO_TCP)
            return SEGMENT_OTHER;
    }
    if (result.status == DECODE_UNKNOWN)
        return SEGMENT_OTHER;
    return result.status == DECODE_TRUNCATED ? SEGMENT_TRUNCATED : SEGMENT_BAD;
}

enum segment_kind segment_from_packet(const struct packet *packet, struct decode result,
                                      struct segment *s)
{
    enum segment_kind kind = segment_kind_of(packet, result);

    if (kind != SEGMENT_TCP)
        return kind;
    segment_from_tcp(&packet->tcp, s);
    segment_from_ip(&packet->ip, s);
    s->vlan = packet->link.nvlans > 0 ? packet->link.vlans[0] : 0;
    if (packet->link.direction != PACKET_DIRECTION_UNKNOWN)
        s->direction = (uint8_t)packet->link.direction;
    if (s->ifindex == 0)
        s->ifindex = packet->link.ifindex;
    return kind;
}

enum segment_kind segment_decode(enum link_type type, const uint8_t *bytes, size_t len,
                                 size_t wire_len, struct segment *s)
{
    struct cursor c = {.bytes = bytes, .len = len};

    s->fragment = false;
    if (segment_fast(type, &c, s))
        return SEGMENT_TCP;
    struct packet packet;
    struct decode result = packet_decode(type, bytes, len, wire_len, &packet);
    return segment_from_packet(&packet, result, s);
}
