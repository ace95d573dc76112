/* What a link does to a packet: rate and queue, loss, delay, jitter, reordering, copies, bit flips.
 */
#include <stdlib.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"

/* A link belongs to the node farther from the client. */
static const struct scenario_link *link_of(struct netsim *sim, size_t from, size_t to,
                                           const struct netsim_transit *packet,
                                           struct netsim_lane **lane)
{
    bool towards = packet->heading == NETSIM_SERVER;
    struct netsim_node *owner = &sim->nodes[towards ? to : from];

    *lane = towards ? &owner->to_lane : &owner->from_lane;
    if (owner->now)
        return towards ? &owner->now->to : &owner->now->from;
    return towards ? &owner->to : &owner->from;
}

uint16_t netsim_link_mtu(const struct netsim *sim, size_t from, size_t to,
                         const struct netsim_transit *packet)
{
    bool towards = packet->heading == NETSIM_SERVER;
    const struct netsim_node *owner = &sim->nodes[towards ? to : from];
    uint16_t mtu = owner->now ? (towards ? owner->now->to.mtu : owner->now->from.mtu)
                              : (towards ? owner->to.mtu : owner->from.mtu);

    return mtu ? mtu : NETSIM_MTU_DEFAULT;
}

/* Independent loss, or Gilbert's two states with the same long-run share (Gilbert 1960). */
static bool is_lost(struct netsim *sim, const struct scenario_link *link, struct netsim_lane *lane)
{
    double enter;

    if (link->loss <= 0)
        return false;
    if (link->burst <= 1)
        return random_chance(&sim->random, link->loss);
    enter = link->loss < 1 ? link->loss / (link->burst * (1 - link->loss)) : 1;
    if (lane->in_burst)
        lane->in_burst = !random_chance(&sim->random, link->loss < 1 ? 1 / link->burst : 0);
    else
        lane->in_burst = random_chance(&sim->random, enter);
    return lane->in_burst;
}

/* The time the last bit has left the sender, or -1 when the queue is full. */
static int64_t serialize(const struct netsim *sim, const struct scenario_link *link,
                         struct netsim_lane *lane, size_t len)
{
    int64_t start = sim->now_ns, one;

    if (link->rate_bps == 0)
        return start;
    one = (int64_t)((double)len * 8e9 / (double)link->rate_bps);
    if (lane->busy_ns > start)
        start = lane->busy_ns;
    if (one > 0 &&
        (start - sim->now_ns) / one >= (int64_t)(link->queue_packets ? link->queue_packets : 100))
        return -1;
    lane->busy_ns = start + one;
    return lane->busy_ns;
}

static int64_t delay(struct netsim *sim, const struct scenario_link *link)
{
    double jitter = 0;

    if (link->jitter_ns > 0)
        jitter = random_normal(&sim->random) * (double)link->jitter_ns;
    if (jitter < 0)
        jitter = -jitter; /* queues only add */
    return link->delay_ns + (int64_t)jitter;
}

static void corrupt(struct netsim *sim, struct netsim_transit *packet)
{
    size_t payload = packet->len - packet->header_len;
    uint32_t bit;

    if (payload == 0)
        return;
    bit = random_below(&sim->random, (uint32_t)(payload * 8));
    packet->bytes[packet->header_len + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void copy(struct netsim *sim, size_t from, size_t to, const struct netsim_transit *packet,
                 int64_t when_ns)
{
    struct netsim_transit *twin = netsim_packet(sim, packet->bytes, packet->len);

    if (!twin)
        return;
    twin->id = packet->id;
    twin->copy = packet->copy + 1;
    twin->entered_ns = packet->entered_ns;
    twin->heading = packet->heading;
    netsim_say(sim, NETSIM_DUPLICATED, from, twin, 0);
    netsim_schedule(sim, when_ns, to, twin);
}

void netsim_cross(struct netsim *sim, size_t from, size_t to, struct netsim_transit *packet)
{
    struct netsim_lane *lane;
    const struct scenario_link *link = link_of(sim, from, to, packet, &lane);
    int64_t out = serialize(sim, link, lane, packet->len);
    bool held;

    if (out < 0 || is_lost(sim, link, lane)) {
        netsim_say(sim, out < 0 ? NETSIM_QUEUE_FULL : NETSIM_LOST, from, packet, 0);
        free(packet);
        return;
    }
    out += delay(sim, link);
    held = link->reorder > 0 && random_chance(&sim->random, link->reorder);
    if (held) {
        out += link->reorder_delay_ns;
        netsim_say(sim, NETSIM_REORDERED, from, packet, 0);
    } else {
        if (out < lane->last_out_ns)
            out = lane->last_out_ns;
        lane->last_out_ns = out;
    }
    if (link->corrupt > 0 && random_chance(&sim->random, link->corrupt)) {
        corrupt(sim, packet);
        netsim_say(sim, NETSIM_CORRUPTED, from, packet, 0);
    }
    if (link->duplicate > 0 && random_chance(&sim->random, link->duplicate))
        copy(sim, from, to, packet, time_add(out, 1000));
    netsim_schedule(sim, out, to, packet);
}
