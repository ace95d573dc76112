#include "engine/netsim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

/* --- bytes ------------------------------------------------------------------------------ */

uint16_t netsim_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

void netsim_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

struct address netsim_source(const struct netsim_transit *packet)
{
    return packet->version == 6 ? address_from6(packet->bytes + 8)
                                : address_from4(packet->bytes + 12);
}

struct address netsim_destination(const struct netsim_transit *packet)
{
    return packet->version == 6 ? address_from6(packet->bytes + 24)
                                : address_from4(packet->bytes + 16);
}

void netsim_fix_ip(struct netsim_transit *packet)
{
    if (packet->version == 6)
        return;
    netsim_put16(packet->bytes + 10, 0);
    netsim_put16(packet->bytes + 10,
                 checksum_finish(checksum_add(0, packet->bytes, packet->header_len)));
}

void netsim_fix_transport(struct netsim_transit *packet)
{
    size_t len = packet->len - packet->header_len;
    size_t at = packet->protocol == PROTO_TCP ? 16 : packet->protocol == PROTO_UDP ? 6 : 2;
    uint8_t *segment = packet->bytes + packet->header_len;
    struct address source = netsim_source(packet), destination = netsim_destination(packet);
    uint32_t sum = 0;
    uint16_t value;

    if (len < at + 2)
        return;
    netsim_put16(segment + at, 0);
    if (packet->protocol != PROTO_ICMP)
        sum = checksum_pseudo(&source, &destination, packet->protocol, (uint32_t)len);
    value = checksum_finish(checksum_add(sum, segment, len));
    netsim_put16(segment + at, packet->protocol == PROTO_UDP && value == 0 ? 0xffff : value);
}

struct netsim_transit *netsim_packet(struct netsim *sim, const uint8_t *bytes, size_t len)
{
    struct netsim_transit *packet;
    size_t header = len >= 40 && bytes[0] >> 4 == 6 ? 40 : len >= 20 ? (bytes[0] & 0x0f) * 4u : 0;
    size_t total;

    if (header < 20 || header > len || (bytes[0] >> 4 != 4 && bytes[0] >> 4 != 6))
        return NULL;
    total = bytes[0] >> 4 == 6 ? 40u + netsim_get16(bytes + 4) : netsim_get16(bytes + 2);
    if (total < header || total > len)
        return NULL;
    packet = malloc(sizeof(*packet) + total);
    if (!packet) {
        sim->error = -ENOMEM;
        return NULL;
    }
    *packet = (struct netsim_transit){.version = bytes[0] >> 4, .header_len = header, .len = total};
    packet->protocol = packet->version == 6 ? bytes[6] : bytes[9];
    memcpy(packet->bytes, bytes, total);
    return packet;
}

uint64_t netsim_flow_hash(const struct netsim_transit *packet, uint64_t salt)
{
    struct address source = netsim_source(packet), destination = netsim_destination(packet);
    const uint8_t *segment = packet->bytes + packet->header_len;
    bool icmp = packet->protocol == PROTO_ICMP || packet->protocol == PROTO_ICMPV6;
    uint64_t key = salt ^ packet->protocol;
    size_t wanted = icmp ? 6 : 4; /* ICMP: type, code, checksum, identifier */

    for (size_t i = 0; i < wanted && packet->header_len + i < packet->len; i++)
        key = key * 257 + segment[i];
    if (packet->version == 6)
        key ^= (uint64_t)(packet->bytes[1] & 0x0f) << 48 | (uint64_t)netsim_get16(packet->bytes + 2)
                                                               << 32;
    return address_hash(&destination, address_hash(&source, key));
}

/* --- the log ------------------------------------------------------------------------------- */

const char *netsim_action_name(enum netsim_action action)
{
    static const char *const names[] = {
        [NETSIM_ENTERED] = "entered",
        [NETSIM_DELIVERED] = "delivered",
        [NETSIM_LOST] = "lost",
        [NETSIM_QUEUE_FULL] = "queue_full",
        [NETSIM_FILTERED] = "filtered",
        [NETSIM_TTL_EXPIRED] = "ttl_expired",
        [NETSIM_NO_ROUTE] = "no_route",
        [NETSIM_TOO_BIG] = "too_big",
        [NETSIM_BLACKHOLED] = "blackholed",
        [NETSIM_NAT_FULL] = "nat_full",
        [NETSIM_DUPLICATED] = "duplicated",
        [NETSIM_REORDERED] = "reordered",
        [NETSIM_CORRUPTED] = "corrupted",
        [NETSIM_ICMP_SENT] = "icmp_sent",
        [NETSIM_ICMP_LIMITED] = "icmp_limited",
        [NETSIM_REWRITTEN] = "rewritten",
        [NETSIM_FORGED] = "forged",
        [NETSIM_FRAGMENTED] = "fragmented",
        [NETSIM_BACKLOG_FULL] = "backlog_full",
        [NETSIM_CHANGED] = "changed",
    };

    return names[action];
}

void netsim_say(struct netsim *sim, enum netsim_action action, size_t node,
                const struct netsim_transit *packet, uint64_t other)
{
    struct netsim_event event = {.action = action, .when_ns = sim->now_ns, .other = other};

    if (!sim->log)
        return;
    event.node = node == NETSIM_HOST_CLIENT ? "client"
                 : node == sim->nnodes - 1  ? "server"
                                            : sim->nodes[node].element->name;
    event.at_host = node == NETSIM_HOST_CLIENT || node == sim->nnodes - 1;
    if (packet) {
        event.id = packet->id;
        event.copy = packet->copy;
        event.side = packet->heading;
        event.delay_ns = sim->now_ns - packet->entered_ns;
        event.bytes = packet->bytes;
        event.len = packet->len;
    }
    sim->log(sim->log_context, &event);
}

void netsim_set_log(struct netsim *sim, netsim_event_fn *log, void *context)
{
    sim->log = log;
    sim->log_context = context;
}

/* --- the heap of what is due ------------------------------------------------------------------ */

static bool earlier(const struct netsim_due *a, const struct netsim_due *b)
{
    return a->when_ns != b->when_ns ? a->when_ns < b->when_ns : a->order < b->order;
}

static void swap(struct netsim_due *a, struct netsim_due *b)
{
    struct netsim_due kept = *a;

    *a = *b;
    *b = kept;
}

static int push(struct netsim *sim, struct netsim_due due)
{
    if (sim->ndue == sim->capacity) {
        size_t capacity = sim->capacity ? sim->capacity * 2 : 64;
        struct netsim_due *grown = reallocarray(sim->due, capacity, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        sim->due = grown;
        sim->capacity = capacity;
    }
    due.order = sim->order++;
    sim->due[sim->ndue] = due;
    for (size_t i = sim->ndue++; i > 0 && earlier(&sim->due[i], &sim->due[(i - 1) / 2]);
         i = (i - 1) / 2)
        swap(&sim->due[i], &sim->due[(i - 1) / 2]);
    return 0;
}

static struct netsim_due pop(struct netsim *sim)
{
    struct netsim_due first = sim->due[0];
    size_t i = 0;

    sim->due[0] = sim->due[--sim->ndue];
    for (;;) {
        size_t least = i, left = 2 * i + 1;

        if (left < sim->ndue && earlier(&sim->due[left], &sim->due[least]))
            least = left;
        if (left + 1 < sim->ndue && earlier(&sim->due[left + 1], &sim->due[least]))
            least = left + 1;
        if (least == i)
            return first;
        swap(&sim->due[i], &sim->due[least]);
        i = least;
    }
}

void netsim_schedule(struct netsim *sim, int64_t when_ns, size_t node,
                     struct netsim_transit *packet)
{
    if (sim->ndue >= NETSIM_PACKETS_MAX) {
        netsim_say(sim, NETSIM_QUEUE_FULL, node, packet, 0);
        free(packet);
    } else if (push(sim, (struct netsim_due){.when_ns = when_ns, .node = node, .packet = packet}) <
               0) {
        sim->error = -ENOMEM;
        free(packet);
    }
}

void netsim_flow_wake(struct netsim *sim, size_t node, struct netsim_flow *flow, int64_t when_ns)
{
    struct netsim_due due = {.when_ns = when_ns, .node = node, .flow = flow};

    if (push(sim, due) < 0)
        sim->error = -ENOMEM;
    else
        flow->timed = true;
}

static void wake(struct netsim *sim, const struct netsim_due *due)
{
    due->flow->timed = false;
    if (due->flow->gone)
        netsim_flow_free(due->flow);
    else if (due->node == sim->nnodes - 1)
        netsim_syn_wake(sim, due->node, due->flow);
    else
        netsim_idle_wake(sim, due->node, due->flow);
}

/* --- routers ------------------------------------------------------------------------------------
 */

static size_t choose(struct netsim *sim, struct netsim_node *node,
                     const struct netsim_transit *packet)
{
    bool towards = packet->heading == NETSIM_SERVER;
    size_t count = towards ? node->nnext : node->nprevious;
    const size_t *ways = towards ? node->next : node->previous;

    if (count == 1)
        return ways[0];
    if (node->per_packet)
        return ways[random_below(&sim->random, (uint32_t)count)];
    return ways[netsim_flow_hash(packet, node->salt) % count];
}

static size_t node_of(const struct netsim *sim, const char *name)
{
    for (size_t i = 1; i + 1 < sim->nnodes; i++)
        if (strcmp(sim->nodes[i].element->name, name) == 0)
            return i;
    return NETSIM_HOST_CLIENT;
}

void netsim_forward(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    struct netsim_node *at = &sim->nodes[node];
    size_t next = choose(sim, at, packet);
    uint16_t mtu;

    if (packet->heading == NETSIM_SERVER && at->now && at->now->loop_to && !packet->starts_here) {
        next = node_of(sim, at->now->loop_to);
        netsim_schedule(sim, sim->now_ns + at->now->from.delay_ns, next, packet);
        return;
    }
    packet->starts_here = false;
    mtu = netsim_link_mtu(sim, node, next, packet);
    if (packet->len > mtu && netsim_may_fragment(packet)) {
        netsim_fragment(sim, node, next, packet, mtu);
        return;
    }
    if (packet->len > mtu) {
        netsim_say(sim, NETSIM_TOO_BIG, node, packet, 0);
        if (!at->now || !at->now->mtu_silent)
            netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED,
                              mtu);
        free(packet);
        return;
    }
    netsim_cross(sim, node, next, packet);
}

/* False when the TTL ran out here. */
static bool decrement_ttl(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    uint8_t *ttl = packet->bytes + (packet->version == 6 ? 7 : 8);

    if (sim->nodes[node].now->ttl_hidden)
        return true;
    if (*ttl <= 1) {
        netsim_say(sim, NETSIM_TTL_EXPIRED, node, packet, 0);
        netsim_icmp_error(sim, node, packet, ICMP4_TIME_EXCEEDED, 0, 0);
        return false;
    }
    --*ttl;
    netsim_fix_ip(packet);
    return true;
}

/* False when the packet ends at this router, answered or not. */
static bool pass_router(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    const struct scenario_element *router = sim->nodes[node].now;
    const struct address *own = packet->version == 6 ? &router->address6 : &router->address4;
    struct address destination;
    bool towards = packet->heading == NETSIM_SERVER;

    if (router->nat && !towards)
        netsim_nat_in(sim, node, packet);
    destination = netsim_destination(packet);
    if (address_equal(&destination, own)) {
        netsim_say(sim, NETSIM_DELIVERED, node, packet, 0);
        netsim_host_answer(sim, node, packet);
        return false;
    }
    if (!netsim_flows_pass(sim, node, packet) || !netsim_filter(sim, node, packet) ||
        !decrement_ttl(sim, node, packet) || !netsim_proxy_pass(sim, node, packet))
        return false;
    if (towards && router->blackhole) {
        netsim_say(sim, NETSIM_BLACKHOLED, node, packet, 0);
        return false;
    }
    if (towards && router->unreachable) {
        netsim_say(sim, NETSIM_NO_ROUTE, node, packet, 0);
        netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, router->unreachable_code, 0);
        return false;
    }
    netsim_rewrite(router, packet);
    if (towards && router->nat && !netsim_nat_out(sim, node, packet)) {
        netsim_say(sim, NETSIM_NAT_FULL, node, packet, 0);
        return false;
    }
    return true;
}

/* A packet reached a node. True when it comes out at a side: it stays the caller's then. */
static bool arrive(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    bool at_server = node == sim->nnodes - 1;

    if (packet->starts_here) {
        netsim_forward(sim, node, packet);
        return false;
    }
    if (node == NETSIM_HOST_CLIENT || at_server) {
        netsim_say(sim, NETSIM_DELIVERED, node, packet, 0);
        if (!at_server && sim->options.client_resets)
            netsim_host_reset(sim, node, packet);
        if (!at_server || !sim->options.simulate_server)
            return true;
        if (!sim->scenario->server.dead)
            netsim_host_answer(sim, node, packet);
        free(packet);
        return false;
    }
    if (pass_router(sim, node, packet))
        netsim_forward(sim, node, packet);
    else
        free(packet);
    return false;
}

/* --- the outside -------------------------------------------------------------------------- */

static int plan_changes(struct netsim *sim)
{
    for (size_t i = 0; i < sim->scenario->nevents; i++) {
        const struct scenario_event *event = &sim->scenario->events[i];
        struct netsim_due due = {.change = event};

        due.when_ns = time_add(sim->options.start_ns, event->at_ns);
        due.node = node_of(sim, event->element->name);
        if (push(sim, due) < 0)
            return -ENOMEM;
    }
    return 0;
}

int netsim_new(const struct scenario *scenario, const struct netsim_options *options,
               struct netsim **out)
{
    struct netsim *sim = calloc(1, sizeof(*sim));
    int error;

    if (!sim)
        return -ENOMEM;
    sim->scenario = scenario;
    sim->options = *options;
    sim->now_ns = options->start_ns;
    sim->next_id = 1;
    random_seed(&sim->random, options->seed);
    sim->secret = (options->seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    error = netsim_build(sim);
    if (error == 0)
        error = plan_changes(sim);
    if (error < 0) {
        netsim_free(sim);
        return error;
    }
    *out = sim;
    return 0;
}

void netsim_free(struct netsim *sim)
{
    if (!sim)
        return;
    for (size_t i = 0; i < sim->ndue; i++) {
        free(sim->due[i].packet);
        if (sim->due[i].flow && sim->due[i].flow->gone)
            netsim_flow_free(sim->due[i].flow);
    }
    for (size_t i = 0; sim->nodes && i < sim->nnodes; i++) {
        free(sim->nodes[i].next);
        free(sim->nodes[i].previous);
        netsim_nat_free(sim->nodes[i].nat);
        netsim_flows_free(&sim->nodes[i]);
    }
    free(sim->nodes);
    free(sim->due);
    free(sim->delivered);
    free(sim);
}

int netsim_send(struct netsim *sim, enum netsim_side side, const uint8_t *bytes, size_t len,
                int64_t now_ns)
{
    struct netsim_transit *packet;
    size_t node = side == NETSIM_CLIENT ? NETSIM_HOST_CLIENT : sim->nnodes - 1;

    sim->error = 0;
    packet = netsim_packet(sim, bytes, len);
    if (!packet)
        return sim->error ? sim->error : -EINVAL;
    packet->id = sim->next_id++;
    packet->entered_ns = now_ns;
    packet->heading = side == NETSIM_CLIENT ? NETSIM_SERVER : NETSIM_CLIENT;
    packet->starts_here = true;
    if (now_ns > sim->now_ns && (sim->ndue == 0 || sim->due[0].when_ns >= now_ns))
        sim->now_ns = now_ns;
    netsim_say(sim, NETSIM_ENTERED, node, packet, 0);
    netsim_schedule(sim, now_ns, node, packet);
    return sim->error;
}

int64_t netsim_next_ns(const struct netsim *sim)
{
    return sim->ndue > 0 ? sim->due[0].when_ns : TIME_NEVER;
}

static void change(struct netsim *sim, const struct netsim_due *due)
{
    sim->nodes[due->node].now = &due->change->values;
    netsim_say(sim, NETSIM_CHANGED, due->node, NULL, 0);
}

int netsim_receive(struct netsim *sim, int64_t now_ns, struct netsim_packet *packet)
{
    free(sim->delivered);
    sim->delivered = NULL;
    while (sim->ndue > 0 && sim->due[0].when_ns <= now_ns) {
        struct netsim_due due = pop(sim);

        if (due.when_ns > sim->now_ns)
            sim->now_ns = due.when_ns;
        if (due.change)
            change(sim, &due);
        if (due.flow)
            wake(sim, &due);
        if (!due.packet)
            continue;
        if (!arrive(sim, due.node, due.packet))
            continue;
        sim->delivered = due.packet;
        packet->when_ns = due.when_ns;
        packet->side = due.node == NETSIM_HOST_CLIENT ? NETSIM_CLIENT : NETSIM_SERVER;
        packet->bytes = due.packet->bytes;
        packet->len = due.packet->len;
        packet->id = due.packet->id;
        return 1;
    }
    if (now_ns > sim->now_ns)
        sim->now_ns = now_ns;
    return 0;
}
