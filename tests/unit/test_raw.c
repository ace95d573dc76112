#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/raw.h"
#include "tests/unit/fake_netio.h"

#include <errno.h>
#include <string.h>

/* What needs no privilege: bad interfaces are found before anything is opened. */
static void check_interface(const char *name, const char *words)
{
    struct raw_options options = {.interface = name};
    struct netio *io = NULL;
    struct loop *loop = NULL;
    char error[IO_ERROR_SIZE] = "";

    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(raw_open(loop, &options, &io, error), -ENODEV);
    assert_string_equal(error, words);
    assert_null(io);
    loop_free(loop);
}

static void test_no_such_interface(void **state)
{
    (void)state;
    check_interface("nosuch0", "interface 'nosuch0': no such interface");
    check_interface("", "interface '': no such interface");
    check_interface("any", "interface 'any': no such interface");
}

/* Longer than any interface's name, which the kernel would cut to one that exists. */
static void test_long_interface_name(void **state)
{
    (void)state;
    check_interface("averylonginterfacename", "interface 'averylonginterfa': no such interface");
}

static void test_filter_wants_a_live_capture(void **state)
{
    struct fake_netio fake;
    char error[IO_ERROR_SIZE];

    (void)state;
    fake_netio_init(&fake, NULL, 0);
    assert_int_equal(raw_filter(&fake.io, "icmp", error), -EINVAL);
    assert_string_equal(error, "capture filter: not a live capture");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_such_interface),
        cmocka_unit_test(test_long_interface_name),
        cmocka_unit_test(test_filter_wants_a_live_capture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
