#include "tests/unit/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "wire/icmp.h"

struct address world_member(const struct world *world, size_t ttl, unsigned member)
{
    uint8_t last = (uint8_t)(1 + member);

    if (world->source.family == 4)
        return address_from4((uint8_t[]){10, 0, (uint8_t)ttl, last});
    return address_from6((uint8_t[]){0xfd, [7] = (uint8_t)ttl, [15] = last});
}

struct address world_router(const struct world *world, size_t ttl)
{
    return world_member(world, ttl, 0);
}

/* Which member a flow takes, by what routers hash: ports, or ICMP's identifier and checksum. */
static unsigned world_hash(const struct probe *probe, const struct world_hop *hop)
{
    struct random random;
    uint64_t key = (uint64_t)probe->source_port << 16 | probe->destination_port;

    if (hop->width < 2)
        return 0;
    if (probe->protocol == PROBE_ICMP)
        key = (uint64_t)probe->icmp_id << 16 | probe->fixed_checksum;
    random_seed(&random, key * 7919 + (uint64_t)hop->width);
    return random_below(&random, hop->width);
}

struct world *world_new(int family, size_t nhops, double rtt_ms, uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));

    world->answers = calloc(WORLD_ANSWERS_MAX, sizeof(*world->answers));
    random_seed(&world->random, seed);
    if (family == 4) {
        world->source = address_from4((uint8_t[]){10, 0, 0, 2});
        world->destination = address_from4((uint8_t[]){10, 99, 0, 2});
    } else {
        world->source = address_from6((uint8_t[]){0xfd, [15] = 2});
        world->destination = address_from6((uint8_t[]){0xfd, [7] = 0x99, [15] = 2});
    }
    world->nhops = nhops;
    for (size_t i = 0; i < nhops; i++)
        world->hops[i].rtt_ms = rtt_ms * (double)(i + 1) / (double)nhops;
    world->now_ns = 1000 * NS_PER_SEC;
    return world;
}

void world_free(struct world *world)
{
    free(world->answers);
    free(world);
}

void world_config(const struct world *world, struct trace_config *config)
{
    trace_config_default(config);
    config->source = world->source;
    config->destination = world->destination;
    config->seed = 4711;
}

static struct ip_facts world_ip(const struct address *source, const struct address *destination,
                                uint8_t protocol, uint8_t ttl)
{
    return (struct ip_facts){.source = *source,
                             .destination = *destination,
                             .version = source->family,
                             .ttl = ttl,
                             .protocol = protocol,
                             .header_len = source->family == 6 ? 40 : 20,
                             .checksum_ok = true};
}

static uint8_t world_protocol(const struct probe *probe)
{
    if (probe->protocol == PROBE_UDP)
        return PROTO_UDP;
    if (probe->protocol == PROBE_TCP)
        return PROTO_TCP;
    return probe->source.family == 6 ? PROTO_ICMPV6 : PROTO_ICMP;
}

static void world_quote(const struct probe *probe, uint8_t ttl, struct quote *quote)
{
    quote->ip = world_ip(&probe->source, &probe->destination, world_protocol(probe), ttl);
    quote->ip.total_len = probe->size;
    quote->ip.dscp = probe->dscp;
    quote->ip.ecn = probe->ecn;
    quote->ip.id = probe->ip_id;
    quote->ip.has_id = probe->source.family == 4;
    quote->ip.flow_label = probe->flow_label;
    if (probe->protocol == PROBE_ICMP) {
        quote->has_echo = true;
        quote->icmp_type = probe->source.family == 6 ? ICMP6_ECHO : ICMP4_ECHO;
        quote->icmp_id = probe->icmp_id;
        quote->icmp_seq = probe->icmp_seq;
        quote->icmp_checksum = probe->fixed_checksum;
        return;
    }
    quote->has_ports = true;
    quote->source_port = probe->source_port;
    quote->destination_port = probe->destination_port;
    if (probe->protocol == PROBE_TCP) {
        quote->has_tcp_seq = true;
        quote->tcp_seq = probe->tcp_seq;
        return;
    }
    quote->has_udp = true;
    quote->udp.source_port = probe->source_port;
    quote->udp.destination_port = probe->destination_port;
    quote->udp.checksum = probe->fixed_checksum;
}

static void world_error(const struct world *world, const struct probe *probe,
                        const struct address *from, uint8_t type, uint8_t code, uint8_t left,
                        struct packet *packet)
{
    *packet = (struct packet){.layers = LAYER_IP | LAYER_ICMP | LAYER_QUOTE};
    packet->ip =
        world_ip(from, &world->source, world->source.family == 6 ? PROTO_ICMPV6 : PROTO_ICMP, 60);
    packet->icmp.type = type;
    packet->icmp.code = code;
    packet->icmp.checksum_ok = true;
    packet->icmp.is_error = true;
    world_quote(probe, left, &packet->icmp.quote);
}

void world_time_exceeded(const struct world *world, const struct probe *probe, size_t ttl,
                         struct packet *packet)
{
    struct address from = world_member(world, ttl, world_hash(probe, &world->hops[ttl - 1]));

    world_error(world, probe, &from,
                world->source.family == 6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED, 0, 1,
                packet);
}

/* Jitter is a queue's: it delays, but whoever answers does so in order. */
static struct packet *world_add(struct world *world, struct world_hop *hop,
                                struct world_answer **answer)
{
    double jitter = world->jitter_ms > 0 ? world->jitter_ms * random_unit(&world->random) : 0;
    int64_t when_ns = world->now_ns + (int64_t)((hop->rtt_ms + jitter) * 1e6);

    if (when_ns <= hop->latest_ns && world->jitter_ms > 0)
        when_ns = hop->latest_ns + 1000;
    hop->latest_ns = when_ns;

    if (world->nanswers == WORLD_ANSWERS_MAX)
        abort();
    *answer = &world->answers[world->nanswers++];
    (*answer)->when_ns = when_ns;
    return &(*answer)->packet;
}

/* A listener that holds a SYN half-open, until our kernel's reset comes, answers no other one. */
static bool world_half_open(struct world *world, const struct probe *probe)
{
    int64_t *since_ns = &world->half_open_ns[probe->source_port];

    if (probe->protocol != PROBE_TCP || !world->port_open)
        return false;
    if (*since_ns && world->now_ns - *since_ns < 50 * NS_PER_MS)
        return true;
    *since_ns = world->now_ns;
    return false;
}

static void world_answer_target(struct world *world, const struct probe *probe,
                                struct world_hop *hop, uint8_t left)
{
    struct world_answer *answer;
    struct packet *packet = world_add(world, hop, &answer);
    bool v6 = world->source.family == 6;

    if (probe->protocol == PROBE_UDP && !world->port_open) {
        world_error(world, probe, &world->destination, v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE,
                    v6 ? ICMP6_PORT_UNREACHABLE : ICMP4_PORT_UNREACHABLE, left, packet);
        return;
    }
    *packet = (struct packet){.layers = LAYER_IP};
    packet->ip = world_ip(&world->destination, &world->source, world_protocol(probe), 50);
    if (probe->protocol == PROBE_ICMP) {
        packet->layers |= LAYER_ICMP;
        packet->icmp.type = v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
        packet->icmp.checksum_ok = true;
        packet->icmp.id = probe->icmp_id;
        packet->icmp.seq = probe->icmp_seq;
        memcpy(answer->payload + 2, probe->payload, probe->payload_len);
        packet->payload_len = probe->payload_len + 2u;
    } else if (probe->protocol == PROBE_TCP) {
        packet->layers |= LAYER_TCP;
        packet->tcp.source_port = probe->destination_port;
        packet->tcp.destination_port = probe->source_port;
        packet->tcp.ack = probe->tcp_seq + 1;
        packet->tcp.flags = TCP_ACK | (world->port_open ? TCP_SYN : TCP_RST);
    } else {
        packet->layers |= LAYER_UDP;
        packet->udp.source_port = probe->destination_port;
        packet->udp.destination_port = probe->source_port;
    }
}

static bool world_hop_answers(struct world *world, struct world_hop *hop)
{
    hop->asked++;
    if (hop->silent || (hop->every && hop->asked % hop->every != 1))
        return false;
    return !random_chance(&world->random, hop->limited);
}

static bool world_too_big(struct world *world, const struct probe *probe, size_t at)
{
    struct world_hop *hop = &world->hops[at];
    struct world_answer *answer;
    bool v6 = world->source.family == 6;

    if (!hop->mtu || probe->size <= hop->mtu || !(probe->df || v6))
        return false;
    if (hop->mtu_silent)
        return true;
    struct packet *packet = world_add(world, hop, &answer);
    struct address from = world_router(world, at + 1);
    world_error(world, probe, &from, v6 ? ICMP6_PACKET_TOO_BIG : ICMP4_UNREACHABLE,
                v6 ? 0 : ICMP4_FRAGMENTATION_NEEDED, (uint8_t)(probe->ttl - at), packet);
    packet->icmp.mtu = hop->mtu;
    return true;
}

/* The probe's way: where does it end, and who answers? */
static void world_forward(struct world *world, const struct probe *probe)
{
    size_t at = 0;
    struct world_answer *answer;
    bool v6 = world->source.family == 6;

    for (unsigned left = probe->ttl; left > 0; left--) {
        struct world_hop *hop = &world->hops[at];
        bool target = at + 1 == world->nhops;
        if (random_chance(&world->random, hop->loss)) {
            world->lost_at_ttl[probe->ttl]++;
            return;
        }
        if (target && world->dead)
            return;
        if (target || left == 1 || hop->unreachable) {
            if (!world_hop_answers(world, hop) || (target && world_half_open(world, probe)))
                return;
            struct address from = world_router(world, at + 1);
            if (target)
                world_answer_target(world, probe, hop, (uint8_t)left);
            else if (left == 1)
                world_time_exceeded(world, probe, at + 1, world_add(world, hop, &answer));
            else
                world_error(world, probe, &from, v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE,
                            v6 ? ICMP6_NO_ROUTE : ICMP4_NET_UNREACHABLE, (uint8_t)left,
                            world_add(world, hop, &answer));
            world->answered_at_ttl[probe->ttl]++;
            return;
        }
        bool bad = hop->bad_member && world_hash(probe, hop) + 1 == hop->bad_member;
        if (bad || hop->blackhole || world_too_big(world, probe, at))
            return;
        at = hop->loops_to ? hop->loops_to - 1u : at + 1;
    }
}

void world_carry(struct world *world, struct trace *trace, const struct probe *probe, uint32_t id)
{
    size_t before = world->nanswers;

    world->sends++;
    if (world->send_errors > 0) {
        world->send_errors--;
        trace_sent(trace, id, -world->send_error, world->now_ns);
        return;
    }
    trace_sent(trace, id, 0, world->now_ns);
    if (world->before_send)
        world->before_send(world, probe);
    world->sent_at_ttl[probe->ttl]++;
    world->sent_ns[id & 0xffff] = world->now_ns;
    world_forward(world, probe);
    if (world->nanswers > before && random_chance(&world->random, world->duplicate)) {
        struct world_answer *copy = &world->answers[world->nanswers++];
        *copy = world->answers[before];
        copy->when_ns += NS_PER_MS;
    }
}

static struct world_answer *world_first(struct world *world)
{
    struct world_answer *first = NULL;

    for (size_t i = 0; i < world->nanswers; i++) {
        if (!first || world->answers[i].when_ns < first->when_ns)
            first = &world->answers[i];
    }
    return first;
}

static void world_deliver(struct world *world, struct trace *trace, struct world_answer *answer)
{
    struct trace_observation seen;

    if (answer->packet.payload_len)
        answer->packet.payload = answer->payload;
    trace_receive(trace, &answer->packet, PACKET_INCOMING, answer->when_ns, &seen);
    if (seen.match == TRACE_SUSPECT || seen.match == TRACE_FOREIGN)
        world->wrong++;
    else if (seen.sent_ns != world->sent_ns[seen.id & 0xffff])
        world->wrong++;
    *answer = world->answers[--world->nanswers];
}

void world_pass(struct world *world, struct trace *trace, int64_t wake_ns)
{
    struct world_answer *first = world_first(world);

    if (first && first->when_ns <= wake_ns) {
        world->now_ns = first->when_ns > world->now_ns ? first->when_ns : world->now_ns;
        world_deliver(world, trace, first);
    } else {
        world->now_ns = wake_ns;
    }
}

int64_t world_run(struct world *world, struct trace *trace, int64_t until_ns)
{
    int64_t start_ns = world->now_ns, wake_ns;
    struct probe probe;
    uint32_t id;

    while (world->now_ns < until_ns) {
        enum trace_step step = trace_next(trace, world->now_ns, &probe, &id, &wake_ns);
        if (step == TRACE_DONE)
            break;
        if (step == TRACE_SEND)
            world_carry(world, trace, &probe, id);
        else
            world_pass(world, trace, wake_ns);
    }
    return world->now_ns - start_ns;
}
