#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* scapy 2.5: wrpcap(linktype=101, nano=True), IP()/UDP(), 2023-11-14 22:13:20.123456789 */
static const uint8_t raw_nanoseconds[] = {
    0x4d, 0x3c, 0xb2, 0xa1, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xff, 0xff, 0x00, 0x00, 0x65, 0x00, 0x00, 0x00, 0x00, 0xf1, 0x53, 0x65, 0x15, 0xcd,
    0x5b, 0x07, 0x21, 0x00, 0x00, 0x00, 0x21, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x21, 0x00,
    0x07, 0x00, 0x00, 0x40, 0x11, 0xf6, 0xc1, 0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02,
    0x13, 0x88, 0x00, 0x35, 0x00, 0x0d, 0x0d, 0x49, 0x6e, 0x65, 0x74, 0x64, 0x78,
};

/* scapy 2.5: wrpcap(endianness=">"), Ether()/IP()/UDP(), 2023-11-14 22:13:21 */
static const uint8_t ethernet_big_endian[] = {
    0xa1, 0xb2, 0xc3, 0xd4, 0x00, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x65, 0x53, 0xf1, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x2f, 0x00, 0x00, 0x00, 0x2f, 0x02, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0x00, 0x00, 0x21, 0x00, 0x07,
    0x00, 0x00, 0x40, 0x11, 0xf6, 0xc1, 0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02, 0x13,
    0x88, 0x00, 0x35, 0x00, 0x0d, 0x0d, 0x49, 0x6e, 0x65, 0x74, 0x64, 0x78,
};

/* tcpdump 4.99: -i any --nano, an echo request and its reply on the loopback, nanoseconds */
static const uint8_t cooked[] = {
    0x4d, 0x3c, 0xb2, 0xa1, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x04, 0x00, 0x14, 0x01, 0x00, 0x00, 0x3a, 0x27, 0x04, 0x6b, 0xfe, 0x39, 0xbe, 0x0b,
    0x38, 0x00, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x03, 0x04, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x24,
    0x75, 0xa2, 0x40, 0x00, 0x40, 0x01, 0xc7, 0x34, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01,
    0x08, 0x00, 0x98, 0xca, 0x53, 0x24, 0x00, 0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
    0x3a, 0x27, 0x04, 0x6b, 0x3c, 0x78, 0xbe, 0x0b, 0x38, 0x00, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x04, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x24, 0x75, 0xa3, 0x00, 0x00, 0x40, 0x01, 0x07, 0x34,
    0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0x00, 0x00, 0xa0, 0xca, 0x53, 0x24, 0x00, 0x01,
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
};

/* scapy 2.5: wrpcap(linktype=195), IEEE 802.15.4 */
static const uint8_t wpan[] = {
    0xd4, 0xc3, 0xb2, 0xa1, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0xc3, 0x00, 0x00, 0x00, 0x3b, 0x27, 0x04, 0x6b,
    0xd8, 0x2c, 0x09, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x02,
};

/* editcap 4.0: the same as pcapng */
static const uint8_t next_generation[] = {
    0x0a, 0x0d, 0x0d, 0x0a, 0x6c, 0x00, 0x00, 0x00, 0x4d, 0x3c, 0x2b, 0x1a, 0x01, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x04, 0x00, 0x45, 0x00, 0x45, 0x64, 0x69, 0x74,
    0x63, 0x61, 0x70, 0x20, 0x28, 0x57, 0x69, 0x72, 0x65, 0x73, 0x68, 0x61, 0x72, 0x6b, 0x29, 0x20,
    0x34, 0x2e, 0x30, 0x2e, 0x31, 0x37, 0x20, 0x28, 0x47, 0x69, 0x74, 0x20, 0x76, 0x34, 0x2e, 0x30,
    0x2e, 0x31, 0x37, 0x20, 0x70, 0x61, 0x63, 0x6b, 0x61, 0x67, 0x65, 0x64, 0x20, 0x61, 0x73, 0x20,
    0x34, 0x2e, 0x30, 0x2e, 0x31, 0x37, 0x2d, 0x30, 0x2b, 0x64, 0x65, 0x62, 0x31, 0x32, 0x75, 0x33,
    0x29, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x20, 0x00, 0x00, 0x00, 0x14, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x09, 0x00, 0x01, 0x00,
    0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00,
    0x58, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xfb, 0xa9, 0xea, 0x18, 0xfe, 0xfd, 0x95, 0x49,
    0x38, 0x00, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x03, 0x04, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x24,
    0x75, 0xa2, 0x40, 0x00, 0x40, 0x01, 0xc7, 0x34, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01,
    0x08, 0x00, 0x98, 0xca, 0x53, 0x24, 0x00, 0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
    0x58, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x58, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xfb, 0xa9, 0xea, 0x18, 0x3c, 0x3c, 0x96, 0x49, 0x38, 0x00, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x04, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x24, 0x75, 0xa3, 0x00, 0x00, 0x40, 0x01, 0x07, 0x34,
    0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0x00, 0x00, 0xa0, 0xca, 0x53, 0x24, 0x00, 0x01,
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x58, 0x00, 0x00, 0x00,
};

/* gzip 1.12 -9n of the cooked capture */
static const uint8_t cooked_gzip[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xf3, 0xb5, 0xd9, 0xb4, 0x90, 0x89,
    0x81, 0x85, 0x01, 0x01, 0x58, 0x18, 0x44, 0x18, 0x19, 0x18, 0xac, 0xd4, 0x59, 0xb2, 0xff, 0x59,
    0xee, 0xe3, 0xb6, 0x00, 0x8a, 0x80, 0x30, 0x07, 0x44, 0x92, 0x91, 0x99, 0x85, 0x81, 0x0d, 0xa6,
    0xd2, 0x95, 0x81, 0x41, 0xa5, 0x74, 0x91, 0x03, 0x83, 0x03, 0xe3, 0x71, 0x93, 0x7a, 0xa0, 0x1c,
    0x08, 0x73, 0x30, 0xcc, 0x38, 0x15, 0xac, 0xc2, 0xc0, 0xc8, 0xc0, 0xc8, 0xc4, 0xcc, 0xc2, 0xca,
    0xc6, 0x0e, 0x32, 0xc7, 0xa6, 0x82, 0x08, 0x73, 0x16, 0x33, 0x00, 0xcd, 0x61, 0x87, 0x9b, 0xc3,
    0xc0, 0xb0, 0x00, 0xc5, 0x1c, 0x00, 0x45, 0x3c, 0xfd, 0xfe, 0xa8, 0x00, 0x00, 0x00,
};

/* zstd 1.5.4 -19 of it */
static const uint8_t cooked_zstd[] = {
    0x28, 0xb5, 0x2f, 0xfd, 0x24, 0xa8, 0x05, 0x03, 0x00, 0x32, 0x85, 0x12, 0x1e, 0xb0, 0xa9, 0x31,
    0x0c, 0x43, 0x53, 0x50, 0x40, 0xa1, 0x44, 0x2d, 0xa6, 0x2d, 0x70, 0x80, 0x22, 0xc0, 0x56, 0xd2,
    0xc0, 0xf0, 0x79, 0x88, 0x78, 0xef, 0x26, 0x72, 0x6f, 0x99, 0x02, 0xd1, 0xc3, 0x29, 0xe7, 0x80,
    0x0f, 0x58, 0xd7, 0x74, 0x5d, 0x2e, 0x18, 0x74, 0xd4, 0x7f, 0x88, 0x4b, 0x91, 0x91, 0xa9, 0x91,
    0x9f, 0xfc, 0x5e, 0xa7, 0xff, 0x1f, 0xff, 0xf9, 0xcf, 0xc0, 0x2a, 0x32, 0x66, 0x07, 0xe3, 0x55,
    0x78, 0xdf, 0x9b, 0x54, 0x1d, 0x4a, 0x08, 0x20, 0x70, 0x2d, 0x73, 0x67, 0x14, 0x17, 0xc0, 0x4e,
    0xd8, 0xc2, 0x2e, 0xae, 0x35, 0xee, 0xc1, 0x80, 0x0b, 0x56, 0xb7, 0x87, 0xfc,
};

static char error[IO_ERROR_SIZE];

/* A file in memory, by the path of its descriptor. */
static int open_bytes(const void *bytes, size_t len, const char *filter, struct netio **io)
{
    char path[40];
    int fd = memfd_create("capture", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int code = file_open(path, filter, io, error);
    close(fd);
    return code;
}

#define OPEN(bytes, filter, io) open_bytes(bytes, sizeof(bytes), filter, io)

static void test_nanoseconds(void **state)
{
    struct netio *io;
    struct netio_frame f;
    struct netio_counters counters;

    (void)state;
    assert_int_equal(OPEN(raw_nanoseconds, NULL, &io), 0);
    assert_int_equal(netio_receive(io, &f), 1);
    assert_int_equal(f.when_ns, INT64_C(1700000000123456789));
    assert_int_equal(netio_now(io), f.when_ns);
    assert_int_equal(netio_to_unix(io, f.when_ns), f.when_ns);
    assert_int_equal(f.link, LINK_RAW);
    assert_int_equal(f.len, 33);
    assert_int_equal(f.wire_len, 33);
    assert_memory_equal(f.bytes, raw_nanoseconds + 40, 33);
    assert_int_equal(f.direction, PACKET_DIRECTION_UNKNOWN);
    assert_int_equal(netio_receive(io, &f), -ENODATA);
    assert_int_equal(netio_receive(io, &f), -ENODATA);
    assert_string_equal(file_error(io), "");
    assert_int_equal(netio_counters(io, &counters), 0);
    assert_int_equal(counters.received, 1);
    netio_close(io);
}

static void test_big_endian_ethernet(void **state)
{
    struct netio *io;
    struct netio_frame f;

    (void)state;
    assert_int_equal(OPEN(ethernet_big_endian, NULL, &io), 0);
    assert_int_equal(netio_receive(io, &f), 1);
    assert_int_equal(f.when_ns, INT64_C(1700000001000000000));
    assert_int_equal(f.link, LINK_ETHERNET);
    assert_int_equal(f.len, 47);
    netio_close(io);
}

static void check_cooked(struct netio *io)
{
    struct netio_frame request, reply;

    assert_int_equal(netio_receive(io, &request), 1);
    assert_int_equal(request.link, LINK_LINUX_SLL2);
    assert_int_equal(request.ifindex, 1);
    assert_int_equal(request.direction, PACKET_INCOMING);
    assert_int_equal(netio_receive(io, &reply), 1);
    assert_int_equal(request.when_ns, INT64_C(1795434298197016062));
    assert_int_equal(reply.when_ns - request.when_ns, 15934);
    assert_int_equal(netio_receive(io, &reply), -ENODATA);
}

static void test_cooked(void **state)
{
    struct netio *io;

    (void)state;
    assert_int_equal(OPEN(cooked, NULL, &io), 0);
    check_cooked(io);
    netio_close(io);
}

static void test_next_generation(void **state)
{
    struct netio *io;

    (void)state;
    assert_int_equal(OPEN(next_generation, NULL, &io), 0);
    check_cooked(io);
    netio_close(io);
}

static void test_packed(void **state)
{
    struct netio *io;

    (void)state;
    assert_int_equal(OPEN(cooked_gzip, NULL, &io), 0);
    check_cooked(io);
    netio_close(io);
    assert_int_equal(OPEN(cooked_zstd, NULL, &io), 0);
    check_cooked(io);
    netio_close(io);
}

/* Packed data that is cut gives the frames before the cut, and says which of the two was cut. */
static void test_packed_and_cut(void **state)
{
    struct netio *io;
    struct netio_frame f;
    int got;

    (void)state;
    assert_int_equal(open_bytes(cooked_gzip, sizeof(cooked_gzip) - 4, NULL, &io), 0);
    while ((got = netio_receive(io, &f)) == 1)
        ;
    assert_int_equal(got, -EPROTO);
    assert_string_equal(file_error(io), "the gzip data ends too early");
    netio_close(io);
}

static void check_batch(const void *bytes, size_t len, const char *filter, size_t want)
{
    struct netio *io;
    struct netio_frame frames[8];

    assert_int_equal(open_bytes(bytes, len, filter, &io), 0);
    assert_int_equal(netio_receive_batch(io, frames, 8), (int)want);
    for (size_t i = 0; i < want; i++) {
        assert_int_equal(frames[i].len, 56);
        assert_int_equal(frames[i].link, LINK_LINUX_SLL2);
        assert_int_equal(frames[i].ifindex, 1);
        assert_int_equal(frames[i].bytes[40], want == 2 && i == 0 ? 8 : 0); /* ICMP type */
        assert_int_equal(frames[i].number, want == 2 ? i + 1 : 2);
    }
    assert_int_equal(netio_receive_batch(io, frames, 8), -ENODATA);
    netio_close(io);
}

/* All frames of a batch are valid at once, and numbered as if there were no filter. */
static void test_batch(void **state)
{
    (void)state;
    check_batch(cooked, sizeof(cooked), NULL, 2);
    check_batch(next_generation, sizeof(next_generation), NULL, 2);
    check_batch(cooked, sizeof(cooked), "icmp[0] == 0", 1);
    check_batch(next_generation, sizeof(next_generation), "icmp[0] == 0", 1);
}

/* The frames before a cut come first, and then the cut is told, also of a batch. */
static void test_batch_then_cut(void **state)
{
    struct netio *io;
    struct netio_frame frames[8];

    (void)state;
    for (size_t cut = 1; cut < 88; cut++) {
        assert_int_equal(open_bytes(next_generation, sizeof(next_generation) - cut, NULL, &io), 0);
        assert_int_equal(netio_receive_batch(io, frames, 8), 1);
        assert_int_equal(netio_receive_batch(io, frames, 8), -EPROTO);
        assert_int_equal(netio_receive_batch(io, frames, 8), -EPROTO);
        assert_non_null(strstr(file_error(io), "truncated"));
        netio_close(io);
    }
    assert_int_equal(open_bytes(cooked, sizeof(cooked) - 1, NULL, &io), 0);
    assert_int_equal(netio_receive_batch(io, frames, 8), 1);
    assert_int_equal(netio_receive_batch(io, frames, 8), -EPROTO);
    assert_int_equal(netio_receive_batch(io, frames, 8), -EPROTO);
    netio_close(io);
}

/* The largest frame, between small ones, wherever it meets the end of the read buffer. */
static void test_large_frames(void **state)
{
    enum { LARGE = 262144, FRAMES = 40 };
    size_t size = 24 + FRAMES * (16 + LARGE), len = 24;
    uint8_t *bytes = calloc(1, size);
    struct netio *io;
    struct netio_frame frames[7];
    int got, seen = 0;

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, cooked, 24);
    for (int i = 0; i < FRAMES; i++) {
        uint32_t n = i % 3 == 1 ? LARGE : (uint32_t)(i * 1111), header[4] = {0, 0, n, n};
        memcpy(bytes + len, header, 16);
        memset(bytes + len + 16, i, n);
        len += 16 + n;
    }
    assert_int_equal(open_bytes(bytes, len, NULL, &io), 0);
    while ((got = netio_receive_batch(io, frames, 7)) > 0) {
        for (int i = 0; i < got; i++, seen++) {
            size_t n = seen % 3 == 1 ? LARGE : (size_t)(seen * 1111);
            assert_int_equal(frames[i].len, n);
            assert_true(n == 0 || (frames[i].bytes[0] == seen && frames[i].bytes[n - 1] == seen));
        }
    }
    assert_int_equal(got, -ENODATA);
    assert_int_equal(seen, FRAMES);
    netio_close(io);
    free(bytes);
}

/* The packet type 4 of a cooked header is "sent by us". */
static void test_cooked_direction(void **state)
{
    uint8_t copy[sizeof(cooked)];
    struct netio *io;
    struct netio_frame f;

    (void)state;
    memcpy(copy, cooked, sizeof(copy));
    copy[24 + 16 + 10] = 4;
    assert_int_equal(OPEN(copy, NULL, &io), 0);
    assert_int_equal(netio_receive(io, &f), 1);
    assert_int_equal(f.direction, PACKET_OUTGOING);
    netio_close(io);
}

static void test_filter(void **state)
{
    struct netio *io;
    struct netio_frame f;

    (void)state;
    assert_int_equal(OPEN(cooked, "icmp[0] == 0", &io), 0);
    assert_int_equal(netio_receive(io, &f), 1);
    assert_int_equal(f.bytes[40], 0);
    assert_int_equal(netio_receive(io, &f), -ENODATA);
    netio_close(io);
    assert_int_equal(OPEN(cooked, "no filter (", &io), -EINVAL);
    assert_non_null(strstr(error, "no filter ("));
}

/* Cut at every length: whole frames come, then the cut is said; never a crash, never silence. */
static void test_cut_files(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(cooked); len++) {
        struct netio *io;
        struct netio_frame f;
        int got, frames = 0;
        bool boundary = len == 24 || len == 24 + 16 + 56;
        int code = open_bytes(cooked, len, NULL, &io);
        if (len < 24) {
            assert_int_equal(code, -EPROTO);
            assert_true(strlen(error) > 0);
            continue;
        }
        assert_int_equal(code, 0);
        while ((got = netio_receive(io, &f)) == 1)
            frames++;
        assert_int_equal(frames, len >= 24 + 16 + 56);
        assert_int_equal(got, boundary ? -ENODATA : -EPROTO);
        assert_int_equal(strstr(file_error(io), "truncated") != NULL, !boundary);
        netio_close(io);
    }
}

/* Every byte of the headers changed: any answer but a crash or an endless file. */
static void test_damaged_files(void **state)
{
    uint8_t copy[sizeof(next_generation)];

    (void)state;
    for (size_t at = 0; at < sizeof(copy); at++) {
        for (int value = 0; value < 256; value += 51) {
            struct netio *io;
            struct netio_frame f;
            int frames = 0;
            memcpy(copy, next_generation, sizeof(copy));
            copy[at] = (uint8_t)value;
            if (OPEN(copy, NULL, &io))
                continue;
            while (netio_receive(io, &f) == 1) {
                assert_true(f.len <= f.wire_len);
                frames++;
            }
            assert_true(frames <= 2);
            netio_close(io);
        }
    }
}

static void test_unknown_link_type(void **state)
{
    struct netio *io = NULL;

    (void)state;
    assert_int_equal(OPEN(wpan, NULL, &io), -EPROTONOSUPPORT);
    assert_non_null(strstr(error, "195"));
    assert_non_null(strstr(error, "802_15_4"));
    assert_null(io);
}

static void check_kind(const void *bytes, size_t len, const char *words)
{
    struct netio *io = NULL;

    assert_int_equal(open_bytes(bytes, len, NULL, &io), -EPROTO);
    if (!strstr(error, words))
        fail_msg("'%s' is not in '%s'", words, error);
    assert_null(io);
}

/* gzip 1.12 -9n of "netdx" */
static const uint8_t netdx_gzip[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                     0x03, 0xcb, 0x4b, 0x2d, 0x49, 0xa9, 0x00, 0x00, 0x21,
                                     0xae, 0x6f, 0xe0, 0x05, 0x00, 0x00, 0x00};

static void test_what_it_looks_like(void **state)
{
    (void)state;
    check_kind("", 0, "empty");
    check_kind("hello, world\n", 13, "text");
    check_kind("\x1f\x8b\x08\0\0\0\0\0", 8, "gzip data ends too early");
    check_kind("\x28\xb5\x2f\xfd\x04\0", 6, "zstd data ends too early");
    check_kind(netdx_gzip, sizeof(netdx_gzip), "text, not a capture, packed with gzip");
    check_kind(" {\"a\": 1}", 9, "JSON");
    check_kind("#!/bin/sh\n", 10, "script");
    check_kind("\xfd"
               "7zXZ\0\0",
               7, "xz");
    check_kind("BZh91AY", 7, "bzip2");
    check_kind("\x7f"
               "ELF\2\1\1\0",
               8, "ELF program");
    check_kind("PK\3\4\x14\0", 6, "zip");
    check_kind("snoop\0\0\0\0\0\0\2", 12, "snoop");
    check_kind("\0\1\2\3\4\5\6\7", 8, "not a capture");
}

static void test_no_such_file(void **state)
{
    struct netio *io = NULL;

    (void)state;
    assert_int_equal(file_open("/nowhere/at/all", NULL, &io, error), -ENOENT);
    assert_string_equal(error, "'/nowhere/at/all': No such file or directory");
    assert_int_equal(file_open("/", NULL, &io, error), -EISDIR);
}

/* A pipe gives a few bytes at a time and does not seek. */
static void test_standard_input(void **state)
{
    int ends[2], saved = dup(STDIN_FILENO);
    struct netio *io;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < sizeof(cooked); i++)
            if (write(ends[1], cooked + i, 1) != 1)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    assert_int_equal(file_open("-", NULL, &io, error), 0);
    check_cooked(io);
    netio_close(io);
    if (saved >= 0) {
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
        close(saved);
    }
}

static void test_sends_nothing(void **state)
{
    struct netio *io;
    struct netio_packet packet = {0};

    (void)state;
    assert_int_equal(OPEN(cooked, NULL, &io), 0);
    assert_int_equal(netio_send(io, &packet, 1), -EOPNOTSUPP);
    assert_int_equal(netio_wait(io, 0), 0);
    netio_close(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nanoseconds),
        cmocka_unit_test(test_big_endian_ethernet),
        cmocka_unit_test(test_cooked),
        cmocka_unit_test(test_next_generation),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_packed_and_cut),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_then_cut),
        cmocka_unit_test(test_large_frames),
        cmocka_unit_test(test_cooked_direction),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_unknown_link_type),
        cmocka_unit_test(test_what_it_looks_like),
        cmocka_unit_test(test_no_such_file),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_sends_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
