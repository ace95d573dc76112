/* Which probe is which: the ring of probes, their identities, and how they look. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/random.h"
#include "base/writer.h"
#include "engine/syn_internal.h"

#define SEQ_ROUNDS 4 /* a strong pseudorandom permutation (Luby and Rackoff 1988) */

#define ECHO_FIT 2 /* bytes before the payload that make the checksum as wanted */

/* Above Linux's ephemeral range as far as that goes. */
#define PORTS_FIRST 61000
#define PORTS_END   65536

/*
 * Linux' own, and others: SYN cookies show in how the answer's TSval moves with them. The steps
 * are large, and no two in a row alike, so that an even clock with some jitter does not look so.
 */
#define WSCALES 4

static const uint8_t wscales[WSCALES] = {7, 14, 2, 11};

static uint16_t probe_seq_round(const struct syn *syn, unsigned round, uint16_t half)
{
    return (uint16_t)random_mix(syn->key ^ ((uint64_t)round << 48 | (uint64_t)half << 8));
}

/* A Feistel network over the probe's number: no two probes alike, and nothing to guess from. */
static uint32_t probe_encrypt(const struct syn *syn, uint32_t value)
{
    uint16_t left = (uint16_t)(value >> 16), right = (uint16_t)value;

    for (unsigned i = 0; i < SEQ_ROUNDS; i++) {
        uint16_t next = left ^ probe_seq_round(syn, i, right);
        left = right;
        right = next;
    }
    return (uint32_t)left << 16 | right;
}

static uint32_t probe_decrypt(const struct syn *syn, uint32_t value)
{
    uint16_t left = (uint16_t)(value >> 16), right = (uint16_t)value;

    for (unsigned i = SEQ_ROUNDS; i-- > 0;) {
        uint16_t before = right ^ probe_seq_round(syn, i, left);
        right = left;
        left = before;
    }
    return (uint32_t)left << 16 | right;
}

void syn_identity_init(struct syn *syn)
{
    struct syn_config *config = &syn->config;
    struct random random;

    random_seed(&random, config->seed);
    syn->key = random_u64(&random);
    syn->icmp_id = (uint16_t)(1 + random_below(&random, 65534));
    syn->checksum = (uint16_t)(1 + random_below(&random, 65534));
    syn->tsval_base = (uint32_t)random_u64(&random);
    if (config->source_port)
        return;
    uint32_t first = PORTS_FIRST;
    if (first > PORTS_END - (uint32_t)config->source_ports)
        first = PORTS_END - (uint32_t)config->source_ports;
    uint32_t room = PORTS_END - config->source_ports - first + 1;
    config->source_port = (uint16_t)(first + random_below(&random, room));
}

uint32_t syn_isn(const struct syn *syn, uint32_t id)
{
    return probe_encrypt(syn, id & SYN_ID_MASK);
}

int64_t syn_repeat_ns(const struct syn *syn, unsigned copy)
{
    int64_t times = (INT64_C(1) << copy) - 1;

    return syn->config.repeat_ns > TIME_NEVER / 128 ? (copy ? TIME_NEVER : 0)
                                                    : times * syn->config.repeat_ns;
}

/* The clock when the first copy left, and what should have passed since: every copy's own. */
uint32_t syn_tsval(const struct syn *syn, const struct syn_slot *slot, unsigned copy)
{
    return slot->tsval + (uint32_t)(syn_repeat_ns(syn, copy) / NS_PER_MS) + copy;
}

/* How often the ports have come round. */
static uint32_t probe_turn(const struct syn *syn, const struct syn_slot *slot)
{
    return slot->probe / syn->config.source_ports;
}

/* Comparing, every second probe goes without timestamps; so does every second one of a port. */
static bool probe_is_plain(const struct syn *syn, const struct syn_slot *slot)
{
    uint32_t even = syn->config.source_ports % 2 == 0 ? probe_turn(syn, slot) : 0;

    return syn->config.compare && (slot->probe + even) % 2 == 1;
}

uint8_t syn_asked(const struct syn *syn, const struct syn_slot *slot)
{
    uint8_t options = PROBE_TCP_MSS;

    if (syn->config.options == SYN_OPTIONS_BARE)
        return options;
    options |= PROBE_TCP_SACK | PROBE_TCP_TIMESTAMPS | PROBE_TCP_WSCALE;
    if (syn->config.options == SYN_OPTIONS_FULL)
        options |= PROBE_TCP_FAST_OPEN;
    if (probe_is_plain(syn, slot))
        options &= (uint8_t)~PROBE_TCP_TIMESTAMPS;
    return options;
}

/* Not that of the probe before with the same options, nor that of the same port the last time. */
uint8_t syn_asked_wscale(const struct syn *syn, const struct syn_slot *slot)
{
    unsigned alike = syn->config.compare ? 2 : 1; /* one of so many has these options */
    uint32_t step = slot->probe / alike;

    if (syn->config.source_ports % WSCALES == 0)
        step += probe_turn(syn, slot) / alike;
    return wscales[step % WSCALES];
}

size_t syn_flow_index(const struct syn *syn, uint16_t source_port)
{
    return (uint16_t)(source_port - syn->config.source_port);
}

static uint16_t probe_source_port(const struct syn *syn, uint32_t target, uint32_t probe)
{
    uint32_t step = (probe + target) % syn->config.source_ports;

    return (uint16_t)(syn->config.source_port + step);
}

struct syn_slot *syn_slot_get(const struct syn *syn, uint32_t id)
{
    struct syn_slot *slot = &syn->ring[id & (syn->ring_size - 1)];

    return slot->state != SLOT_FREE && slot->id == (id & SYN_ID_MASK) ? slot : NULL;
}

struct syn_slot *syn_slot_by_seq(const struct syn *syn, uint32_t seq, bool *forgotten)
{
    uint32_t id = probe_decrypt(syn, seq);
    uint32_t age = (syn->next_id - id) & SYN_ID_MASK;
    struct syn_slot *slot = id <= SYN_ID_MASK ? syn_slot_get(syn, id) : NULL;

    *forgotten = !slot && id <= SYN_ID_MASK && age > 0 && age <= syn->next_id;
    return slot;
}

static void probe_echo_identity(const struct syn *syn, uint32_t id, uint8_t out[SYN_ECHO_LEN])
{
    uint64_t proof = random_mix(syn->key ^ ~(uint64_t)id);
    struct writer w = writer_init(out, SYN_ECHO_LEN);

    writer_u32(&w, syn_isn(syn, id));
    writer_u32(&w, (uint32_t)(proof >> 32));
    writer_u32(&w, (uint32_t)proof);
}

struct syn_slot *syn_slot_by_echo(const struct syn *syn, const uint8_t *payload, size_t len)
{
    struct cursor cursor = cursor_init(payload, len);
    uint8_t wanted[SYN_ECHO_LEN], identity[SYN_ECHO_LEN];
    bool forgotten;

    cursor_skip(&cursor, ECHO_FIT);
    cursor_copy(&cursor, identity, sizeof(identity));
    cursor_seek(&cursor, ECHO_FIT);
    struct syn_slot *slot = syn_slot_by_seq(syn, cursor_u32(&cursor), &forgotten);
    if (cursor.failed || !slot || slot->echo == ECHO_NONE)
        return NULL;
    probe_echo_identity(syn, slot->id, wanted);
    return memcmp(identity, wanted, sizeof(wanted)) == 0 ? slot : NULL;
}

uint16_t syn_link_mss(const struct syn *syn, const struct syn_target_state *target)
{
    return (uint16_t)(syn->config.link_mtu - (target->destination.family == 6 ? 60 : 40));
}

static uint16_t probe_syn_flags(const struct syn *syn)
{
    switch (syn->config.ecn) {
    case SYN_ECN_CLASSIC: /* RFC 3168 6.1.1 */
        return TCP_SYN | TCP_ECE | TCP_CWR;
    case SYN_ECN_ACCURATE: /* RFC 9768 3.1.1 */
        return TCP_SYN | TCP_AE | TCP_CWR | TCP_ECE;
    case SYN_ECN_OFF:
        break;
    }
    return TCP_SYN;
}

static void probe_fill_syn(const struct syn *syn, const struct syn_slot *slot, struct probe *probe)
{
    const struct syn_target_state *target = syn_target_of(syn, slot);

    probe->tcp_flags = probe_syn_flags(syn);
    probe->tcp_window = 64240;
    probe->tcp_options = syn_asked(syn, slot);
    probe->tcp_mss = syn->config.mss ? syn->config.mss : syn_link_mss(syn, target);
    probe->tcp_wscale = syn_asked_wscale(syn, slot);
    probe->tcp_tsval = syn_tsval(syn, slot, slot->sends - 1u);
}

static void probe_fill_echo(struct syn *syn, const struct syn_slot *slot, struct probe *probe)
{
    probe->protocol = PROBE_ICMP;
    probe->icmp_id = syn->icmp_id;
    probe->icmp_seq = (uint16_t)slot->id;
    probe->fixed_checksum = syn->checksum;
    probe->size = (uint16_t)((probe->source.family == 6 ? 40 : 20) + 8 + ECHO_FIT + SYN_ECHO_LEN);
    probe_echo_identity(syn, slot->id, syn->echo_payload);
    probe->payload = syn->echo_payload;
    probe->payload_len = SYN_ECHO_LEN;
}

uint32_t syn_flow_label(const struct syn *syn, const struct syn_slot *slot)
{
    uint64_t flow = (uint64_t)slot->target << 16 | slot->source_port;

    return random_mix(syn->key ^ flow) & 0xfffff;
}

void syn_probe_fill(struct syn *syn, const struct syn_slot *slot, enum syn_kind kind,
                    struct probe *probe)
{
    const struct syn_target_state *target = syn_target_of(syn, slot);

    *probe = (struct probe){
        .protocol = PROBE_TCP,
        .source = syn->sources[target->source],
        .destination = target->destination,
        .ttl = syn->config.ttl,
        .dscp = syn->config.dscp,
        .df = true,
        .ip_id = (uint16_t)random_mix(syn->key ^ ((uint64_t)slot->id << 16 | slot->sends)),
        .flow_label = syn_flow_label(syn, slot),
        .source_port = slot->source_port,
        .destination_port = target->port,
        .tcp_seq = syn_isn(syn, slot->id),
    };
    if (kind == SYN_KIND_ECHO) {
        probe_fill_echo(syn, slot, probe);
    } else if (kind == SYN_KIND_RESET) {
        probe->tcp_seq++;
        probe->tcp_flags = TCP_RST;
    } else {
        probe_fill_syn(syn, slot, probe);
    }
}

static int probe_ring_grow(struct syn *syn)
{
    uint32_t size = 2 * syn->ring_size;
    struct syn_slot *ring = calloc(size, sizeof(*ring));

    if (!ring)
        return -ENOMEM;
    for (uint32_t i = 0; i < syn->ring_size; i++) {
        const struct syn_slot *slot = &syn->ring[i];
        if (slot->state != SLOT_FREE)
            ring[slot->id & (size - 1)] = *slot;
    }
    free(syn->ring);
    syn->ring = ring;
    syn->ring_size = size;
    return 0;
}

static const struct syn_slot *probe_oldest(const struct syn *syn)
{
    return &syn->ring[syn->next_id & (syn->ring_size - 1)];
}

/* In a full ring a new probe waits until the oldest is settled. */
bool syn_slot_room(const struct syn *syn, int64_t *wake_ns)
{
    const struct syn_slot *old = probe_oldest(syn);
    int64_t until_ns;

    if (syn->ring_size < SYN_RING_MAX || !syn_slot_waits(syn, old, INT64_MIN, &until_ns) ||
        syn->next_id - syn->oldest_id < syn->ring_size)
        return true;
    if (until_ns < *wake_ns)
        *wake_ns = until_ns;
    return false;
}

/* A place in the ring. It grows while the oldest is waited for, or could still come late. */
struct syn_slot *syn_slot_new(struct syn *syn, uint32_t target, int64_t now_ns)
{
    const struct syn_slot *old = probe_oldest(syn);
    bool wanted = old->state != SLOT_FREE && now_ns - old->wait_ns < 2 * syn->config.timeout_ns;

    if (wanted && syn->ring_size < SYN_RING_MAX && probe_ring_grow(syn) < 0)
        return NULL;
    uint32_t id = syn->next_id++, probe = syn->targets[target].handed++;
    struct syn_slot *slot = &syn->ring[id & (syn->ring_size - 1)];
    *slot = (struct syn_slot){
        .id = id & SYN_ID_MASK,
        .target = target,
        .probe = probe,
        .tsval = syn->tsval_base + (uint32_t)(now_ns / NS_PER_MS),
        .first_ns = now_ns,
        .latest_ns = now_ns,
        .wait_ns = now_ns,
        .source_port = probe_source_port(syn, target, probe),
        .state = SLOT_OFFERED,
        .sends = 1,
        .rtt_ns = -1,
    };
    return slot;
}

size_t syn_target_find(const struct syn *syn, const struct address *address, uint16_t port)
{
    uint32_t mask = syn->table_size - 1;
    uint32_t at = (uint32_t)address_hash(address, syn->key ^ port) & mask;

    for (; syn->table[at]; at = (at + 1) & mask) {
        const struct syn_target_state *target = &syn->targets[syn->table[at] - 1];
        if (target->port == port && address_equal(&target->destination, address))
            break;
    }
    return syn->table[at] ? syn->table[at] - 1 : SIZE_MAX;
}
