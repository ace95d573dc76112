/*
 * Wall-clock capture stamps on the monotonic line.
 *
 * The kernel stamps frames with CLOCK_REALTIME; everything here counts in CLOCK_MONOTONIC. Both
 * run at the same rate, so the offset between them is held exactly constant (the difference of
 * two mapped stamps is the difference of the kernel's) until a measurement contradicts it: then
 * the clock was stepped. Stamps taken before the step and read after it are mapped with the
 * offset of their time.
 */
#ifndef NETDX_IO_CLOCKMAP_H
#define NETDX_IO_CLOCKMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds of `clock`; replaced in tests. */
typedef int64_t clockmap_read_fn(void *context, clockid_t clock);

struct clockmap {
    clockmap_read_fn *read;
    void *context;
    int64_t offset_ns;   /* CLOCK_REALTIME - CLOCK_MONOTONIC */
    int64_t previous_ns; /* the offset before the latest step */
    uint64_t steps;      /* of the wall clock, seen so far */
};

/* `read` NULL: clock_gettime. Measures. */
void clockmap_init(struct clockmap *map, clockmap_read_fn *read, void *context);

/* Measures again; cheap when nothing was stepped. True when the offset changed. */
bool clockmap_update(struct clockmap *map);

/*
 * The monotonic time of a kernel stamp that was taken between `floor_ns`, when everything before
 * it had been read, and `now_ns`. Whatever the wall clock did, the result is not after `now_ns`,
 * and before `floor_ns` only by what a frame needs from its stamp to the reader (20 ms).
 */
int64_t clockmap_map(const struct clockmap *map, int64_t unix_ns, int64_t floor_ns, int64_t now_ns);

/* Wall-clock time for showing. */
int64_t clockmap_to_unix(const struct clockmap *map, int64_t when_ns);

/* clock_gettime(2) in nanoseconds. */
int64_t clockmap_clock(void *context, clockid_t clock);

#endif
