/* Packets of connections that wait for their end: written or dropped together, within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/service_save.c"

static struct service_save *save;
static char path[64];
static uint8_t bytes[4096];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/test_service_save.%d", (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void add(struct service_packets *packets, uint8_t connection, uint8_t number, size_t len)
{
    const struct netio_frame frame = {
        .link = LINK_RAW, .bytes = bytes, .len = len, .wire_len = len + 7};

    bytes[0] = connection;
    bytes[1] = number;
    service_packets_add(save, packets, &frame, 1000 + number);
}

/* "11 12 21": what libpcap finds in the file, as connection and number. */
static void check(const char *expected)
{
    char found[1024] = "", error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    size_t len = 0;

    assert_int_equal(service_save_error(save), 0);
    service_save_free(save);
    pcap_t *file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
    if (!file) { /* an empty pcapng names no interface, which libpcap has no use for */
        assert_string_equal(expected, "");
        return;
    }
    while (pcap_next_ex(file, &header, &data) == 1) {
        len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%u%u", len ? " " : "", data[0],
                                data[1]);
        assert_int_equal(header->len, header->caplen + 7);
        assert_int_equal(header->ts.tv_usec, 1000 + data[1]);
    }
    pcap_close(file);
    assert_string_equal(found, expected);
}

static void test_only_what_is_written(void **state)
{
    struct service_packets good = {0}, bad = {0};

    (void)state;
    assert_int_equal(service_save_new(path, 256, &save), 0);
    add(&good, 1, 1, 100);
    add(&bad, 2, 1, 100);
    add(&good, 1, 2, 60);
    add(&bad, 2, 2, 61);
    add(&bad, 2, 3, 1800);
    service_packets_release(&good);
    service_packets_write(save, &bad);
    service_packets_release(&bad);
    assert_int_equal(service_save_cut(save), 0);
    check("21 22 23");
}

static void test_nothing(void **state)
{
    (void)state;
    assert_int_equal(service_save_new(path, 1, &save), 0);
    check("");
}

/* 4,096 connections have 16 KiB each: of sixteen packets of 2 KiB the latest seven are kept. */
static void test_the_latest_are_kept(void **state)
{
    struct service_packets packets = {0};

    (void)state;
    assert_int_equal(service_save_new(path, 4096, &save), 0);
    for (uint8_t i = 1; i <= 16; i++) {
        add(&packets, 3, i, 2000);
        assert_true(packets.end - packets.start <= SAVE_LEAST_BYTES);
        assert_true(packets.size <= 2 * SAVE_LEAST_BYTES);
    }
    service_packets_write(save, &packets);
    service_packets_release(&packets);
    assert_int_equal(service_save_cut(save), 1);
    check("310 311 312 313 314 315 316");
}

static void test_shares(void **state)
{
    static const struct {
        uint32_t connections;
        size_t limit;
    } rows[] = {{1, 1048576}, {64, 1048576}, {256, 262144}, {4096, 16384}, {1000000, 16384}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(service_save_new(path, rows[i].connections, &save), 0);
        assert_int_equal(save->limit, rows[i].limit);
        service_save_free(save);
    }
    assert_int_equal(service_save_new("/nonexistent/x", 1, &save), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_written),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_the_latest_are_kept),
        cmocka_unit_test(test_shares),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
