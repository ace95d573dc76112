/* The one event loop (libev). Capture handles, DNS sockets, timers and signals hang on it. */
#ifndef NETDX_IO_LOOP_H
#define NETDX_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop; /* opaque; others in io/ reach libev through loop_ev() */
struct ev_loop;

int loop_new(struct loop **out);   /* 0, -ENOMEM */
void loop_free(struct loop *loop); /* NULL is fine */

int64_t loop_now(const struct loop *loop); /* CLOCK_MONOTONIC, read anew */

/*
 * SIGINT, SIGTERM and SIGHUP end loop_wait with -EINTR from now on; a second one of them within
 * the program's clean-up ends it at once. SIGPIPE is ignored, so that a write gives EPIPE.
 */
int loop_catch_signals(struct loop *loop);
int loop_signal(const struct loop *loop); /* the signal that stopped it, or 0 */
void loop_stop(struct loop *loop);

/*
 * Runs until loop_wake, `until_ns` or a stop. 0 or -EINTR. After a SIGCONT the time spent stopped
 * is in loop_paused_ns, so that callers can shift deadlines.
 */
int loop_wait(struct loop *loop, int64_t until_ns);
void loop_wake(struct loop *loop); /* called by watchers that have something for the caller */
/*
 * loop_wake for other threads, the only call here that they may make; loop_expect_notify comes
 * first, in the loop's own thread.
 */
void loop_expect_notify(struct loop *loop);
void loop_notify(struct loop *loop);

/*
 * Timers, as many as there are things that wait: each has one moment, which may be set again at any
 * time, at little cost when it moves away. Called from loop_wait, never before it is due, and up to
 * a millisecond after. TIME_NEVER: not at all.
 */
struct loop_timer; /* opaque */

typedef void loop_due_fn(void *context);

int loop_timer_new(struct loop *loop, loop_due_fn *due, void *context,
                   struct loop_timer **out);    /* 0, -ENOMEM */
void loop_timer_free(struct loop_timer *timer); /* NULL is fine, and so is its own callback */
void loop_timer_set(struct loop_timer *timer, int64_t when_ns);

int64_t loop_paused_ns(const struct loop *loop); /* total so far */

struct ev_loop *loop_ev(struct loop *loop);

#endif
