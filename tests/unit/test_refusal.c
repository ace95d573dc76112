#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/refusal.h"

static void test_which_errors_pass(void **state)
{
    (void)state;
    assert_true(refusal_passes(-EAGAIN));
    assert_true(refusal_passes(-ENOBUFS));
    assert_false(refusal_passes(0));
    assert_false(refusal_passes(-EPERM));
    assert_false(refusal_passes(-ENETUNREACH));
}

static void test_pauses_grow_and_end(void **state)
{
    struct refusal refusal;
    int64_t now_ns = 5 * NS_PER_SEC, pause_ns, last_ns = 0;
    unsigned pauses = 0;

    (void)state;
    refusal_init(&refusal);
    while ((pause_ns = refusal_pause(&refusal, now_ns, NS_PER_SEC)) >= 0) {
        assert_true(pause_ns >= last_ns && pause_ns >= NS_PER_MS && pause_ns <= 50 * NS_PER_MS);
        last_ns = pause_ns;
        now_ns += pause_ns;
        pauses++;
    }
    assert_int_equal(last_ns, 50 * NS_PER_MS);
    assert_true(now_ns - 5 * NS_PER_SEC > NS_PER_SEC);
    assert_true(pauses > 20 && pauses < 40);
    refusal_over(&refusal);
    assert_int_equal(refusal_pause(&refusal, now_ns, NS_PER_SEC), NS_PER_MS);
}

static void test_errnos_are_told_apart(void **state)
{
    struct refusal refusal;

    (void)state;
    refusal_init(&refusal);
    for (int error = 1; error <= 20; error++) {
        refusal_count(&refusal, error);
        refusal_count(&refusal, EPERM);
    }
    assert_int_equal(refusal.errnos[0].error, EPERM);
    assert_int_equal(refusal.errnos[0].count, 21);
    assert_int_equal(refusal.errnos[1].error, 2);
    assert_int_equal(refusal.errnos[1].count, 1);
    assert_int_equal(refusal.errnos[REFUSAL_ERRNOS_MAX - 1].count, 20 - REFUSAL_ERRNOS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_errors_pass),
        cmocka_unit_test(test_pauses_grow_and_end),
        cmocka_unit_test(test_errnos_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
