#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "io/clockmap.h"

/* Two clocks that run alike, a wall clock that can be stepped, readings that take time. */
struct clocks {
    int64_t mono_ns, wall_ns;
    int64_t reading_ns; /* how long each reading takes */
};

#define BOOT INT64_C(5000) * NS_PER_SEC
#define WALL INT64_C(1700000000) * NS_PER_SEC
#define HOUR (3600 * NS_PER_SEC)

static void pass(struct clocks *clocks, int64_t ns)
{
    clocks->mono_ns += ns;
    clocks->wall_ns += ns;
}

static int64_t read_fake(void *context, clockid_t clock)
{
    struct clocks *clocks = context;
    int64_t ns = clock == CLOCK_REALTIME ? clocks->wall_ns : clocks->mono_ns;

    pass(clocks, clocks->reading_ns);
    return ns;
}

static void start(struct clocks *clocks, struct clockmap *map, int64_t reading_ns)
{
    *clocks = (struct clocks){BOOT, WALL, reading_ns};
    clockmap_init(map, read_fake, clocks);
}

static void test_maps_to_the_monotonic_line(void **state)
{
    struct clocks clocks;
    struct clockmap map;

    (void)state;
    start(&clocks, &map, 0);
    int64_t floor_ns = clocks.mono_ns;
    pass(&clocks, 70 * NS_PER_MS);
    assert_int_equal(clockmap_map(&map, clocks.wall_ns - 123, floor_ns, clocks.mono_ns),
                     clocks.mono_ns - 123);
    assert_int_equal(clockmap_to_unix(&map, clocks.mono_ns), clocks.wall_ns);
}

/* Measuring again and again, each time with other noise, never moves the line by a nanosecond. */
static void test_offset_is_held_exactly(void **state)
{
    struct clocks clocks;
    struct clockmap map;

    (void)state;
    start(&clocks, &map, 35);
    int64_t offset = map.offset_ns;
    for (int i = 0; i < 1000; i++) {
        pass(&clocks, i * 997 * NS_PER_US);
        clocks.reading_ns = 20 + i * 31 % 4000;
        assert_false(clockmap_update(&map));
    }
    assert_int_equal(map.offset_ns, offset);
    assert_int_equal(map.steps, 0);
}

/* A reading that was interrupted for long brackets the true offset widely, and so says nothing. */
static void test_interrupted_reading_is_no_step(void **state)
{
    struct clocks clocks;
    struct clockmap map;

    (void)state;
    start(&clocks, &map, 30);
    clocks.reading_ns = 50 * NS_PER_MS;
    assert_false(clockmap_update(&map));
}

static void test_offset_is_measured_well(void **state)
{
    struct clocks clocks;
    struct clockmap map;

    (void)state;
    start(&clocks, &map, 40);
    assert_in_range(map.offset_ns, WALL - BOOT - 40, WALL - BOOT + 40);
}

/* R14: the wall clock steps between a probe and its answer; the RTT stays what it was. */
static void check_step(int64_t step_ns)
{
    struct clocks clocks;
    struct clockmap map;

    start(&clocks, &map, 25);
    int64_t floor_ns = clocks.mono_ns;
    int64_t sent_stamp = clocks.wall_ns;
    pass(&clocks, 1 * NS_PER_MS);
    int64_t sent = clockmap_map(&map, sent_stamp, floor_ns, clocks.mono_ns);
    floor_ns = clocks.mono_ns;
    clocks.wall_ns += step_ns;
    pass(&clocks, 30 * NS_PER_MS);
    int64_t answer_stamp = clocks.wall_ns;
    pass(&clocks, 10 * NS_PER_US);
    assert_true(clockmap_update(&map));
    int64_t answered = clockmap_map(&map, answer_stamp, floor_ns, clocks.mono_ns);
    int64_t rtt = answered - sent;
    assert_in_range(rtt, 31 * NS_PER_MS - 200, 31 * NS_PER_MS + 200);
    assert_int_equal(map.steps, 1);
}

static void test_steps_change_no_rtt(void **state)
{
    (void)state;
    check_step(HOUR);
    check_step(-HOUR);
    check_step(NS_PER_SEC);
    check_step(-NS_PER_SEC);
    check_step(100 * NS_PER_US);
    check_step(-100 * NS_PER_US);
}

/* Stamped before the step, read after it: the earlier offset is the right one. */
static void test_stamp_from_before_the_step(void **state)
{
    struct clocks clocks;
    struct clockmap map;

    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        start(&clocks, &map, 0);
        int64_t floor_ns = clocks.mono_ns;
        pass(&clocks, 5 * NS_PER_MS);
        int64_t stamp = clocks.wall_ns, truth = clocks.mono_ns;
        clocks.wall_ns += sign * HOUR;
        pass(&clocks, 5 * NS_PER_MS);
        assert_true(clockmap_update(&map));
        assert_int_equal(clockmap_map(&map, stamp, floor_ns, clocks.mono_ns), truth);
    }
}

/* Two steps at once leave stamps that no offset explains: they stay within what was possible. */
static void test_unexplained_stamps_are_clamped(void **state)
{
    struct clocks clocks;
    struct clockmap map;
    static const int64_t off[] = {HOUR, -HOUR, INT64_MAX / 2, -WALL};

    (void)state;
    start(&clocks, &map, 0);
    int64_t floor_ns = clocks.mono_ns;
    pass(&clocks, 100 * NS_PER_MS);
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        int64_t when = clockmap_map(&map, clocks.wall_ns + off[i], floor_ns, clocks.mono_ns);
        assert_in_range(when, floor_ns, clocks.mono_ns);
    }
    assert_in_range(clockmap_map(&map, INT64_MAX, floor_ns, clocks.mono_ns), floor_ns,
                    clocks.mono_ns);
    assert_in_range(clockmap_map(&map, INT64_MIN, floor_ns, clocks.mono_ns), floor_ns,
                    clocks.mono_ns);
}

/* Noise may put a fresh stamp a little after now: that is now, and not a step. */
static void test_never_after_now(void **state)
{
    struct clocks clocks;
    struct clockmap map;

    (void)state;
    start(&clocks, &map, 0);
    assert_int_equal(
        clockmap_map(&map, clocks.wall_ns + 3 * NS_PER_US, clocks.mono_ns, clocks.mono_ns),
        clocks.mono_ns);
}

static void test_real_clocks(void **state)
{
    struct clockmap map;

    (void)state;
    clockmap_init(&map, NULL, NULL);
    int64_t mono = clockmap_clock(NULL, CLOCK_MONOTONIC);
    int64_t wall = clockmap_clock(NULL, CLOCK_REALTIME);
    int64_t error = clockmap_to_unix(&map, mono) - wall;
    assert_in_range(error + 10 * NS_PER_MS, 0, 20 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_to_the_monotonic_line),
        cmocka_unit_test(test_offset_is_held_exactly),
        cmocka_unit_test(test_interrupted_reading_is_no_step),
        cmocka_unit_test(test_offset_is_measured_well),
        cmocka_unit_test(test_steps_change_no_rtt),
        cmocka_unit_test(test_stamp_from_before_the_step),
        cmocka_unit_test(test_unexplained_stamps_are_clamped),
        cmocka_unit_test(test_never_after_now),
        cmocka_unit_test(test_real_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
