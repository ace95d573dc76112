#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/file.h"
#include "tools/flows_save.c"
#include "tools/hash_table.c"

#include <stdio.h>
#include <unistd.h>

/* Flow N is 10.0.0.N port 1000+N to 10.9.9.9 port 80; packets hold their flow and their number. */
static struct flows_save *save;
static char path[64];
static uint8_t bytes[65536];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/test_flows_save.%d", (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void begin(size_t memory)
{
    assert_int_equal(flows_save_new(path, memory, &save), 0);
}

static void packet(uint8_t flow, uint8_t number, size_t len, bool back, int64_t when)
{
    struct segment s = {.family = 4};
    uint8_t a[4] = {10, 0, 0, flow}, b[4] = {10, 9, 9, 9};
    struct netio_frame frame = {
        .when_ns = when, .link = LINK_RAW, .bytes = bytes, .len = len, .wire_len = len + 7};

    memcpy(back ? s.destination : s.source, a, 4);
    memcpy(back ? s.source : s.destination, b, 4);
    s.source_port = back ? 80 : (uint16_t)(1000 + flow);
    s.destination_port = back ? (uint16_t)(1000 + flow) : 80;
    memset(bytes, 0, len);
    bytes[0] = flow;
    bytes[1] = number;
    flows_save_packet(save, &frame, &s, 1000000);
}

static struct flow_event event_of(uint8_t flow, enum flow_event_kind kind)
{
    struct flow_event e = {
        .kind = kind, .flow_id = flow, .key.port = {(uint16_t)(1000 + flow), 80}};
    char text[32];

    snprintf(text, sizeof(text), "10.0.0.%u", flow);
    assert_int_equal(address_parse(text, &e.key.address[0]), 0);
    assert_int_equal(address_parse("10.9.9.9", &e.key.address[1]), 0);
    return e;
}

static void trouble(uint8_t flow)
{
    struct flow_event e = event_of(flow, FLOW_EVENT_RETRANSMISSION);

    flows_save_event(save, &e);
}

static void ended(uint8_t flow, uint32_t findings, int64_t start, int64_t last)
{
    struct flow_facts facts = {.findings = findings, .start_ns = start, .last_ns = last};
    struct flow_event e = event_of(flow, FLOW_EVENT_END);

    e.facts = &facts;
    flows_save_event(save, &e);
}

/* "11 12 21": the packets in the file, as flow and number. */
static void check(const char *expected)
{
    char found[4096] = "", error[IO_ERROR_SIZE];
    struct netio_frame f;
    struct netio *io;
    size_t len = 0;
    uint64_t count = 0;

    assert_int_equal(flows_save_finish(save), 0);
    assert_int_equal(file_open(path, NULL, &io, error), 0);
    while (netio_receive(io, &f) == 1) {
        len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%u%u", count ? " " : "",
                                f.bytes[0], f.bytes[1]);
        assert_int_equal(f.wire_len, f.len + 7);
        count++;
    }
    netio_close(io);
    assert_string_equal(found, expected);
    assert_int_equal(flows_save_written(save), count);
}

static void test_only_flows_with_findings(void **state)
{
    (void)state;
    begin(1 << 20);
    packet(1, 1, 100, false, 1);
    packet(2, 1, 100, false, 2);
    packet(1, 2, 60, true, 3);
    packet(2, 2, 60, true, 4);
    packet(3, 1, 60, false, 5);
    ended(1, 1, 1, 3);
    ended(2, 0, 2, 4);
    ended(3, 4, 5, 5);
    check("11 12 31");
    assert_int_equal(flows_save_cut(save), 0);
    flows_save_free(save);
}

/* Trouble alone is not a finding, once the flow has ended without one. */
static void test_trouble_is_no_finding(void **state)
{
    (void)state;
    begin(1 << 20);
    packet(1, 1, 100, false, 1);
    trouble(1);
    packet(1, 2, 100, false, 2);
    ended(1, 0, 1, 2);
    packet(2, 1, 100, false, 3);
    ended(2, 1, 3, 3);
    check("21");
    flows_save_free(save);
}

/* A later connection with the same ports is another one. */
static void test_same_ports_again(void **state)
{
    (void)state;
    begin(1 << 20);
    packet(1, 1, 100, false, 1);
    packet(1, 2, 100, false, 2);
    ended(1, 0, 1, 2);
    packet(1, 3, 100, false, 10);
    ended(1, 1, 10, 10);
    packet(1, 4, 100, false, 20);
    ended(1, 0, 20, 20);
    check("13");
    flows_save_free(save);
}

/* Memory for four packets: those of a flow in trouble are saved, others lost, and it is told. */
static void test_memory_is_bounded(void **state)
{
    size_t one = save_size(1000);

    (void)state;
    begin(4 * one + SAVE_ALIGN);
    packet(1, 1, 1000, false, 1);
    packet(2, 1, 1000, false, 2);
    trouble(2);
    for (uint8_t i = 1; i <= 6; i++)
        packet(3, i, 1000, false, 2 + i);
    ended(1, 1, 1, 1);
    ended(2, 1, 2, 2);
    ended(3, 1, 3, 8);
    check("21 33 34 35 36");
    assert_int_equal(flows_save_cut(save), 2); /* flows 1 and 3, but not 2 */
    flows_save_free(save);
}

/* What does not fit at all is left out, and harms nothing. */
static void test_too_large(void **state)
{
    (void)state;
    begin(4096);
    packet(1, 1, 100, false, 1);
    packet(1, 2, 60000, false, 2);
    packet(1, 3, 100, false, 3);
    ended(1, 1, 1, 3);
    check("11 13");
    flows_save_free(save);
}

/* Every size against every place in the ring: what comes out is what went in last. */
static void test_ring_goes_round(void **state)
{
    (void)state;
    for (size_t step = 1; step < 60; step++) {
        char error[IO_ERROR_SIZE];
        struct netio_frame f;
        struct netio *io;
        uint8_t expected = 0;
        size_t len = 2;

        begin(8192);
        trouble(1);
        for (unsigned i = 0; i < 200; i++) {
            packet(1, (uint8_t)i, len, false, i);
            len = 2 + (len + step * 37) % 1500;
        }
        assert_int_equal(flows_save_finish(save), 0);
        assert_int_equal(flows_save_written(save), 200);
        assert_int_equal(file_open(path, NULL, &io, error), 0);
        while (netio_receive(io, &f) == 1) {
            assert_int_equal(f.bytes[1], expected);
            assert_int_equal(f.when_ns, 1000000 + expected);
            expected++;
        }
        assert_int_equal(expected, 200);
        netio_close(io);
        flows_save_free(save);
    }
}

static void test_not_writable(void **state)
{
    (void)state;
    assert_int_equal(flows_save_new("/nowhere/at/all", 4096, &save), -ENOENT);
    assert_int_equal(flows_save_new("/dev/full", 4096, &save), -ENOSPC);
    flows_save_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_flows_with_findings),
        cmocka_unit_test(test_trouble_is_no_finding),
        cmocka_unit_test(test_same_ports_again),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_ring_goes_round),
        cmocka_unit_test(test_not_writable),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
