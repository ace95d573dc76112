/* What routers do to the packets that they forward: filters, forged RSTs, idle flows, rewriting. */
#include <string.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"
#include "wire/icmp.h"

/* --- forged RSTs ---------------------------------------------------------------------------- */

/* How much of the sequence a segment takes. */
static uint32_t sequence_len(const struct netsim_tcp *tcp)
{
    return (uint32_t)tcp->payload + !!(tcp->flags & TCP_SYN) + !!(tcp->flags & TCP_FIN);
}

static void send_resets(struct netsim *sim, size_t node, const struct scenario_reset *reset,
                        struct netsim_answer *answer, const struct netsim_transit *cause,
                        struct netsim_tcp *tcp)
{
    answer->ttl = reset->ttl ? reset->ttl : NETSIM_TTL;
    answer->tos = 0;
    answer->df = true;
    answer->delay_ns = reset->delay_ns;
    tcp->flags = TCP_RST | TCP_ACK;
    tcp->seq += (uint32_t)reset->offset_bytes;
    for (uint8_t i = 0; i < reset->count; i++) {
        answer->id = cause ? netsim_choose_id(sim, reset->ip_id, cause) : 0;
        netsim_tcp_answer(sim, node, answer, cause, tcp);
        tcp->seq += reset->step_bytes;
    }
}

/* To who sent `packet`, with the sequence number that its acknowledgement waits for. */
static void reset_sender(struct netsim *sim, size_t node, const struct scenario_reset *reset,
                         const struct netsim_transit *packet, const struct netsim_tcp *tcp)
{
    struct netsim_answer answer = netsim_answer_to(packet, 0, NETSIM_FORGED);
    struct netsim_tcp segment = {.source_port = tcp->destination_port,
                                 .destination_port = tcp->source_port,
                                 .seq = tcp->ack,
                                 .ack = tcp->seq + sequence_len(tcp)};

    send_resets(sim, node, reset, &answer, packet, &segment);
}

/* To whom it was sent, as if it went on from there; `passes`: the packet comes first. */
static void reset_receiver(struct netsim *sim, size_t node, const struct scenario_reset *reset,
                           const struct netsim_transit *packet, const struct netsim_tcp *tcp,
                           bool passes)
{
    struct netsim_answer answer = {.source = netsim_source(packet),
                                   .destination = netsim_destination(packet),
                                   .heading = packet->heading,
                                   .protocol = PROTO_TCP,
                                   .action = NETSIM_FORGED};
    struct netsim_tcp segment = {.source_port = tcp->source_port,
                                 .destination_port = tcp->destination_port,
                                 .seq = tcp->seq + (passes ? sequence_len(tcp) : 0),
                                 .ack = tcp->ack};

    send_resets(sim, node, reset, &answer, packet, &segment);
}

/* Filters see what goes towards the server: the sender is the client. */
static void forge(struct netsim *sim, size_t node, const struct scenario_filter *filter,
                  const struct netsim_transit *packet)
{
    bool passes = filter->action == FILTER_RESET_AND_PASS;
    struct netsim_tcp tcp;

    if (!netsim_tcp_read(packet, &tcp))
        return;
    if (filter->reset.to != RESET_SERVER)
        reset_sender(sim, node, &filter->reset, packet, &tcp);
    if (filter->reset.to != RESET_CLIENT)
        reset_receiver(sim, node, &filter->reset, packet, &tcp, passes);
}

/* --- what is remembered of flows ------------------------------------------------------------- */

static bool remembers(const struct scenario_element *router)
{
    if (router->idle.after_ns)
        return true;
    for (size_t i = 0; i < router->nfilters; i++)
        if (router->filters[i].once || router->filters[i].after_bytes)
            return true;
    return false;
}

static bool is_first(const struct netsim_tcp *tcp)
{
    return (tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Another connection of the same ports is another flow. */
static void begin(struct netsim_flow *flow, const struct netsim_tcp *tcp)
{
    if (flow->client_seq == tcp->seq)
        return;
    flow->client_seq = tcp->seq;
    flow->client_next = flow->server_next = 0;
    flow->acked = false;
    flow->fired = 0;
}

/* Repeated segments do not turn it back. */
static void advance(uint32_t *next, uint32_t value)
{
    if (*next == 0 || (int32_t)(value - *next) > 0)
        *next = value;
}

static void track(struct netsim_flow *flow, const struct netsim_tcp *tcp, bool towards,
                  int64_t now_ns)
{
    flow->seen_ns = now_ns;
    advance(towards ? &flow->client_next : &flow->server_next, tcp->seq + sequence_len(tcp));
    if (!(tcp->flags & TCP_ACK))
        return;
    advance(towards ? &flow->server_next : &flow->client_next, tcp->ack);
    if (towards && !flow->acked) {
        flow->first_ack = tcp->ack;
        flow->acked = true;
    }
}

/* The flow was idle for too long, or is none that the device knows. */
static bool is_forgotten(const struct netsim *sim, const struct scenario_idle *idle,
                         const struct netsim_flow *flow, const struct netsim_tcp *tcp)
{
    if (!idle->after_ns || is_first(tcp))
        return false;
    return !flow || sim->now_ns - flow->seen_ns > idle->after_ns;
}

static void refuse_forgotten(struct netsim *sim, size_t node, const struct scenario_idle *idle,
                             const struct netsim_transit *packet, const struct netsim_tcp *tcp)
{
    struct scenario_reset reset = {.ttl = idle->ttl, .count = 1};

    netsim_say(sim, NETSIM_FILTERED, node, packet, 0);
    if (idle->action != IDLE_DROP && !(tcp->flags & TCP_RST))
        reset_sender(sim, node, &reset, packet, tcp);
}

bool netsim_flows_pass(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const struct scenario_element *router = sim->nodes[node].now;
    const struct scenario_idle *idle = &router->idle;
    struct netsim_flow *flow;
    struct netsim_tcp tcp;

    if (!remembers(router) || !netsim_tcp_read(packet, &tcp))
        return true;
    flow = netsim_flow_find(sim, node, packet);
    if (is_forgotten(sim, idle, flow, &tcp)) {
        if (flow)
            netsim_flow_drop(sim, node, flow);
        refuse_forgotten(sim, node, idle, packet, &tcp);
        return false;
    }
    if (!flow)
        flow = netsim_flow_add(sim, node, packet);
    if (!flow)
        return true;
    if (is_first(&tcp))
        begin(flow, &tcp);
    track(flow, &tcp, packet->heading == NETSIM_SERVER, sim->now_ns);
    if (idle->action == IDLE_RESET_BOTH && idle->after_ns && !flow->timed)
        netsim_flow_wake(sim, node, flow, time_add(sim->now_ns, idle->after_ns));
    if (tcp.flags & TCP_RST)
        netsim_flow_drop(sim, node, flow);
    return true;
}

/* A RST to one end in the other's name, made of what the flow was when it was last seen. */
static void reset_end(struct netsim *sim, size_t node, const struct netsim_flow *flow,
                      enum netsim_side end)
{
    struct scenario_reset reset = {.ttl = sim->nodes[node].now->idle.ttl, .count = 1};
    struct address client = {.family = flow->key[0]}, server = client;
    struct netsim_answer answer = {.heading = end, .protocol = PROTO_TCP, .action = NETSIM_FORGED};
    uint16_t client_port = netsim_get16(flow->key + 33), server_port = netsim_get16(flow->key + 35);
    bool to_client = end == NETSIM_CLIENT;
    struct netsim_tcp segment = {.source_port = to_client ? server_port : client_port,
                                 .destination_port = to_client ? client_port : server_port,
                                 .seq = to_client ? flow->server_next : flow->client_next,
                                 .ack = to_client ? flow->client_next : flow->server_next};

    memcpy(client.bytes, flow->key + 1, 16);
    memcpy(server.bytes, flow->key + 17, 16);
    answer.source = to_client ? server : client;
    answer.destination = to_client ? client : server;
    send_resets(sim, node, &reset, &answer, NULL, &segment);
}

void netsim_idle_wake(struct netsim *sim, size_t node, struct netsim_flow *flow)
{
    const struct scenario_idle *idle = &sim->nodes[node].now->idle;
    int64_t until_ns = time_add(flow->seen_ns, idle->after_ns);

    if (!idle->after_ns || idle->action != IDLE_RESET_BOTH)
        return;
    if (sim->now_ns < until_ns) {
        netsim_flow_wake(sim, node, flow, until_ns);
        return;
    }
    reset_end(sim, node, flow, NETSIM_CLIENT);
    reset_end(sim, node, flow, NETSIM_SERVER);
    netsim_flow_drop(sim, node, flow);
}

/* --- filters --------------------------------------------------------------------------------- */

static bool matches_segment(const struct scenario_filter *filter,
                            const struct netsim_transit *packet)
{
    struct netsim_tcp tcp;

    if (!filter->established_only && !filter->data_only)
        return true;
    if (!netsim_tcp_read(packet, &tcp) || (filter->established_only && tcp.flags & TCP_SYN))
        return false;
    return !filter->data_only || tcp.payload > 0;
}

/* What depends on the flow so far. Marks filters that act once. */
static bool matches_flow(struct netsim *sim, size_t node, size_t index,
                         const struct netsim_transit *packet)
{
    const struct scenario_filter *filter = &sim->nodes[node].now->filters[index];
    struct netsim_flow *flow;
    struct netsim_tcp tcp;

    if (!filter->once && !filter->after_bytes)
        return true;
    flow = netsim_tcp_read(packet, &tcp) ? netsim_flow_find(sim, node, packet) : NULL;
    if (!flow || flow->fired >> index & 1)
        return false;
    if (filter->after_bytes && (!flow->acked || tcp.ack - flow->first_ack < filter->after_bytes))
        return false;
    if (filter->once)
        flow->fired |= 1u << index;
    return true;
}

static bool matches(struct netsim *sim, size_t node, size_t index,
                    const struct netsim_transit *packet)
{
    const struct netsim_node *at = &sim->nodes[node];
    const struct scenario_filter *filter = &at->now->filters[index];
    const uint8_t *segment = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len;
    bool icmp = packet->protocol == PROTO_ICMPV6 && filter->protocol == PROTO_ICMP;

    if (filter->protocol && filter->protocol != packet->protocol && !icmp)
        return false;
    if (filter->port && (len < 4 || netsim_get16(segment + 2) != filter->port))
        return false;
    if (!matches_segment(filter, packet))
        return false;
    if (filter->flow_share < 1 &&
        (double)(netsim_flow_hash(packet, at->salt ^ 1) >> 11) / 9007199254740992.0 >=
            filter->flow_share)
        return false;
    return matches_flow(sim, node, index, packet);
}

bool netsim_filter(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const struct scenario_element *router = sim->nodes[node].now;

    if (packet->heading != NETSIM_SERVER)
        return true;
    for (size_t i = 0; i < router->nfilters; i++) {
        const struct scenario_filter *filter = &router->filters[i];

        if (!matches(sim, node, i, packet))
            continue;
        if (filter->action == FILTER_RESET_AND_PASS) {
            forge(sim, node, filter, packet);
            continue;
        }
        netsim_say(sim, NETSIM_FILTERED, node, packet, 0);
        if (filter->action == FILTER_REJECT)
            netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, filter->reject_code, 0);
        else if (filter->action == FILTER_RESET)
            forge(sim, node, filter, packet);
        return false;
    }
    return true;
}

/* --- rewriting ------------------------------------------------------------------------------- */

static void clamp_mss(struct netsim_transit *packet, uint16_t mss)
{
    uint8_t *tcp = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len, end;

    if (packet->protocol != PROTO_TCP || len < NETSIM_TCP_LEAST || !(tcp[13] & TCP_SYN))
        return;
    end = (tcp[12] >> 4) * 4u;
    for (size_t i = NETSIM_TCP_LEAST; i < end && i + 4 <= len;) {
        if (tcp[i] == 0)
            return;
        if (tcp[i] == 2 && netsim_get16(tcp + i + 2) > mss) {
            netsim_put16(tcp + i + 2, mss);
            netsim_fix_transport(packet);
        }
        i += tcp[i] == 1 || tcp[i + 1] < 2 ? 1 : tcp[i + 1];
    }
}

static unsigned option_of(uint8_t kind)
{
    switch (kind) { /* IANA: TCP option kinds */
    case 2:
        return SCENARIO_MSS;
    case 3:
        return SCENARIO_WSCALE;
    case 4:
        return SCENARIO_SACK;
    case 8:
        return SCENARIO_TIMESTAMPS;
    case 34:
        return SCENARIO_FAST_OPEN;
    default:
        return 0;
    }
}

/* Off a SYN, with NOPs in their place. */
static void strip_options(struct netsim_transit *packet, unsigned options)
{
    uint8_t *tcp = packet->bytes + packet->header_len;
    struct netsim_tcp read;
    size_t end;

    if (!netsim_tcp_read(packet, &read) || !(read.flags & TCP_SYN))
        return;
    end = (tcp[12] >> 4) * 4u;
    for (size_t i = NETSIM_TCP_LEAST, len; i < end && tcp[i] != 0; i += len) {
        len = tcp[i] == 1 || i + 1 == end ? 1 : tcp[i + 1];
        if (len < (tcp[i] == 1 ? 1u : 2u) || len > end - i)
            break;
        if (option_of(tcp[i]) & options)
            memset(tcp + i, 1, len);
    }
    if (options & SCENARIO_ECN) {
        tcp[12] &= (uint8_t)~1u; /* AE, RFC 9768 */
        tcp[13] &= (uint8_t) ~(TCP_ECE | TCP_CWR);
    }
    netsim_fix_transport(packet);
}

void netsim_rewrite(const struct scenario_element *router, struct netsim_transit *packet)
{
    unsigned octet;

    if (router->clamp_mss)
        clamp_mss(packet, router->clamp_mss);
    if (packet->heading != NETSIM_SERVER)
        return;
    if (router->strip_options)
        strip_options(packet, router->strip_options);
    if (router->rewrite_dscp < 0 && router->rewrite_ecn < 0)
        return;
    octet = packet->version == 6 ? netsim_get16(packet->bytes) >> 4 & 0xff : packet->bytes[1];
    if (router->rewrite_dscp >= 0)
        octet = (octet & 3) | (unsigned)router->rewrite_dscp << 2;
    if (router->rewrite_ecn >= 0)
        octet = (octet & 0xfc) | (unsigned)router->rewrite_ecn;
    if (packet->version == 6)
        netsim_put16(packet->bytes,
                     (uint16_t)((netsim_get16(packet->bytes) & 0xf00f) | octet << 4));
    else
        packet->bytes[1] = (uint8_t)octet;
    netsim_fix_ip(packet);
}
