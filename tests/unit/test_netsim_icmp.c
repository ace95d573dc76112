/* ICMP errors against those of a Linux router, and a log in which every packet has one end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/netsim.h"

/*
 * Probes by scapy with TTL 1, and what Linux 10.0.0.1 / fd00::1 answered from a network namespace
 * of its own, both captured on the veth between them.
 */
/* IP(id=0x1234)/UDP(sport=33000, dport=33434) */
static const uint8_t udp4[] = {
    0x45, 0x00, 0x00, 0x2c, 0x12, 0x34, 0x00, 0x00, 0x01, 0x11, 0x93, 0x27, 0x0a, 0x00, 0x00,
    0x02, 0x0a, 0x63, 0x00, 0x02, 0x80, 0xe8, 0x82, 0x9a, 0x00, 0x18, 0x6f, 0x18, 0x6e, 0x65,
    0x74, 0x64, 0x78, 0x2d, 0x70, 0x72, 0x6f, 0x62, 0x65, 0x2d, 0x64, 0x61, 0x74, 0x61,
};
static const uint8_t udp4_answer[] = {
    0x45, 0xc0, 0x00, 0x48, 0x89, 0x43, 0x00, 0x00, 0x40, 0x01, 0xdc, 0xaf, 0x0a, 0x00, 0x00,
    0x01, 0x0a, 0x00, 0x00, 0x02, 0x0b, 0x00, 0x09, 0x90, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00,
    0x00, 0x2c, 0x12, 0x34, 0x00, 0x00, 0x01, 0x11, 0x93, 0x27, 0x0a, 0x00, 0x00, 0x02, 0x0a,
    0x63, 0x00, 0x02, 0x80, 0xe8, 0x82, 0x9a, 0x00, 0x18, 0x6f, 0x18, 0x6e, 0x65, 0x74, 0x64,
    0x78, 0x2d, 0x70, 0x72, 0x6f, 0x62, 0x65, 0x2d, 0x64, 0x61, 0x74, 0x61,
};
/* IP(id=0x2345)/ICMP(id=7, seq=9) */
static const uint8_t echo4[] = {
    0x45, 0x00, 0x00, 0x30, 0x23, 0x45, 0x00, 0x00, 0x01, 0x01, 0x82, 0x22, 0x0a, 0x00, 0x00, 0x02,
    0x0a, 0x63, 0x00, 0x02, 0x08, 0x00, 0x6b, 0x63, 0x00, 0x07, 0x00, 0x09, 0x41, 0x41, 0x41, 0x41,
    0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41,
};
static const uint8_t echo4_answer[] = {
    0x45, 0xc0, 0x00, 0x4c, 0x89, 0x45, 0x00, 0x00, 0x40, 0x01, 0xdc, 0xa9, 0x0a, 0x00, 0x00, 0x01,
    0x0a, 0x00, 0x00, 0x02, 0x0b, 0x00, 0xf4, 0xff, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x30,
    0x23, 0x45, 0x00, 0x00, 0x01, 0x01, 0x82, 0x22, 0x0a, 0x00, 0x00, 0x02, 0x0a, 0x63, 0x00, 0x02,
    0x08, 0x00, 0x6b, 0x63, 0x00, 0x07, 0x00, 0x09, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41,
    0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41,
};
/* IPv6()/UDP(sport=33000, dport=33434) */
static const uint8_t udp6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x18, 0x11, 0x01, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x80, 0xe8, 0x82, 0x9a, 0x00, 0x18, 0x88, 0xe0,
    0x6e, 0x65, 0x74, 0x64, 0x78, 0x2d, 0x70, 0x72, 0x6f, 0x62, 0x65, 0x2d, 0x64, 0x61, 0x74, 0x61,
};
static const uint8_t udp6_answer[] = {
    0x60, 0x0a, 0xf5, 0xb6, 0x00, 0x48, 0x3a, 0x40, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x00, 0x91, 0x88, 0x00, 0x00, 0x00, 0x00,
    0x60, 0x00, 0x00, 0x00, 0x00, 0x18, 0x11, 0x01, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x80, 0xe8, 0x82, 0x9a, 0x00, 0x18, 0x88, 0xe0,
    0x6e, 0x65, 0x74, 0x64, 0x78, 0x2d, 0x70, 0x72, 0x6f, 0x62, 0x65, 0x2d, 0x64, 0x61, 0x74, 0x61,
};

static const char linux_router[] =
    "name: linux\n"
    "path: [{addresses: [10.0.0.1, \"fd00::1\"]}, {addresses: [10.0.9.1, \"fd00:0:0:9::1\"]}]\n";

static struct scenario *parse(const char *yaml)
{
    struct scenario *scenario = NULL;
    struct document_error error;

    if (scenario_parse(yaml, strlen(yaml), &scenario, &error) < 0)
        fail_msg("line %zu: %s: %s", error.line, error.field, error.message);
    return scenario;
}

static void check_answer(const uint8_t *probe, size_t probe_len, const uint8_t *answer,
                         size_t answer_len)
{
    struct netsim_options options = {.seed = 1, .simulate_server = true};
    struct scenario *scenario = parse(linux_router);
    size_t header = answer[0] >> 4 == 6 ? 40 : 20, addresses = header == 40 ? 8 : 12;
    struct netsim_packet packet;
    struct netsim *sim;

    assert_int_equal(netsim_new(scenario, &options, &sim), 0);
    assert_int_equal(netsim_send(sim, NETSIM_CLIENT, probe, probe_len, 0), 0);
    assert_int_equal(netsim_receive(sim, NS_PER_SEC, &packet), 1);
    assert_int_equal(packet.side, NETSIM_CLIENT);
    assert_int_equal(packet.len, answer_len);
    /* Identification and flow label are the router's own. */
    assert_memory_equal(packet.bytes + addresses, answer + addresses, header - addresses);
    assert_memory_equal(packet.bytes + header, answer + header, answer_len - header);
    assert_int_equal(netsim_receive(sim, NS_PER_SEC, &packet), 0);
    netsim_free(sim);
    scenario_free(scenario);
}

static void test_time_exceeded_is_that_of_linux(void **state)
{
    (void)state;
    check_answer(udp4, sizeof(udp4), udp4_answer, sizeof(udp4_answer));
    check_answer(echo4, sizeof(echo4), echo4_answer, sizeof(echo4_answer));
    check_answer(udp6, sizeof(udp6), udp6_answer, sizeof(udp6_answer));
}

/* --- fragments ---------------------------------------------------------------------- */

/* RFC 791 3.2: pieces of a multiple of eight bytes, all but the last with "more fragments". */
static void test_big_packets_are_cut_unless_df_forbids(void **state)
{
    struct scenario *scenario = parse("name: mtu\npath: [{}, {link: {mtu: 576}}]\n");
    struct netsim_options options = {.seed = 1};
    uint8_t big[1400] = {0x45, 0, 1400 >> 8, 1400 & 0xff, 0x12, 0x34, 0,  0,  64, 17,
                         0,    0, 10,        0,           0,    2,    10, 99, 0,  2};
    static const struct {
        size_t len;
        uint16_t flags;
    } pieces[] = {{572, 0x2000}, {572, 0x2000 | 69}, {296, 138}};
    struct netsim_packet packet;
    struct netsim *sim;

    (void)state;
    assert_int_equal(netsim_new(scenario, &options, &sim), 0);
    assert_int_equal(netsim_send(sim, NETSIM_CLIENT, big, sizeof(big), 0), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(netsim_receive(sim, NS_PER_SEC, &packet), 1);
        assert_int_equal(packet.side, NETSIM_SERVER);
        assert_int_equal(packet.len, pieces[i].len);
        assert_int_equal(packet.bytes[6] << 8 | packet.bytes[7], pieces[i].flags);
    }
    big[6] = 0x40; /* DF */
    assert_int_equal(netsim_send(sim, NETSIM_CLIENT, big, sizeof(big), NS_PER_SEC), 0);
    assert_int_equal(netsim_receive(sim, 2 * NS_PER_SEC, &packet), 1);
    assert_int_equal(packet.side, NETSIM_CLIENT);
    assert_int_equal(packet.bytes[20] << 8 | packet.bytes[21], 3 << 8 | 4);
    assert_int_equal(packet.bytes[26] << 8 | packet.bytes[27], 576);
    netsim_free(sim);
    scenario_free(scenario);
}

/* --- the log ---------------------------------------------------------------------- */

#define IDS_MAX 20000

struct ledger {
    unsigned born[IDS_MAX], ended[IDS_MAX]; /* by id: originals and copies together */
    uint64_t highest;
    unsigned lost, doubled;
};

static void ledger_note(void *context, const struct netsim_event *event)
{
    struct ledger *ledger = context;

    assert_true(event->id < IDS_MAX && event->other < IDS_MAX);
    switch (event->action) {
    case NETSIM_ENTERED:
    case NETSIM_DUPLICATED:
        ledger->born[event->id]++;
        ledger->doubled += event->action == NETSIM_DUPLICATED;
        break;
    case NETSIM_DELIVERED:
    case NETSIM_LOST:
    case NETSIM_QUEUE_FULL:
    case NETSIM_TTL_EXPIRED:
    case NETSIM_TOO_BIG:
    case NETSIM_BLACKHOLED:
    case NETSIM_NO_ROUTE:
    case NETSIM_FILTERED:
    case NETSIM_NAT_FULL:
        ledger->ended[event->id]++;
        ledger->lost += event->action == NETSIM_LOST;
        break;
    case NETSIM_ICMP_SENT:
        ledger->born[event->other]++;
        break;
    default:
        break;
    }
    ledger->highest = event->id > ledger->highest ? event->id : ledger->highest;
}

static void test_every_packet_ends_once(void **state)
{
    static struct ledger ledger;
    struct netsim_options options = {.seed = 7};
    struct scenario *scenario =
        parse("name: noisy\n"
              "defaults: {link: {delay: 1ms, loss: 5%, duplicate: 5%, reorder: 5%, "
              "reorder-delay: 5ms}}\n"
              "path: [{}, {icmp: {rate: 100/s}}, {icmp: silent}, {}]\n");
    struct netsim_packet packet;
    struct netsim *sim;
    uint8_t probe[sizeof(udp4)];

    (void)state;
    memset(&ledger, 0, sizeof(ledger));
    memcpy(probe, udp4, sizeof(udp4));
    assert_int_equal(netsim_new(scenario, &options, &sim), 0);
    netsim_set_log(sim, ledger_note, &ledger);
    for (unsigned i = 0; i < 2000; i++) {
        probe[8] = (uint8_t)(1 + i % 6);
        assert_int_equal(netsim_send(sim, NETSIM_CLIENT, probe, sizeof(probe), i * NS_PER_MS), 0);
        while (netsim_receive(sim, i * NS_PER_MS, &packet) == 1)
            ;
    }
    while (netsim_receive(sim, 100 * NS_PER_SEC, &packet) == 1)
        ;
    assert_true(netsim_next_ns(sim) == TIME_NEVER);
    assert_true(ledger.lost > 100 && ledger.doubled > 100);
    for (uint64_t id = 0; id <= ledger.highest; id++)
        if (ledger.born[id] != ledger.ended[id])
            fail_msg("packet %llu of seed 7: %u born, %u ended", (unsigned long long)id,
                     ledger.born[id], ledger.ended[id]);
    netsim_free(sim);
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_exceeded_is_that_of_linux),
        cmocka_unit_test(test_big_packets_are_cut_unless_df_forbids),
        cmocka_unit_test(test_every_packet_ends_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
