#include <string.h>

#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/packet_internal.h"

#define IPV4_HEADER_LEN 20
#define IPV6_HEADER_LEN 40
#define FRAGMENT_LEN    8
#define JUMBO_OPTION    0xc2 /* RFC 2675 2 */
#define JUMBO_LEN       4

enum { /* IANA protocol numbers that are IPv6 extension headers */
       EXTENSION_HOP_BY_HOP = 0,
       EXTENSION_ROUTING = 43,
       EXTENSION_FRAGMENT = 44,
       EXTENSION_AUTHENTICATION = 51,
       EXTENSION_DESTINATION = 60,
       EXTENSION_MOBILITY = 135,
       EXTENSION_HIP = 139,
       EXTENSION_SHIM6 = 140,
};

static void packet_ip_traffic_class(struct ip_facts *ip, uint8_t octet)
{
    ip->dscp = octet >> 2;
    ip->ecn = octet & 3;
}

/* A length below the headers is no end to go by. */
static void packet_ip_narrow(struct span *s, size_t start, const struct ip_facts *ip)
{
    if (ip->total_len >= ip->header_len)
        span_narrow(s, start + ip->total_len);
}

/* In place: a value returned through the stack costs a stalled load per address. */
static void packet_ip_address(struct address *a, uint8_t family, const uint8_t *bytes, size_t len)
{
    memset(a, 0, sizeof(*a));
    a->family = family;
    memcpy(a->bytes, bytes, len);
}

/* Returns the header length in bytes as carried. */
static size_t packet_ip4_fixed(struct cursor c, struct ip_facts *ip)
{
    size_t header_len = (cursor_u8(&c) & 15) * 4u;

    ip->version = 4;
    packet_ip_traffic_class(ip, cursor_u8(&c));
    ip->total_len = cursor_u16(&c);
    ip->id = cursor_u16(&c);
    ip->has_id = true;
    uint16_t fragment = cursor_u16(&c);
    ip->df = fragment & 0x4000;
    ip->mf = fragment & 0x2000;
    ip->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
    ip->ttl = cursor_u8(&c);
    ip->protocol = cursor_u8(&c);
    ip->checksum = cursor_u16(&c);
    ip->flow_label = 0;
    packet_ip_address(&ip->source, 4, cursor_bytes(&c, 4), 4);
    packet_ip_address(&ip->destination, 4, cursor_bytes(&c, 4), 4);
    return header_len;
}

static bool packet_ip4_decode(struct span *s, struct ip_facts *ip)
{
    size_t start = s->c.pos;
    const uint8_t *header = cursor_bytes(&s->c, IPV4_HEADER_LEN);

    if (!header)
        return span_short(s, start, IPV4_HEADER_LEN, "IPv4 header incomplete");
    size_t header_len = packet_ip4_fixed(cursor_init(header, IPV4_HEADER_LEN), ip);
    if (header_len < IPV4_HEADER_LEN)
        return span_fail(s, DECODE_BAD, "IPv4 header length below 20", start);
    cursor_skip(&s->c, header_len - IPV4_HEADER_LEN);
    if (s->c.failed)
        return span_short(s, start, header_len, "IPv4 options incomplete");
    ip->header_len = (uint16_t)header_len;
    ip->options_len = (uint16_t)(header_len - IPV4_HEADER_LEN);
    if (ip->total_len == 0)
        ip->total_len = (uint32_t)(s->end - start);
    ip->checksum_ok = checksum_finish(checksum_add(0, header, header_len)) == 0;
    packet_ip_narrow(s, start, ip);
    return true;
}

static bool packet_ip6_is_extension(uint8_t next)
{
    switch (next) {
    case EXTENSION_HOP_BY_HOP:
    case EXTENSION_ROUTING:
    case EXTENSION_FRAGMENT:
    case EXTENSION_AUTHENTICATION:
    case EXTENSION_DESTINATION:
    case EXTENSION_MOBILITY:
    case EXTENSION_HIP:
    case EXTENSION_SHIM6:
        return true;
    default:
        return false;
    }
}

static size_t packet_ip6_extension_len(uint8_t kind, uint8_t field)
{
    if (kind == EXTENSION_FRAGMENT)
        return FRAGMENT_LEN;
    if (kind == EXTENSION_AUTHENTICATION) /* RFC 4302 2.2: 32-bit words minus two */
        return (field + 2u) * 4;
    return (field + 1u) * 8; /* RFC 8200 4 */
}

static void packet_ip6_fragment(struct cursor body, struct ip_facts *ip)
{
    uint16_t field = cursor_u16(&body);

    ip->fragment_offset = field & 0xfff8;
    ip->mf = field & 1;
    ip->id = cursor_u32(&body);
    ip->has_id = true;
}

/* The payload length of a jumbogram (RFC 2675), or 0. */
static uint32_t packet_ip6_jumbo(struct cursor options)
{
    while (cursor_left(&options) > 0) {
        uint8_t type = cursor_u8(&options);

        if (type == 0) /* Pad1 has no length */
            continue;
        struct cursor data = cursor_sub(&options, cursor_u8(&options));
        if (data.failed)
            return 0;
        if (type == JUMBO_OPTION && data.len == JUMBO_LEN)
            return cursor_u32(&data);
    }
    return 0;
}

static void packet_ip6_extension(uint8_t kind, struct cursor body, struct ip_facts *ip,
                                 bool may_be_jumbo)
{
    if (kind == EXTENSION_FRAGMENT)
        packet_ip6_fragment(body, ip);
    if (kind == EXTENSION_HOP_BY_HOP && may_be_jumbo) {
        uint32_t len = packet_ip6_jumbo(body);
        if (len > UINT16_MAX && len <= UINT32_MAX - IPV6_HEADER_LEN)
            ip->total_len = len + IPV6_HEADER_LEN;
    }
}

/* Walks to the upper layer, or to what only the reassembled packet would tell. */
static bool packet_ip6_extensions(struct span *s, size_t start, struct ip_facts *ip,
                                  bool may_be_jumbo)
{
    for (int n = 0; packet_ip6_is_extension(ip->protocol) && ip->fragment_offset == 0; n++) {
        size_t offset = s->c.pos;
        uint8_t next = cursor_u8(&s->c);
        size_t len = packet_ip6_extension_len(ip->protocol, cursor_u8(&s->c));

        if (n == IPV6_EXTENSION_HEADERS_MAX)
            return span_fail(s, DECODE_BAD, "too many IPv6 extension headers", offset);
        if (s->c.failed)
            return span_short(s, offset, 2, "IPv6 extension header incomplete");
        struct cursor body = cursor_sub(&s->c, len - 2);
        if (body.failed)
            return span_short(s, offset, len, "IPv6 extension header incomplete");
        packet_ip6_extension(ip->protocol, body, ip, may_be_jumbo);
        ip->protocol = next;
        ip->header_len = (uint16_t)(s->c.pos - start);
    }
    return true;
}

static void packet_ip6_fixed(struct cursor c, struct ip_facts *ip)
{
    uint32_t first = cursor_u32(&c);

    ip->version = 6;
    packet_ip_traffic_class(ip, (uint8_t)(first >> 20));
    ip->flow_label = first & 0xfffff;
    ip->total_len = cursor_u16(&c);
    ip->protocol = cursor_u8(&c);
    ip->ttl = cursor_u8(&c);
    packet_ip_address(&ip->source, 6, cursor_bytes(&c, 16), 16);
    packet_ip_address(&ip->destination, 6, cursor_bytes(&c, 16), 16);
    ip->header_len = IPV6_HEADER_LEN;
    ip->options_len = 0;
    ip->id = 0;
    ip->has_id = false;
    ip->df = true;
    ip->mf = false;
    ip->fragment_offset = 0;
    ip->checksum = 0;
    ip->checksum_ok = true;
}

#define NO_NEXT_HEADER 59 /* RFC 8200 4.7 */

static bool packet_ip6_decode(struct span *s, struct ip_facts *ip)
{
    size_t start = s->c.pos;

    struct cursor fixed = cursor_sub(&s->c, IPV6_HEADER_LEN);
    if (fixed.failed)
        return span_short(s, start, IPV6_HEADER_LEN, "IPv6 header incomplete");
    packet_ip6_fixed(fixed, ip);
    /* No payload length: a jumbogram, or a packet that offload let grow beyond 64 KiB. */
    bool unmeasured = ip->total_len == 0 && ip->protocol != NO_NEXT_HEADER;
    if (unmeasured)
        ip->total_len = (uint32_t)(s->end - start);
    else
        ip->total_len += IPV6_HEADER_LEN;
    packet_ip_narrow(s, start, ip);
    if (!packet_ip6_extensions(s, start, ip, unmeasured))
        return false;
    packet_ip_narrow(s, start, ip);
    return true;
}

bool packet_ip_decode(struct span *s, struct ip_facts *ip)
{
    struct cursor peek = s->c;
    uint8_t version = cursor_u8(&peek) >> 4;

    ip->header_len = 0;
    if (peek.failed)
        return span_short(s, s->c.pos, 1, "IP header incomplete");
    if (version == 4)
        return packet_ip4_decode(s, ip);
    if (version == 6)
        return packet_ip6_decode(s, ip);
    return span_fail(s, DECODE_BAD, "IP version is not 4 or 6", s->c.pos);
}
