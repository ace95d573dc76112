#include <string.h>

#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/packet_internal.h"

#define ICMP_HEADER_LEN     8
#define ICMP4_SOURCE_QUENCH 4 /* deprecated (RFC 6633), still seen */
#define EXTENSIONS_FIXED_OFFSET                                                                    \
    128                        /* RFC 4884 5.5: where routers put them before there was a length */
#define ND_REDIRECTED_HEADER 4 /* RFC 4861 4.6.3 */

static bool packet_icmp_checksum_ok(const struct span *s, const struct ip_facts *ip)
{
    size_t start = s->c.pos;
    uint32_t sum = 0;

    if (s->c.len < s->end || packet_ip_is_fragment(ip) ||
        packet_ip_payload_len(ip) > s->end - start)
        return true; /* not all of it is here */
    if (ip->version == 6)
        sum = checksum_pseudo(&ip->source, &ip->destination, PROTO_ICMPV6,
                              (uint32_t)(s->end - start));
    return checksum_finish(checksum_add(sum, s->c.bytes + start, s->end - start)) == 0;
}

/*
 * The second four header bytes of a type. Returns the length of the quote as RFC 4884 gives it,
 * 0 when it does not.
 */
static size_t packet_icmp4_rest(struct cursor rest, struct icmp_facts *icmp)
{
    struct cursor words = rest;
    const uint8_t *bytes = cursor_bytes(&rest, 4);
    uint16_t first = cursor_u16(&words);
    uint16_t second = cursor_u16(&words);
    size_t quote_len = (first & 0xff) * 4u; /* byte 5 of the header, in 32-bit words */

    switch (icmp->type) {
    case ICMP4_ECHO:
    case ICMP4_ECHO_REPLY:
        icmp->id = first;
        icmp->seq = second;
        return 0;
    case ICMP4_REDIRECT:
        icmp->gateway = address_from4(bytes);
        icmp->is_error = true;
        return 0;
    case ICMP4_SOURCE_QUENCH:
        icmp->is_error = true;
        return 0;
    case ICMP4_UNREACHABLE:
        icmp->is_error = true;
        if (icmp->code == ICMP4_FRAGMENTATION_NEEDED)
            icmp->mtu = second;
        return quote_len;
    case ICMP4_TIME_EXCEEDED:
        icmp->is_error = true;
        return quote_len;
    case ICMP4_PARAMETER_PROBLEM:
        icmp->is_error = true;
        icmp->pointer = first >> 8;
        return quote_len;
    default:
        return 0;
    }
}

static size_t packet_icmp6_rest(struct cursor rest, struct icmp_facts *icmp)
{
    uint32_t word = cursor_u32(&rest);
    size_t quote_len = (word >> 24) * 8u; /* byte 4 of the header, in 64-bit words */

    switch (icmp->type) {
    case ICMP6_ECHO:
    case ICMP6_ECHO_REPLY:
        icmp->id = (uint16_t)(word >> 16);
        icmp->seq = (uint16_t)word;
        return 0;
    case ICMP6_PACKET_TOO_BIG:
        icmp->is_error = true;
        icmp->mtu = word;
        return 0;
    case ICMP6_PARAMETER_PROBLEM:
        icmp->is_error = true;
        icmp->pointer = word;
        return 0;
    case ICMP6_UNREACHABLE:
    case ICMP6_TIME_EXCEEDED:
        icmp->is_error = true;
        return quote_len;
    default:
        return 0;
    }
}

static bool packet_icmp_may_extend(uint8_t ip_version, uint8_t type)
{
    if (ip_version == 4)
        return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED ||
               type == ICMP4_PARAMETER_PROBLEM;
    return type == ICMP6_UNREACHABLE || type == ICMP6_TIME_EXCEEDED;
}

/* Splits what follows the ICMP header at `at`: the quote before it, extensions from it on. */
static void packet_icmp_split(const struct span *body, size_t at, uint8_t ip_version,
                              struct icmp_facts *icmp, unsigned *layers)
{
    struct span quote = *body, extensions = *body;

    span_narrow(&quote, at);
    if (packet_quote_decode(&quote, ip_version, &icmp->quote))
        *layers |= LAYER_QUOTE;
    cursor_seek(&extensions.c, at);
    if (at < body->end && !extensions.c.failed) /* else there are none, or they were cut off */
        packet_extensions_decode(&extensions, &icmp->extensions);
}

/* Looks where routers put extensions before RFC 4884; gives the end of the body if they are not. */
static size_t packet_icmp_fixed_offset(const struct span *body, struct icmp_facts *icmp)
{
    struct span guess = *body;

    if (body->end - body->c.pos <= EXTENSIONS_FIXED_OFFSET)
        return body->end;
    cursor_skip(&guess.c, EXTENSIONS_FIXED_OFFSET);
    if (guess.c.failed || !packet_extensions_proven(guess))
        return body->end;
    icmp->extensions.fixed_offset = true;
    return guess.c.pos;
}

static void packet_icmp_error(const struct span *body, size_t quote_len, uint8_t ip_version,
                              struct icmp_facts *icmp, unsigned *layers)
{
    size_t at = body->end;
    bool lies = quote_len > body->end - body->c.pos;

    if (quote_len > 0 && !lies)
        at = body->c.pos + quote_len;
    else if (packet_icmp_may_extend(ip_version, icmp->type))
        at = packet_icmp_fixed_offset(body, icmp);
    packet_icmp_split(body, at, ip_version, icmp, layers);
    if (lies)
        span_fail(body, DECODE_BAD, "quote length beyond the ICMP message",
                  body->c.pos - ICMP_HEADER_LEN + (ip_version == 4 ? 5 : 4));
}

/* RFC 4861 4.5: target, destination, options; one of them quotes the redirected packet. */
static bool packet_icmp6_redirect(struct span *s, struct icmp_facts *icmp, unsigned *layers)
{
    size_t start = s->c.pos;
    const uint8_t *target = cursor_bytes(&s->c, 16);

    cursor_skip(&s->c, 16);
    if (s->c.failed)
        return span_short(s, start, 32, "redirect incomplete");
    icmp->gateway = address_from6(target);
    while (cursor_left(&s->c) > 0) {
        size_t offset = s->c.pos;
        uint8_t type = cursor_u8(&s->c);
        size_t len = cursor_u8(&s->c) * 8u;

        if (!s->c.failed && len == 0)
            return span_fail(s, DECODE_BAD, "redirect option of length 0", offset);
        if (s->c.failed || len > s->end - offset)
            return span_short(s, offset, len > 0 ? len : 2, "redirect option incomplete");
        if (type == ND_REDIRECTED_HEADER) {
            icmp->is_error = true;
            span_narrow(s, offset + len);
            cursor_skip(&s->c, 6); /* reserved */
            packet_icmp_split(s, s->end, 6, icmp, layers);
            return true;
        }
        cursor_skip(&s->c, len - 2);
        if (s->c.failed)
            return span_short(s, offset, len, "redirect option incomplete");
    }
    return true;
}

bool packet_icmp_decode(struct span *s, const struct ip_facts *ip, struct icmp_facts *icmp,
                        unsigned *layers)
{
    size_t start = s->c.pos, quote_len;

    if (cursor_left(&s->c) < ICMP_HEADER_LEN)
        return span_short(s, start, ICMP_HEADER_LEN, "ICMP header incomplete");
    memset(icmp, 0, sizeof(*icmp));
    icmp->checksum_ok = packet_icmp_checksum_ok(s, ip);
    icmp->type = cursor_u8(&s->c);
    icmp->code = cursor_u8(&s->c);
    icmp->checksum = cursor_u16(&s->c);
    if (ip->version == 4)
        quote_len = packet_icmp4_rest(cursor_sub(&s->c, 4), icmp);
    else
        quote_len = packet_icmp6_rest(cursor_sub(&s->c, 4), icmp);
    *layers |= LAYER_ICMP;
    struct span body = *s;
    if (ip->version == 6 && icmp->type == ICMP6_REDIRECT)
        packet_icmp6_redirect(&body, icmp, layers);
    else if (icmp->is_error)
        packet_icmp_error(&body, quote_len, ip->version, icmp, layers);
    return true;
}
