/* The TCP flows that a node remembers; when they are too many the oldest is forgotten. */
#include <stdlib.h>
#include <string.h>

#include "engine/netsim_internal.h"

enum { FLOWS_MAX = 65536 };

static void make_key(const struct netsim_transit *packet, uint8_t key[NETSIM_FLOW_KEY])
{
    bool towards = packet->heading == NETSIM_SERVER;
    struct address source = netsim_source(packet), destination = netsim_destination(packet);
    const uint8_t *ports = packet->bytes + packet->header_len;

    key[0] = packet->version;
    memcpy(key + 1, towards ? source.bytes : destination.bytes, 16);
    memcpy(key + 17, towards ? destination.bytes : source.bytes, 16);
    memcpy(key + 33, towards ? ports : ports + 2, 2);
    memcpy(key + 35, towards ? ports + 2 : ports, 2);
}

static uint64_t key_hash(const uint8_t key[NETSIM_FLOW_KEY], uint64_t salt)
{
    struct address client = {.family = key[0]}, server = {.family = key[0]};

    memcpy(client.bytes, key + 1, 16);
    memcpy(server.bytes, key + 17, 16);
    salt ^= (uint64_t)netsim_get16(key + 33) << 16 | netsim_get16(key + 35);
    return address_hash(&server, address_hash(&client, salt));
}

unsigned netsim_key_hash(const void *key)
{
    return (unsigned)key_hash(key, 0);
}

uint64_t netsim_flow_secret(const struct netsim *sim, const struct netsim_transit *packet,
                            uint64_t salt)
{
    uint8_t key[NETSIM_FLOW_KEY];

    make_key(packet, key);
    return key_hash(key, sim->secret ^ salt << 32);
}

struct netsim_flow *netsim_flow_find(const struct netsim *sim, size_t node,
                                     const struct netsim_transit *packet)
{
    struct netsim_flow *flow;
    uint8_t key[NETSIM_FLOW_KEY];

    make_key(packet, key);
    HASH_FIND(hh, sim->nodes[node].flows, key, NETSIM_FLOW_KEY, flow);
    return flow;
}

void netsim_flow_free(struct netsim_flow *flow)
{
    free(flow->syn);
    free(flow);
}

void netsim_flow_drop(struct netsim *sim, size_t node, struct netsim_flow *flow)
{
    HASH_DEL(sim->nodes[node].flows, flow);
    flow->gone = true;
    if (!flow->timed)
        netsim_flow_free(flow);
}

struct netsim_flow *netsim_flow_add(struct netsim *sim, size_t node,
                                    const struct netsim_transit *packet)
{
    struct netsim_node *at = &sim->nodes[node];
    struct netsim_flow *flow = calloc(1, sizeof(*flow));

    if (!flow)
        return NULL;
    if (HASH_COUNT(at->flows) >= FLOWS_MAX)
        netsim_flow_drop(sim, node, at->flows);
    make_key(packet, flow->key);
    HASH_ADD(hh, at->flows, key, NETSIM_FLOW_KEY, flow);
    return flow;
}

void netsim_flows_free(struct netsim_node *node)
{
    struct netsim_flow *flow, *next;

    HASH_ITER(hh, node->flows, flow, next)
    {
        HASH_DEL(node->flows, flow);
        netsim_flow_free(flow);
    }
}
