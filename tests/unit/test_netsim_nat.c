/* NAT: what comes back from behind it quotes what was sent, to the last bit of its checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/netsim.h"

/* scapy: IP(src="10.0.0.2", dst="10.99.0.2", ttl=3, id=9)/UDP(sport=33000, dport=33434)/b"abcd" */
static const uint8_t udp4[] = {
    0x45, 0x00, 0x00, 0x20, 0x00, 0x09, 0x00, 0x00, 0x03, 0x11, 0xa3, 0x5e, 0x0a, 0x00, 0x00, 0x02,
    0x0a, 0x63, 0x00, 0x02, 0x80, 0xe8, 0x82, 0x9a, 0x00, 0x0c, 0x23, 0x26, 0x61, 0x62, 0x63, 0x64,
};

/* scapy: IPv6(src="fd00::2", dst="fd00:0:0:99::2", hlim=3)/UDP(sport=33000, dport=33434)/b"abcd" */
static const uint8_t udp6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x11, 0x03, 0xfd, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x99, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x80, 0xe8, 0x82, 0x9a, 0x00, 0x0c, 0x3c, 0xee, 0x61, 0x62, 0x63, 0x64,
};

static struct netsim *open_sim(const char *yaml, struct scenario **scenario)
{
    struct netsim_options options = {.seed = 3, .simulate_server = true};
    struct document_error error;
    struct netsim *sim;

    if (scenario_parse(yaml, strlen(yaml), scenario, &error) < 0)
        fail_msg("line %zu: %s: %s", error.line, error.field, error.message);
    assert_int_equal(netsim_new(*scenario, &options, &sim), 0);
    return sim;
}

/* The quote differs from the probe in TTL and, for IPv4, in the header checksum alone. */
static void check_quote(const uint8_t *probe, size_t len)
{
    struct scenario *scenario;
    struct netsim *sim = open_sim("name: nat\npath: [{nat: true}, {}, {}, {}]\n", &scenario);
    size_t header = probe[0] >> 4 == 6 ? 40 : 20;
    struct netsim_packet packet;
    uint8_t quote[64];

    assert_int_equal(netsim_send(sim, NETSIM_CLIENT, probe, len, 0), 0);
    assert_int_equal(netsim_receive(sim, NS_PER_SEC, &packet), 1);
    assert_int_equal(packet.len, header + 8 + len);
    memcpy(quote, packet.bytes + header + 8, len);
    if (header == 20) {
        assert_int_equal(quote[8], 1);
        memcpy(quote + 8, probe + 8, 1);
        memcpy(quote + 10, probe + 10, 2);
    } else {
        assert_int_equal(quote[7], 1);
        quote[7] = probe[7];
    }
    assert_memory_equal(quote, probe, len);
    netsim_free(sim);
    scenario_free(scenario);
}

static void test_quotes_are_translated_back(void **state)
{
    (void)state;
    check_quote(udp4, sizeof(udp4));
    check_quote(udp6, sizeof(udp6));
}

static void count_full(void *context, const struct netsim_event *event)
{
    *(unsigned *)context += event->action == NETSIM_NAT_FULL;
}

/* Three flows fit; a fourth is dropped while the three go on. */
static void test_full_table_drops_new_flows_only(void **state)
{
    struct scenario *scenario;
    struct netsim *sim = open_sim("name: nat\npath: [{nat: {table: 3}}, {}, {}, {}]\n", &scenario);
    struct netsim_packet packet;
    uint8_t probe[sizeof(udp4)];
    unsigned full = 0, answers = 0;

    (void)state;
    netsim_set_log(sim, count_full, &full);
    memcpy(probe, udp4, sizeof(udp4));
    for (unsigned i = 0; i < 8; i++) {
        probe[21] = (uint8_t)(i % 4); /* source port */
        assert_int_equal(netsim_send(sim, NETSIM_CLIENT, probe, sizeof(probe), i * NS_PER_SEC), 0);
        while (netsim_receive(sim, (i + 1) * NS_PER_SEC - 1, &packet) == 1)
            answers++;
    }
    assert_int_equal(full, 2);
    assert_int_equal(answers, 6);
    netsim_free(sim);
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes_are_translated_back),
        cmocka_unit_test(test_full_table_drops_new_flows_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
