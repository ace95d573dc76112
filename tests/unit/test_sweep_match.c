/* What a captured packet is to a sweep: an answer proves itself, or it is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/timespan.h"
#include "tests/unit/sweep_answers.h"
#include "wire/icmp.h"

struct stage {
    struct sweep *sweep;
    struct sweep_probe probes[512]; /* 512 targets, of which the last is not asked */
    size_t count;
    struct sweep_probe four, six; /* two of those sent */
    struct sweep_probe unasked;
};

/* Half IPv4, half IPv6; what the seed makes first of each is what most tests look at. */
static int setup(void **state)
{
    static struct stage stage;
    const struct sweep_range ranges[] = {
        {address_from4((uint8_t[]){10, 9, 8, 0}), 25, address_from4((uint8_t[]){10, 0, 0, 1})},
        {address_from6((uint8_t[16]){0xfd, 1}), 121, address_from6((uint8_t[16]){0xfd, 2})},
    };
    const uint16_t ports[] = {80, 443};
    const struct sweep_config config = {.ranges = ranges,
                                        .nranges = 2,
                                        .ports = ports,
                                        .nports = 2,
                                        .timeout_ns = NS_PER_SEC,
                                        .seed = 11};
    int64_t wake;
    bool done;

    stage = (struct stage){0};
    if (sweep_new(&config, 0, &stage.sweep, NULL))
        return -1;
    stage.count = sweep_next(stage.sweep, 0, stage.probes, 511, &wake, &done);
    for (size_t i = 0; i < stage.count; i++) {
        sweep_sent(stage.sweep, &stage.probes[i], 0, 0);
        if (stage.probes[i].destination.family == 4)
            stage.four = stage.probes[i];
        else
            stage.six = stage.probes[i];
    }
    sweep_next(stage.sweep, 0, &stage.unasked, 1, &wake, &done);
    *state = &stage;
    return stage.count == 511 ? 0 : -1;
}

static int teardown(void **state)
{
    sweep_free(((struct stage *)*state)->sweep);
    return 0;
}

static void expect(struct stage *stage, struct packet packet, enum sweep_answer answer)
{
    struct sweep_observation seen;

    assert_int_equal(sweep_receive(stage->sweep, &packet, &seen), answer);
    assert_int_equal(seen.answer, answer);
}

static struct sweep_counts counts_of(const struct stage *stage)
{
    struct sweep_counts counts;

    sweep_counts(stage->sweep, 0, &counts);
    return counts;
}

static void test_answers_of_every_kind(void **state)
{
    struct stage *stage = *state;
    struct address router4 = address_from4((uint8_t[]){10, 7, 7, 7});
    struct address router6 = address_from6((uint8_t[16]){0xfd, 7});
    uint64_t told[3] = {0};

    for (size_t i = 0; i < stage->count; i++) {
        const struct sweep_probe *probe = &stage->probes[i];
        bool is4 = probe->destination.family == 4;
        struct packet packet =
            i % 3 == 0   ? sweep_answers_syn_ack(probe)
            : i % 3 == 1 ? sweep_answers_rst(probe)
                         : sweep_answers_icmp(probe, is4 ? &router4 : &router6,
                                              is4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, 1);
        static const enum sweep_answer kinds[] = {SWEEP_OPEN, SWEEP_REFUSED, SWEEP_UNREACHABLE};
        struct sweep_observation seen;

        assert_int_equal(sweep_receive(stage->sweep, &packet, &seen), kinds[i % 3]);
        assert_true(address_equal(&seen.address, &probe->destination));
        assert_int_equal(seen.port, probe->port);
        assert_true(address_equal(&seen.responder, &packet.ip.source));
        assert_int_equal(seen.ttl, i % 3 == 2 ? 62 : 57);
        assert_int_equal(seen.icmp_code, i % 3 == 2);
        told[i % 3]++;
    }
    struct sweep_counts counts = counts_of(stage);
    assert_true(counts.open == told[0] && counts.refused == told[1] &&
                counts.unreachable == told[2]);
    assert_true(counts.silent + counts.pending == 0);
    assert_true(counts.repeated + counts.suspects + counts.foreign == 0);
}

static void test_the_first_answer_counts(void **state)
{
    struct stage *stage = *state;

    expect(stage, sweep_answers_syn_ack(&stage->four), SWEEP_OPEN);
    expect(stage, sweep_answers_syn_ack(&stage->four), SWEEP_REPEATED);
    expect(stage, sweep_answers_rst(&stage->four), SWEEP_REPEATED);
    expect(stage, sweep_answers_rst(&stage->six), SWEEP_REFUSED);
    expect(stage, sweep_answers_syn_ack(&stage->six), SWEEP_REPEATED);
    struct sweep_counts counts = counts_of(stage);
    assert_true(counts.open == 1 && counts.refused == 1 && counts.repeated == 3);
}

static void test_a_rst_may_acknowledge_the_isn_itself(void **state)
{
    struct stage *stage = *state;
    struct packet packet = sweep_answers_rst(&stage->four);

    packet.tcp.ack--;
    expect(stage, packet, SWEEP_REFUSED);
    packet = sweep_answers_syn_ack(&stage->six);
    packet.tcp.ack--;
    expect(stage, packet, SWEEP_SUSPECT);
}

static void test_what_proves_nothing_is_suspect(void **state)
{
    struct stage *stage = *state;
    struct packet packet = sweep_answers_syn_ack(&stage->four);
    struct address router = address_from4((uint8_t[]){10, 7, 7, 7});
    uint16_t first, last;

    sweep_source_ports(stage->sweep, &first, &last);
    packet.tcp.ack++;
    expect(stage, packet, SWEEP_SUSPECT);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.tcp.destination_port = packet.tcp.destination_port == first ? last : first;
    expect(stage, packet, SWEEP_SUSPECT);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.tcp.flags = TCP_ACK; /* a challenge (RFC 5961), or data: no answer to a SYN */
    expect(stage, packet, SWEEP_SUSPECT);
    packet = sweep_answers_icmp(&stage->four, &router, ICMP4_UNREACHABLE, 1);
    packet.icmp.quote.tcp_seq ^= 1;
    expect(stage, packet, SWEEP_SUSPECT);
    packet = sweep_answers_icmp(&stage->four, &router, ICMP4_UNREACHABLE, 1);
    packet.icmp.checksum_ok = false;
    expect(stage, packet, SWEEP_SUSPECT);
    expect(stage, sweep_answers_syn_ack(&stage->unasked), SWEEP_SUSPECT);
    struct sweep_counts counts = counts_of(stage);
    assert_true(counts.suspects == 6 && counts.open == 0 && counts.unreachable == 0);
    expect(stage, sweep_answers_syn_ack(&stage->four),
           SWEEP_OPEN); /* the true one still may come */
}

static void test_other_peoples_packets_are_foreign(void **state)
{
    struct stage *stage = *state;
    struct packet packet = sweep_answers_syn_ack(&stage->four);
    struct address router = address_from4((uint8_t[]){10, 7, 7, 7});

    packet.ip.source.bytes[3] |= 0x80; /* next to the range */
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.ip.destination.bytes[3]++; /* not to us */
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.tcp.source_port++;
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.tcp.destination_port = 40000; /* a connection of this host's own */
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.tcp.flags = TCP_SYN; /* the loopback gives us our own back */
    expect(stage, packet, SWEEP_FOREIGN);
    packet =
        sweep_answers_icmp(&stage->four, &router, ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED);
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_icmp(&stage->four, &router, ICMP4_REDIRECT, 1);
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_icmp(&stage->six, &stage->six.destination, ICMP6_PACKET_TOO_BIG, 0);
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_icmp(&stage->four, &router, ICMP4_UNREACHABLE, 1);
    packet.icmp.quote.has_tcp_seq = false; /* cut short */
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_icmp(&stage->four, &router, ICMP4_UNREACHABLE, 1);
    packet.layers = LAYER_IP | LAYER_ICMP; /* an error without a quote */
    expect(stage, packet, SWEEP_FOREIGN);
    packet = sweep_answers_syn_ack(&stage->four);
    packet.layers = LAYER_IP;
    expect(stage, packet, SWEEP_FOREIGN);
    struct sweep_counts counts = counts_of(stage);
    assert_true(counts.foreign == 11 && counts.suspects == 0);
}

static void test_every_final_error_is_unreachable(void **state)
{
    static const uint8_t types4[] = {ICMP4_UNREACHABLE, ICMP4_TIME_EXCEEDED,
                                     ICMP4_PARAMETER_PROBLEM};
    static const uint8_t types6[] = {ICMP6_UNREACHABLE, ICMP6_TIME_EXCEEDED,
                                     ICMP6_PARAMETER_PROBLEM};
    struct stage *stage = *state;
    size_t four = 0, six = 0;

    for (size_t i = 0; i < stage->count && (four < 3 || six < 3); i++) {
        const struct sweep_probe *probe = &stage->probes[i];
        bool is4 = probe->destination.family == 4;

        if ((is4 ? four : six) == 3)
            continue;
        expect(stage,
               sweep_answers_icmp(probe, &probe->destination, is4 ? types4[four] : types6[six], 0),
               SWEEP_UNREACHABLE);
        *(is4 ? &four : &six) += 1;
    }
    assert_int_equal(four + six, 6);
}

/* Who sees nothing of what we send must guess 32 bits and a port: 300,000 guesses are nothing. */
static void test_guesses_are_never_believed(void **state)
{
    struct stage *stage = *state;
    struct random random;
    uint16_t first, last;

    random_seed(&random, 12);
    sweep_source_ports(stage->sweep, &first, &last);
    for (int i = 0; i < 300000; i++) {
        const struct sweep_probe *probe = &stage->probes[random_below(&random, 511)];
        struct packet packet = i % 2 ? sweep_answers_syn_ack(probe) : sweep_answers_rst(probe);

        packet.tcp.ack = (uint32_t)random_u64(&random);
        packet.tcp.destination_port = (uint16_t)(first + random_below(&random, 256));
        expect(stage, packet, SWEEP_SUSPECT);
    }
    struct sweep_counts counts = counts_of(stage);
    assert_true(counts.suspects == 300000 && counts.open + counts.refused == 0);
}

/* Another sweep of the same targets, with another seed, is a stranger. */
static void test_two_sweeps_do_not_cross(void **state)
{
    struct stage *stage = *state;
    const struct sweep_range range = {address_from4((uint8_t[]){10, 9, 8, 0}), 25,
                                      address_from4((uint8_t[]){10, 0, 0, 1})};
    const uint16_t ports[] = {80};
    struct sweep_config config = {.ranges = &range, .nranges = 1, .ports = ports, .nports = 1};
    unsigned believed = 0;

    for (config.seed = 100; config.seed < 200; config.seed++) {
        struct sweep_probe probes[128];
        struct sweep_observation seen;
        struct sweep *other;
        int64_t wake;
        bool done;

        assert_int_equal(sweep_new(&config, 0, &other, NULL), 0);
        assert_int_equal(sweep_next(other, 0, probes, 128, &wake, &done), 128);
        for (size_t i = 0; i < 128; i++) {
            struct packet answer = sweep_answers_syn_ack(&probes[i]);
            enum sweep_answer kind = sweep_receive(stage->sweep, &answer, &seen);
            believed += kind != SWEEP_FOREIGN && kind != SWEEP_SUSPECT;
        }
        sweep_free(other);
    }
    assert_int_equal(believed, 0);
}

static void test_answers_have_names(void **state)
{
    (void)state;
    assert_string_equal(sweep_answer_name(SWEEP_OPEN), "open");
    assert_string_equal(sweep_answer_name(SWEEP_SUSPECT), "suspect");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_of_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_answer_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_rst_may_acknowledge_the_isn_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_proves_nothing_is_suspect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_peoples_packets_are_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_final_error_is_unreachable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guesses_are_never_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_sweeps_do_not_cross, setup, teardown),
        cmocka_unit_test(test_answers_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
