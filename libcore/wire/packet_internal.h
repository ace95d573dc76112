/* What the decoders of the layers share; only packet*.c include it. */
#ifndef NETDX_WIRE_PACKET_INTERNAL_H
#define NETDX_WIRE_PACKET_INTERNAL_H

#include "base/cursor.h"
#include "base/decode.h"
#include "wire/packet.h"

/*
 * Bytes under decode. The cursor always starts at the first byte of the input, so that its
 * position is the offset to report; layers make `end` smaller as their length fields say.
 */
struct span {
    struct cursor c;
    size_t end;            /* where the layer ends on the wire; c.len is less when it was cut */
    struct decode *result; /* borrowed, shared by all layers: the first failure stays */
};

static inline void span_narrow(struct span *s, size_t end)
{
    if (end < s->end)
        s->end = end;
    if (end < s->c.len)
        s->c.len = end;
}

/* Always false, so that a decoder can return it. */
static inline bool span_fail(const struct span *s, enum decode_status status, const char *reason,
                             size_t offset)
{
    if (s->result->status == DECODE_OK)
        *s->result = decode_fail(status, reason, offset);
    return false;
}

/* `need` bytes at `offset` are not there: did the capture cut them off, or did they never fit? */
static inline bool span_short(const struct span *s, size_t offset, size_t need, const char *reason)
{
    return span_fail(s, need > s->end - offset ? DECODE_BAD : DECODE_TRUNCATED, reason, offset);
}

/* Decoders return whether the facts are valid and the span stands behind the header. */

/* `link->ethertype` says what follows. */
bool packet_link_decode(enum link_type type, struct span *s, struct link_facts *link);

/*
 * Narrows the span to the IP packet. When false, a header_len above zero says that the fixed
 * header's facts are valid nevertheless. Whether total_len is plausible is left to the caller:
 * quotes carry odd ones.
 */
bool packet_ip_decode(struct span *s, struct ip_facts *ip);

/* Bytes behind the IP headers as declared; 0 when the length field lies. */
static inline uint32_t packet_ip_payload_len(const struct ip_facts *ip)
{
    return ip->total_len > ip->header_len ? ip->total_len - ip->header_len : 0;
}

static inline bool packet_ip_is_fragment(const struct ip_facts *ip)
{
    return ip->mf || ip->fragment_offset != 0;
}

/* True with a failure noted when an option alone is bad. */
bool packet_tcp_decode(struct span *s, const struct ip_facts *ip, struct tcp_facts *tcp);

/* The eight bytes of the header; what their length field says is packet_udp_narrow's to judge. */
bool packet_udp_decode(struct span *s, struct udp_facts *udp);
bool packet_udp_narrow(struct span *s, const struct ip_facts *ip, const struct udp_facts *udp);

/* Sets LAYER_ICMP and LAYER_QUOTE in `layers`; leaves the span behind the eight header bytes. */
bool packet_icmp_decode(struct span *s, const struct ip_facts *ip, struct icmp_facts *icmp,
                        unsigned *layers);

/* The span holds the quote alone. `quote` is valid as far as its flags say. */
bool packet_quote_decode(const struct span *s, uint8_t ip_version, struct quote *quote);

/* The span holds the extension structure alone (RFC 4884 7). */
bool packet_extensions_decode(struct span *s, struct icmp_extensions *extensions);

/* Whether a span that no length field points to holds an extension structure beyond doubt. */
bool packet_extensions_proven(struct span s);

#endif
