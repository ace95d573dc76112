/* Which probe is which: the ring of probes, their identities, and how they look. */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "engine/trace_internal.h"

/*
 * One 16-bit token per probe is ICMP sequence, UDP checksum and IPv4 identification at once. 0 and
 * 0xffff are left out: a UDP checksum of 0 means none and is sent as 0xffff, and the kernel fills
 * in an identification of 0.
 */
#define TOKENS 65534

/* Consecutive SYNs are far apart, so that none falls into the window of another (RFC 9293 3.10.7).
 */
#define SEQ_STRIDE         UINT32_C(0x9e3779b1)
#define SEQ_STRIDE_INVERSE UINT32_C(0x0e8b2f51) /* product 1 modulo 2^32 */

#define PORTS_MIN 1024 /* identity_by_port: fewer would come round too soon */
#define PORTS_MAX 16384

#define DEFAULT_UDP_PORT 33434
#define DEFAULT_TCP_PORT 443

static uint64_t probe_mix(uint64_t value)
{
    struct random random;

    random_seed(&random, value);
    return random_u64(&random);
}

void trace_identity_init(struct trace *trace)
{
    const struct trace_config *config = &trace->config;
    struct random random;

    random_seed(&random, config->seed);
    trace->token_base = (uint16_t)random_below(&random, TOKENS);
    trace->icmp_id = (uint16_t)(1 + random_below(&random, 65534));
    trace->checksum_base = (uint16_t)(1 + random_below(&random, 60000));
    trace->tcp_base = (uint32_t)random_u64(&random);
    trace->flow_label = (uint32_t)(1 + random_below(&random, 0xffffe));
    trace->nonce_key = random_u64(&random);
    /* Above Linux's ephemeral range as far as that goes, with room for multipath's flows. */
    trace->source_port = (uint16_t)(61000 + random_below(&random, 3000));
    if (config->source_port)
        trace->source_port = config->source_port;
    trace->destination_port = config->destination_port;
    if (!trace->destination_port)
        trace->destination_port =
            config->protocol == PROBE_TCP ? DEFAULT_TCP_PORT : DEFAULT_UDP_PORT;
}

static uint32_t probe_port_base(const struct trace *trace)
{
    uint32_t base = trace->destination_port;

    return base > 65536 - PORTS_MIN ? 65536 - PORTS_MIN : base;
}

static uint32_t probe_ports(const struct trace *trace)
{
    uint32_t count = 65536 - probe_port_base(trace);

    return count > PORTS_MAX ? PORTS_MAX : count;
}

uint16_t trace_token(const struct trace *trace, uint32_t id)
{
    return (uint16_t)(1 + (trace->token_base + (uint64_t)id) % TOKENS);
}

uint16_t trace_port(const struct trace *trace, uint32_t id)
{
    return (uint16_t)(probe_port_base(trace) + id % probe_ports(trace));
}

uint32_t trace_tcp_seq(const struct trace *trace, uint32_t id)
{
    return trace->tcp_base + id * SEQ_STRIDE;
}

struct trace_slot *trace_slot_get(const struct trace *trace, uint32_t id)
{
    struct trace_slot *slot = &trace->ring[id & (trace->ring_size - 1)];

    return slot->state != SLOT_FREE && slot->id == id ? slot : NULL;
}

/* The newest probe whose identity, counted modulo `modulus`, is `index`. */
static struct trace_slot *probe_newest(const struct trace *trace, uint64_t base, uint32_t modulus,
                                       uint32_t index)
{
    uint32_t next = (uint32_t)((base + trace->next_id) % modulus);
    uint32_t back = (next + modulus - index) % modulus;

    return trace_slot_get(trace, trace->next_id - (back ? back : modulus));
}

struct trace_slot *trace_slot_by_token(const struct trace *trace, uint16_t token)
{
    if (token < 1 || token > TOKENS)
        return NULL;
    return probe_newest(trace, trace->token_base, TOKENS, token - 1u);
}

struct trace_slot *trace_slot_by_port(const struct trace *trace, uint16_t port)
{
    uint32_t base = probe_port_base(trace), count = probe_ports(trace);

    if (port < base || port >= base + count)
        return NULL;
    return probe_newest(trace, 0, count, port - base);
}

struct trace_slot *trace_slot_by_tcp_seq(const struct trace *trace, uint32_t seq)
{
    return trace_slot_get(trace, (seq - trace->tcp_base) * SEQ_STRIDE_INVERSE);
}

/* Flow 0 has the port that was asked for; multipath's others count up from it, within 16 bits. */
uint16_t trace_flow_source_port(const struct trace *trace, uint32_t flow)
{
    uint32_t port = trace->source_port + flow;

    return (uint16_t)(port > 65535 ? port - 65536 + 1024 : port);
}

uint16_t trace_slot_destination_port(const struct trace *trace, const struct trace_slot *slot)
{
    if (trace->config.protocol == PROBE_UDP && trace->config.identity_by_port)
        return trace_port(trace, slot->id);
    return trace->destination_port;
}

/* A flow of ICMP is its checksum: routers that hash ICMP look at its first four bytes. */
uint16_t trace_slot_checksum(const struct trace *trace, const struct trace_slot *slot)
{
    if (trace->config.protocol == PROBE_ICMP)
        return (uint16_t)(1 + (trace->checksum_base + slot->flow) % TOKENS);
    if (trace->config.protocol == PROBE_UDP && !trace->config.identity_by_port)
        return trace_token(trace, slot->id);
    return 0;
}

void trace_slot_nonce(const struct trace *trace, const struct trace_slot *slot,
                      uint8_t nonce[TRACE_NONCE_LEN])
{
    for (unsigned i = 0; i < TRACE_NONCE_LEN; i += 8) {
        uint64_t mixed = probe_mix(trace->nonce_key ^ ((uint64_t)slot->id << 8) ^ i);
        memcpy(nonce + i, &mixed, 8);
    }
}

/* Crafting sets the first two payload bytes so that the checksum is the one that was asked for. */
size_t trace_slot_nonce_offset(const struct trace *trace, const struct trace_slot *slot)
{
    return trace_slot_checksum(trace, slot) ? 2 : 0;
}

size_t trace_slot_nonce_len(const struct trace *trace, const struct trace_slot *slot)
{
    size_t before = (trace->config.destination.family == 6 ? 40 : 20) + 8;

    before += trace_slot_nonce_offset(trace, slot);
    size_t room = slot->size > before ? slot->size - before : 0;
    return room < TRACE_NONCE_LEN ? room : TRACE_NONCE_LEN;
}

static void probe_fill_tcp(const struct trace *trace, const struct trace_slot *slot,
                           struct probe *probe)
{
    probe->tcp_seq = trace_tcp_seq(trace, slot->id);
    probe->tcp_flags = TCP_SYN;
    probe->tcp_window = 64240;
    if (slot->purpose == TRACE_FOR_MTU)
        return; /* the size decides how much room there is */
    probe->tcp_options = PROBE_TCP_MSS;
    probe->tcp_mss = trace->config.destination.family == 6 ? 1440 : 1460;
}

void trace_probe_fill(struct trace *trace, const struct trace_slot *slot, struct probe *probe)
{
    const struct trace_config *config = &trace->config;

    *probe = (struct probe){
        .protocol = config->protocol,
        .source = config->source,
        .destination = config->destination,
        .ttl = slot->ttl,
        .dscp = config->dscp,
        .ecn = config->ecn,
        .df = config->df || slot->purpose == TRACE_FOR_MTU,
        .ip_id = trace_token(trace, slot->id),
        .flow_label = (trace->flow_label + slot->flow) & 0xfffff,
        .size = slot->size,
        .fixed_checksum = trace_slot_checksum(trace, slot),
    };
    if (config->protocol == PROBE_ICMP) {
        probe->icmp_id = trace->icmp_id;
        probe->icmp_seq = trace_token(trace, slot->id);
    } else {
        probe->source_port = trace_flow_source_port(trace, slot->flow);
        probe->destination_port = trace_slot_destination_port(trace, slot);
    }
    if (config->protocol == PROBE_TCP) {
        probe_fill_tcp(trace, slot, probe);
        return;
    }
    trace_slot_nonce(trace, slot, trace->nonce);
    probe->payload = trace->nonce;
    probe->payload_len = (uint16_t)trace_slot_nonce_len(trace, slot);
}

/* Still to be waited for, as the longest wait has it. */
bool trace_slot_waits(const struct trace *trace, const struct trace_slot *slot, int64_t now_ns)
{
    return slot->state == SLOT_OFFERED || slot->state == SLOT_AGAIN ||
           (slot->state == SLOT_FLIGHT && !slot->given_up &&
            now_ns - slot->wait_ns < trace->config.timeout_ns);
}

static int probe_ring_grow(struct trace *trace)
{
    uint32_t size = 2 * trace->ring_size;
    struct trace_slot *ring = calloc(size, sizeof(*ring));

    if (!ring)
        return -1;
    for (uint32_t i = 0; i < trace->ring_size; i++) {
        const struct trace_slot *slot = &trace->ring[i];
        if (slot->state != SLOT_FREE)
            ring[slot->id & (size - 1)] = *slot;
    }
    free(trace->ring);
    trace->ring = ring;
    trace->ring_size = size;
    return 0;
}

static uint32_t probe_ring_limit(const struct trace *trace)
{
    uint32_t limit = TRACE_RING_MAX;

    while (trace->config.identity_by_port && limit > probe_ports(trace) / 2)
        limit /= 2;
    return limit;
}

/* A place in the ring. It grows while the oldest is waited for, or could still come late. */
struct trace_slot *trace_slot_new(struct trace *trace, enum trace_purpose purpose, uint8_t ttl,
                                  uint32_t flow, int64_t now_ns)
{
    const struct trace_slot *old = &trace->ring[trace->next_id & (trace->ring_size - 1)];
    bool wanted = old->state != SLOT_FREE && now_ns - old->wait_ns < 2 * trace->config.timeout_ns;

    if (wanted && trace->ring_size < probe_ring_limit(trace) && probe_ring_grow(trace) < 0)
        return NULL;
    uint32_t id = trace->next_id++;
    struct trace_slot *slot = &trace->ring[id & (trace->ring_size - 1)];
    *slot = (struct trace_slot){
        .id = id,
        .round = trace->rounds ? trace->rounds - 1 : 0,
        .flow = flow,
        .epoch = trace_hop_at(trace, ttl)->epoch,
        .sent_ns = now_ns,
        .wait_ns = now_ns,
        .size = trace->config.size,
        .ttl = ttl,
        .state = SLOT_OFFERED,
        .purpose = (uint8_t)purpose,
    };
    if (trace->next_id - trace->oldest_id > trace->ring_size)
        trace->oldest_id = trace->next_id - trace->ring_size;
    return slot;
}
