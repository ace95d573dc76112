#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/icmp.h"

static void test_names(void **state)
{
    static const struct {
        uint8_t version, type, code;
        const char *name;
    } rows[] = {
        {4, 0,   0,  "echo reply"                       },
        {4, 3,   3,  "port unreachable"                 },
        {4, 3,   4,  "fragmentation needed"             },
        {4, 3,   13, "administratively prohibited"      },
        {4, 5,   1,  "redirect for host"                },
        {4, 5,   9,  "redirect"                         },
        {4, 11,  0,  "time exceeded in transit"         },
        {4, 11,  1,  "fragment reassembly time exceeded"},
        {4, 12,  2,  "parameter problem"                },
        {6, 1,   0,  "no route to destination"          },
        {6, 1,   4,  "port unreachable"                 },
        {6, 2,   0,  "packet too big"                   },
        {6, 3,   0,  "time exceeded in transit"         },
        {6, 4,   1,  "unrecognized next header"         },
        {6, 4,   9,  "parameter problem"                },
        {6, 128, 0,  "echo request"                     },
        {6, 137, 0,  "redirect"                         },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(icmp_name(rows[i].version, rows[i].type, rows[i].code), rows[i].name);
}

static void test_unknown_ones_have_none(void **state)
{
    (void)state;
    assert_null(icmp_name(4, 3, 16));
    assert_null(icmp_name(4, 42, 7));
    assert_null(icmp_name(4, 128, 0));
    assert_null(icmp_name(6, 1, 7));
    assert_null(icmp_name(6, 11, 0));
    assert_null(icmp_name(5, 0, 0));
    assert_null(icmp_name(0, 255, 255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown_ones_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
