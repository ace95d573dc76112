#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/permutation.h"

static void expect_each_once(uint64_t size, uint64_t seed)
{
    bool *seen = calloc(size, sizeof(*seen));
    struct permutation p;

    assert_non_null(seen);
    permutation_init(&p, size, seed);
    for (uint64_t i = 0; i < size; i++) {
        uint64_t value = permutation_at(&p, i);
        assert_true(value < size);
        assert_false(seen[value]);
        seen[value] = true;
    }
    free(seen);
}

static void test_every_number_has_one_place(void **state)
{
    static const uint64_t sizes[] = {255, 256, 257, 1000, 4095, 4096, 4097, 65536, 131072, 1000003};

    (void)state;
    for (uint64_t size = 1; size <= 70; size++)
        for (uint64_t seed = 0; seed < 20; seed++)
            expect_each_once(size, seed);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        expect_each_once(sizes[i], i);
}

/* No collision among samples: what is not a permutation of 2^63 would still have none by chance,
 * but no value may be outside. */
static void test_the_largest_sizes(void **state)
{
    static const uint64_t sizes[] = {UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_C(1) << 62,
                                     (UINT64_C(1) << 62) + 1, UINT64_C(1) << 63};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct permutation p;

        permutation_init(&p, sizes[i], i);
        for (uint64_t k = 0; k < 1000; k++) {
            assert_true(permutation_at(&p, k) < sizes[i]);
            assert_true(permutation_at(&p, sizes[i] - 1 - k) < sizes[i]);
        }
    }
}

/* Two orders of n numbers agree at one place on average: at more than 12, once in 10^9 pairs. */
static void test_seeds_give_different_orders(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct permutation a, b;
        unsigned equal = 0;

        permutation_init(&a, 10000, seed);
        permutation_init(&b, 10000, seed + 1);
        for (uint64_t i = 0; i < 10000; i++)
            equal += permutation_at(&a, i) == permutation_at(&b, i);
        assert_true(equal <= 12);
    }
}

/*
 * What it is for: no part of the numbers gets a burst. 256 in a row of 65,536 fall into 256 parts
 * as if thrown, one on average; eight or more in one of them happens in 0.3 % of such throws.
 * Chi-square over 256 parts (255 degrees of freedom) is below 330 in 99.9 %.
 */
static void test_no_part_gets_a_burst(void **state)
{
    unsigned crowded = 0, uneven = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct permutation p;
        unsigned few[256] = {0}, many[256] = {0};
        double chi2 = 0;

        permutation_init(&p, 65536, seed);
        for (uint64_t i = 0; i < 8192; i++) {
            uint64_t part = permutation_at(&p, i) / 256;
            many[part]++;
            if (i < 256)
                crowded += ++few[part] == 8;
        }
        for (int i = 0; i < 256; i++)
            chi2 += (many[i] - 32.0) * (many[i] - 32.0) / 32.0;
        uneven += chi2 > 330;
    }
    assert_true(crowded <= 3);
    assert_true(uneven <= 3);
}

/* Neighbours in the order are no neighbours in number: steps go up as often as down. */
static void test_steps_have_no_direction(void **state)
{
    struct permutation p;
    int up = 0;

    (void)state;
    permutation_init(&p, 131072, 7);
    for (uint64_t i = 1; i < 10001; i++)
        up += permutation_at(&p, i) > permutation_at(&p, i - 1);
    assert_in_range(up, 4800, 5200); /* the standard deviation is about 30 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_has_one_place),
        cmocka_unit_test(test_the_largest_sizes),
        cmocka_unit_test(test_seeds_give_different_orders),
        cmocka_unit_test(test_no_part_gets_a_burst),
        cmocka_unit_test(test_steps_have_no_direction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
