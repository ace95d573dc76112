/* What a sweep hands out: every target once, in its time, whatever the kernel says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "base/timespan.h"
#include "engine/sweep.h"
#include "tests/unit/sweep_answers.h"

#define START_NS (77 * NS_PER_SEC)

static const uint16_t port80[] = {80};

static struct sweep_range range_of(const char *first, unsigned prefix_bits, const char *source)
{
    struct sweep_range range = {.prefix_bits = (uint8_t)prefix_bits};

    assert_int_equal(address_parse(first, &range.first), 0);
    assert_int_equal(address_parse(source, &range.source), 0);
    return range;
}

static struct sweep *sweep_of(const struct sweep_config *config)
{
    struct sweep *sweep = NULL;
    const char *why = NULL;

    assert_int_equal(sweep_new(config, START_NS, &sweep, &why), 0);
    return sweep;
}

/* Takes everything that is due at once and says that it left; how many. */
static size_t take(struct sweep *sweep, int64_t now_ns, struct sweep_probe *probes, size_t max,
                   int64_t *wake_ns, bool *done)
{
    size_t n = sweep_next(sweep, now_ns, probes, max, wake_ns, done);

    for (size_t i = 0; i < n; i++)
        sweep_sent(sweep, &probes[i], 0, now_ns);
    return n;
}

/* --- which targets ------------------------------------------------------------ */

static void test_every_target_is_asked_once(void **state)
{
    /* The third lies in the first, the fourth is the second again, with its host bits set. */
    const struct sweep_range ranges[] = {
        range_of("10.1.2.0", 23, "10.0.0.1"),    range_of("fd00::1:0", 120, "fd00::99"),
        range_of("10.1.3.7", 32, "10.0.0.2"),    range_of("fd00::1:42", 120, "fd00::99"),
        range_of("192.0.2.255", 32, "10.0.0.3"),
    };
    const uint16_t ports[] = {443, 80, 443};
    struct sweep_config config = {.ranges = ranges, .nranges = 5, .ports = ports, .nports = 3};
    static uint8_t seen4[512][2], seen6[256][2];

    (void)state;
    assert_true(sweep_size(&config) == (512 + 256 + 1 + 256 + 1) * 3);
    for (config.seed = 0; config.seed < 20; config.seed++) {
        struct sweep *sweep = sweep_of(&config);
        struct sweep_probe probes[100];
        struct sweep_counts counts;
        int64_t wake;
        bool done;
        unsigned last = 0;

        memset(seen4, 0, sizeof(seen4));
        memset(seen6, 0, sizeof(seen6));
        for (size_t n; (n = take(sweep, START_NS, probes, 100, &wake, &done)) > 0;)
            for (size_t i = 0; i < n; i++) {
                const struct address *to = &probes[i].destination;
                size_t port = probes[i].port == 443;

                assert_true(port || probes[i].port == 80);
                if (to->family == 6) {
                    assert_memory_equal(to->bytes, ranges[1].first.bytes, 15);
                    assert_memory_equal(&probes[i].source, &ranges[1].source,
                                        sizeof(struct address));
                    seen6[to->bytes[15]][port]++;
                } else if (to->bytes[0] == 10) {
                    assert_memory_equal(&probes[i].source, &ranges[0].source,
                                        sizeof(struct address));
                    seen4[(to->bytes[2] - 2) * 256 + to->bytes[3]][port]++;
                } else {
                    assert_memory_equal(to, &ranges[4].first, sizeof(*to));
                    last += 1 + port;
                }
            }
        for (size_t i = 0; i < 1024; i++)
            assert_int_equal(seen4[i / 2][i % 2], 1);
        for (size_t i = 0; i < 512; i++)
            assert_int_equal(seen6[i / 2][i % 2], 1);
        assert_int_equal(last, 3);
        sweep_counts(sweep, START_NS, &counts);
        assert_true(counts.targets == 1538 && counts.asked == 1538 && counts.sent == 1538);
        sweep_free(sweep);
    }
}

static void test_all_of_a_whole_internet_is_too_much(void **state)
{
    const struct sweep_range wide = range_of("0.0.0.0", 0, "10.0.0.1");
    const struct sweep_range most = range_of("16.0.0.0", 4, "10.0.0.1");
    struct sweep_config config = {.ranges = &wide, .nranges = 1, .ports = port80, .nports = 1};
    struct sweep *sweep = NULL;
    const char *why = NULL;

    (void)state;
    assert_true(sweep_size(&config) == UINT64_C(1) << 32);
    assert_int_equal(sweep_new(&config, 0, &sweep, &why), -EINVAL);
    assert_string_equal(why, "there are more than 268435456 targets");
    config.ranges = &most;
    assert_int_equal(sweep_new(&config, 0, &sweep, &why), 0);
    sweep_free(sweep);
}

static void test_bad_configurations_are_refused(void **state)
{
    struct sweep_range bad[] = {
        range_of("fd00::", 95, "fd00::1"),   range_of("10.0.0.0", 33, "10.0.0.1"),
        range_of("10.0.0.0", 8, "fd00::1"),  range_of("fd00::", 129, "fd00::1"),
        range_of("10.0.0.0", 8, "10.0.0.1"),
    };
    const struct sweep_range good = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config fine = {.ranges = &good, .nranges = 1, .ports = port80, .nports = 1};
    struct sweep_config config[6];
    struct sweep *sweep = NULL;
    const char *why = NULL;

    (void)state;
    bad[4].first.family = 0;
    for (size_t i = 0; i < 5; i++) {
        struct sweep_config c = fine;
        c.ranges = &bad[i];
        assert_int_equal(sweep_new(&c, 0, &sweep, &why), -EINVAL);
        assert_true(sweep_size(&c) == UINT64_MAX);
    }
    for (size_t i = 0; i < 6; i++)
        config[i] = fine;
    config[0].nports = 0;
    config[1].rate_pps = -1;
    config[2].rate_pps = NAN;
    config[3].rate_pps = INFINITY;
    config[4].timeout_ns = -1;
    config[5].source_port = 65000;
    config[5].source_ports = 537;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(sweep_new(&config[i], 0, &sweep, &why), -EINVAL);
        assert_non_null(why);
    }
    assert_null(sweep);
}

static void test_source_ports_stay_in_their_block(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 20, "10.0.0.1");
    struct sweep_config config = {.ranges = &range, .nranges = 1, .ports = port80, .nports = 1};
    bool blocks[16] = {false};
    unsigned different = 0;

    (void)state;
    for (config.seed = 0; config.seed < 200; config.seed++) {
        struct sweep *sweep = sweep_of(&config);
        uint16_t first, last;

        sweep_source_ports(sweep, &first, &last);
        assert_int_equal(last - first, 255);
        assert_int_equal(first % 256, 0);
        assert_true(first >= 61440);
        different += !blocks[first / 256 - 240];
        blocks[first / 256 - 240] = true;
        sweep_free(sweep);
    }
    assert_int_equal(different, 16);
}

static void test_ports_and_numbers_spread(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 20, "10.0.0.1");
    const struct sweep_config config = {.ranges = &range,
                                        .nranges = 1,
                                        .ports = port80,
                                        .nports = 1,
                                        .source_port = 50000,
                                        .source_ports = 16};
    struct sweep *sweep = sweep_of(&config);
    static struct sweep_probe probes[4096];
    unsigned ports[16] = {0}, high_bits = 0;
    size_t n = 0;
    int64_t wake;
    bool done;

    (void)state;
    for (size_t k; (k = take(sweep, START_NS, probes + n, 4096 - n, &wake, &done)) > 0; n += k)
        ;
    assert_int_equal(n, 4096);
    for (size_t i = 0; i < n; i++) {
        assert_in_range(probes[i].source_port, 50000, 50015);
        ports[probes[i].source_port - 50000]++;
        high_bits += probes[i].seq >> 31;
    }
    for (size_t i = 0; i < 16; i++)
        assert_in_range(ports[i], 180, 340); /* 256 +- 5 standard deviations */
    assert_in_range(high_bits, 1888, 2208);  /* 2048 +- 5 */
    sweep_free(sweep);
}

/* --- when --------------------------------------------------------------------- */

/*
 * A caller that comes punctually or late, up to `late_ns`. Whatever it does, no window of time
 * sees more than the rate allows plus one burst and a quarter. Returns the rate achieved.
 */
static double pace(double rate_pps, int64_t late_ns, size_t total, uint64_t burst)
{
    const struct sweep_range range = range_of("10.0.0.0", 12, "10.0.0.1");
    const struct sweep_config config = {
        .ranges = &range, .nranges = 1, .ports = port80, .nports = 1, .rate_pps = rate_pps};
    struct sweep *sweep = sweep_of(&config);
    int64_t *sent_ns = calloc(total, sizeof(*sent_ns)), now = START_NS, wake;
    struct sweep_probe probes[SWEEP_BATCH_MAX];
    struct random random;
    size_t n = 0;
    bool done;

    assert_non_null(sent_ns);
    random_seed(&random, 5);
    while (n < total) {
        size_t k = take(sweep, now, probes,
                        total - n < SWEEP_BATCH_MAX ? total - n : SWEEP_BATCH_MAX, &wake, &done);
        assert_true(k <= burst);
        for (size_t i = 0; i < k; i++)
            sent_ns[n++] = now;
        if (k == 0) {
            assert_true(wake > now);
            now = wake + (int64_t)(random_unit(&random) * (double)late_ns);
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && k < i + 3000; k++) {
            double allowed = (double)(sent_ns[k] - sent_ns[i]) / 1e9 * rate_pps + (double)burst;
            assert_true((double)(k - i + 1) <= allowed + 0.25 + 1e-6);
        }
    double achieved = (double)(n - 1) * 1e9 / (double)(sent_ns[n - 1] - sent_ns[0]);
    free(sent_ns);
    sweep_free(sweep);
    return achieved;
}

static void test_the_rate_is_kept_and_never_exceeded(void **state)
{
    static const struct {
        double rate_pps;
        uint64_t burst;
    } rows[] = {{0.5, 1}, {3, 1}, {999, 1}, {1000, 1}, {12345, 12}, {100000, 100}, {1000000, 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        double rate = rows[i].rate_pps;
        size_t total = rate < 1000 ? 300 : 10000;
        double punctual = pace(rate, 0, total, rows[i].burst);
        double late = pace(rate, 50 * NS_PER_US, total, rows[i].burst);
        double very_late = pace(rate, 20 * NS_PER_MS, total, rows[i].burst);

        /* The last batch may be cut short, so its share of a burst is missing in the time. */
        double edge = 1 + (double)rows[i].burst / (double)total;
        assert_true(punctual > rate * 0.99 && punctual <= rate * edge);
        assert_true(late > rate * 0.94 && late <= rate * edge);
        assert_true(very_late <= rate * edge);
    }
}

static void test_no_rate_is_no_waiting(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 16, "10.0.0.1");
    const struct sweep_config config = {
        .ranges = &range, .nranges = 1, .ports = port80, .nports = 1};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[SWEEP_BATCH_MAX];
    int64_t wake;
    bool done;

    (void)state;
    for (int i = 0; i < 64; i++)
        assert_int_equal(take(sweep, START_NS, probes, 2000, &wake, &done), SWEEP_BATCH_MAX);
    sweep_free(sweep);
}

static void test_the_end_is_one_timeout_after_the_last(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config config = {.ranges = &range,
                                        .nranges = 1,
                                        .ports = port80,
                                        .nports = 1,
                                        .timeout_ns = 800 * NS_PER_MS};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[256];
    struct sweep_counts counts;
    int64_t wake;
    bool done;

    (void)state;
    assert_int_equal(take(sweep, START_NS, probes, 200, &wake, &done), 200);
    assert_int_equal(take(sweep, START_NS + 5, probes, 200, &wake, &done), 56);
    assert_false(done);
    assert_int_equal(take(sweep, START_NS + 6, probes, 200, &wake, &done), 0);
    assert_false(done);
    assert_true(wake == START_NS + 5 + 800 * NS_PER_MS);
    sweep_counts(sweep, START_NS + 6, &counts);
    assert_true(counts.silent == 0 && counts.pending == 256 && counts.progress == 1);
    assert_int_equal(take(sweep, wake, probes, 200, &wake, &done), 0);
    assert_true(done);
    sweep_counts(sweep, wake, &counts);
    assert_true(counts.silent == 256 && counts.pending == 0 && !counts.interrupted);
    sweep_free(sweep);
}

/* Those who have answered are left alone; the others see the same SYN again, a second later. */
static void test_a_repeated_syn_is_a_retransmission(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config config = {.ranges = &range,
                                        .nranges = 1,
                                        .ports = port80,
                                        .nports = 1,
                                        .probes = 3,
                                        .timeout_ns = 500 * NS_PER_MS};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe first[256], again[256];
    struct sweep_observation seen;
    struct sweep_counts counts;
    int64_t wake;
    bool done;

    (void)state;
    assert_int_equal(take(sweep, START_NS, first, 256, &wake, &done), 256);
    for (size_t i = 0; i < 250; i++) {
        struct packet answer = sweep_answers_syn_ack(&first[i]);
        assert_int_equal(sweep_receive(sweep, &answer, &seen), SWEEP_OPEN);
    }
    for (int pass = 1; pass < 3; pass++) {
        assert_int_equal(take(sweep, START_NS + pass * NS_PER_SEC - 1, again, 256, &wake, &done),
                         0);
        assert_false(done);
        assert_true(wake == START_NS + pass * NS_PER_SEC);
        assert_int_equal(take(sweep, wake, again, 256, &wake, &done), 6);
        for (size_t i = 0; i < 6; i++)
            assert_memory_equal(&again[i], &first[250 + i], sizeof(again[i]));
    }
    assert_int_equal(take(sweep, wake, again, 256, &wake, &done), 0);
    assert_true(wake == START_NS + 2500 * NS_PER_MS);
    sweep_counts(sweep, wake, &counts);
    assert_true(counts.sent == 268 && counts.asked == 256 && counts.silent == 6);
    sweep_free(sweep);
}

static void test_when_all_have_answered_nothing_is_waited_for(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config config = {.ranges = &range,
                                        .nranges = 1,
                                        .ports = port80,
                                        .nports = 1,
                                        .probes = 5,
                                        .timeout_ns = NS_PER_SEC};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[256];
    struct sweep_observation seen;
    int64_t wake;
    bool done;

    (void)state;
    assert_int_equal(take(sweep, START_NS, probes, 256, &wake, &done), 256);
    for (size_t i = 0; i < 256; i++) {
        struct packet answer = sweep_answers_syn_ack(&probes[i]);
        sweep_receive(sweep, &answer, &seen);
    }
    assert_int_equal(take(sweep, START_NS + 1, probes, 256, &wake, &done), 0);
    assert_true(done);
    sweep_free(sweep);
}

/* --- what the kernel says ------------------------------------------------------ */

/* R15: no room is no loss. Every other send finds none; all are asked once in the end. */
static void test_what_had_no_room_comes_again(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 22, "10.0.0.1");
    const struct sweep_config config = {
        .ranges = &range, .nranges = 1, .ports = port80, .nports = 1, .timeout_ns = NS_PER_SEC};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[300];
    struct sweep_counts counts;
    uint8_t left[1024] = {0};
    int64_t now = START_NS, wake;
    bool done = false;
    unsigned refusals = 0;

    (void)state;
    for (int round = 0; round < 100000 && !done; round++) {
        size_t n = sweep_next(sweep, now, probes, 300, &wake, &done);
        for (size_t i = 0; i < n; i++) {
            bool room = round % 2 == 0 && i < 100;
            const uint8_t *bytes = probes[i].destination.bytes;

            sweep_sent(sweep, &probes[i], room ? 0 : i % 2 ? -EAGAIN : -ENOBUFS, now);
            left[(bytes[2] << 8 | bytes[3]) & 1023] += room;
            refusals += !room;
        }
        assert_true(n || done || wake > now);
        now = wake;
    }
    assert_true(done);
    for (size_t i = 0; i < 1024; i++)
        assert_int_equal(left[i], 1);
    sweep_counts(sweep, now, &counts);
    assert_true(counts.asked == 1024 && counts.sent == 1024 && counts.failed == 0);
    assert_true(counts.postponed == refusals && refusals > 1000);
    assert_true(counts.silent == 1024);
    sweep_free(sweep);
}

/* A queue that stays full is asked ever more seldom, 50 ms apart at most. */
static void test_a_full_queue_is_left_alone(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config config = {
        .ranges = &range, .nranges = 1, .ports = port80, .nports = 1};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[256];
    int64_t now = START_NS, wake, before = 0;
    unsigned tries = 0;
    bool done;

    (void)state;
    while (now < START_NS + NS_PER_SEC) {
        size_t n = sweep_next(sweep, now, probes, 256, &wake, &done);
        for (size_t i = 0; i < n; i++)
            sweep_sent(sweep, &probes[i], -ENOBUFS, now);
        assert_false(done);
        if (n) {
            assert_true(!before ||
                        (now - before >= 500 * NS_PER_US && now - before <= 51 * NS_PER_MS));
            before = now;
            tries++;
        }
        now = wake;
    }
    assert_in_range(tries, 20, 40);
    sweep_free(sweep);
}

static void test_refused_sends_are_counted_by_errno(void **state)
{
    static const int errors[] = {EPERM, ENETUNREACH, EMSGSIZE};
    const struct sweep_range range = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config config = {
        .ranges = &range, .nranges = 1, .ports = port80, .nports = 1, .timeout_ns = NS_PER_SEC};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[256];
    struct sweep_counts counts;
    int64_t wake;
    bool done;

    (void)state;
    assert_int_equal(sweep_next(sweep, START_NS, probes, 256, &wake, &done), 256);
    for (size_t i = 0; i < 256; i++)
        sweep_sent(sweep, &probes[i], -errors[i < 200 ? 0 : i < 250 ? 1 : 2], START_NS);
    assert_int_equal(sweep_next(sweep, START_NS, probes, 256, &wake, &done), 0);
    assert_true(done);
    sweep_counts(sweep, START_NS, &counts);
    assert_true(counts.failed == 256 && counts.sent == 0 && counts.asked == 0);
    assert_true(counts.silent == 0 && isnan(counts.achieved_pps));
    assert_int_equal(counts.errors[0].error, EPERM);
    assert_true(counts.errors[0].count == 200 && counts.errors[1].count == 50);
    assert_int_equal(counts.errors[2].error, EMSGSIZE);
    assert_true(counts.errors[2].count == 6 && counts.errors[3].count == 0);
    sweep_free(sweep);
}

/* --- stopping and pausing ------------------------------------------------------ */

static void test_an_interrupted_sweep_keeps_its_accounts(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 16, "10.0.0.1");
    const struct sweep_config config = {.ranges = &range,
                                        .nranges = 1,
                                        .ports = port80,
                                        .nports = 1,
                                        .rate_pps = 1000,
                                        .timeout_ns = 2 * NS_PER_SEC};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probe;
    struct sweep_observation seen;
    struct sweep_counts counts;
    int64_t now = START_NS, wake;
    unsigned sent = 0;
    bool done;

    (void)state;
    while (sent < 10000) { /* ten seconds; every other one answers at once */
        if (take(sweep, now, &probe, 1, &wake, &done) == 1 && sent++ % 2 == 0) {
            struct packet answer = sweep_answers_rst(&probe);
            assert_int_equal(sweep_receive(sweep, &answer, &seen), SWEEP_REFUSED);
        }
        now = wake;
    }
    sweep_stop(sweep);
    assert_int_equal(take(sweep, now, &probe, 1, &wake, &done), 0);
    assert_true(done);
    sweep_counts(sweep, now, &counts);
    assert_true(counts.interrupted && counts.sent == 10000 && counts.refused == 5000);
    assert_true(counts.silent + counts.pending == 5000);
    /* 2 s at 1000 pps, to an eighth of that time */
    assert_in_range(counts.pending, 2000, 2251);
    assert_true(fabs(counts.achieved_pps - 1000) < 1);
    assert_true(fabs(counts.progress - 10000.0 / 65536) < 1e-9);
    sweep_free(sweep);
}

static void test_a_pause_is_no_waiting(void **state)
{
    const struct sweep_range range = range_of("10.0.0.0", 24, "10.0.0.1");
    const struct sweep_config config = {.ranges = &range,
                                        .nranges = 1,
                                        .ports = port80,
                                        .nports = 1,
                                        .rate_pps = 100,
                                        .timeout_ns = NS_PER_SEC};
    struct sweep *sweep = sweep_of(&config);
    struct sweep_probe probes[256];
    struct sweep_counts counts;
    int64_t now = START_NS, wake;
    size_t n = 0;
    bool done;

    (void)state;
    while (n < 256) {
        if (n == 128) { /* stopped for an hour in the middle */
            now += 3600 * NS_PER_SEC;
            sweep_shift(sweep, 3600 * NS_PER_SEC);
        }
        size_t k = take(sweep, now, probes, 256, &wake, &done);
        assert_true(k <= 1);
        n += k;
        now = k ? now : wake;
    }
    sweep_counts(sweep, now, &counts);
    assert_true(fabs(counts.achieved_pps - 100) < 0.5);
    assert_true(counts.sending_ns == 2550 * NS_PER_MS);
    assert_int_equal(take(sweep, now, probes, 256, &wake, &done), 0);
    assert_true(wake == now + NS_PER_SEC);
    sweep_shift(sweep, NS_PER_SEC);
    assert_int_equal(take(sweep, wake, probes, 256, &wake, &done), 0);
    assert_false(done);
    sweep_free(sweep);
}

static size_t mapped_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    size_t pages = 0;

    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%zu", &pages), 1);
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Three bits a target, and what does not grow. */
static void test_memory_is_three_bits_a_target(void **state)
{
    const struct sweep_range range = range_of("16.0.0.0", 6, "10.0.0.1");
    const struct sweep_config config = {
        .ranges = &range, .nranges = 1, .ports = port80, .nports = 1};
    const size_t bits = (size_t)(1 << 26) * 3 / 8;
    size_t before = mapped_bytes();
    struct sweep *sweep = sweep_of(&config);
    size_t after = mapped_bytes();

    (void)state;
    sweep_free(sweep);
    assert_in_range(after - before, bits, bits + 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_target_is_asked_once),
        cmocka_unit_test(test_all_of_a_whole_internet_is_too_much),
        cmocka_unit_test(test_bad_configurations_are_refused),
        cmocka_unit_test(test_source_ports_stay_in_their_block),
        cmocka_unit_test(test_ports_and_numbers_spread),
        cmocka_unit_test(test_the_rate_is_kept_and_never_exceeded),
        cmocka_unit_test(test_no_rate_is_no_waiting),
        cmocka_unit_test(test_the_end_is_one_timeout_after_the_last),
        cmocka_unit_test(test_a_repeated_syn_is_a_retransmission),
        cmocka_unit_test(test_when_all_have_answered_nothing_is_waited_for),
        cmocka_unit_test(test_what_had_no_room_comes_again),
        cmocka_unit_test(test_a_full_queue_is_left_alone),
        cmocka_unit_test(test_refused_sends_are_counted_by_errno),
        cmocka_unit_test(test_an_interrupted_sweep_keeps_its_accounts),
        cmocka_unit_test(test_a_pause_is_no_waiting),
        cmocka_unit_test(test_memory_is_three_bits_a_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
