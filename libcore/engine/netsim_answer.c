/* What nodes send themselves: headers around a segment, and the segments of TCP. */
#include <string.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"

enum { PRECEDENCE = 0xc0 }; /* RFC 1812 4.3.2.5: internetwork control */
enum { TCP_OPTIONS_MAX = 40, TCP_HEADER_MAX = NETSIM_TCP_LEAST + TCP_OPTIONS_MAX };

/* IANA: TCP option kinds. */
enum {
    KIND_END,
    KIND_NOP,
    KIND_MSS,
    KIND_WSCALE,
    KIND_SACK,
    KIND_TIMESTAMPS = 8,
    KIND_FAST_OPEN = 34,
};

struct netsim_answer netsim_answer_to(const struct netsim_transit *packet, uint8_t ttl,
                                      enum netsim_action action)
{
    return (struct netsim_answer){.source = netsim_destination(packet),
                                  .destination = netsim_source(packet),
                                  .heading = packet->heading == NETSIM_SERVER ? NETSIM_CLIENT
                                                                              : NETSIM_SERVER,
                                  .protocol = packet->protocol,
                                  .ttl = ttl,
                                  .tos = packet->version == 4 ? PRECEDENCE : 0,
                                  .action = action};
}

static void put_header(struct writer *w, const struct netsim_answer *answer, size_t len)
{
    if (answer->source.family == 4) {
        writer_u16(w, (uint16_t)(0x4500 | answer->tos));
        writer_u16(w, (uint16_t)(20 + len));
        writer_u16(w, answer->id);
        writer_u16(w, answer->df ? 0x4000 : 0);
        writer_u8(w, answer->ttl);
        writer_u8(w, answer->protocol);
        writer_u16(w, 0);
    } else {
        writer_u32(w, 0x60000000 | (uint32_t)answer->tos << 20);
        writer_u16(w, (uint16_t)len);
        writer_u8(w, answer->protocol);
        writer_u8(w, answer->ttl);
    }
    writer_bytes(w, answer->source.bytes, address_len(&answer->source));
    writer_bytes(w, answer->destination.bytes, address_len(&answer->destination));
}

void netsim_answer(struct netsim *sim, size_t node, const struct netsim_answer *answer,
                   const struct netsim_transit *cause, const uint8_t *segment, size_t len)
{
    uint8_t bytes[UINT16_MAX];
    struct writer w = writer_init(bytes, sizeof(bytes));
    struct netsim_transit *sent;
    int64_t slow = sim->nodes[node].now ? sim->nodes[node].now->icmp_delay_ns : 0;

    put_header(&w, answer, len);
    writer_bytes(&w, segment, len);
    sent = w.failed ? NULL : netsim_packet(sim, bytes, w.len);
    if (!sent)
        return;
    sent->id = sim->next_id++;
    sent->entered_ns = sim->now_ns;
    sent->heading = answer->heading;
    netsim_fix_transport(sent);
    netsim_fix_ip(sent);
    netsim_say(sim, answer->action, node, cause, sent->id);
    sent->starts_here = true;
    netsim_schedule(sim, time_add(sim->now_ns, slow + answer->delay_ns), node, sent);
}

/* --- TCP ----------------------------------------------------------------------------------- */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)netsim_get16(at) << 16 | netsim_get16(at + 2);
}

/* One option of `len` bytes, its kind and length included. */
static void read_option(struct netsim_tcp *tcp, const uint8_t *at, size_t len)
{
    if (at[0] == KIND_MSS && len == 4) {
        tcp->options |= SCENARIO_MSS;
        tcp->mss = netsim_get16(at + 2);
    } else if (at[0] == KIND_WSCALE && len == 3) {
        tcp->options |= SCENARIO_WSCALE;
        tcp->wscale = at[2];
    } else if (at[0] == KIND_SACK && len == 2) {
        tcp->options |= SCENARIO_SACK;
    } else if (at[0] == KIND_TIMESTAMPS && len == 10) {
        tcp->options |= SCENARIO_TIMESTAMPS;
        tcp->tsval = get32(at + 2);
        tcp->tsecr = get32(at + 6);
    } else if (at[0] == KIND_FAST_OPEN && len <= 2 + sizeof(tcp->cookie)) {
        tcp->options |= SCENARIO_FAST_OPEN;
        tcp->cookie_len = (uint8_t)(len - 2);
        memcpy(tcp->cookie, at + 2, len - 2);
    }
}

static void read_options(struct netsim_tcp *tcp, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len && at[i] != KIND_END;) {
        if (at[i] == KIND_NOP) {
            i++;
            continue;
        }
        if (len - i < 2 || at[i + 1] < 2 || at[i + 1] > len - i)
            return;
        read_option(tcp, at + i, at[i + 1]);
        i += at[i + 1];
    }
}

bool netsim_tcp_read(const struct netsim_transit *packet, struct netsim_tcp *tcp)
{
    const uint8_t *at = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len, header;

    if (packet->protocol != PROTO_TCP || len < NETSIM_TCP_LEAST || netsim_is_fragment(packet))
        return false;
    header = (at[12] >> 4) * 4u;
    if (header < NETSIM_TCP_LEAST || header > len)
        return false;
    *tcp = (struct netsim_tcp){.source_port = netsim_get16(at),
                               .destination_port = netsim_get16(at + 2),
                               .seq = get32(at + 4),
                               .ack = get32(at + 8),
                               .flags = netsim_get16(at + 12) & 0x1ff,
                               .window = netsim_get16(at + 14),
                               .payload = len - header};
    read_options(tcp, at + NETSIM_TCP_LEAST, header - NETSIM_TCP_LEAST);
    return true;
}

static void write_options(struct writer *w, const struct netsim_tcp *tcp)
{
    bool sack = tcp->options & SCENARIO_SACK;

    if (tcp->options & SCENARIO_MSS)
        writer_u32(w, KIND_MSS << 24 | 4 << 16 | (uint32_t)tcp->mss);
    if (tcp->options & SCENARIO_TIMESTAMPS) {
        writer_u16(w, sack ? KIND_SACK << 8 | 2 : KIND_NOP << 8 | KIND_NOP);
        writer_u16(w, KIND_TIMESTAMPS << 8 | 10);
        writer_u32(w, tcp->tsval);
        writer_u32(w, tcp->tsecr);
    } else if (sack) {
        writer_u32(w, KIND_NOP << 24 | KIND_NOP << 16 | KIND_SACK << 8 | 2);
    }
    if (tcp->options & SCENARIO_WSCALE)
        writer_u32(w, KIND_NOP << 24 | KIND_WSCALE << 16 | 3 << 8 | tcp->wscale);
    if (tcp->options & SCENARIO_FAST_OPEN) {
        writer_u16(w, (uint16_t)(KIND_FAST_OPEN << 8 | (2 + tcp->cookie_len)));
        writer_bytes(w, tcp->cookie, tcp->cookie_len);
    }
    while (w->len % 4 != 0 && !w->failed)
        writer_u8(w, KIND_NOP);
}

void netsim_tcp_write(struct writer *w, const struct netsim_tcp *tcp)
{
    size_t start = w->len;

    writer_u16(w, tcp->source_port);
    writer_u16(w, tcp->destination_port);
    writer_u32(w, tcp->seq);
    writer_u32(w, tcp->ack);
    writer_u16(w, 0);
    writer_u16(w, tcp->window);
    writer_u32(w, 0); /* checksum, urgent pointer */
    write_options(w, tcp);
    writer_patch_u16(w, start + 12, (uint16_t)((w->len - start) / 4 << 12 | (tcp->flags & 0x1ffu)));
}

void netsim_tcp_answer(struct netsim *sim, size_t node, const struct netsim_answer *answer,
                       const struct netsim_transit *cause, const struct netsim_tcp *tcp)
{
    uint8_t segment[TCP_HEADER_MAX];
    struct writer w = writer_init(segment, sizeof(segment));

    netsim_tcp_write(&w, tcp);
    if (!w.failed)
        netsim_answer(sim, node, answer, cause, segment, w.len);
}

/* Linux: the type of service is the segment's, DF is set, the identification is 0. */
void netsim_tcp_refuse(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                       const struct netsim_tcp *tcp)
{
    struct netsim_answer answer = netsim_answer_to(packet, NETSIM_TTL, NETSIM_ENTERED);
    struct netsim_tcp reset = {.source_port = tcp->destination_port,
                               .destination_port = tcp->source_port,
                               .flags = TCP_RST};

    if (tcp->flags & TCP_RST)
        return;
    answer.tos = packet->version == 4 ? packet->bytes[1] : (uint8_t)(get32(packet->bytes) >> 20);
    answer.df = true;
    if (tcp->flags & TCP_ACK) {
        reset.seq = tcp->ack;
    } else {
        reset.flags |= TCP_ACK;
        reset.ack =
            tcp->seq + (uint32_t)tcp->payload + !!(tcp->flags & TCP_SYN) + !!(tcp->flags & TCP_FIN);
    }
    netsim_tcp_answer(sim, node, &answer, packet, &reset);
}
