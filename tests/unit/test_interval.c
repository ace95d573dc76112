#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "base/interval.h"

/* cmocka 1.1.5 compares floats only. */
#define assert_near(value, wanted, error) assert_true(fabs((value) - (wanted)) <= (error))

struct interval_row {
    uint64_t k, n;
    double low, high;
};

/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3; the last three by decimal
 * arithmetic. */
static void test_published_values(void **state)
{
    static const struct interval_row rows[] = {
        {81, 263, 0.2553,  0.3662 },
        {15, 148, 0.0624,  0.1605 },
        {0,  20,  0.0000,  0.1611 },
        {1,  29,  0.0061,  0.1718 },
        {5,  10,  0.23659, 0.76341},
        {1,  10,  0.01788, 0.40415},
        {29, 29,  0.88303, 1      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct interval in = interval_wilson(rows[i].k, rows[i].n, INTERVAL_Z_95);
        assert_near(in.low, rows[i].low, 0.0001);
        assert_near(in.high, rows[i].high, 0.0001);
    }
}

static void test_edges(void **state)
{
    struct interval none = interval_wilson(0, 0, INTERVAL_Z_95);
    struct interval all = interval_wilson(9, 9, INTERVAL_Z_99);
    struct interval zero = interval_wilson(0, 9, INTERVAL_Z_99);

    (void)state;
    assert_true(none.low == 0 && none.high == 1);
    assert_true(all.high == 1 && zero.low == 0);
    assert_true(all.low > 0 && zero.high < 1);
    all = interval_wilson(12, 9, INTERVAL_Z_99);
    assert_true(all.high == 1 && all.low < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_values),
        cmocka_unit_test(test_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
