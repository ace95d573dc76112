#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "base/stats.h"

/* cmocka 1.1.5 compares floats only. */
#define assert_near(value, wanted, error) assert_true(fabs((value) - (wanted)) <= (error))

static void test_known_values(void **state)
{
    static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct stats s;

    (void)state;
    stats_init(&s);
    for (size_t i = 0; i < 8; i++)
        stats_add(&s, values[i]);
    assert_int_equal(s.count, 8);
    assert_near(s.mean, 5, 1e-12);
    assert_near(stats_stddev(&s), 2.138089935299395, 1e-12); /* sqrt(32 / 7) */
    assert_true(s.min == 2 && s.max == 9 && s.last == 9);
}

static void test_geometric_mean(void **state)
{
    struct stats s;

    (void)state;
    stats_init(&s);
    assert_true(isnan(stats_gmean(&s)));
    stats_add(&s, 0); /* has no logarithm and does not count */
    stats_add(&s, 2);
    stats_add(&s, 8);
    assert_near(stats_gmean(&s), 4, 1e-12);
}

/* The textbook sum of squares loses all digits here; the variance of 4, 7, 13, 16 is 30. */
static void test_no_cancellation(void **state)
{
    static const double values[] = {4, 7, 13, 16};
    struct stats s;

    (void)state;
    stats_init(&s);
    for (size_t i = 0; i < 4; i++)
        stats_add(&s, 1e9 + values[i]);
    assert_near(stats_stddev(&s), sqrt(30), 1e-6);
}

static void test_jitter(void **state)
{
    struct stats s;

    (void)state;
    stats_init(&s);
    stats_add(&s, 10);
    assert_int_equal(s.jitter_count, 0);
    assert_true(isnan(stats_stddev(&s)));
    stats_add(&s, 12);
    stats_add(&s, 9);
    assert_int_equal(s.jitter_count, 2);
    assert_true(s.jitter_last == 3 && s.jitter_max == 3);
    assert_near(s.jitter_mean, 2.5, 1e-12);
    /* 2 / 16 = 0.125, then 0.125 + (3 - 0.125) / 16 */
    assert_near(s.jitter_smoothed, 0.3046875, 1e-12);
}

static void test_sliding_window(void **state)
{
    struct sliding w;

    (void)state;
    assert_int_equal(sliding_init(&w, 0), -EINVAL);
    assert_int_equal(sliding_init(&w, 3), 0);
    assert_int_equal(sliding_stats(&w).count, 0);
    for (int i = 1; i <= 5; i++)
        sliding_add(&w, i * i);
    struct stats s = sliding_stats(&w); /* 9, 16, 25 in this order */
    assert_int_equal(s.count, 3);
    assert_true(s.min == 9 && s.max == 25 && s.last == 25 && s.jitter_last == 9);
    assert_near(s.mean, 50.0 / 3, 1e-12);
    sliding_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),    cmocka_unit_test(test_geometric_mean),
        cmocka_unit_test(test_no_cancellation), cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_sliding_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
