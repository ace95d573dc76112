#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/linkwatch.h"
#include "tests/unit/guard.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#define OURS 7

/* A message as the kernel's own headers lay it out. */
struct message {
    struct nlmsghdr header;
    struct ifinfomsg link;
    uint8_t attributes[8];
};

static struct message make(uint16_t type, int ifindex, unsigned flags)
{
    struct message m = {
        .header = {.nlmsg_len = sizeof(m), .nlmsg_type = type},
        .link = {.ifi_index = ifindex,   .ifi_flags = flags}
    };

    return m;
}

static int tell(struct linkwatch *watch, uint16_t type, int ifindex, unsigned flags)
{
    struct message m = make(type, ifindex, flags);
    const uint8_t *copy = guard_copy(&m, sizeof(m));
    int told = linkwatch_message(watch, copy, sizeof(m));

    guard_release(copy);
    return told;
}

static void test_down_is_told_once(void **state)
{
    struct linkwatch watch = {.fd = -1, .ifindex = OURS};

    (void)state;
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS, IFF_UP | IFF_RUNNING), 0);
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS, 0), -ENETDOWN);
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS, 0), 0);
    assert_true(watch.down);
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS, IFF_UP), 0);
    assert_false(watch.down);
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS, 0), -ENETDOWN);
}

static void test_removal_is_final(void **state)
{
    struct linkwatch watch = {.fd = -1, .ifindex = OURS};

    (void)state;
    assert_int_equal(tell(&watch, RTM_DELLINK, OURS, 0), -ENODEV);
    assert_true(watch.removed);
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS, IFF_UP), 0);
    assert_true(watch.removed);
}

static void test_others_do_not_matter(void **state)
{
    struct linkwatch watch = {.fd = -1, .ifindex = OURS};

    (void)state;
    assert_int_equal(tell(&watch, RTM_NEWLINK, OURS + 1, 0), 0);
    assert_int_equal(tell(&watch, RTM_DELLINK, OURS + 1, 0), 0);
    assert_int_equal(tell(&watch, RTM_NEWADDR, OURS, 0), 0);
    assert_false(watch.down || watch.removed);
}

static void test_several_in_one_datagram(void **state)
{
    struct linkwatch watch = {.fd = -1, .ifindex = OURS};
    struct message both[2] = {make(RTM_NEWLINK, OURS + 1, IFF_UP), make(RTM_DELLINK, OURS, 0)};
    const uint8_t *copy = guard_copy(both, sizeof(both));

    (void)state;
    assert_int_equal(linkwatch_message(&watch, copy, sizeof(both)), -ENODEV);
    guard_release(copy);
}

/* Lengths that lie, and every cut. */
static void test_malformed(void **state)
{
    struct linkwatch watch = {.fd = -1, .ifindex = OURS};
    struct message m = make(RTM_NEWLINK, OURS, 0);
    static const uint32_t lengths[] = {0, 1, 15, UINT32_MAX};

    (void)state;
    for (size_t len = 0; len < sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg); len++) {
        const uint8_t *copy = guard_copy(&m, len);
        assert_int_equal(linkwatch_message(&watch, copy, len), 0);
        guard_release(copy);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        m.header.nlmsg_len = lengths[i];
        const uint8_t *copy = guard_copy(&m, sizeof(m));
        assert_int_equal(linkwatch_message(&watch, copy, sizeof(m)), 0);
        guard_release(copy);
    }
}

static void test_nothing_to_tell(void **state)
{
    struct linkwatch watch;

    (void)state;
    assert_int_equal(linkwatch_open(&watch, OURS), 0);
    assert_int_equal(linkwatch_poll(&watch), 0);
    linkwatch_close(&watch);
    assert_int_equal(watch.fd, -1);
    linkwatch_close(&watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_down_is_told_once),
        cmocka_unit_test(test_removal_is_final),
        cmocka_unit_test(test_others_do_not_matter),
        cmocka_unit_test(test_several_in_one_datagram),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_nothing_to_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
