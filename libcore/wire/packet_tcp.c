#include <string.h>

#include "wire/packet_internal.h"

#define TCP_HEADER_LEN     20
#define TCP_FLAGS_MASK     0x01ff
#define FAST_OPEN_MAGIC    0xf989 /* RFC 7413, appendix A */
#define ACCECN_COUNTER_LEN 3

enum tcp_option { /* IANA TCP option kinds */
                  OPTION_END = 0,
                  OPTION_NOP = 1,
                  OPTION_MSS = 2,
                  OPTION_WSCALE = 3,
                  OPTION_SACK_PERMITTED = 4,
                  OPTION_SACK = 5,
                  OPTION_TIMESTAMPS = 8,
                  OPTION_MPTCP = 30,
                  OPTION_FAST_OPEN = 34,
                  OPTION_ACCECN0 = 172,
                  OPTION_ACCECN1 = 174,
                  OPTION_EXPERIMENT1 = 253,
                  OPTION_EXPERIMENT2 = 254,
};

static bool packet_tcp_sack(struct cursor *data, struct tcp_facts *tcp)
{
    size_t count = data->len / 8;

    if (data->len % 8 != 0 || count == 0 || count > TCP_SACK_BLOCKS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        tcp->sack[i].left = cursor_u32(data);
        tcp->sack[i].right = cursor_u32(data);
    }
    tcp->nsack = (uint8_t)count;
    return true;
}

static bool packet_tcp_timestamps(struct cursor *data, struct tcp_facts *tcp)
{
    if (data->len != 8)
        return false;
    tcp->tsval = cursor_u32(data);
    tcp->tsecr = cursor_u32(data);
    tcp->has_timestamps = true;
    return true;
}

static bool packet_tcp_fast_open(struct cursor *data, struct tcp_facts *tcp)
{
    tcp->fast_open_len = (uint8_t)cursor_left(data);
    tcp->fast_open = cursor_bytes(data, tcp->fast_open_len);
    tcp->has_fast_open = true;
    return true;
}

/* Kinds 253 and 254 are shared by experiments, told apart by a magic number (RFC 6994). */
static bool packet_tcp_experiment(struct cursor *data, struct tcp_facts *tcp)
{
    if (cursor_u16(data) != FAST_OPEN_MAGIC)
        return true;
    return packet_tcp_fast_open(data, tcp);
}

static bool packet_tcp_mptcp(struct cursor *data, struct tcp_facts *tcp)
{
    if (data->len == 0)
        return false;
    tcp->mptcp_subtype = cursor_u8(data) >> 4;
    tcp->has_mptcp = true;
    return true;
}

static bool packet_tcp_accecn(struct cursor *data, uint8_t order, struct tcp_facts *tcp)
{
    size_t count = data->len / ACCECN_COUNTER_LEN;

    if (data->len % ACCECN_COUNTER_LEN != 0 || count > 3)
        return false;
    for (size_t i = 0; i < count; i++)
        tcp->accecn[i] = cursor_u24(data);
    tcp->accecn_order = order;
    tcp->accecn_counters = (uint8_t)count;
    tcp->has_accecn = true;
    return true;
}

static bool packet_tcp_small(uint8_t kind, struct cursor *data, struct tcp_facts *tcp)
{
    static const uint8_t lens[] = {[OPTION_MSS] = 2, [OPTION_WSCALE] = 1};

    if (data->len != (kind == OPTION_SACK_PERMITTED ? 0 : lens[kind]))
        return false;
    if (kind == OPTION_MSS) {
        tcp->mss = cursor_u16(data);
        tcp->has_mss = true;
    } else if (kind == OPTION_WSCALE) {
        tcp->wscale = cursor_u8(data);
        tcp->has_wscale = true;
    } else {
        tcp->sack_permitted = true;
    }
    return true;
}

/* False when the length does not fit the kind. Kinds of no interest always fit. */
static bool packet_tcp_option(uint8_t kind, struct cursor *data, struct tcp_facts *tcp)
{
    switch (kind) {
    case OPTION_MSS:
    case OPTION_WSCALE:
    case OPTION_SACK_PERMITTED:
        return packet_tcp_small(kind, data, tcp);
    case OPTION_SACK:
        return packet_tcp_sack(data, tcp);
    case OPTION_TIMESTAMPS:
        return packet_tcp_timestamps(data, tcp);
    case OPTION_MPTCP:
        return packet_tcp_mptcp(data, tcp);
    case OPTION_FAST_OPEN:
        return packet_tcp_fast_open(data, tcp);
    case OPTION_ACCECN0:
    case OPTION_ACCECN1:
        return packet_tcp_accecn(data, kind == OPTION_ACCECN1, tcp);
    case OPTION_EXPERIMENT1:
    case OPTION_EXPERIMENT2:
        return packet_tcp_experiment(data, tcp);
    default:
        return true;
    }
}

/*
 * `at` is where the options start. One whose length does not fit its kind is stepped over, one
 * that leaves the header ends the walk.
 */
static void packet_tcp_options(const struct span *s, size_t at, struct cursor options,
                               struct tcp_facts *tcp)
{
    while (cursor_left(&options) > 0) {
        size_t offset = at + options.pos;
        uint8_t kind = cursor_u8(&options);

        tcp->kinds[tcp->nkinds++] = kind; /* as many as bytes: 40 at most */
        if (kind == OPTION_END)
            return;
        if (kind == OPTION_NOP)
            continue;
        size_t len = cursor_u8(&options);
        struct cursor data = cursor_sub(&options, len - 2);
        if (!data.failed && packet_tcp_option(kind, &data, tcp))
            continue;
        tcp->options_bad = true;
        span_fail(s, DECODE_BAD, "TCP option length wrong", offset);
        if (data.failed)
            return;
    }
}

/* Returns the header length in bytes as carried. */
static size_t packet_tcp_fixed(struct cursor c, struct tcp_facts *tcp)
{
    /* Everything up to the tables, which their counts guard. */
    memset(tcp, 0, offsetof(struct tcp_facts, sack));
    tcp->source_port = cursor_u16(&c);
    tcp->destination_port = cursor_u16(&c);
    tcp->seq = cursor_u32(&c);
    tcp->ack = cursor_u32(&c);
    uint16_t offset_and_flags = cursor_u16(&c);
    tcp->flags = offset_and_flags & TCP_FLAGS_MASK;
    tcp->window = cursor_u16(&c);
    tcp->checksum = cursor_u16(&c);
    tcp->urgent = cursor_u16(&c);
    return (offset_and_flags >> 12) * 4u;
}

bool packet_tcp_decode(struct span *s, const struct ip_facts *ip, struct tcp_facts *tcp)
{
    size_t start = s->c.pos;

    struct cursor fixed = cursor_sub(&s->c, TCP_HEADER_LEN);

    if (fixed.failed)
        return span_short(s, start, TCP_HEADER_LEN, "TCP header incomplete");
    size_t header_len = packet_tcp_fixed(fixed, tcp);
    if (header_len < TCP_HEADER_LEN)
        return span_fail(s, DECODE_BAD, "TCP header length below 20", start + 12);
    struct cursor options = cursor_sub(&s->c, header_len - TCP_HEADER_LEN);
    if (options.failed)
        return span_short(s, start, header_len, "TCP options incomplete");
    tcp->header_len = (uint8_t)header_len;
    uint32_t len = packet_ip_payload_len(ip);
    tcp->payload_len = len > header_len ? len - (uint32_t)header_len : 0;
    packet_tcp_options(s, start + TCP_HEADER_LEN, options, tcp);
    return true;
}
