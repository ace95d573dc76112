#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "io/loop.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct loop *new_loop(void)
{
    struct loop *loop = NULL;

    assert_int_equal(loop_new(&loop), 0);
    return loop;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* epoll alone would round 300 us up to a whole millisecond. */
static void test_waits_below_a_millisecond(void **state)
{
    struct loop *loop = new_loop();
    int64_t late[51];

    (void)state;
    for (size_t i = 0; i < 51; i++) {
        int64_t until = loop_now(loop) + 300 * NS_PER_US;
        assert_int_equal(loop_wait(loop, until), 0);
        late[i] = loop_now(loop) - until;
        assert_true(late[i] >= 0);
    }
    qsort(late, 51, sizeof(late[0]), compare);
    assert_in_range(late[25], 0, 500 * NS_PER_US);
    loop_free(loop);
}

static void test_past_deadline_returns_at_once(void **state)
{
    struct loop *loop = new_loop();
    int64_t start = loop_now(loop);

    (void)state;
    assert_int_equal(loop_wait(loop, 0), 0);
    assert_int_equal(loop_wait(loop, start - 1), 0);
    assert_int_equal(loop_wait(loop, INT64_MIN), 0);
    assert_true(loop_now(loop) - start < 100 * NS_PER_MS);
    loop_free(loop);
}

static void test_earlier_deadline_after_a_later_one(void **state)
{
    struct loop *loop = new_loop();
    int64_t start = loop_now(loop);

    (void)state;
    loop_wake(loop);
    assert_int_equal(loop_wait(loop, start + 60 * NS_PER_SEC), 0);
    assert_int_equal(loop_wait(loop, start + 2 * NS_PER_MS), 0);
    int64_t took = loop_now(loop) - start;
    assert_in_range(took, 2 * NS_PER_MS, NS_PER_SEC);
    loop_free(loop);
}

static void wake(struct ev_loop *ev, ev_io *watcher, int events)
{
    char byte;

    (void)ev;
    (void)events;
    assert_int_equal(read(watcher->fd, &byte, 1), 1);
    loop_wake(watcher->data);
}

/* A descriptor above select's 1024. */
static void test_high_descriptor_wakes(void **state)
{
    struct loop *loop = new_loop();
    struct rlimit limit;
    int ends[2];
    ev_io watcher;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2000) {
        limit.rlim_cur = limit.rlim_max < 2000 ? limit.rlim_max : 2000;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    assert_int_equal(pipe(ends), 0);
    int high = fcntl(ends[0], F_DUPFD, 1100);
    assert_true(high >= 1100);
    ev_io_init(&watcher, wake, high, EV_READ);
    watcher.data = loop;
    ev_io_start(loop_ev(loop), &watcher);
    assert_int_equal(write(ends[1], "x", 1), 1);
    int64_t start = loop_now(loop);
    assert_int_equal(loop_wait(loop, start + 10 * NS_PER_SEC), 0);
    assert_true(loop_now(loop) - start < NS_PER_SEC);
    ev_io_stop(loop_ev(loop), &watcher);
    close(high);
    close(ends[0]);
    close(ends[1]);
    loop_free(loop);
}

static void test_stop_lasts(void **state)
{
    struct loop *loop = new_loop();

    (void)state;
    loop_stop(loop);
    assert_int_equal(loop_wait(loop, TIME_NEVER), -EINTR);
    assert_int_equal(loop_wait(loop, TIME_NEVER), -EINTR);
    assert_int_equal(loop_signal(loop), 0);
    loop_free(loop);
}

static void test_signal_stops(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct loop *loop = new_loop();
        assert_int_equal(loop_catch_signals(loop), 0);
        assert_int_equal(raise(signals[i]), 0);
        assert_int_equal(loop_wait(loop, TIME_NEVER), -EINTR);
        assert_int_equal(loop_signal(loop), signals[i]);
        loop_free(loop);
    }
}

/* nohup(1) */
static void test_what_is_ignored_stays_ignored(void **state)
{
    struct loop *loop = new_loop();

    (void)state;
    signal(SIGHUP, SIG_IGN);
    assert_int_equal(loop_catch_signals(loop), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(loop_signal(loop), 0);
    loop_free(loop);
    signal(SIGHUP, SIG_DFL);
}

static void test_pipe_signal_is_ignored(void **state)
{
    struct loop *loop = new_loop();
    int ends[2];

    (void)state;
    assert_int_equal(loop_catch_signals(loop), 0);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
    loop_free(loop);
}

static void test_one_loop_catches(void **state)
{
    struct loop *first = new_loop(), *second = new_loop();

    (void)state;
    assert_int_equal(loop_catch_signals(first), 0);
    assert_int_equal(loop_catch_signals(first), 0);
    assert_int_equal(loop_catch_signals(second), -EBUSY);
    loop_free(first);
    assert_int_equal(loop_catch_signals(second), 0);
    loop_free(second);
    struct sigaction now;
    assert_int_equal(sigaction(SIGINT, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
}

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}

/* A child that catches signals and then does not end: `tell` is written when it is ready. */
static pid_t stubborn_child(int *ready)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct loop *loop = new_loop();
        loop_catch_signals(loop);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        for (int i = 0; i < 500; i++)
            sleep_ms(10);
        _exit(0);
    }
    close(ends[1]);
    *ready = ends[0];
    return child;
}

/* timeout(1) signals twice at once: no reason to lose the report. A second wish ends us. */
static void test_second_signal_ends(void **state)
{
    int ready, status;
    char byte;
    pid_t child = stubborn_child(&ready);

    (void)state;
    assert_int_equal(read(ready, &byte, 1), 1);
    kill(child, SIGINT);
    kill(child, SIGTERM);
    sleep_ms(60);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    sleep_ms(100);
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    close(ready);
}

/* The child says over a pipe how long it thinks it was stopped. */
static int64_t pause_child(int number, int64_t wait_ns)
{
    int ends[2], status;
    int64_t paused = -1;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0); /* not orphaned: our parent is in another group of the session */
        struct loop *loop = new_loop();
        loop_catch_signals(loop);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        loop_wait(loop, loop_now(loop) + wait_ns);
        paused = loop_paused_ns(loop);
        _exit(write(ends[1], &paused, sizeof(paused)) == sizeof(paused) ? 0 : 1);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    sleep_ms(20);
    kill(child, number);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    sleep_ms(300);
    kill(child, SIGCONT);
    assert_int_equal(read(ends[0], &paused, sizeof(paused)), sizeof(paused));
    waitpid(child, &status, 0);
    close(ends[0]);
    close(ends[1]);
    return paused;
}

/* R13: Ctrl-Z is known exactly, wherever the deadline was. */
static void test_terminal_stop_is_measured(void **state)
{
    int64_t paused = pause_child(SIGTSTP, 600 * NS_PER_MS);

    (void)state;
    assert_in_range(paused, 295 * NS_PER_MS, 550 * NS_PER_MS);
}

/* R13: SIGSTOP tells nobody, but the deadline was slept through. */
static void test_forced_stop_is_noticed(void **state)
{
    int64_t paused = pause_child(SIGSTOP, 50 * NS_PER_MS);

    (void)state;
    assert_in_range(paused, 200 * NS_PER_MS, 550 * NS_PER_MS);
}

static void test_no_pause_in_ordinary_waits(void **state)
{
    struct loop *loop = new_loop();

    (void)state;
    for (int i = 0; i < 10; i++)
        loop_wait(loop, loop_now(loop) + NS_PER_MS);
    assert_int_equal(loop_paused_ns(loop), 0);
    loop_free(loop);
}

static void *notify_soon(void *context)
{
    usleep(20000);
    loop_notify(context);
    return NULL;
}

static void test_another_thread_wakes(void **state)
{
    struct loop *loop = new_loop();
    int64_t start = loop_now(loop);
    pthread_t thread;

    (void)state;
    loop_expect_notify(loop);
    assert_int_equal(pthread_create(&thread, NULL, notify_soon, loop), 0);
    assert_int_equal(loop_wait(loop, start + 60 * NS_PER_SEC), 0);
    assert_true(loop_now(loop) - start < 10 * NS_PER_SEC);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_free(loop);
}

struct due {
    struct loop *loop;
    struct loop_timer *timer;
    int64_t came_ns[4];
    size_t count;
};

static void note_due(void *context)
{
    struct due *due = context;

    due->came_ns[due->count++] = loop_now(due->loop);
    loop_wake(due->loop);
}

/* Later, earlier, later again, never: it comes once, at the last that was said, and not before. */
static void test_timer_moves(void **state)
{
    struct due due = {.loop = new_loop()};
    int64_t start = loop_now(due.loop);

    (void)state;
    assert_int_equal(loop_timer_new(due.loop, note_due, &due, &due.timer), 0);
    loop_timer_set(due.timer, start + 5 * NS_PER_MS);
    loop_timer_set(due.timer, start + 60 * NS_PER_MS);
    loop_timer_set(due.timer, start + 10 * NS_PER_MS);
    loop_timer_set(due.timer, start + 30 * NS_PER_MS);
    while (!due.count)
        assert_int_equal(loop_wait(due.loop, TIME_NEVER), 0);
    assert_true(due.came_ns[0] >= start + 30 * NS_PER_MS);
    loop_timer_set(due.timer, start + 1 * NS_PER_MS); /* in the past: at once */
    assert_int_equal(loop_wait(due.loop, start + 10 * NS_PER_SEC), 0);
    assert_int_equal(due.count, 2);
    loop_timer_set(due.timer, loop_now(due.loop) + 10 * NS_PER_MS);
    loop_timer_set(due.timer, TIME_NEVER);
    assert_int_equal(loop_wait(due.loop, loop_now(due.loop) + 50 * NS_PER_MS), 0);
    assert_int_equal(due.count, 2);
    loop_timer_free(due.timer);
    loop_timer_free(NULL);
    loop_free(due.loop);
}

struct one_of_many {
    struct loop *loop;
    struct loop_timer *timer;
    int64_t when_ns;
    unsigned *came, times;
    bool early;
};

static void note_one(void *context)
{
    struct one_of_many *one = context;

    one->early |= loop_now(one->loop) < one->when_ns;
    one->times++;
    (*one->came)++;
    loop_wake(one->loop);
}

/* Each of many comes once and none early, though each was moved before. */
static void test_many_timers(void **state)
{
    static struct one_of_many many[2000];
    const unsigned count = sizeof(many) / sizeof(many[0]);
    struct loop *loop = new_loop();
    unsigned came = 0;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        many[i] = (struct one_of_many){.loop = loop, .came = &came};
        assert_int_equal(loop_timer_new(loop, note_one, &many[i], &many[i].timer), 0);
        loop_timer_set(many[i].timer, loop_now(loop) + (i * 7 % 40) * NS_PER_MS);
    }
    for (unsigned i = 0; i < count; i++) {
        many[i].when_ns = loop_now(loop) + (i * 13 % 50) * NS_PER_MS;
        loop_timer_set(many[i].timer, many[i].when_ns);
    }
    while (came < count)
        assert_int_equal(loop_wait(loop, TIME_NEVER), 0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(many[i].times, 1);
        assert_false(many[i].early);
        loop_timer_free(many[i].timer);
    }
    loop_free(loop);
}

static void test_free_nothing(void **state)
{
    (void)state;
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_below_a_millisecond),
        cmocka_unit_test(test_past_deadline_returns_at_once),
        cmocka_unit_test(test_earlier_deadline_after_a_later_one),
        cmocka_unit_test(test_high_descriptor_wakes),
        cmocka_unit_test(test_stop_lasts),
        cmocka_unit_test(test_signal_stops),
        cmocka_unit_test(test_what_is_ignored_stays_ignored),
        cmocka_unit_test(test_pipe_signal_is_ignored),
        cmocka_unit_test(test_one_loop_catches),
        cmocka_unit_test(test_second_signal_ends),
        cmocka_unit_test(test_terminal_stop_is_measured),
        cmocka_unit_test(test_forced_stop_is_noticed),
        cmocka_unit_test(test_no_pause_in_ordinary_waits),
        cmocka_unit_test(test_another_thread_wakes),
        cmocka_unit_test(test_timer_moves),
        cmocka_unit_test(test_many_timers),
        cmocka_unit_test(test_free_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
