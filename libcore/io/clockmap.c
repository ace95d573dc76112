#include "io/clockmap.h"

#include <stddef.h>

#include "base/timespan.h"

/* Differences up to this are measurement noise (a cache miss between two readings), not a step. */
#define CLOCKMAP_TOLERANCE_NS (5 * NS_PER_US)
/* Readings that took longer than this were interrupted, and say little. */
#define CLOCKMAP_GOOD_WIDTH_NS (2 * NS_PER_US)
#define CLOCKMAP_TRIES         8
/* A stamp is taken a little before its frame can be read: per-CPU queues, a preempted softirq. */
#define CLOCKMAP_FLOOR_SLACK_NS (20 * NS_PER_MS)

/* The true offset lies between these. */
struct clockmap_bounds {
    int64_t low_ns, high_ns;
};

int64_t clockmap_clock(void *context, clockid_t clock)
{
    struct timespec ts;

    (void)context;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static struct clockmap_bounds clockmap_measure(const struct clockmap *map)
{
    int64_t before = map->read(map->context, CLOCK_MONOTONIC);
    int64_t wall = map->read(map->context, CLOCK_REALTIME);
    int64_t after = map->read(map->context, CLOCK_MONOTONIC);

    return (struct clockmap_bounds){.low_ns = wall - after, .high_ns = wall - before};
}

/* The offset of the narrowest of a few measurements. */
static int64_t clockmap_measure_well(const struct clockmap *map)
{
    struct clockmap_bounds best = clockmap_measure(map);

    for (int i = 1; i < CLOCKMAP_TRIES; i++) {
        if (best.high_ns - best.low_ns <= CLOCKMAP_GOOD_WIDTH_NS)
            break;
        struct clockmap_bounds next = clockmap_measure(map);
        if (next.high_ns - next.low_ns < best.high_ns - best.low_ns)
            best = next;
    }
    return best.low_ns + (best.high_ns - best.low_ns) / 2;
}

void clockmap_init(struct clockmap *map, clockmap_read_fn *read, void *context)
{
    *map = (struct clockmap){.read = read ? read : clockmap_clock, .context = context};
    map->offset_ns = clockmap_measure_well(map);
    map->previous_ns = map->offset_ns;
}

bool clockmap_update(struct clockmap *map)
{
    struct clockmap_bounds now = clockmap_measure(map);

    if (map->offset_ns >= now.low_ns - CLOCKMAP_TOLERANCE_NS &&
        map->offset_ns <= now.high_ns + CLOCKMAP_TOLERANCE_NS)
        return false;
    map->previous_ns = map->offset_ns;
    map->offset_ns = clockmap_measure_well(map);
    map->steps++;
    return true;
}

static int64_t clockmap_sub(int64_t a_ns, int64_t b_ns)
{
    int64_t difference;

    if (__builtin_sub_overflow(a_ns, b_ns, &difference))
        return a_ns < 0 ? INT64_MIN : INT64_MAX;
    return difference;
}

int64_t clockmap_map(const struct clockmap *map, int64_t unix_ns, int64_t floor_ns, int64_t now_ns)
{
    int64_t earliest = clockmap_sub(floor_ns, CLOCKMAP_FLOOR_SLACK_NS);
    int64_t when = clockmap_sub(unix_ns, map->offset_ns);
    int64_t before_step = clockmap_sub(unix_ns, map->previous_ns);

    if (when >= earliest && when <= now_ns)
        return when;
    if (when > now_ns && clockmap_sub(when, now_ns) <= CLOCKMAP_TOLERANCE_NS)
        return now_ns;
    if (before_step >= earliest && before_step <= now_ns)
        return before_step;
    /* Neither offset explains it: stepped more than once since the last reading. */
    return when < earliest && floor_ns < now_ns ? floor_ns : now_ns;
}

int64_t clockmap_to_unix(const struct clockmap *map, int64_t when_ns)
{
    return time_add(when_ns, map->offset_ns);
}
