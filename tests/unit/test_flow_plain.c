/*
 * The short way of a plain segment does what the general way does: the same traffic, with losses,
 * duplicates, swaps and odd segments in it, goes through two engines, one of which knows no short
 * way. Seeds are printed when they differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/timespan.h"
#include "engine/flow_plain.h"

#define SEGMENTS 3000
#define TALKS    8

struct talk {
    uint32_t seq[2], ack[2], tsval[2];
    uint16_t id[2];
    unsigned steps;
};

struct record { /* what an engine said */
    uint64_t hash;
    unsigned events;
};

static void note(void *context, const struct flow_event *event)
{
    struct record *record = context;
    uint64_t parts[] = {event->kind,  event->frame,   event->flow_id, event->seq,
                        event->bytes, event->revises, event->sender};

    record->events++;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        record->hash = (record->hash ^ parts[i]) * UINT64_C(0x100000001b3);
    if (event->kind == FLOW_EVENT_RETRANSMISSION)
        record->hash = (record->hash ^ (uint64_t)event->retransmission.trigger << 8 ^
                        event->retransmission.lost) *
                       UINT64_C(0x100000001b3);
}

static struct flows *engine_of(struct record *record, bool no_plain)
{
    struct flows_config config;
    struct flows *flows;

    *record = (struct record){0};
    flows_config_default(&config);
    config.max_ranges = 1024;
    config.event = note;
    config.context = record;
    assert_int_equal(flows_new(&config, &flows, NULL), 0);
    flows->no_plain = no_plain;
    return flows;
}

static void talk_begin(struct talk *talk, struct random *random)
{
    for (int i = 0; i < 2; i++) {
        talk->seq[i] = (uint32_t)random_u64(random);
        talk->id[i] = (uint16_t)random_u64(random);
        talk->tsval[i] = (uint32_t)random_u64(random);
    }
}

static void talk_segment(struct talk *talk, unsigned which, struct random *random,
                         struct segment *s)
{
    unsigned from = talk->steps < 3 ? talk->steps % 2 : random_below(random, 10) < 6;

    s->family = 4;
    s->source[0] = s->destination[0] = 10;
    s->source[3] = from ? 200 : (uint8_t)which;
    s->destination[3] = from ? (uint8_t)which : 200;
    s->source_port = from ? 80 : 3000;
    s->destination_port = from ? 3000 : 80;
    s->ttl = from ? 60 : 64;
    s->window = (uint16_t)(3000 + 730 * random_below(random, 3));
    s->has = SEGMENT_HAS_ID | (which % 2 ? SEGMENT_HAS_TIMESTAMPS : 0);
    s->id = talk->id[from]++;
    s->tsval = talk->tsval[from] += random_below(random, 3);
    s->tsecr = talk->tsval[!from];
    s->flags = talk->steps == 0 ? TCP_SYN : talk->steps == 1 ? TCP_SYN | TCP_ACK : TCP_ACK;
    s->payload_len =
        talk->steps < 3 || random_chance(random, 0.4) ? 0 : 1 + random_below(random, 1460);
    s->seq = talk->seq[from];
    if (random_chance(random, 0.9))
        talk->ack[from] = talk->seq[!from];
    s->ack = talk->steps == 0 ? 0 : talk->ack[from];
    talk->seq[from] += s->payload_len + (s->flags & TCP_SYN ? 1 : 0);
    talk->steps++;
}

/* One in so many is odd in some way. */
static void make_odd(struct segment *s, struct random *random)
{
    switch (random_below(random, 12)) {
    case 0:
        s->seq -= random_below(random, 5000);
        break;
    case 1:
        s->seq += random_below(random, 5000);
        break;
    case 2:
        s->ack += random_below(random, 3000);
        break;
    case 3:
        s->window = (uint16_t)random_below(random, 3);
        break;
    case 4:
        s->flags |= TCP_FIN;
        break;
    case 5:
        s->ttl--;
        break;
    case 6:
        s->id += (uint16_t)random_below(random, 5);
        break;
    case 7:
        s->nsack = 1;
        s->sack[0].left = s->ack + random_below(random, 1000);
        s->sack[0].right = s->sack[0].left + random_below(random, 3000);
        break;
    case 8:
        s->ecn = 3;
        break;
    case 9:
        s->ifindex = 1 + random_below(random, 2);
        break;
    case 10:
        s->flags |= TCP_RST;
        break;
    default:
        s->when_ns += 300 * NS_PER_MS;
    }
}

static void play(uint64_t seed)
{
    struct talk talks[TALKS] = {0};
    struct record plain_said, general_said;
    struct flows *plain = engine_of(&plain_said, false), *general = engine_of(&general_said, true);
    struct random random;
    int64_t now_ns = 0;

    random_seed(&random, seed);
    for (unsigned i = 0; i < TALKS; i++)
        talk_begin(&talks[i], &random);
    double odd = random_unit(&random) * 0.05, lost = random_unit(&random) * 0.05;
    for (unsigned i = 0; i < SEGMENTS; i++) {
        unsigned which = random_below(&random, TALKS);
        struct segment s = {.frame = i + 1, .when_ns = now_ns};
        talk_segment(&talks[which], which, &random, &s);
        now_ns += random_below(&random, 20) * NS_PER_MS;
        if (random_chance(&random, lost))
            continue;
        if (random_chance(&random, odd))
            make_odd(&s, &random);
        flows_receive(plain, &s, 1);
        flows_receive(general, &s, 1);
    }
    flows_finish(plain);
    flows_finish(general);
    if (plain_said.hash != general_said.hash || plain_said.events != general_said.events)
        fail_msg("seed %lu: %u events the short way, %u the general way, or others",
                 (unsigned long)seed, plain_said.events, general_said.events);
    if (memcmp(&plain->summary, &general->summary, sizeof(plain->summary)) != 0)
        fail_msg("seed %lu: summaries differ", (unsigned long)seed);
    assert_int_equal(plain->top.count, general->top.count);
    for (size_t i = 0; i < plain->top.count; i++)
        for (int side = 0; side < 2; side++)
            assert_memory_equal(&plain->top.facts[i].side[side].rtt,
                                &general->top.facts[i].side[side].rtt, sizeof(struct flow_rtt));
    flows_free(plain);
    flows_free(general);
}

static void test_same_as_the_general_way(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        play(seed);
}

/* The test is worth something only where segments go the short way. */
static void test_healthy_traffic_is_plain(void **state)
{
    struct record said;
    struct flows *flows = engine_of(&said, false);
    struct talk talk = {0};
    struct random random;
    uint32_t plain = 0;

    (void)state;
    random_seed(&random, 7);
    talk_begin(&talk, &random);
    for (unsigned i = 0; i < 1000; i++) {
        struct segment s = {.frame = i + 1, .when_ns = i * NS_PER_MS};
        talk_segment(&talk, 1, &random, &s);
        struct flow_lookup key;
        flow_table_key(flows, &s, &key);
        uint32_t id = flow_table_find(flows, &key);
        if (id) {
            struct flow copy = *flow_at(flows, id);
            plain += flow_plain_looks(&copy, &s, key.me, 0) &&
                     flow_plain_fits(&copy, &s, key.me, s.window);
        }
        flows_receive(flows, &s, 1);
    }
    assert_true(plain > 600); /* no bare repetitions of an acknowledgement */
    flows_free(flows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_the_general_way),
        cmocka_unit_test(test_healthy_traffic_is_plain),
    };

    return cmocka_run_group_tests_name("flow_plain", tests, NULL, NULL);
}
