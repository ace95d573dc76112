#include "wire/packet_internal.h"

#define UDP_HEADER_LEN 8

bool packet_udp_decode(struct span *s, struct udp_facts *udp)
{
    size_t start = s->c.pos;
    struct cursor header = cursor_sub(&s->c, UDP_HEADER_LEN);

    if (header.failed)
        return span_short(s, start, UDP_HEADER_LEN, "UDP header incomplete");
    udp->source_port = cursor_u16(&header);
    udp->destination_port = cursor_u16(&header);
    udp->len = cursor_u16(&header);
    udp->checksum = cursor_u16(&header);
    return true;
}

bool packet_udp_narrow(struct span *s, const struct ip_facts *ip, const struct udp_facts *udp)
{
    size_t start = s->c.pos - UDP_HEADER_LEN;

    if (udp->len == 0 && ip->total_len > UINT16_MAX) /* RFC 2675 4: the IP length rules */
        return true;
    if (udp->len < UDP_HEADER_LEN)
        return span_fail(s, DECODE_BAD, "UDP length below 8", start + 4);
    if (packet_ip_is_fragment(ip))
        return true;
    if (udp->len > packet_ip_payload_len(ip))
        return span_fail(s, DECODE_BAD, "UDP length beyond the IP packet", start + 4);
    span_narrow(s, start + udp->len);
    return true;
}
