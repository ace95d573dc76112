/*
 * A thread that reads one part of the input into an engine of its own. Of files each reads all and
 * follows its share of the flows: reading costs less than half of what following them does, and
 * nothing has to be handed over.
 */
#ifndef NETDX_TOOLS_FLOWS_WORKER_H
#define NETDX_TOOLS_FLOWS_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/flows_rates.h"
#include "tools/flows_run.h"

/* What all workers of a run share. */
struct flows_team {
    const struct flows_run *run;
    atomic_bool stop;          /* come to an end */
    atomic_uint_fast64_t left; /* frames until --count is reached */
    uint32_t shares;           /* of files; 1: not divided by flow here */
    struct flows_rates *rates; /* of a file, counted in its own time; NULL: not asked for */
};

struct flows_worker {
    struct flows_team *team;
    struct netio *io;
    uint32_t index;     /* in the team */
    bool counts_frames; /* of what all read, one does */
    pthread_t thread;
    bool started, joined;
    int64_t counted_ns;   /* the worker's own: when it looked at its input's counters */
    pthread_mutex_t lock; /* of all below */
    struct flows *flows;
    struct segment segments[2 * FLOWS_BATCH];
    size_t count; /* of segments that the engine has not seen */
    uint64_t frames;
    int ended;                      /* why: -ENODATA, -EINTR, -errno; 0: at work */
    uint64_t downs;                 /* interfaces that went down */
    struct netio_counters counters; /* of the input, as of a moment ago */
    int64_t unix_offset_ns;         /* added to the engine's times gives time since 1970 */
    bool closed;                    /* nothing more is taken */
};

/* 0 or -errno; release in either case. */
int flows_worker_init(struct flows_worker *worker, struct flows_team *team, uint32_t index,
                      struct netio *io);
int flows_worker_start(struct flows_worker *worker);

/* Waits for its end, at most until `until_ns` (CLOCK_MONOTONIC). Whether it has ended. */
bool flows_worker_join(struct flows_worker *worker, int64_t until_ns);

/*
 * Ends all flows. A worker that hangs in a read takes nothing any more. Why it ended, 0 when it
 * has not.
 */
int flows_worker_close(struct flows_worker *worker);

/* Only of one that was joined, or never started. */
void flows_worker_release(struct flows_worker *worker);

#endif
