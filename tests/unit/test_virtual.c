/* The virtual network: what is sent is seen leaving, and waiting moves the clock, no more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "io/virtual.h"

#define START_NS (5 * NS_PER_SEC)

/* scapy: IP(src="10.0.0.2",dst="10.99.0.2",ttl=2,id=9)/UDP(sport=40000,dport=33434)/b"abcd" */
static const uint8_t probe[] = {
    0x45, 0x00, 0x00, 0x20, 0x00, 0x09, 0x00, 0x00, 0x02, 0x11, 0xa4, 0x5e, 0x0a, 0x00, 0x00, 0x02,
    0x0a, 0x63, 0x00, 0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x0c, 0x07, 0xce, 0x61, 0x62, 0x63, 0x64,
};

struct world {
    struct scenario *scenario;
    struct netsim *sim;
    struct netio *io;
};

static int setup(void **state)
{
    static const char yaml[] = "name: v\ndefaults: {link: {delay: 2ms}}\npath: [{}, {}, {}]\n";
    static struct world w;
    struct netsim_options options = {.seed = 1, .simulate_server = true, .start_ns = START_NS};
    struct document_error error;

    assert_int_equal(scenario_parse(yaml, strlen(yaml), &w.scenario, &error), 0);
    assert_int_equal(netsim_new(w.scenario, &options, &w.sim), 0);
    assert_int_equal(virtual_open(w.sim, START_NS, &w.io), 0);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    netio_close(w->io);
    netsim_free(w->sim);
    scenario_free(w->scenario);
    return 0;
}

static void send_probe(struct netio *io)
{
    struct netio_packet packet = {.bytes = probe, .len = sizeof(probe)};

    assert_int_equal(netio_send(io, &packet, 1), 1);
    assert_int_equal(packet.error, 0);
}

static void test_frames_come_at_their_time(void **state)
{
    struct netio *io = ((struct world *)*state)->io;
    struct netio_frame frame;

    send_probe(io);
    assert_int_equal(netio_receive(io, &frame), 1);
    assert_int_equal(frame.direction, PACKET_OUTGOING);
    assert_int_equal(frame.link, LINK_RAW);
    assert_true(frame.when_ns == START_NS);
    assert_int_equal(frame.len, sizeof(probe));
    assert_memory_equal(frame.bytes, probe, sizeof(probe));
    assert_int_equal(netio_receive(io, &frame), 0);
    assert_int_equal(netio_wait(io, START_NS + NS_PER_SEC), 0);
    assert_true(netio_now(io) == START_NS + 8 * NS_PER_MS); /* two links out, two back */
    assert_int_equal(netio_receive(io, &frame), 1);
    assert_int_equal(frame.direction, PACKET_INCOMING);
    assert_true(frame.when_ns == START_NS + 8 * NS_PER_MS);
    assert_int_equal(frame.bytes[20], 11);
}

static void test_waiting_ends_at_its_deadline(void **state)
{
    struct netio *io = ((struct world *)*state)->io;
    struct netio_frame frame;

    send_probe(io);
    assert_int_equal(netio_receive(io, &frame), 1);
    assert_int_equal(netio_wait(io, START_NS + NS_PER_MS), 0);
    assert_true(netio_now(io) == START_NS + NS_PER_MS);
    assert_int_equal(netio_receive(io, &frame), 0);
}

static void test_waiting_for_nothing_is_an_end(void **state)
{
    struct netio *io = ((struct world *)*state)->io;

    assert_int_equal(netio_wait(io, TIME_NEVER), -ENODATA);
    assert_int_equal(netio_wait(io, START_NS + 1000 * NS_PER_SEC), 0);
    assert_true(netio_now(io) == START_NS + 1000 * NS_PER_SEC);
}

static void test_what_is_no_packet_is_a_send_error(void **state)
{
    struct netio *io = ((struct world *)*state)->io;
    struct netio_packet packet = {.bytes = probe, .len = 10};
    struct netio_counters counters;

    assert_int_equal(netio_send(io, &packet, 1), 1);
    assert_int_equal(packet.error, -EINVAL);
    assert_int_equal(netio_counters(io, &counters), 0);
    assert_int_equal(counters.sent, 0);
    assert_int_equal(counters.send_errors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_come_at_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_ends_at_its_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_for_nothing_is_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_packet_is_a_send_error, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
