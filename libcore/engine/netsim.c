#include "engine/netsim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "engine/netsim_internal.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

enum { HOST_CLIENT = 0, TCP_LEAST = 20 };

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
    event.node = node == HOST_CLIENT       ? "client"
                 : node == sim->nnodes - 1 ? "server"
                                           : sim->nodes[node].element->name;
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
    return ways[netsim_flow_hash(packet, node->salt ^ (node->now ? node->now->flow_hash : 0)) %
                count];
}

static size_t node_of(const struct netsim *sim, const char *name)
{
    for (size_t i = 1; i + 1 < sim->nnodes; i++)
        if (strcmp(sim->nodes[i].element->name, name) == 0)
            return i;
    return HOST_CLIENT;
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

static bool filter_matches(const struct netsim_node *at, const struct scenario_filter *filter,
                           const struct netsim_transit *packet)
{
    const uint8_t *segment = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len;
    bool icmp = packet->protocol == PROTO_ICMPV6 && filter->protocol == PROTO_ICMP;

    if (filter->protocol && filter->protocol != packet->protocol && !icmp)
        return false;
    if (filter->port && (len < 4 || netsim_get16(segment + 2) != filter->port))
        return false;
    if (filter->established_only &&
        (packet->protocol != PROTO_TCP || len < TCP_LEAST || segment[13] & TCP_SYN))
        return false;
    if (filter->flow_share < 1)
        return (double)(netsim_flow_hash(packet, at->salt ^ 1) >> 11) / 9007199254740992.0 <
               filter->flow_share;
    return true;
}

/* A RST in the server's name, its sequence number taken from our acknowledgement. */
static void forge_reset(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                        uint8_t ttl)
{
    const uint8_t *tcp = packet->bytes + packet->header_len;
    uint8_t reset[TCP_LEAST] = {0};
    uint32_t ack;

    if (packet->protocol != PROTO_TCP || packet->len - packet->header_len < TCP_LEAST)
        return;
    memcpy(reset, tcp + 2, 2);
    memcpy(reset + 2, tcp, 2);
    memcpy(reset + 4, tcp + 8, 4);
    ack = ((uint32_t)netsim_get16(tcp + 4) << 16 | netsim_get16(tcp + 6)) + 1;
    netsim_put16(reset + 8, (uint16_t)(ack >> 16));
    netsim_put16(reset + 10, (uint16_t)ack);
    reset[12] = 0x50;
    reset[13] = TCP_RST | TCP_ACK;
    netsim_say(sim, NETSIM_FORGED, node, packet, sim->next_id);
    netsim_reply(sim, node, packet, ttl ? ttl : NETSIM_TTL, reset, sizeof(reset));
}

/* False when a filter took the packet. */
static bool pass_filters(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const struct netsim_node *at = &sim->nodes[node];

    if (packet->heading != NETSIM_SERVER)
        return true;
    for (size_t i = 0; i < at->now->nfilters; i++) {
        const struct scenario_filter *filter = &at->now->filters[i];

        if (!filter_matches(at, filter, packet))
            continue;
        netsim_say(sim, NETSIM_FILTERED, node, packet, 0);
        if (filter->action == FILTER_REJECT)
            netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, ICMP4_ADMIN_PROHIBITED, 0);
        else if (filter->action == FILTER_RESET)
            forge_reset(sim, node, packet, filter->reset_ttl);
        return false;
    }
    return true;
}

static void clamp_mss(struct netsim_transit *packet, uint16_t mss)
{
    uint8_t *tcp = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len, end;

    if (packet->protocol != PROTO_TCP || len < TCP_LEAST || !(tcp[13] & TCP_SYN))
        return;
    end = (tcp[12] >> 4) * 4u;
    for (size_t i = TCP_LEAST; i < end && i + 4 <= len;) {
        if (tcp[i] == 0)
            return;
        if (tcp[i] == 2 && netsim_get16(tcp + i + 2) > mss) {
            netsim_put16(tcp + i + 2, mss);
            netsim_fix_transport(packet);
        }
        i += tcp[i] == 1 || tcp[i + 1] < 2 ? 1 : tcp[i + 1];
    }
}

static void rewrite(const struct scenario_element *router, struct netsim_transit *packet)
{
    unsigned octet;

    if (router->clamp_mss)
        clamp_mss(packet, router->clamp_mss);
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
    if (!pass_filters(sim, node, packet) || !decrement_ttl(sim, node, packet))
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
    if (towards)
        rewrite(router, packet);
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
    if (node == HOST_CLIENT || at_server) {
        netsim_say(sim, NETSIM_DELIVERED, node, packet, 0);
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

/* --- building the graph
 * --------------------------------------------------------------------------- */

struct ends { /* the nodes a following element links to */
    size_t *nodes;
    size_t count;
    bool per_packet;
};

static int append(size_t **list, size_t *count, size_t value)
{
    size_t *grown = reallocarray(*list, *count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    grown[(*count)++] = value;
    *list = grown;
    return 0;
}

static int link_nodes(struct netsim *sim, const struct ends *before, size_t node)
{
    for (size_t i = 0; i < before->count; i++) {
        struct netsim_node *from = &sim->nodes[before->nodes[i]], *to = &sim->nodes[node];

        if (append(&from->next, &from->nnext, node) < 0 ||
            append(&to->previous, &to->nprevious, before->nodes[i]) < 0)
            return -ENOMEM;
        from->per_packet |= before->per_packet;
    }
    return 0;
}

static int replace_ends(struct ends *ends, size_t node)
{
    ends->count = 0;
    ends->per_packet = false;
    return append(&ends->nodes, &ends->count, node);
}

static int add_branch(struct netsim *sim, const struct scenario_branch *branch, struct ends *ends);

/* Every branch starts at the same ends; what follows starts at the ends of all of them. */
static int add_ecmp(struct netsim *sim, const struct scenario_element *ecmp, struct ends *ends)
{
    struct ends merged = {0};
    int error = 0;

    for (size_t i = 0; error == 0 && i < ecmp->nbranches; i++) {
        struct ends own = {.per_packet = ecmp->per_packet};

        for (size_t k = 0; error == 0 && k < ends->count; k++)
            error = append(&own.nodes, &own.count, ends->nodes[k]);
        if (error == 0)
            error = add_branch(sim, &ecmp->branches[i], &own);
        for (size_t k = 0; error == 0 && k < own.count; k++)
            error = append(&merged.nodes, &merged.count, own.nodes[k]);
        free(own.nodes);
    }
    free(ends->nodes);
    *ends = merged;
    return error;
}

static int add_router(struct netsim *sim, const struct scenario_element *router, struct ends *ends)
{
    size_t node = sim->nnodes++;

    sim->nodes[node].element = sim->nodes[node].now = router;
    sim->nodes[node].tokens_ns = INT64_MIN;
    sim->nodes[node].salt = random_u64(&sim->random);
    return link_nodes(sim, ends, node) < 0 ? -ENOMEM : replace_ends(ends, node);
}

static int add_branch(struct netsim *sim, const struct scenario_branch *branch, struct ends *ends)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < branch->nelements; i++) {
        const struct scenario_element *element = &branch->elements[i];

        error = element->kind == SCENARIO_ECMP ? add_ecmp(sim, element, ends)
                                               : add_router(sim, element, ends);
    }
    return error;
}

static size_t count_routers(const struct scenario_branch *branch)
{
    size_t count = 0;

    for (size_t i = 0; i < branch->nelements; i++) {
        count += branch->elements[i].kind == SCENARIO_ROUTER;
        for (size_t k = 0; k < branch->elements[i].nbranches; k++)
            count += count_routers(&branch->elements[i].branches[k]);
    }
    return count;
}

static void mark_dnat(struct netsim *sim)
{
    bool behind = false;

    for (size_t i = 1; i + 1 < sim->nnodes; i++) {
        sim->nodes[i].behind_dnat = behind;
        behind |= sim->nodes[i].element->dnat;
    }
}

static int build(struct netsim *sim)
{
    const struct scenario *scenario = sim->scenario;
    struct ends ends = {0};
    struct netsim_node *server;
    int error;

    sim->nodes = calloc(count_routers(&scenario->path) + 2, sizeof(*sim->nodes));
    if (!sim->nodes)
        return -ENOMEM;
    sim->nnodes = 1;
    sim->nodes[HOST_CLIENT].salt = random_u64(&sim->random);
    error = replace_ends(&ends, HOST_CLIENT);
    if (error == 0)
        error = add_branch(sim, &scenario->path, &ends);
    server = &sim->nodes[sim->nnodes];
    server->to = scenario->last_to;
    server->from = scenario->last_from;
    server->salt = random_u64(&sim->random);
    if (error == 0)
        error = link_nodes(sim, &ends, sim->nnodes++);
    free(ends.nodes);
    if (error == 0)
        mark_dnat(sim);
    return error;
}

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

/* --- the outside
 * ---------------------------------------------------------------------------------- */

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
    error = build(sim);
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
    for (size_t i = 0; i < sim->ndue; i++)
        free(sim->due[i].packet);
    for (size_t i = 0; sim->nodes && i < sim->nnodes; i++) {
        free(sim->nodes[i].next);
        free(sim->nodes[i].previous);
        netsim_nat_free(sim->nodes[i].nat);
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
    size_t node = side == NETSIM_CLIENT ? HOST_CLIENT : sim->nnodes - 1;

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
        if (due.change) {
            change(sim, &due);
            continue;
        }
        if (!arrive(sim, due.node, due.packet))
            continue;
        sim->delivered = due.packet;
        packet->when_ns = due.when_ns;
        packet->side = due.node == HOST_CLIENT ? NETSIM_CLIENT : NETSIM_SERVER;
        packet->bytes = due.packet->bytes;
        packet->len = due.packet->len;
        packet->id = due.packet->id;
        return 1;
    }
    if (now_ns > sim->now_ns)
        sim->now_ns = now_ns;
    return 0;
}
