#include "wire/icmp.h"
#include "wire/packet_internal.h"

#define QUOTE_PORTS_LEN 4
#define QUOTE_MIN_LEN   8 /* what RFC 792 promises behind the IP header */

static bool packet_quote_ports(struct cursor c, struct quote *quote)
{
    if (cursor_left(&c) < QUOTE_PORTS_LEN)
        return false;
    quote->source_port = cursor_u16(&c);
    quote->destination_port = cursor_u16(&c);
    quote->has_ports = true;
    return true;
}

static void packet_quote_tcp(struct span *s, struct quote *quote)
{
    if (!packet_quote_ports(s->c, quote) || cursor_left(&s->c) < QUOTE_MIN_LEN)
        return;
    struct cursor peek = s->c;
    cursor_skip(&peek, QUOTE_PORTS_LEN);
    quote->tcp_seq = cursor_u32(&peek);
    quote->has_tcp_seq = true;
    quote->has_tcp = packet_tcp_decode(s, &quote->ip, &quote->tcp);
}

static void packet_quote_udp(struct span *s, struct quote *quote)
{
    if (packet_quote_ports(s->c, quote))
        quote->has_udp = packet_udp_decode(s, &quote->udp);
}

static void packet_quote_icmp(struct cursor c, uint8_t echo, struct quote *quote)
{
    if (cursor_left(&c) < QUOTE_MIN_LEN)
        return;
    quote->icmp_type = cursor_u8(&c);
    quote->icmp_code = cursor_u8(&c);
    quote->icmp_checksum = cursor_u16(&c);
    quote->icmp_id = cursor_u16(&c);
    quote->icmp_seq = cursor_u16(&c);
    quote->has_echo = quote->icmp_type == echo;
}

static void packet_quote_transport(struct span *s, struct quote *quote)
{
    uint8_t protocol = quote->ip.protocol;

    if (protocol == PROTO_TCP)
        packet_quote_tcp(s, quote);
    else if (protocol == PROTO_UDP)
        packet_quote_udp(s, quote);
    else if (protocol == PROTO_ICMP && quote->ip.version == 4)
        packet_quote_icmp(s->c, ICMP4_ECHO, quote);
    else if (protocol == PROTO_ICMPV6 && quote->ip.version == 6)
        packet_quote_icmp(s->c, ICMP6_ECHO, quote);
}

bool packet_quote_decode(const struct span *s, uint8_t ip_version, struct quote *quote)
{
    size_t start = s->c.pos;
    struct decode partial = decode_ok(); /* what a quote lacks is no failure of the packet */
    struct span inner = {s->c, s->end, &partial};
    bool whole = packet_ip_decode(&inner, &quote->ip);

    if (quote->ip.header_len == 0)
        return span_fail(s, partial.status, partial.reason, partial.offset);
    if (quote->ip.version != ip_version)
        return span_fail(s, DECODE_BAD, "quoted packet of another IP version", start);
    quote->bytes = inner.c.bytes + start;
    quote->len = inner.c.len - start;
    /* Extension headers that were quoted in part hide the transport; the rest is still true. */
    if (whole && quote->ip.fragment_offset == 0)
        packet_quote_transport(&inner, quote);
    return true;
}
