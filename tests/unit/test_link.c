#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/link.h"
#include "io/namespace.h"
#include "io/route.h"
#include "io/tun.h"

#define SKIPPED 77

static const struct address client4 = {.family = 4, .bytes = {10, 0, 0, 2}};
static const struct address client6 = {.family = 6, .bytes = {0xfd, [15] = 2}};
static const struct address far4 = {.family = 4, .bytes = {192, 0, 2, 1}};
static const struct address far6 = {.family = 6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

static struct ifreq interface(unsigned long request)
{
    struct ifreq answer = {.ifr_name = "test0"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (ioctl(fd, request, &answer))
        answer.ifr_name[0] = '\0';
    close(fd);
    return answer;
}

/* A private network with test0, a TUN device, and `check` in it. */
static void with_tun(int (*check)(int fd))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        char error[IO_ERROR_SIZE];
        int fd;

        if (namespace_enter(error) || tun_create("test0", &fd))
            _exit(SKIPPED);
        _exit(check(fd));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int check_up(int fd)
{
    (void)fd;
    if (link_up("test0", 1400) || link_up("lo", 0))
        return 1;
    if (!(interface(SIOCGIFFLAGS).ifr_flags & IFF_UP))
        return 2;
    if (interface(SIOCGIFMTU).ifr_mtu != 1400)
        return 3;
    if (link_up("test0", 20) != -EINVAL)
        return 4;
    return link_up("nonesuch", 0) == -ENODEV ? 0 : 5;
}

static void test_up_with_mtu(void **state)
{
    (void)state;
    with_tun(check_up);
}

/* A burst that nobody reads meanwhile is still there afterwards. */
static int check_queue(int fd)
{
    int socket_fd = socket(AF_INET, SOCK_DGRAM, 0), kept = 0;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 0x0900};
    uint8_t packet[2048];

    if (link_set_queue("test0", 3000) || interface(SIOCGIFTXQLEN).ifr_qlen != 3000)
        return 1;
    if (link_up("test0", 1500) || link_add_address("test0", &client4) ||
        link_add_default_route("test0", &client4))
        return 2;
    memcpy(&to.sin_addr, far4.bytes, 4);
    for (int i = 0; i < 2500; i++)
        sendto(socket_fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
    while (read(fd, packet, sizeof(packet)) > 0)
        kept++;
    if (link_set_queue("nonesuch", 1) != -ENODEV)
        return 3;
    return kept == 2500 ? 0 : 4;
}

static void test_queue_holds_bursts(void **state)
{
    (void)state;
    with_tun(check_queue);
}

static int check_addresses(int fd)
{
    struct address source;

    (void)fd;
    if (link_up("test0", 0) || route_source(&far4, NULL, &source) != -ENETUNREACH)
        return 1;
    if (link_add_address("test0", &client4) || link_add_address("test0", &client6))
        return 2;
    if (link_add_address("test0", &client4) != -EEXIST)
        return 3;
    if (link_add_default_route("test0", &client4) || link_add_default_route("test0", &client6))
        return 4;
    if (route_source(&far4, NULL, &source) || !address_equal(&source, &client4))
        return 5;
    if (route_source(&far6, NULL, &source) || !address_equal(&source, &client6))
        return 6; /* at once: no duplicate address detection */
    if (link_add_address("nonesuch", &client4) != -ENODEV)
        return 7;
    return link_add_default_route("nonesuch", &client4) == -ENODEV ? 0 : 8;
}

static void test_addresses_and_routes(void **state)
{
    (void)state;
    with_tun(check_addresses);
}

/* Router solicitations and multicast reports would come within this time. */
static int check_silent(int fd)
{
    uint8_t packet[2048];

    if (link_up("test0", 1500) || link_add_address("test0", &client6) ||
        link_add_default_route("test0", &client6))
        return 1;
    usleep(300 * 1000);
    return read(fd, packet, sizeof(packet)) < 0 && errno == EAGAIN ? 0 : 2;
}

static void test_sends_nothing_unasked(void **state)
{
    (void)state;
    with_tun(check_silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_with_mtu),
        cmocka_unit_test(test_queue_holds_bursts),
        cmocka_unit_test(test_addresses_and_routes),
        cmocka_unit_test(test_sends_nothing_unasked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
