#include "io/loop.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/timespan.h"

/* timeout(1) sends its signal twice at once, to the process and to its group: that is one wish. */
#define LOOP_SAME_SIGNAL_NS (100 * NS_PER_MS)
/* Waking this much late is not the scheduler: we were stopped or frozen. */
#define LOOP_STOPPED_NS (100 * NS_PER_MS)

struct loop {
    struct ev_loop *ev;
    int timer_fd;     /* libev's own timers are as coarse as epoll's milliseconds */
    int64_t armed_ns; /* what timer_fd is set to; TIME_NEVER: not set */
    ev_io timer;
    ev_io signals;
    ev_async notified;
    bool notifiable; /* the watcher above is at work */
    bool woken, stopped;
    bool catches_signals;
    int signal;
    int64_t late_ns; /* pauses found by waking too late */
};

/* What the handlers touch; one loop of a process catches signals. */
static struct {
    int fd; /* eventfd that wakes the loop */
    volatile sig_atomic_t signal;
    volatile int64_t first_ns, stopped_ns;
    struct sigaction old_int, old_term, old_hangup, old_stop, old_pipe;
} loop_caught = {.fd = -1};

static int64_t loop_clock(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static void loop_poke(int fd)
{
    const uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is readable already */
}

static void loop_on_signal(int number)
{
    int saved_errno = errno;
    int64_t now = loop_clock();

    if (loop_caught.signal == 0) {
        loop_caught.first_ns = now;
        loop_caught.signal = number;
    } else if (now - loop_caught.first_ns > LOOP_SAME_SIGNAL_NS) {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(number, &standard, NULL);
        raise(number); /* ends us as soon as this handler returns */
    }
    loop_poke(loop_caught.fd);
    errno = saved_errno;
}

/* Stops as the default action does (not in an orphaned process group), and knows for how long. */
static void loop_on_stop(int number)
{
    int saved_errno = errno;
    int64_t from = loop_clock();
    struct sigaction ours, standard = {.sa_handler = SIG_DFL};
    sigset_t set;

    sigaction(number, &standard, &ours);
    raise(number);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* stops here */
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigaction(number, &ours, NULL);
    loop_caught.stopped_ns += loop_clock() - from;
    loop_poke(loop_caught.fd);
    errno = saved_errno;
}

static void loop_drain(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0)
        return; /* another reader was there, or nothing yet: nothing to do */
}

static void loop_timer_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    loop_drain(loop->timer_fd);
    loop->armed_ns = TIME_NEVER;
}

static void loop_signals_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    loop_drain(loop_caught.fd);
    if (loop_caught.signal != 0) {
        loop->signal = loop_caught.signal;
        loop->stopped = true;
    }
}

static void loop_watch(struct loop *loop, ev_io *watcher, int fd,
                       void (*ready)(struct ev_loop *, ev_io *, int))
{
    ev_io_init(watcher, ready, fd, EV_READ);
    watcher->data = loop;
    ev_io_start(loop->ev, watcher);
}

/* Never select(2): descriptors may be above 1023. */
static struct ev_loop *loop_backend(void)
{
    struct ev_loop *ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);

    return ev ? ev : ev_loop_new(EVFLAG_NOENV | EVBACKEND_POLL);
}

int loop_new(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return -ENOMEM;
    loop->armed_ns = TIME_NEVER;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0) {
        int error = -errno;
        free(loop);
        return error;
    }
    loop->ev = loop_backend();
    if (!loop->ev) {
        close(loop->timer_fd);
        free(loop);
        return -ENOMEM;
    }
    loop_watch(loop, &loop->timer, loop->timer_fd, loop_timer_ready);
    *out = loop;
    return 0;
}

static void loop_release_signals(struct loop *loop)
{
    sigaction(SIGINT, &loop_caught.old_int, NULL);
    sigaction(SIGTERM, &loop_caught.old_term, NULL);
    sigaction(SIGHUP, &loop_caught.old_hangup, NULL);
    sigaction(SIGTSTP, &loop_caught.old_stop, NULL);
    sigaction(SIGPIPE, &loop_caught.old_pipe, NULL);
    ev_io_stop(loop->ev, &loop->signals);
    close(loop_caught.fd);
    loop_caught.fd = -1;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->catches_signals)
        loop_release_signals(loop);
    if (loop->notifiable)
        ev_async_stop(loop->ev, &loop->notified);
    ev_io_stop(loop->ev, &loop->timer);
    close(loop->timer_fd);
    ev_loop_destroy(loop->ev);
    free(loop);
}

int64_t loop_now(const struct loop *loop)
{
    (void)loop;
    return loop_clock();
}

/* What was ignored when we were started (nohup, a shell without job control) stays ignored. */
static void loop_catch(int number, void (*handler)(int), struct sigaction *old)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(number, NULL, old);
    if (old->sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

int loop_catch_signals(struct loop *loop)
{
    if (loop->catches_signals)
        return 0;
    if (loop_caught.fd >= 0)
        return -EBUSY;
    loop_caught.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop_caught.fd < 0)
        return -errno;
    loop_caught.signal = 0;
    loop_caught.stopped_ns = 0;
    loop_watch(loop, &loop->signals, loop_caught.fd, loop_signals_ready);
    loop_catch(SIGINT, loop_on_signal, &loop_caught.old_int);
    loop_catch(SIGTERM, loop_on_signal, &loop_caught.old_term);
    loop_catch(SIGHUP, loop_on_signal, &loop_caught.old_hangup);
    loop_catch(SIGTSTP, loop_on_stop, &loop_caught.old_stop);
    loop_catch(SIGPIPE, SIG_IGN, &loop_caught.old_pipe);
    loop->catches_signals = true;
    return 0;
}

int loop_signal(const struct loop *loop)
{
    return loop->catches_signals ? loop_caught.signal : loop->signal;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    loop->woken = true;
}

static void loop_arm(struct loop *loop, int64_t until_ns)
{
    struct itimerspec at = {0};

    if (until_ns == loop->armed_ns)
        return;
    if (until_ns != TIME_NEVER) {
        at.it_value.tv_sec = until_ns / NS_PER_SEC;
        at.it_value.tv_nsec = until_ns % NS_PER_SEC;
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    loop->armed_ns = until_ns;
}

static int64_t loop_stopped_ns(const struct loop *loop)
{
    return loop->catches_signals ? loop_caught.stopped_ns : 0;
}

/* SIGSTOP, a debugger, a frozen container: nobody tells, but the deadline was slept through. */
static void loop_note_late(struct loop *loop, int64_t due_ns, int64_t stopped_before_ns)
{
    int64_t late = loop_clock() - due_ns - (loop_stopped_ns(loop) - stopped_before_ns);

    if (late > LOOP_STOPPED_NS)
        loop->late_ns += late;
}

static bool loop_signalled(const struct loop *loop)
{
    return loop->catches_signals && loop_caught.signal != 0;
}

int loop_wait(struct loop *loop, int64_t until_ns)
{
    int64_t stopped_before = loop_stopped_ns(loop);
    bool slept = false;

    while (!loop->woken && !loop->stopped && !loop_signalled(loop) && loop_clock() < until_ns) {
        loop_arm(loop, until_ns);
        slept = true;
        ev_run(loop->ev, EVRUN_ONCE);
    }
    if (!slept)
        ev_run(loop->ev, EVRUN_NOWAIT); /* a busy caller starves nobody */
    else if (until_ns != TIME_NEVER)
        loop_note_late(loop, until_ns, stopped_before);
    loop->woken = false;
    return loop->stopped || loop_signalled(loop) ? -EINTR : 0;
}

void loop_wake(struct loop *loop)
{
    loop->woken = true;
}

static void loop_was_notified(struct ev_loop *ev, ev_async *watcher, int events)
{
    (void)ev;
    (void)events;
    loop_wake(watcher->data);
}

void loop_expect_notify(struct loop *loop)
{
    if (loop->notifiable)
        return;
    ev_async_init(&loop->notified, loop_was_notified);
    loop->notified.data = loop;
    ev_async_start(loop->ev, &loop->notified);
    loop->notifiable = true;
}

void loop_notify(struct loop *loop)
{
    ev_async_send(loop->ev, &loop->notified);
}

int64_t loop_paused_ns(const struct loop *loop)
{
    return loop->late_ns + loop_stopped_ns(loop);
}

struct ev_loop *loop_ev(struct loop *loop)
{
    return loop->ev;
}

/* --- timers ------------------------------------------------------------------------------------
 */

struct loop_timer {
    struct loop *loop; /* borrowed */
    loop_due_fn *due;
    void *context;
    int64_t when_ns;  /* TIME_NEVER: not set */
    int64_t armed_ns; /* what libev waits for, at most when_ns; TIME_NEVER: for nothing */
    ev_timer timer;
};

static void loop_timer_arm(struct loop_timer *t)
{
    double wait = (double)(t->when_ns - loop_clock()) / (double)NS_PER_SEC;

    ev_timer_stop(t->loop->ev, &t->timer);
    ev_timer_set(&t->timer, wait > 0 ? wait : 0, 0);
    ev_timer_start(t->loop->ev, &t->timer);
    t->armed_ns = t->when_ns;
}

/* libev counts from the beginning of its iteration: it may be early, or armed for what has moved.
 */
static void loop_timer_due(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct loop_timer *t = timer->data;

    (void)ev;
    (void)events;
    t->armed_ns = TIME_NEVER;
    if (t->when_ns == TIME_NEVER)
        return;
    if (loop_clock() < t->when_ns) {
        loop_timer_arm(t);
        return;
    }
    t->when_ns = TIME_NEVER;
    t->due(t->context);
}

int loop_timer_new(struct loop *loop, loop_due_fn *due, void *context, struct loop_timer **out)
{
    struct loop_timer *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->loop = loop;
    t->due = due;
    t->context = context;
    t->when_ns = t->armed_ns = TIME_NEVER;
    ev_init(&t->timer, loop_timer_due);
    t->timer.data = t;
    *out = t;
    return 0;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    ev_timer_stop(t->loop->ev, &t->timer);
    free(t);
}

void loop_timer_set(struct loop_timer *t, int64_t when_ns)
{
    t->when_ns = when_ns;
    if (when_ns < t->armed_ns)
        loop_timer_arm(t);
}
