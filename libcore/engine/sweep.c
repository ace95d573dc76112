#include "engine/sweep.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "engine/sweep_internal.h"

#define SWEEP_BURST_NS (1 * NS_PER_MS)
/* A SYN comes again no sooner than a host's own would (RFC 6298 2.1). */
#define SWEEP_AGAIN_NS (1 * NS_PER_SEC)
/* How long a full queue is left alone: at first what a gigabit link needs for a few hundred SYNs.
 */
#define SWEEP_BACKOFF_MIN_NS (500 * NS_PER_US)
#define SWEEP_BACKOFF_MAX_NS (50 * NS_PER_MS)
/* Answered targets passed over in one call of sweep_next. */
#define SWEEP_SKIPS_MAX 65536
#define SWEEP_RATE_MIN  1e-3
#define SWEEP_RATE_MAX  1e9

/* --- making ------------------------------------------------------------------- */

static const char *sweep_check(const struct sweep_config *config)
{
    if (config->rate_pps != 0 &&
        !(config->rate_pps >= SWEEP_RATE_MIN && config->rate_pps <= SWEEP_RATE_MAX))
        return "the rate is not 0 or between 0.001 and 1000000000 per second";
    if (config->timeout_ns < 0)
        return "the timeout is negative";
    if ((uint32_t)config->source_port + config->source_ports > 65536)
        return "the source ports end above 65535";
    return NULL;
}

/* Rounded up: never above the rate. */
static void sweep_set_rate(struct sweep *sweep, double rate_pps)
{
    sweep->burst = SWEEP_BATCH_MAX;
    if (rate_pps == 0)
        return;
    sweep->gap_ns = (int64_t)ceil(1e9 / rate_pps);
    double burst = rate_pps * (double)SWEEP_BURST_NS / 1e9;
    sweep->burst = burst < 1 ? 1 : burst > SWEEP_BATCH_MAX ? SWEEP_BATCH_MAX : (uint64_t)burst;
}

static void sweep_set_ports(struct sweep *sweep, const struct sweep_config *config)
{
    uint64_t blocks = (65536 - SWEEP_SOURCE_PORT_FIRST) / SWEEP_SOURCE_PORTS;
    uint64_t block = siphash(&sweep->key, NULL, 0) % blocks;

    sweep->source_port = config->source_port;
    sweep->source_ports = config->source_ports ? config->source_ports : 1;
    if (config->source_port)
        return;
    sweep->source_port = (uint16_t)(SWEEP_SOURCE_PORT_FIRST + block * SWEEP_SOURCE_PORTS);
    sweep->source_ports = SWEEP_SOURCE_PORTS;
}

int sweep_new(const struct sweep_config *config, int64_t now_ns, struct sweep **out,
              const char **why)
{
    const char *ignored;
    const char **reason = why ? why : &ignored;
    struct sweep *sweep = calloc(1, sizeof(*sweep));

    *reason = "out of memory";
    if (!sweep)
        return -ENOMEM;
    int err = sweep_space_init(&sweep->space, config, reason);
    const char *wrong = err ? NULL : sweep_check(config);
    if (wrong) {
        *reason = wrong;
        err = -EINVAL;
    }
    if (!err) {
        sweep->answers = calloc((sweep->space.size + 3) / 4, 1);
        sweep->asked = calloc((sweep->space.size + 7) / 8, 1);
        err = sweep->answers && sweep->asked ? 0 : -ENOMEM;
    }
    if (err) {
        sweep_free(sweep);
        return err;
    }
    sweep->key = siphash_key(config->seed);
    permutation_init(&sweep->order, sweep->space.size, siphash(&sweep->key, "order", 5));
    sweep_set_ports(sweep, config);
    sweep_set_rate(sweep, config->rate_pps);
    sweep->passes = config->probes ? config->probes : 1;
    sweep->timeout_ns = config->timeout_ns;
    sweep->next_ns = sweep->pass_start_ns = now_ns;
    sweep->counts.targets = sweep->space.size;
    *out = sweep;
    return 0;
}

void sweep_free(struct sweep *sweep)
{
    if (!sweep)
        return;
    sweep_space_release(&sweep->space);
    free(sweep->answers);
    free(sweep->asked);
    free(sweep);
}

void sweep_source_ports(const struct sweep *sweep, uint16_t *first, uint16_t *last)
{
    *first = sweep->source_port;
    *last = (uint16_t)(sweep->source_port + sweep->source_ports - 1);
}

/* --- handing out -------------------------------------------------------------- */

void sweep_identify(const struct sweep *sweep, struct sweep_probe *probe)
{
    uint8_t where[18];
    size_t len = address_len(&probe->destination);

    memcpy(where, probe->destination.bytes, len);
    where[len++] = (uint8_t)(probe->port >> 8);
    where[len++] = (uint8_t)probe->port;
    uint64_t hash = siphash(&sweep->key, where, len);
    probe->seq = (uint32_t)hash;
    probe->source_port = (uint16_t)(sweep->source_port + (hash >> 32) % sweep->source_ports);
}

static uint64_t sweep_answered(const struct sweep *sweep)
{
    return sweep->counts.open + sweep->counts.refused + sweep->counts.unreachable;
}

/* No SYN is to be handed out any more, and none comes back. */
static bool sweep_is_sent(const struct sweep *sweep)
{
    bool all = sweep->pass >= sweep->passes || sweep_answered(sweep) == sweep->counts.targets;

    return all && sweep->nagain == 0 && sweep->out == 0;
}

/*
 * How many may leave now. A timer that fires late is made up for by a quarter of a gap, so that the
 * rate is kept on average; what a call missed beyond that and a burst is forgotten.
 */
static uint64_t sweep_due(struct sweep *sweep, int64_t now_ns)
{
    int64_t credit_ns = (int64_t)(sweep->burst - 1) * sweep->gap_ns + sweep->gap_ns / 4;

    if (sweep->gap_ns == 0)
        return sweep->burst;
    if (now_ns < sweep->next_ns)
        return 0;
    if (now_ns - sweep->next_ns > credit_ns)
        sweep->next_ns = now_ns - credit_ns;
    return (uint64_t)((now_ns - sweep->next_ns) / sweep->gap_ns) + 1;
}

/* The next pass asks those again that have not answered. */
static void sweep_end_pass(struct sweep *sweep, int64_t now_ns)
{
    int64_t again_ns = sweep->pass_start_ns + SWEEP_AGAIN_NS;

    sweep->place = 0;
    sweep->pass++;
    sweep->pass_start_ns = again_ns > now_ns ? again_ns : now_ns;
}

static bool sweep_has_answered(const struct sweep *sweep, uint64_t index)
{
    return sweep->answers[index / 4] >> index % 4 * 2 & 3;
}

/* The next SYN, if there is one in this pass and, of it, within `skips` places. */
static bool sweep_take(struct sweep *sweep, struct sweep_probe *probe, unsigned *skips)
{
    if (sweep->nagain) {
        *probe = sweep->again[--sweep->nagain];
        return true;
    }
    while (sweep->pass < sweep->passes && sweep->place<sweep->space.size && * skips> 0) {
        uint64_t index = permutation_at(&sweep->order, sweep->place++);

        if (sweep->pass > 0 && sweep_has_answered(sweep, index)) {
            --*skips;
            continue;
        }
        sweep_space_at(&sweep->space, index, probe);
        sweep_identify(sweep, probe);
        return true;
    }
    return false;
}

static size_t sweep_fill(struct sweep *sweep, int64_t now_ns, struct sweep_probe *probes,
                         uint64_t max)
{
    unsigned skips = SWEEP_SKIPS_MAX;
    size_t n = 0;

    while (n < max && sweep_take(sweep, &probes[n], &skips))
        n++;
    if (sweep->place >= sweep->space.size)
        sweep_end_pass(sweep, now_ns);
    sweep->out += n;
    sweep->next_ns += (int64_t)n * sweep->gap_ns;
    if (n && !sweep->started) {
        sweep->started = true;
        sweep->first_ns = now_ns;
    }
    return n;
}

/* Everything is on its way: what there is to wait for. */
static bool sweep_wait_end(const struct sweep *sweep, int64_t now_ns, int64_t *wake_ns)
{
    *wake_ns = time_add(sweep->last_ns, sweep->timeout_ns);
    return sweep->counts.sent == 0 || sweep_answered(sweep) >= sweep->counts.asked ||
           now_ns >= *wake_ns;
}

/* When something may leave again, if it is not now. */
static int64_t sweep_wake(const struct sweep *sweep)
{
    int64_t wake = sweep->next_ns + (int64_t)(sweep->burst - 1) * sweep->gap_ns;

    if (sweep->gap_ns == 0)
        wake = 0;
    if (sweep->nagain && sweep->again_ns > wake)
        wake = sweep->again_ns;
    if (!sweep->nagain && sweep->pass_start_ns > wake)
        wake = sweep->pass_start_ns;
    return wake;
}

static bool sweep_must_rest(const struct sweep *sweep, int64_t now_ns)
{
    if (sweep->nagain)
        return now_ns < sweep->again_ns;
    return sweep->pass < sweep->passes && now_ns < sweep->pass_start_ns;
}

size_t sweep_next(struct sweep *sweep, int64_t now_ns, struct sweep_probe *probes, size_t max,
                  int64_t *wake_ns, bool *done)
{
    size_t n = 0;

    now_ns -= sweep->paused_ns;
    *done = false;
    if (sweep->stopped || sweep_is_sent(sweep)) {
        *done = sweep->stopped || sweep_wait_end(sweep, now_ns, wake_ns);
        *wake_ns = *done ? now_ns : *wake_ns;
    } else if (!sweep_must_rest(sweep, now_ns)) {
        uint64_t due = sweep_due(sweep, now_ns);
        size_t room = SWEEP_BATCH_MAX - sweep->out;

        max = max < room ? max : room;
        n = sweep_fill(sweep, now_ns, probes, max < due ? max : due);
    }
    if (n == 0 && !*done && !sweep_is_sent(sweep))
        *wake_ns = sweep_wake(sweep);
    *wake_ns = n ? now_ns : *wake_ns > now_ns ? *wake_ns : now_ns;
    *wake_ns = time_add(*wake_ns, sweep->paused_ns);
    return n;
}

/* --- the send's fate ---------------------------------------------------------- */

static int64_t sweep_slot_ns(const struct sweep *sweep)
{
    return sweep->timeout_ns / (SWEEP_RECENT - 2) + 1;
}

static void sweep_remember(struct sweep *sweep, int64_t now_ns)
{
    int64_t slot = now_ns / sweep_slot_ns(sweep);
    struct sweep_recent *recent = &sweep->recent[slot % SWEEP_RECENT];

    if (recent->slot != slot)
        *recent = (struct sweep_recent){.slot = slot};
    recent->count++;
}

static void sweep_left(struct sweep *sweep, const struct sweep_probe *probe, int64_t now_ns)
{
    uint64_t index;

    sweep->counts.sent++;
    sweep->last_ns = now_ns;
    sweep->backoff_ns = 0;
    sweep_remember(sweep, now_ns);
    if (!sweep_space_find(&sweep->space, &probe->destination, probe->port, &index))
        return;
    uint8_t bit = (uint8_t)(1 << index % 8);
    sweep->counts.asked += !(sweep->asked[index / 8] & bit);
    sweep->asked[index / 8] |= bit;
}

/* The pause doubles as long as nothing has room at all. */
static void sweep_postpone(struct sweep *sweep, const struct sweep_probe *probe, int64_t now_ns)
{
    sweep->counts.postponed++;
    if (now_ns >= sweep->again_ns) {
        sweep->backoff_ns = sweep->backoff_ns ? 2 * sweep->backoff_ns : SWEEP_BACKOFF_MIN_NS;
        if (sweep->backoff_ns > SWEEP_BACKOFF_MAX_NS)
            sweep->backoff_ns = SWEEP_BACKOFF_MAX_NS;
        sweep->again_ns = now_ns + sweep->backoff_ns;
    }
    if (sweep->nagain < SWEEP_BATCH_MAX)
        sweep->again[sweep->nagain++] = *probe;
}

static void sweep_fail(struct sweep *sweep, int error)
{
    sweep->counts.failed++;
    for (size_t i = 0; i < SWEEP_ERRORS_MAX; i++) {
        struct sweep_error *known = &sweep->counts.errors[i];

        if (known->error != 0 && known->error != error)
            continue;
        known->error = error;
        known->count++;
        return;
    }
}

void sweep_sent(struct sweep *sweep, const struct sweep_probe *probe, int error, int64_t now_ns)
{
    now_ns -= sweep->paused_ns;
    if (sweep->out)
        sweep->out--;
    if (error == 0)
        sweep_left(sweep, probe, now_ns);
    else if (error == -EAGAIN || error == -ENOBUFS)
        sweep_postpone(sweep, probe, now_ns);
    else
        sweep_fail(sweep, -error);
}

/* --- the rest ----------------------------------------------------------------- */

static uint64_t sweep_pending(const struct sweep *sweep, int64_t now_ns, uint64_t unanswered)
{
    int64_t since = (now_ns - sweep->timeout_ns) / sweep_slot_ns(sweep);
    uint64_t recent = 0;

    for (size_t i = 0; i < SWEEP_RECENT; i++)
        if (sweep->recent[i].slot >= since)
            recent += sweep->recent[i].count;
    return recent < unanswered ? recent : unanswered;
}

/* A pass that skips answers is as far as its place says; the waiting at the end does not count. */
static double sweep_progress(const struct sweep *sweep)
{
    double places = (double)sweep->space.size * sweep->passes;
    double place = (double)sweep->space.size * sweep->pass + (double)sweep->place;

    if (sweep_is_sent(sweep) || sweep->pass >= sweep->passes)
        place = places;
    return (place - (double)(sweep->nagain + sweep->out)) / places;
}

void sweep_counts(const struct sweep *sweep, int64_t now_ns, struct sweep_counts *counts)
{
    uint64_t unanswered = sweep->counts.asked - sweep_answered(sweep);

    *counts = sweep->counts;
    now_ns -= sweep->paused_ns;
    if (!sweep_is_sent(sweep) || now_ns < time_add(sweep->last_ns, sweep->timeout_ns))
        counts->pending = sweep_pending(sweep, now_ns, unanswered);
    counts->silent = unanswered - counts->pending;
    counts->achieved_pps = NAN;
    counts->progress = sweep_progress(sweep);
    counts->interrupted = sweep->stopped;
    if (counts->sent < 2 || sweep->last_ns <= sweep->first_ns)
        return;
    counts->sending_ns = sweep->last_ns - sweep->first_ns;
    counts->achieved_pps = (double)(counts->sent - 1) * 1e9 / (double)counts->sending_ns;
}

void sweep_shift(struct sweep *sweep, int64_t paused_ns)
{
    sweep->paused_ns += paused_ns;
}

void sweep_stop(struct sweep *sweep)
{
    int64_t ignored = 0;

    sweep->stopped = !sweep_is_sent(sweep) || !sweep_wait_end(sweep, INT64_MIN, &ignored);
}

const char *sweep_answer_name(enum sweep_answer answer)
{
    static const char *const names[] = {
        [SWEEP_FOREIGN] = "foreign",   [SWEEP_OPEN] = "open",
        [SWEEP_REFUSED] = "refused",   [SWEEP_UNREACHABLE] = "unreachable",
        [SWEEP_REPEATED] = "repeated", [SWEEP_SUSPECT] = "suspect",
    };

    return names[answer];
}
