#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "base/quantile.h"

/* cmocka 1.1.5 compares floats only. */
#define assert_near(value, wanted, error) assert_true(fabs((value) - (wanted)) <= (error))

/* 1 to `count`, in an order that is not sorted (37 has no common factor with the counts used). */
static void quantile_fill(struct quantile *q, unsigned count)
{
    quantile_init(q);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(quantile_add(q, 1 + i * 37 % count), 0);
}

static void test_exact_nearest_rank(void **state)
{
    struct quantile q;

    (void)state;
    quantile_fill(&q, 100);
    assert_true(quantile_get(&q, 0) == 1);
    assert_true(quantile_get(&q, 0.07) == 7);
    assert_true(quantile_get(&q, 0.5) == 50);
    assert_true(quantile_get(&q, 0.501) == 51);
    assert_true(quantile_get(&q, 0.95) == 95);
    assert_true(quantile_get(&q, 0.99) == 99);
    assert_true(quantile_get(&q, 1) == 100);
    quantile_release(&q);
}

static void test_still_exact_at_the_limit(void **state)
{
    struct quantile q;

    (void)state;
    quantile_fill(&q, QUANTILE_EXACT);
    for (int i = 1; i <= QUANTILE_EXACT; i++)
        assert_true(quantile_get(&q, (double)i / QUANTILE_EXACT) == i);
    quantile_release(&q);
}

static void test_relative_error_in_buckets(void **state)
{
    struct quantile q;

    (void)state;
    quantile_fill(&q, 10000);
    assert_null(q.exact);
    for (int i = 1; i <= 10000; i++)
        assert_near(quantile_get(&q, i / 10000.0), i, QUANTILE_ERROR * i * 1.0001);
    assert_true(quantile_get(&q, 0) == 1 && quantile_get(&q, 1) == 10000);
    quantile_release(&q);
}

/* From the least to the largest double: the table grows both ways and stays small. */
static void test_wide_range_and_zeros(void **state)
{
    struct quantile q;

    (void)state;
    quantile_init(&q);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(quantile_add(&q, 1), 0);
        assert_int_equal(quantile_add(&q, 1e300), 0);
        assert_int_equal(quantile_add(&q, 1e-6), 0);
        assert_int_equal(quantile_add(&q, 0), 0);
    }
    assert_near(quantile_get(&q, 0.2), 0, 0);
    assert_near(quantile_get(&q, 0.4), 1e-6, 1e-8);
    assert_near(quantile_get(&q, 0.6), 1, 0.01);
    assert_near(quantile_get(&q, 0.9), 1e300, 1e298);
    assert_true(q.nbuckets < 40000);
    quantile_release(&q);
}

static void test_refuses_what_is_no_quantity(void **state)
{
    struct quantile q;

    (void)state;
    quantile_init(&q);
    assert_true(isnan(quantile_get(&q, 0.5)));
    assert_int_equal(quantile_add(&q, -1), -EINVAL);
    assert_int_equal(quantile_add(&q, NAN), -EINVAL);
    assert_int_equal(quantile_add(&q, INFINITY), -EINVAL);
    assert_int_equal(q.count, 0);
    quantile_release(&q);
}

static void test_copy_stands_alone(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 9, 100, QUANTILE_EXACT, QUANTILE_EXACT + 1, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct quantile q, copy;
        quantile_init(&q);
        for (size_t k = 1; k <= sizes[i]; k++)
            assert_int_equal(quantile_add(&q, (double)k), 0);
        assert_int_equal(quantile_copy(&copy, &q), 0);
        quantile_release(&q);
        assert_int_equal(copy.count, sizes[i]);
        if (sizes[i] > 0)
            assert_true(fabs(quantile_get(&copy, 0.5) - (double)((sizes[i] + 1) / 2)) <=
                        QUANTILE_ERROR * (double)sizes[i]);
        for (size_t k = 0; k < 300; k++)
            assert_int_equal(quantile_add(&copy, 1e6), 0);
        assert_true(quantile_get(&copy, 1) == 1e6);
        quantile_release(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_nearest_rank),
        cmocka_unit_test(test_still_exact_at_the_limit),
        cmocka_unit_test(test_copy_stands_alone),
        cmocka_unit_test(test_relative_error_in_buckets),
        cmocka_unit_test(test_wide_range_and_zeros),
        cmocka_unit_test(test_refuses_what_is_no_quantity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
