#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timespan.h"

#include <errno.h>

struct timespan_row {
    const char *text;
    int64_t ns;
};

static void test_parse(void **state)
{
    static const struct timespan_row rows[] = {
        {"5",                     5000000000   },
        {"0",                     0            },
        {"250ms",                 250000000    },
        {"1.5s",                  1500000000   },
        {"2m",                    120000000000 },
        {"1h",                    3600000000000},
        {"10us",                  10000        },
        {"100ns",                 100          },
        {".5",                    500000000    },
        {"0.1h",                  360000000000 },
        {"0.3333333333333",       333333333    },
        {"9223372036854775807ns", INT64_MAX    },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ns = -1;
        assert_int_equal(timespan_parse(rows[i].text, &ns), 0);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {"",  " 5", "5 s",   "-1",  "+1",   "s",    "5x", "5.",
                                      ".", ".s", "1.2.3", "1e3", "0x10", "5sec", "5S", "inf"};
    int64_t ns = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(timespan_parse(bad[i], &ns), -EINVAL);
    assert_int_equal(timespan_parse("9223372036854775808ns", &ns), -ERANGE);
    assert_int_equal(timespan_parse("9223372037s", &ns), -ERANGE);
    assert_int_equal(timespan_parse("99999999999999999999h", &ns), -ERANGE);
    assert_int_equal(ns, 77);
}

static void test_format(void **state)
{
    static const struct timespan_row rows[] = {
        {"0s",                    0            },
        {"250ms",                 250000000    },
        {"1.5s",                  1500000000   },
        {"2m",                    120000000000 },
        {"1h",                    3600000000000},
        {"90s",                   90000000000  },
        {"1ms",                   1000000      },
        {"10us",                  10000        },
        {"1ns",                   1            },
        {"1000000001ns",          1000000001   },
        {"9223372036854775807ns", INT64_MAX    },
        {"1050us",                1050000      },
    };
    char out[TIMESPAN_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t back;
        timespan_format(rows[i].ns, out);
        assert_string_equal(out, rows[i].text);
        assert_int_equal(timespan_parse(out, &back), 0);
        assert_int_equal(back, rows[i].ns);
    }
}

/* Seconds as `date -u -d @SECONDS` shows them. */
static void test_rfc3339(void **state)
{
    char out[TIME_RFC3339_SIZE];

    (void)state;
    time_format_rfc3339(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000000000Z");
    time_format_rfc3339(INT64_C(1767323045678901234), out);
    assert_string_equal(out, "2026-01-02T03:04:05.678901234Z");
    time_format_rfc3339(INT64_C(951782400000000007), out);
    assert_string_equal(out, "2000-02-29T00:00:00.000000007Z");
    time_format_rfc3339(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999999999Z");
    time_format_rfc3339(INT64_MAX, out);
    assert_string_equal(out, "2262-04-11T23:47:16.854775807Z");
}

static void test_add_saturates(void **state)
{
    (void)state;
    assert_int_equal(time_add(5, -7), -2);
    assert_true(time_add(TIME_NEVER, 1) == TIME_NEVER);
    assert_true(time_add(INT64_MIN, -1) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),         cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_format),        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_add_saturates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
