#include "wire/packet.h"

#include "wire/packet_internal.h"

#define NO_NEXT_HEADER 59 /* RFC 8200 4.7 */

static void packet_transport(struct span *s, struct packet *p)
{
    uint8_t protocol = p->ip.protocol;

    if (p->ip.fragment_offset != 0)
        return;
    if (protocol == PROTO_TCP) {
        if (packet_tcp_decode(s, &p->ip, &p->tcp))
            p->layers |= LAYER_TCP;
    } else if (protocol == PROTO_UDP) {
        if (!packet_udp_decode(s, &p->udp))
            return;
        p->layers |= LAYER_UDP;
        packet_udp_narrow(s, &p->ip, &p->udp);
    } else if (protocol == (p->ip.version == 4 ? PROTO_ICMP : PROTO_ICMPV6)) {
        packet_icmp_decode(s, &p->ip, &p->icmp, &p->layers);
    } else if (protocol != NO_NEXT_HEADER || p->ip.version == 4) {
        span_fail(s, DECODE_UNKNOWN, "upper layer protocol not supported", s->c.pos);
    }
}

static void packet_network(struct span *s, struct packet *p)
{
    size_t start = s->c.pos, frame_end = s->end;

    if (!packet_ip_decode(s, &p->ip))
        return;
    if (p->ip.total_len < p->ip.header_len) {
        span_fail(s, DECODE_BAD, "IPv4 total length below its header", start + 2);
        return;
    }
    p->layers |= LAYER_IP;
    packet_transport(s, p);
    if (!s->c.failed) {
        p->payload = s->c.bytes + s->c.pos;
        p->payload_len = cursor_left(&s->c);
    }
    if (p->ip.total_len > frame_end - start)
        span_fail(s, DECODE_BAD, "IP length beyond the frame",
                  start + (p->ip.version == 4 ? 2 : 4));
    if (s->c.len < s->end)
        span_fail(s, DECODE_TRUNCATED, "payload incomplete", s->c.len);
}

static void packet_frame(enum link_type type, struct span *s, struct packet *p)
{
    if (!packet_link_decode(type, s, &p->link))
        return;
    p->layers |= LAYER_LINK;
    if (p->link.ethertype != ETHERTYPE_IPV4 && p->link.ethertype != ETHERTYPE_IPV6) {
        span_fail(s, DECODE_UNKNOWN, "network protocol not supported", s->c.pos);
        return;
    }
    struct cursor peek = s->c;
    uint8_t version = cursor_u8(&peek) >> 4;
    if (!peek.failed && version != (p->link.ethertype == ETHERTYPE_IPV4 ? 4 : 6)) {
        span_fail(s, DECODE_BAD, "IP version differs from the link layer's", s->c.pos);
        return;
    }
    packet_network(s, p);
}

struct decode packet_decode(enum link_type type, const uint8_t *bytes, size_t len, size_t wire_len,
                            struct packet *packet)
{
    struct decode result = decode_ok();
    struct span s = {cursor_init(bytes, len), wire_len > len ? wire_len : len, &result};

    packet->layers = 0;
    packet->payload = NULL;
    packet->payload_len = 0;
    packet_frame(type, &s, packet);
    return result;
}

struct decode packet_decode_ip(const uint8_t *bytes, size_t len, size_t wire_len,
                               struct packet *packet)
{
    return packet_decode(LINK_RAW, bytes, len, wire_len, packet);
}
