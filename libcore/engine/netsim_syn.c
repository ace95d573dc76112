/*
 * A service's side of the TCP handshake, after Linux (net/ipv4/tcp_input.c, tcp_output.c and
 * syncookies.c of 6.18): options, windows, repeated SYN-ACKs, SYN cookies, fast open, ECN.
 */
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"

enum { WINDOW_MAX = 65535, WSCALE = 7, COOKIE_LEN = 8 };
enum { SALT_ISN = 1, SALT_TIMESTAMP, SALT_COOKIE, SALT_FAST_OPEN };

#define FIRST_REPEAT_NS   NS_PER_SEC        /* RFC 6298 (2.1) */
#define BUSY_FORGOTTEN_NS (4 * NS_PER_SEC)  /* a SYN after that is a first one again */
#define CHALLENGE_NS      (NS_PER_SEC / 2)  /* Linux: net.ipv4.tcp_invalid_ratelimit */
#define COOKIE_PERIOD_NS  (60 * NS_PER_SEC) /* syncookies.c: the counter's step */

enum { /* syncookies.c: what the low bits of TSval say */
       TS_BITS = 6,
       TS_WSCALE_NONE = 0xf,
       TS_SACK = 1 << 4,
       TS_ECN = 1 << 5,
};

static uint8_t ip_ecn(const struct netsim_transit *packet)
{
    return packet->version == 4 ? packet->bytes[1] & 3 : packet->bytes[1] >> 4 & 3;
}

/* RFC 3168 6.1.1; RFC 9768 3.1.1, table 2: the SYN-ACK says how the SYN's own ECN field came. */
static uint16_t answer_ecn(enum scenario_ecn kind, const struct netsim_transit *packet,
                           const struct netsim_tcp *syn)
{
    static const uint16_t accurate[] = {TCP_CWR, TCP_CWR | TCP_ECE, TCP_AE, TCP_AE | TCP_CWR};
    bool asked = (syn->flags & TCP_ECE) && (syn->flags & TCP_CWR), more = syn->flags & TCP_AE;

    if (kind == ECN_IGNORED || !asked || (!more && ip_ecn(packet)))
        return 0;
    return kind == ECN_ACCURATE && more ? accurate[ip_ecn(packet)] : TCP_ECE;
}

/* tcp_select_initial_window: whole segments, timestamps taken off each. */
static uint16_t first_window(uint16_t mss, bool timestamps)
{
    unsigned segment = mss - (timestamps ? 12u : 0);

    return (uint16_t)(WINDOW_MAX / segment * segment);
}

static uint16_t own_mss(const struct netsim *sim, const struct scenario_handshake *handshake,
                        const struct netsim_transit *packet)
{
    uint16_t mtu = sim->scenario->last_to.mtu ? sim->scenario->last_to.mtu : NETSIM_MTU_DEFAULT;
    unsigned headers = NETSIM_TCP_LEAST + (packet->version == 6 ? 40 : 20);

    if (handshake->mss)
        return handshake->mss;
    return mtu > 88 + headers ? (uint16_t)(mtu - headers) : 88; /* TCP_MIN_MSS */
}

static uint64_t secret(const struct netsim *sim, const struct netsim_machine *machine,
                       const struct netsim_transit *packet, uint64_t salt)
{
    return netsim_flow_secret(sim, packet, machine->salt << 8 | salt);
}

/* secure_tcp_syn_cookie: the client's number is in it, so that it can be taken out again. */
uint32_t netsim_syn_cookie(const struct netsim *sim, const struct netsim_machine *machine,
                           const struct netsim_transit *packet, uint32_t seq)
{
    uint32_t count = (uint32_t)(sim->now_ns / COOKIE_PERIOD_NS);
    uint32_t low = (uint32_t)secret(sim, machine, packet, SALT_COOKIE) * (count | 1);

    return (uint32_t)secret(sim, machine, packet, SALT_ISN) + seq + (count << 24) +
           (low & 0xffffff);
}

/* secure_tcp_seq: a number of the flow, and a clock that counts 64 ns. */
uint32_t netsim_syn_isn(const struct netsim *sim, const struct netsim_machine *machine,
                        const struct netsim_transit *packet)
{
    return (uint32_t)secret(sim, machine, packet, SALT_ISN) + (uint32_t)(sim->now_ns >> 6);
}

unsigned netsim_syn_bits(const struct netsim_tcp *syn, const struct netsim_tcp *answer)
{
    unsigned bits = answer->options & SCENARIO_WSCALE ? syn->wscale & 0xf : TS_WSCALE_NONE;

    if (answer->options & SCENARIO_SACK)
        bits |= TS_SACK;
    if (answer->flags & (TCP_ECE | TCP_CWR | TCP_AE))
        bits |= TS_ECN;
    return bits;
}

/* cookie_init_timestamp: the latest time not after now whose low bits are the options. */
static int64_t cookie_ms(int64_t ms, unsigned bits)
{
    int64_t period = 1 << TS_BITS;

    return ms - ms % period + bits - (ms % period < bits ? period : 0);
}

/* Like Linux 6.18 it counts from another number in each flow. */
static void stamp(const struct netsim *sim, const struct netsim_machine *machine,
                  const struct netsim_transit *packet, const struct netsim_tcp *syn,
                  struct netsim_tcp *answer)
{
    int64_t ms = sim->now_ns / NS_PER_MS;

    if (machine->handshake->syn_cookies)
        ms = cookie_ms(ms, netsim_syn_bits(syn, answer));
    answer->tsval = (uint32_t)ms + (uint32_t)secret(sim, machine, packet, SALT_TIMESTAMP);
    answer->tsecr = syn->tsval;
}

/* Cookies belong to a pair of addresses, whatever the ports. */
static void fast_open_cookie(const struct netsim *sim, const struct netsim_transit *packet,
                             uint8_t cookie[COOKIE_LEN])
{
    struct address client = netsim_source(packet), server = netsim_destination(packet);
    uint64_t value = address_hash(&server, address_hash(&client, sim->secret ^ SALT_FAST_OPEN));

    for (size_t i = 0; i < COOKIE_LEN; i++)
        cookie[i] = (uint8_t)(value >> 8 * i);
}

/* RFC 7413 4.2: data with a good cookie is taken, any other cookie is answered with a good one. */
static void open_fast(const struct netsim *sim, const struct netsim_transit *packet,
                      const struct netsim_tcp *syn, struct netsim_tcp *answer)
{
    uint8_t cookie[COOKIE_LEN];

    fast_open_cookie(sim, packet, cookie);
    if (syn->cookie_len == COOKIE_LEN && memcmp(syn->cookie, cookie, COOKIE_LEN) == 0) {
        answer->ack += (uint32_t)syn->payload;
        return;
    }
    answer->options |= SCENARIO_FAST_OPEN;
    answer->cookie_len = COOKIE_LEN;
    memcpy(answer->cookie, cookie, COOKIE_LEN);
}

static void choose_options(const struct scenario_handshake *handshake, const struct netsim_tcp *syn,
                           struct netsim_tcp *answer)
{
    unsigned both = SCENARIO_SACK | SCENARIO_TIMESTAMPS | SCENARIO_WSCALE;

    answer->options = (SCENARIO_MSS | (syn->options & both)) & ~handshake->without;
    if (handshake->syn_cookies && !(answer->options & SCENARIO_TIMESTAMPS)) {
        answer->options &= SCENARIO_MSS; /* nowhere to remember them */
        answer->flags &= (uint16_t) ~(TCP_ECE | TCP_CWR | TCP_AE);
    }
}

uint16_t netsim_choose_id(struct netsim *sim, enum scenario_ip_id kind,
                          const struct netsim_transit *packet)
{
    switch (kind) {
    case IP_ID_COUNTER:
        return ++sim->ip_id;
    case IP_ID_RANDOM:
        return (uint16_t)random_u64(&sim->random);
    case IP_ID_COPIED:
        return packet->version == 4 ? netsim_get16(packet->bytes + 4) : 0;
    case IP_ID_ZERO:
        break;
    }
    return 0;
}

void netsim_syn_ack(struct netsim *sim, size_t node, const struct netsim_machine *machine,
                    const struct netsim_transit *packet, uint32_t isn, bool first)
{
    const struct scenario_handshake *handshake = machine->handshake;
    uint8_t ttl = handshake->ttl ? handshake->ttl : NETSIM_TTL;
    struct netsim_answer header = netsim_answer_to(packet, ttl, machine->action);
    struct netsim_tcp syn, answer = {.flags = TCP_SYN | TCP_ACK};

    if (!netsim_tcp_read(packet, &syn))
        return;
    answer.source_port = syn.destination_port;
    answer.destination_port = syn.source_port;
    answer.seq = isn;
    answer.ack = syn.seq + 1;
    answer.flags |= answer_ecn(handshake->ecn, packet, &syn);
    choose_options(handshake, &syn, &answer);
    answer.mss = own_mss(sim, handshake, packet);
    answer.wscale = handshake->window ? 0 : WSCALE;
    answer.window = handshake->window
                        ? handshake->window
                        : first_window(answer.mss, answer.options & SCENARIO_TIMESTAMPS);
    if (answer.options & SCENARIO_TIMESTAMPS)
        stamp(sim, machine, packet, &syn, &answer);
    if (first && handshake->fast_open && !handshake->syn_cookies &&
        syn.options & ~handshake->without & SCENARIO_FAST_OPEN)
        open_fast(sim, packet, &syn, &answer);
    header.tos = 0;
    header.df = true;
    header.delay_ns = machine->delay_ns;
    header.id = netsim_choose_id(sim, handshake->ip_id, packet);
    netsim_tcp_answer(sim, node, &header, packet, &answer);
}

/* --- half-open connections ---------------------------------------------------------------------
 */

static struct netsim_machine server_of(const struct scenario_service *service)
{
    return (struct netsim_machine){.handshake = &service->handshake, .action = NETSIM_ENTERED};
}

struct netsim_transit *netsim_keep(struct netsim *sim, const struct netsim_transit *packet)
{
    struct netsim_transit *kept = netsim_packet(sim, packet->bytes, packet->len);

    if (!kept)
        return NULL;
    kept->id = packet->id;
    kept->entered_ns = packet->entered_ns;
    kept->heading = packet->heading;
    return kept;
}

/* A new flow; where it cannot be remembered, its SYN-ACK is not repeated. */
static void answer_new(struct netsim *sim, size_t node, const struct scenario_service *service,
                       const struct netsim_transit *packet, const struct netsim_tcp *syn,
                       struct netsim_flow *flow)
{
    struct netsim_machine server = server_of(service);
    uint32_t isn = netsim_syn_isn(sim, &server, packet);

    if (flow)
        netsim_flow_drop(sim, node, flow); /* with its timer: it was ignored so far */
    flow = netsim_flow_add(sim, node, packet);
    if (flow) {
        flow->syn = netsim_keep(sim, packet);
        flow->client_seq = syn->seq;
        flow->isn = isn;
        netsim_flow_wake(sim, node, flow, time_add(sim->now_ns, FIRST_REPEAT_NS));
    }
    netsim_syn_ack(sim, node, &server, packet, isn, true);
}

/* The accept queue is full for the first SYN of a flow: remembers it. */
static void ignore_first(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                         const struct netsim_tcp *syn)
{
    struct netsim_flow *flow = netsim_flow_find(sim, node, packet);

    netsim_say(sim, NETSIM_BACKLOG_FULL, node, packet, 0);
    if (!flow)
        flow = netsim_flow_add(sim, node, packet);
    if (!flow)
        return;
    flow->client_seq = syn->seq;
    if (!flow->timed)
        netsim_flow_wake(sim, node, flow, time_add(sim->now_ns, BUSY_FORGOTTEN_NS));
}

/*
 * RFC 9293 3.10.7.4, RFC 5961 4: another SYN on a half-open connection is answered with an ACK of
 * the first, at most every half second; one inside the window, where it cannot be a new client's,
 * with a RST.
 */
static void challenge(struct netsim *sim, size_t node, struct netsim_flow *flow,
                      const struct netsim_transit *packet, const struct netsim_tcp *syn)
{
    struct netsim_answer header = netsim_answer_to(packet, NETSIM_TTL, NETSIM_ENTERED);
    struct netsim_tcp answer = {.source_port = syn->destination_port,
                                .destination_port = syn->source_port,
                                .seq = flow->isn + 1,
                                .ack = flow->client_seq + 1,
                                .flags = TCP_ACK,
                                .window = WINDOW_MAX >> WSCALE};

    if (syn->seq - (flow->client_seq + 1) < WINDOW_MAX) {
        netsim_tcp_refuse(sim, node, packet, syn);
        netsim_flow_drop(sim, node, flow);
        return;
    }
    if (sim->now_ns < flow->challenged_ns)
        return;
    flow->challenged_ns = time_add(sim->now_ns, CHALLENGE_NS);
    header.tos = 0;
    header.df = true;
    netsim_tcp_answer(sim, node, &header, packet, &answer);
}

static void receive_syn(struct netsim *sim, size_t node, const struct scenario_service *service,
                        const struct netsim_transit *packet, const struct netsim_tcp *syn)
{
    const struct scenario_handshake *handshake = &service->handshake;
    struct netsim_machine server = server_of(service);
    struct netsim_flow *flow = netsim_flow_find(sim, node, packet);

    if (flow && flow->syn && flow->client_seq != syn->seq) {
        challenge(sim, node, flow, packet, syn);
    } else if (flow && flow->syn) {
        netsim_syn_ack(sim, node, &server, packet, flow->isn, false);
    } else if (handshake->backlog == BACKLOG_FULL) {
        netsim_say(sim, NETSIM_BACKLOG_FULL, node, packet, 0);
    } else if (handshake->backlog == BACKLOG_BUSY && (!flow || flow->client_seq != syn->seq)) {
        ignore_first(sim, node, packet, syn);
    } else if (handshake->syn_cookies) {
        netsim_syn_ack(sim, node, &server, packet,
                       netsim_syn_cookie(sim, &server, packet, syn->seq), true);
    } else {
        answer_new(sim, node, service, packet, syn, flow);
    }
}

/* What a cookie was given for is open once it comes back; nothing is remembered before. */
static bool is_cookie(const struct netsim *sim, const struct scenario_service *service,
                      const struct netsim_transit *packet, const struct netsim_tcp *tcp)
{
    struct netsim_machine server = server_of(service);

    return service->handshake.syn_cookies &&
           tcp->ack - 1 == netsim_syn_cookie(sim, &server, packet, tcp->seq - 1);
}

void netsim_syn_receive(struct netsim *sim, size_t node, const struct scenario_service *service,
                        const struct netsim_transit *packet, const struct netsim_tcp *tcp)
{
    struct netsim_flow *flow = netsim_flow_find(sim, node, packet);

    if (tcp->flags & TCP_RST) {
        if (flow && flow->syn && tcp->seq - (flow->client_seq + 1) < WINDOW_MAX)
            netsim_flow_drop(sim, node, flow);
    } else if ((tcp->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN) {
        receive_syn(sim, node, service, packet, tcp);
    } else if (tcp->flags & TCP_ACK) {
        if (flow && flow->syn && (flow->established || tcp->ack == flow->isn + 1))
            flow->established = true;
        else if (!is_cookie(sim, service, packet, tcp))
            netsim_tcp_refuse(sim, node, packet, tcp);
    }
}

void netsim_syn_wake(struct netsim *sim, size_t node, struct netsim_flow *flow)
{
    const struct scenario_service *service =
        netsim_host_service(sim, false, netsim_get16(flow->key + 35));
    struct netsim_machine server;

    if (!flow->syn || !service || flow->repeats == service->handshake.synack_retries) {
        netsim_flow_drop(sim, node, flow);
        return;
    }
    server = server_of(service);
    if (!flow->established)
        netsim_syn_ack(sim, node, &server, flow->syn, flow->isn, false);
    flow->repeats++;
    netsim_flow_wake(sim, node, flow, time_add(sim->now_ns, FIRST_REPEAT_NS << flow->repeats));
}
