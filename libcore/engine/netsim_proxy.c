/*
 * Who answers SYNs in the server's name: a second machine with its address, and a SYN proxy as
 * Linux has it (net/netfilter/nf_synproxy_core.c): a SYN-ACK with window 0 and a cookie, the
 * options in the low bits of its clock; then, once the client's ACK is there, a connection of its
 * own to the server, the two joined by shifting numbers and clocks.
 */
#include <string.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"

enum { KIND_NOP = 1, KIND_SACK_BLOCKS = 5, KIND_TIMESTAMPS = 8 }; /* IANA */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)netsim_get16(at) << 16 | netsim_get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
    netsim_put16(at, (uint16_t)(value >> 16));
    netsim_put16(at + 2, (uint16_t)value);
}

static bool is_first(const struct netsim_tcp *tcp)
{
    return (tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

static void answer_second(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const struct scenario_second_responder *second = &sim->nodes[node].now->second;
    struct netsim_machine machine = {.handshake = &second->handshake,
                                     .salt = node,
                                     .delay_ns = second->delay_ns,
                                     .action = NETSIM_FORGED};
    struct netsim_tcp tcp;

    if (packet->heading != NETSIM_SERVER || !netsim_tcp_read(packet, &tcp) || !is_first(&tcp) ||
        (second->port && second->port != tcp.destination_port))
        return;
    netsim_syn_ack(sim, node, &machine, packet, netsim_syn_isn(sim, &machine, packet), true);
}

/* --- the proxy's own packets ------------------------------------------------------------------ */

static struct netsim_answer header_to(const struct netsim_flow *flow, enum netsim_side side,
                                      uint8_t ttl)
{
    struct netsim_answer header =
        netsim_answer_to(flow->syn, ttl ? ttl : NETSIM_TTL, NETSIM_FORGED);

    header.tos = 0;
    header.df = true;
    if (side == NETSIM_SERVER) {
        header.source = netsim_source(flow->syn);
        header.destination = netsim_destination(flow->syn);
        header.heading = NETSIM_SERVER;
    }
    return header;
}

/* SYNs without timestamps get the MSS alone: there is nowhere to keep more. */
static unsigned choose(const struct scenario_syn_proxy *proxy, const struct netsim_tcp *syn)
{
    unsigned known = SCENARIO_MSS | SCENARIO_SACK | SCENARIO_TIMESTAMPS | SCENARIO_WSCALE;
    unsigned options = syn->options & known & ~proxy->without;

    return options & SCENARIO_TIMESTAMPS ? options : options & SCENARIO_MSS;
}

static void send_syn_ack(struct netsim *sim, size_t node, struct netsim_flow *flow,
                         const struct netsim_tcp *syn)
{
    const struct scenario_syn_proxy *proxy = &sim->nodes[node].now->syn_proxy;
    struct netsim_answer header = header_to(flow, NETSIM_CLIENT, proxy->ttl);
    struct netsim_tcp answer = {.source_port = syn->destination_port,
                                .destination_port = syn->source_port,
                                .seq = flow->isn,
                                .ack = syn->seq + 1,
                                .flags = TCP_SYN | TCP_ACK,
                                .options = choose(proxy, syn),
                                .mss = proxy->mss,
                                .wscale = proxy->wscale,
                                .tsecr = syn->tsval};

    answer.tsval =
        (uint32_t)(sim->now_ns / NS_PER_MS & ~INT64_C(0x3f)) | netsim_syn_bits(syn, &answer);
    flow->clock = answer.tsval;
    flow->scaled = answer.options & SCENARIO_WSCALE;
    netsim_tcp_answer(sim, node, &header, flow->syn, &answer);
}

/* The client's SYN once more, with the window and the clock of its ACK. */
static void connect_server(struct netsim *sim, size_t node, struct netsim_flow *flow,
                           const struct netsim_tcp *ack)
{
    struct netsim_answer header = header_to(flow, NETSIM_SERVER, 0);
    struct netsim_tcp syn;

    netsim_tcp_read(flow->syn, &syn);
    syn.options = choose(&sim->nodes[node].now->syn_proxy, &syn);
    syn.flags = TCP_SYN;
    syn.ack = flow->isn; /* says nothing without the flag, but Linux leaves it there */
    syn.window = ack->window;
    syn.tsval = ack->tsval;
    syn.tsecr = ack->tsecr;
    flow->client_window = ack->window;
    flow->proxy = PROXY_CONNECTING;
    netsim_tcp_answer(sim, node, &header, flow->syn, &syn);
}

static void acknowledge_server(struct netsim *sim, size_t node, const struct netsim_flow *flow,
                               const struct netsim_tcp *syn_ack)
{
    struct netsim_answer header = header_to(flow, NETSIM_SERVER, 0);
    struct netsim_tcp ack = {.source_port = syn_ack->destination_port,
                             .destination_port = syn_ack->source_port,
                             .seq = syn_ack->ack,
                             .ack = syn_ack->seq + 1,
                             .flags = TCP_ACK,
                             .window = flow->client_window,
                             .options = syn_ack->options & SCENARIO_TIMESTAMPS,
                             .tsval = syn_ack->tsecr,
                             .tsecr = syn_ack->tsval};

    netsim_tcp_answer(sim, node, &header, flow->syn, &ack);
}

/* The window that was 0 opens. */
static void open_client(struct netsim *sim, size_t node, const struct netsim_flow *flow,
                        const struct netsim_tcp *syn_ack)
{
    const struct scenario_syn_proxy *proxy = &sim->nodes[node].now->syn_proxy;
    struct netsim_answer header = header_to(flow, NETSIM_CLIENT, proxy->ttl);
    struct netsim_tcp ack = {.source_port = syn_ack->source_port,
                             .destination_port = syn_ack->destination_port,
                             .seq = flow->isn + 1,
                             .ack = syn_ack->ack,
                             .flags = TCP_ACK,
                             .window =
                                 (uint16_t)(syn_ack->window >> (flow->scaled ? proxy->wscale : 0)),
                             .options = syn_ack->options & SCENARIO_TIMESTAMPS,
                             .tsval = flow->clock,
                             .tsecr = syn_ack->tsecr};

    netsim_tcp_answer(sim, node, &header, flow->syn, &ack);
}

static void refuse_client(struct netsim *sim, size_t node, const struct netsim_flow *flow,
                          const struct netsim_tcp *reset)
{
    struct netsim_answer header = header_to(flow, NETSIM_CLIENT, 0);
    struct netsim_tcp tcp = {.source_port = reset->source_port,
                             .destination_port = reset->destination_port,
                             .seq = flow->isn + 1,
                             .ack = flow->client_seq + 1,
                             .flags = TCP_RST | TCP_ACK};

    netsim_tcp_answer(sim, node, &header, flow->syn, &tcp);
}

/* --- shifting -----------------------------------------------------------------------------------
 */

static void shift_options(uint8_t *tcp, const struct netsim_flow *flow, bool towards)
{
    size_t end = (tcp[12] >> 4) * 4u;

    for (size_t i = NETSIM_TCP_LEAST, len; i < end && tcp[i] != 0; i += len) {
        len = tcp[i] == KIND_NOP || i + 1 == end ? 1 : tcp[i + 1];
        if (len < (tcp[i] == KIND_NOP ? 1u : 2u) || len > end - i)
            return;
        if (tcp[i] == KIND_TIMESTAMPS && len == 10 && towards)
            put32(tcp + i + 6, get32(tcp + i + 6) - flow->clock_offset);
        else if (tcp[i] == KIND_TIMESTAMPS && len == 10)
            put32(tcp + i + 2, get32(tcp + i + 2) + flow->clock_offset);
        for (size_t k = i + 2; tcp[i] == KIND_SACK_BLOCKS && towards && k + 4 <= i + len; k += 4)
            put32(tcp + k, get32(tcp + k) - flow->seq_offset);
    }
}

static void shift(const struct scenario_syn_proxy *proxy, const struct netsim_flow *flow,
                  struct netsim_transit *packet)
{
    uint8_t *tcp = packet->bytes + packet->header_len;
    bool towards = packet->heading == NETSIM_SERVER;
    uint32_t window;

    if (towards) {
        put32(tcp + 8, get32(tcp + 8) - flow->seq_offset);
    } else {
        put32(tcp + 4, get32(tcp + 4) + flow->seq_offset);
        window = (uint32_t)netsim_get16(tcp + 14) << (flow->scaled ? flow->server_wscale : 0);
        window >>= flow->scaled ? proxy->wscale : 0;
        netsim_put16(tcp + 14, window > UINT16_MAX ? UINT16_MAX : (uint16_t)window);
    }
    shift_options(tcp, flow, towards);
    netsim_fix_transport(packet);
}

/* --- states
 * --------------------------------------------------------------------------------------- */

static void receive_syn(struct netsim *sim, size_t node, struct netsim_flow *flow,
                        const struct netsim_transit *packet, const struct netsim_tcp *syn)
{
    struct netsim_machine machine = {.salt = node};

    if (flow)
        netsim_flow_drop(sim, node, flow);
    flow = netsim_flow_add(sim, node, packet);
    if (!flow)
        return;
    flow->syn = netsim_keep(sim, packet);
    if (!flow->syn) {
        netsim_flow_drop(sim, node, flow);
        return;
    }
    flow->proxy = PROXY_ASKED;
    flow->client_seq = syn->seq;
    flow->isn = netsim_syn_cookie(sim, &machine, packet, syn->seq);
    send_syn_ack(sim, node, flow, syn);
}

/* True when the packet goes on. */
static bool receive_client(struct netsim *sim, size_t node, struct netsim_flow *flow,
                           struct netsim_transit *packet, const struct netsim_tcp *tcp)
{
    if (flow->proxy == PROXY_OPEN) {
        shift(&sim->nodes[node].now->syn_proxy, flow, packet);
        return true;
    }
    if (tcp->flags & TCP_RST)
        netsim_flow_drop(sim, node, flow);
    else if (tcp->flags & TCP_ACK && tcp->ack == flow->isn + 1)
        connect_server(sim, node, flow, tcp); /* again, when it was lost */
    return false;
}

static bool receive_server(struct netsim *sim, size_t node, struct netsim_flow *flow,
                           struct netsim_transit *packet, const struct netsim_tcp *tcp)
{
    bool syn_ack = (tcp->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

    if (flow->proxy == PROXY_OPEN && !syn_ack) {
        shift(&sim->nodes[node].now->syn_proxy, flow, packet);
        return true;
    }
    if (flow->proxy < PROXY_CONNECTING)
        return false;
    if (tcp->flags & TCP_RST) {
        refuse_client(sim, node, flow, tcp);
        netsim_flow_drop(sim, node, flow);
    } else if (syn_ack) {
        flow->seq_offset = flow->isn - tcp->seq;
        flow->clock_offset = flow->clock - tcp->tsval;
        flow->server_wscale = tcp->options & SCENARIO_WSCALE ? tcp->wscale : 0;
        acknowledge_server(sim, node, flow, tcp);
        if (flow->proxy == PROXY_CONNECTING)
            open_client(sim, node, flow, tcp);
        flow->proxy = PROXY_OPEN;
    }
    return false;
}

bool netsim_proxy_pass(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    const struct scenario_element *router = sim->nodes[node].now;
    bool towards = packet->heading == NETSIM_SERVER, passes;
    struct netsim_flow *flow;
    struct netsim_tcp tcp;

    if (router->second.present)
        answer_second(sim, node, packet);
    if (!router->syn_proxy.port || !netsim_tcp_read(packet, &tcp) ||
        (towards ? tcp.destination_port : tcp.source_port) != router->syn_proxy.port)
        return true;
    flow = netsim_flow_find(sim, node, packet);
    if (towards && is_first(&tcp)) {
        receive_syn(sim, node, flow, packet, &tcp);
        passes = false;
    } else if (!flow || flow->proxy == PROXY_NONE) {
        return true;
    } else {
        passes = towards ? receive_client(sim, node, flow, packet, &tcp)
                         : receive_server(sim, node, flow, packet, &tcp);
    }
    if (!passes)
        netsim_say(sim, NETSIM_DELIVERED, node, packet, 0);
    return passes;
}
