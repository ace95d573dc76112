#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/expression.h"

#include <errno.h>
#include <string.h>

static char error[IO_ERROR_SIZE];

static void test_compiles_for_every_link(void **state)
{
    static const enum link_type links[] = {LINK_NULL, LINK_ETHERNET,  LINK_RAW,  LINK_LOOP,
                                           LINK_IPV4, LINK_LINUX_SLL, LINK_IPV6, LINK_LINUX_SLL2};
    struct expression *e = NULL;
    const char *message;

    (void)state;
    assert_int_equal(expression_new("tcp port 80", &e, error), 0);
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        assert_non_null(expression_program(e, links[i], &message));
    assert_null(expression_program(e, (enum link_type)195, &message));
    assert_non_null(strstr(message, "not compiled"));
    expression_free(e);
    expression_free(NULL);
}

/* What has no Ethernet header has no Ethernet address. */
static void test_means_nothing_on_a_link(void **state)
{
    struct expression *e = NULL;
    const char *message;

    (void)state;
    assert_int_equal(expression_new("ether host 1:2:3:4:5:6", &e, error), 0);
    assert_non_null(expression_program(e, LINK_ETHERNET, &message));
    assert_null(expression_program(e, LINK_RAW, &message));
    assert_true(strlen(message) > 0);
    expression_free(e);
}

static void check_place(const char *text, const char *where)
{
    struct expression *e = NULL;

    assert_int_equal(expression_new(text, &e, error), -EINVAL);
    assert_null(e);
    if (!strstr(error, where))
        fail_msg("'%s' is not in '%s'", where, error);
}

static void test_says_where(void **state)
{
    (void)state;
    check_place("tcp port", "at its end");
    check_place("(tcp", "at its end");
    check_place("not", "at its end");
    check_place("tcp[13", "at its end");
    check_place("x", "at column 1: \"x\"");
    check_place("tcp)", "at column 4: \")\"");
    check_place("tcp port 80 andd host 10.0.0.1", "at column 13: \"andd\"");
    check_place("tcp port 80 and and", "at column 17: \"and\"");
    check_place("tcp[13] & 2 != 0 orr udp", "at column 18: \"orr\"");
    check_place("port 99999", "illegal port number 99999 > 65535, at column 6: \"99999\"");
    check_place("tcp and \x1b[2J", "\\x1b");
}

static void test_long_ones_fit(void **state)
{
    char text[4096];
    struct expression *e = NULL;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(expression_new(text, &e, error), -EINVAL);
    assert_true(strlen(error) < sizeof(error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiles_for_every_link),
        cmocka_unit_test(test_means_nothing_on_a_link),
        cmocka_unit_test(test_says_where),
        cmocka_unit_test(test_long_ones_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
