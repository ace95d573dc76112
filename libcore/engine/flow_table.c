/*
 * Flows by addresses and ports: open addressing with linear probing, eight entries to a cache
 * line. An entry has half of the hash, which says where it belongs and tells nearly all flows
 * apart without touching them, so that a batch can fetch its flows before it looks at the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/flow_internal.h"

#define TABLE_MIN 1024

int flow_table_init(struct flows *flows)
{
    flows->table = flow_pool_zeroed(TABLE_MIN * sizeof(*flows->table));
    if (!flows->table)
        return -ENOMEM;
    flows->table_mask = TABLE_MIN - 1;
    flow_pool_init(&flows->pool, sizeof(struct flow), flows->config.max_flows);
    flow_pool_init(&flows->colds, sizeof(struct flow_cold), flows->config.max_flows);
    return 0;
}

void flow_table_release(struct flows *flows)
{
    free(flows->table);
    flow_pool_release(&flows->pool);
    flow_pool_release(&flows->colds);
}

/* The folded multiplication of wyhash (Wang Yi): two keyed words into one. */
static inline uint64_t flow_table_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline bool flow_table_less(const uint64_t a[2], uint16_t a_port, const uint64_t b[2],
                                   uint16_t b_port)
{
    if (a[0] != b[0])
        return a[0] < b[0];
    if (a[1] != b[1])
        return a[1] < b[1];
    return a_port < b_port;
}

void flow_table_key(const struct flows *flows, const struct segment *s, struct flow_lookup *key)
{
    uint64_t source[2], destination[2];

    memcpy(source, s->source, sizeof(source));
    memcpy(destination, s->destination, sizeof(destination));
    unsigned me = flow_table_less(destination, s->destination_port, source, s->source_port);
    key->me = (uint8_t)me;
    key->family = s->family;
    memcpy(key->address[me], source, sizeof(source));
    memcpy(key->address[!me], destination, sizeof(destination));
    key->port[me] = s->source_port;
    key->port[!me] = s->destination_port;

    uint64_t ports = (uint64_t)key->port[0] << 16 | key->port[1] | (uint64_t)key->family << 32;
    uint64_t hash = flow_table_mix(key->address[0][0] ^ flows->key[0], key->address[1][0] ^ ports);
    if (key->family == 6)
        hash ^= flow_table_mix(key->address[0][1] ^ hash, key->address[1][1] ^ flows->key[1]);
    hash = flow_table_mix(hash ^ flows->key[1], ports ^ flows->key[0]);
    key->fingerprint = (uint32_t)(hash >> 32);
}

static inline uint64_t flow_table_entry(uint32_t fingerprint, uint32_t id)
{
    return (uint64_t)fingerprint << 32 | id;
}

bool flow_table_is(const struct flow *flow, const struct flow_lookup *key)
{
    return flow->address[0][0] == key->address[0][0] && flow->address[1][0] == key->address[1][0] &&
           flow->port[0] == key->port[0] && flow->port[1] == key->port[1] &&
           flow->address[0][1] == key->address[0][1] && flow->address[1][1] == key->address[1][1] &&
           flow->family == key->family;
}

uint32_t flow_table_guess(const struct flows *flows, const struct flow_lookup *key)
{
    for (uint32_t at = key->fingerprint & flows->table_mask;; at = (at + 1) & flows->table_mask) {
        uint64_t entry = flows->table[at];
        if (!entry || entry >> 32 == key->fingerprint)
            return (uint32_t)entry;
    }
}

uint32_t flow_table_find(const struct flows *flows, const struct flow_lookup *key)
{
    for (uint32_t at = key->fingerprint & flows->table_mask;; at = (at + 1) & flows->table_mask) {
        uint64_t entry = flows->table[at];
        if (!entry)
            return 0;
        if (entry >> 32 == key->fingerprint && flow_table_is(flow_at(flows, (uint32_t)entry), key))
            return (uint32_t)entry;
    }
}

static void flow_table_place(uint64_t *table, uint32_t mask, uint64_t entry)
{
    uint32_t at = (uint32_t)(entry >> 32) & mask;

    while (table[at])
        at = (at + 1) & mask;
    table[at] = entry;
}

static bool flow_table_grow(struct flows *flows)
{
    uint32_t mask = flows->table_mask * 2 + 1;
    uint64_t *grown = flow_pool_zeroed(((size_t)mask + 1) * sizeof(*grown));

    if (!grown)
        return flows->table_count < flows->table_mask; /* one entry must stay empty */
    for (size_t i = 0; i <= flows->table_mask; i++)
        if (flows->table[i])
            flow_table_place(grown, mask, flows->table[i]);
    free(flows->table);
    flows->table = grown;
    flows->table_mask = mask;
    return true;
}

uint32_t flow_table_insert(struct flows *flows, const struct flow_lookup *key)
{
    if (flows->table_count >= flows->table_mask / 4 * 3 && !flow_table_grow(flows))
        return 0;
    uint32_t id = flow_pool_get(&flows->pool);
    if (!id)
        return 0;
    if (flow_pool_get(&flows->colds) != id) { /* the two are used in step */
        flow_pool_put(&flows->pool, id);
        return 0;
    }
    struct flow *flow = flow_at(flows, id);
    memset(flow, 0, sizeof(*flow));
    memset(flow_pool_at(&flows->colds, id), 0, sizeof(struct flow_cold));
    memcpy(flow->address, key->address, sizeof(flow->address));
    memcpy(flow->port, key->port, sizeof(flow->port));
    flow->family = key->family;
    flow->self = id;
    flow_table_place(flows->table, flows->table_mask, flow_table_entry(key->fingerprint, id));
    flows->table_count++;
    return id;
}

/* Closes the gap: entries behind it move up as far as they may (Knuth, TAOCP 3, 6.4, R). */
static void flow_table_close_gap(struct flows *flows, uint32_t gap)
{
    uint32_t mask = flows->table_mask;

    for (uint32_t at = (gap + 1) & mask; flows->table[at]; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)(flows->table[at] >> 32) & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        flows->table[gap] = flows->table[at];
        gap = at;
    }
    flows->table[gap] = 0;
}

void flow_table_remove(struct flows *flows, struct flow *flow)
{
    struct segment s = {.family = flow->family};
    struct flow_lookup key;

    memcpy(s.source, flow->address[0], sizeof(s.source));
    memcpy(s.destination, flow->address[1], sizeof(s.destination));
    s.source_port = flow->port[0];
    s.destination_port = flow->port[1];
    flow_table_key(flows, &s, &key);
    uint64_t entry = flow_table_entry(key.fingerprint, flow->self);
    uint32_t at = key.fingerprint & flows->table_mask;
    while (flows->table[at] != entry)
        at = (at + 1) & flows->table_mask;
    flow_table_close_gap(flows, at);
    flows->table_count--;
    uint32_t id = flow->self;
    flow->family = 0; /* a guess made before is none any more */
    flow_pool_put(&flows->pool, id);
    flow_pool_put(&flows->colds, id);
}

void flow_table_clear(struct flows *flows)
{
    memset(flows->table, 0, ((size_t)flows->table_mask + 1) * sizeof(*flows->table));
    flows->table_count = 0;
    flow_pool_clear(&flows->pool);
    flow_pool_clear(&flows->colds);
}
