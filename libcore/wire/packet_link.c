#include "wire/packet_internal.h"

#include <string.h>

enum { /* IEEE 802.1Q; 0x9100 is what QinQ used before 802.1ad */
       ETHERTYPE_VLAN = 0x8100,
       ETHERTYPE_SVLAN = 0x88a8,
       ETHERTYPE_QINQ_OLD = 0x9100,
};

#define ETHERNET_HEADER_LEN 14
#define ETHERTYPE_MIN       0x0600 /* IEEE 802.3 3.2.6: smaller values are lengths */
#define SLL_HEADER_LEN      16
#define SLL2_HEADER_LEN     20
#define SLL_ADDRESS_SIZE    8
#define SLL_OUTGOING        4 /* PACKET_OUTGOING of packet(7) */
#define SLL_TYPES           5

static bool packet_link_is_vlan(uint16_t ethertype)
{
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SVLAN ||
           ethertype == ETHERTYPE_QINQ_OLD;
}

static bool packet_link_vlans(struct span *s, struct link_facts *link)
{
    while (packet_link_is_vlan(link->ethertype)) {
        size_t offset = s->c.pos;
        uint16_t tag = cursor_u16(&s->c);
        uint16_t ethertype = cursor_u16(&s->c);

        if (s->c.failed)
            return span_short(s, offset, 4, "VLAN tag incomplete");
        if (link->nvlans == LINK_VLANS_MAX)
            return span_fail(s, DECODE_UNKNOWN, "more VLAN tags than supported", offset);
        link->vlans[link->nvlans++] = tag & 0x0fff;
        link->ethertype = ethertype;
    }
    return true;
}

static bool packet_link_ethernet(struct span *s, struct link_facts *link)
{
    struct cursor header = cursor_sub(&s->c, ETHERNET_HEADER_LEN);

    if (header.failed)
        return span_short(s, 0, ETHERNET_HEADER_LEN, "Ethernet header incomplete");
    memcpy(link->destination, cursor_bytes(&header, 6), 6);
    memcpy(link->source, cursor_bytes(&header, 6), 6);
    link->source_len = 6;
    link->has_source = true;
    link->ethertype = cursor_u16(&header);
    return packet_link_vlans(s, link);
}

static void packet_link_cooked_source(struct span *s, struct link_facts *link, size_t len)
{
    cursor_copy(&s->c, link->source, SLL_ADDRESS_SIZE);
    link->source_len = (uint8_t)(len < SLL_ADDRESS_SIZE ? len : SLL_ADDRESS_SIZE);
    link->has_source = link->source_len > 0;
}

static enum packet_direction packet_link_cooked_direction(uint16_t type)
{
    if (type >= SLL_TYPES)
        return PACKET_DIRECTION_UNKNOWN;
    return type == SLL_OUTGOING ? PACKET_OUTGOING : PACKET_INCOMING;
}

static bool packet_link_sll(struct span *s, struct link_facts *link)
{
    if (cursor_left(&s->c) < SLL_HEADER_LEN)
        return span_short(s, 0, SLL_HEADER_LEN, "cooked header incomplete");
    link->direction = packet_link_cooked_direction(cursor_u16(&s->c));
    cursor_skip(&s->c, 2); /* ARPHRD type */
    packet_link_cooked_source(s, link, cursor_u16(&s->c));
    link->ethertype = cursor_u16(&s->c);
    return packet_link_vlans(s, link);
}

static bool packet_link_sll2(struct span *s, struct link_facts *link)
{
    if (cursor_left(&s->c) < SLL2_HEADER_LEN)
        return span_short(s, 0, SLL2_HEADER_LEN, "cooked header incomplete");
    link->ethertype = cursor_u16(&s->c);
    cursor_skip(&s->c, 2); /* reserved */
    link->ifindex = cursor_u32(&s->c);
    cursor_skip(&s->c, 2); /* ARPHRD type */
    link->direction = packet_link_cooked_direction(cursor_u8(&s->c));
    packet_link_cooked_source(s, link, cursor_u8(&s->c));
    return packet_link_vlans(s, link);
}

/* The family numbers of every system whose captures come by: AF_INET6 differs among them. */
static bool packet_link_family(struct span *s, uint32_t family, struct link_facts *link)
{
    switch (family) {
    case 2:
        link->ethertype = ETHERTYPE_IPV4;
        return true;
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* macOS */
        link->ethertype = ETHERTYPE_IPV6;
        return true;
    default:
        return span_fail(s, DECODE_UNKNOWN, "loopback family unknown", 0);
    }
}

static bool packet_link_loopback(struct span *s, struct link_facts *link)
{
    if (cursor_left(&s->c) < 4)
        return span_short(s, 0, 4, "loopback header incomplete");
    uint32_t family = cursor_u32(&s->c);
    /* LINK_NULL is in the order of the machine that captured, which may not be this one. */
    if (link->type == LINK_NULL && family > 0xffff)
        family = __builtin_bswap32(family);
    return packet_link_family(s, family, link);
}

static bool packet_link_raw(struct span *s, struct link_facts *link)
{
    struct cursor peek = s->c;
    uint8_t version = cursor_u8(&peek) >> 4;

    if (peek.failed)
        return span_short(s, 0, 1, "IP header incomplete");
    if (version != 4 && version != 6)
        return span_fail(s, DECODE_BAD, "IP version is not 4 or 6", 0);
    link->ethertype = version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    return true;
}

static bool packet_link_header(struct span *s, struct link_facts *link)
{
    switch (link->type) {
    case LINK_ETHERNET:
        return packet_link_ethernet(s, link);
    case LINK_LINUX_SLL:
        return packet_link_sll(s, link);
    case LINK_LINUX_SLL2:
        return packet_link_sll2(s, link);
    case LINK_NULL:
    case LINK_LOOP:
        return packet_link_loopback(s, link);
    case LINK_RAW:
        return packet_link_raw(s, link);
    case LINK_IPV4:
        link->ethertype = ETHERTYPE_IPV4;
        return true;
    case LINK_IPV6:
        link->ethertype = ETHERTYPE_IPV6;
        return true;
    }
    return span_fail(s, DECODE_UNKNOWN, "link type not supported", 0);
}

bool packet_link_decode(enum link_type type, struct span *s, struct link_facts *link)
{
    memset(link, 0, sizeof(*link));
    link->type = type;

    if (!packet_link_header(s, link))
        return false;
    link->header_len = s->c.pos;
    return true;
}
