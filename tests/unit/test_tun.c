#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/link.h"
#include "io/namespace.h"
#include "io/tun.h"

#define SKIPPED 77

static const struct address ours = {
    .family = 4, .bytes = {10, 0, 0, 2}
};

/* scapy: IP(src="192.0.2.1", dst="10.0.0.2", id=7) / UDP(sport=1000, dport=2000) / b"netdx" */
static const uint8_t datagram[] = {0x45, 0x00, 0x00, 0x21, 0x00, 0x07, 0x00, 0x00, 0x40,
                                   0x11, 0xae, 0xc2, 0xc0, 0x00, 0x02, 0x01, 0x0a, 0x00,
                                   0x00, 0x02, 0x03, 0xe8, 0x07, 0xd0, 0x00, 0x0d, 0xcd,
                                   0x4e, 0x6e, 0x65, 0x74, 0x64, 0x78};

static int check_receive(struct netio *io, int socket_fd)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int64_t before = netio_now(io);
    struct netio_frame frame;

    if (netio_receive(io, &frame) != 0)
        return 10;
    inet_pton(AF_INET, "192.0.2.9", &to.sin_addr);
    if (sendto(socket_fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)) != 5)
        return 11;
    if (netio_wait(io, netio_now(io) + NS_PER_SEC) || netio_receive(io, &frame) != 1)
        return 12;
    if (frame.link != LINK_RAW || frame.len != 20 + 8 + 5 || frame.wire_len != frame.len)
        return 13;
    if (memcmp(frame.bytes + 28, "hello", 5) || frame.bytes[19] != 9)
        return 14;
    if (frame.when_ns < before || frame.when_ns > netio_now(io))
        return 15;
    return netio_receive(io, &frame) == 0 ? 0 : 16;
}

static int check_send(struct netio *io, int socket_fd)
{
    struct netio_packet packets[] = {
        {.bytes = datagram,                .len = sizeof(datagram)},
        {.bytes = (const uint8_t *)"\x15", .len = 1               }
    };
    struct netio_counters counters;
    char text[16] = "";

    if (netio_send(io, packets, 2) != 2)
        return 20;
    if (packets[0].error || packets[1].error != -EINVAL) /* not an IP packet */
        return 21;
    if (recv(socket_fd, text, sizeof(text), MSG_DONTWAIT) != 5 || strcmp(text, "netdx"))
        return 22;
    if (netio_counters(io, &counters) || counters.sent != 1 || counters.send_errors != 1)
        return 23;
    return counters.received == 1 ? 0 : 24;
}

static int check_tun(void)
{
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(2000)};
    int socket_fd = socket(AF_INET, SOCK_DGRAM, 0), result;
    struct loop *loop = NULL;
    struct netio *io = NULL;

    if (loop_new(&loop) || bind(socket_fd, (struct sockaddr *)&port, sizeof(port)))
        return 1;
    if (tun_open(loop, "test0", 1500, &io))
        return SKIPPED;
    if (link_add_address("test0", &ours) || link_add_default_route("test0", &ours))
        return 2;
    result = check_receive(io, socket_fd);
    if (!result)
        result = check_send(io, socket_fd);
    if (tun_fd(io) < 0 || tun_open(loop, "a-name-that-is-too-long", 1500, &io) != -EINVAL)
        result = 3;
    netio_close(io);
    loop_free(loop);
    return result;
}

static void test_packets_both_ways(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (!pid) {
        char error[IO_ERROR_SIZE];

        _exit(namespace_enter(error) ? SKIPPED : check_tun());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
