#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "base/random.h"

/* cmocka 1.1.5 compares floats only. */
#define assert_near(value, wanted, error) assert_true(fabs((value) - (wanted)) <= (error))

/* State 1, 2, 3, 4 and seeds 0 and 42, by an implementation of the papers in another language. */
static void test_reference_vectors(void **state)
{
    static const uint64_t plain[] = {
        0x2d00, 0, 0x5a007080, 0x10e0000000009d80, 0x10e0b61ce1009d80, 0x0870021ce143ad00};
    static const uint64_t state42[] = {0xbdd732262feb6e95, 0x28efe333b266f103, 0x47526757130f9f52,
                                       0x581ce1ff0e4ae394};
    static const uint64_t seed42[] = {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1,
                                      0xecb8ad4703b360a1};
    struct random r = {
        {1, 2, 3, 4}
    };

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_true(random_u64(&r) == plain[i]);
    random_seed(&r, 0);
    assert_true(random_u64(&r) == UINT64_C(0x99ec5f36cb75f2b4));
    random_seed(&r, 42);
    assert_memory_equal(r.state, state42, sizeof(state42));
    assert_true(random_mix(42) == state42[0]);
    for (size_t i = 0; i < 4; i++)
        assert_true(random_u64(&r) == seed42[i]);
}

/* Chi-square with 6 degrees of freedom: 22.46 is passed once in a thousand seeds; this one is
 * fixed. */
static void test_below_is_uniform(void **state)
{
    struct random r;
    double chi2 = 0;
    unsigned counts[7] = {0};

    (void)state;
    random_seed(&r, 1);
    for (int i = 0; i < 70000; i++) {
        uint32_t value = random_below(&r, 7);
        assert_in_range(value, 0, 6);
        counts[value]++;
    }
    for (int i = 0; i < 7; i++)
        chi2 += (counts[i] - 10000.0) * (counts[i] - 10000.0) / 10000.0;
    assert_true(chi2 < 22.46);
    assert_int_equal(random_below(&r, 0), 0);
    assert_int_equal(random_below(&r, 1), 0);
}

static void test_distributions(void **state)
{
    struct random r;
    double sum = 0, squares = 0, unit = 0;
    int hits = 0, n = 100000;

    (void)state;
    random_seed(&r, 2);
    for (int i = 0; i < n; i++) {
        double u = random_unit(&r), x = random_normal(&r);
        assert_true(u >= 0 && u < 1 && isfinite(x));
        unit += u;
        sum += x;
        squares += x * x;
        hits += random_chance(&r, 0.05);
    }
    /* five standard errors each */
    assert_near(unit / n, 0.5, 5 * 0.2887 / sqrt(n));
    assert_near(sum / n, 0, 5 / sqrt(n));
    assert_near(squares / n, 1, 5 * sqrt(2.0 / n));
    assert_near((double)hits / n, 0.05, 5 * sqrt(0.05 * 0.95 / n));
}

static void test_chance_takes_one_number_always(void **state)
{
    struct random a, b;

    (void)state;
    random_seed(&a, 3);
    random_seed(&b, 3);
    assert_false(random_chance(&a, 0));
    assert_true(random_chance(&b, 1));
    assert_true(random_u64(&a) == random_u64(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_vectors),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_chance_takes_one_number_always),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
