/*
 * Round trips between the tap and each side. One segment at a time is watched on its way to a side
 * and its acknowledgement back (RFC 6298 3: never one that was sent again, nor by one that was:
 * that comes late); where a side only sends acknowledgements, the echo of their timestamp in the
 * peer's data tells of the other side.
 */
#include "engine/flow_internal.h"

#define RTO_MIN_NS     (200 * NS_PER_MS) /* Linux: TCP_RTO_MIN */
#define RTO_INITIAL_NS (1 * NS_PER_SEC)  /* RFC 6298 (2.1) */
/* Jitter must not matter much. */
#define TICK_LEARN        4
#define TICK_LEARN_NS     (4 * NS_PER_MS)
#define TICK_LEARN_MAX_NS (INT64_C(86400) * NS_PER_SEC) /* before the timestamps come round */
#define ECHO_GROWTH       2  /* an echo may have waited for data: it counts no more */
#define FLIGHT_MAX        32 /* segments of a first flight, at most; RFC 6928: 10 */
#define FLIGHT_WALK       4096
#define FLIGHT_LEAST_NS   NS_PER_MS /* shorter is jitter within the flight */

static void flow_rtt_add(struct flow_rtt_state *rtt, uint32_t sample)
{
    uint32_t off = sample > rtt->smoothed ? sample - rtt->smoothed : rtt->smoothed - sample;

    if (rtt->samples++ == 0) { /* RFC 6298 (2.2) */
        rtt->min = rtt->max = rtt->smoothed = sample;
        rtt->variation = sample / 2;
        return;
    }
    if (rtt->samples == 0) /* wrapped */
        rtt->samples = UINT32_MAX;
    if (sample < rtt->min)
        rtt->min = sample;
    if (sample > rtt->max)
        rtt->max = sample;
    /* RFC 6298 (2.3), with alpha 1/8 and beta 1/4 */
    rtt->variation = rtt->variation - rtt->variation / 4 + off / 4;
    rtt->smoothed = rtt->smoothed - rtt->smoothed / 8 + sample / 8;
}

/* False: not to be used. */
static bool flow_rtt_sample(int64_t ns, uint32_t *sample)
{
    if (ns < 0)
        return false;
    int64_t units = ns >> RTT_SHIFT;
    *sample = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
    return true;
}

void flow_rtt_acked(struct flow_step *step)
{
    struct flow *flow = step->flow;
    unsigned sender = !step->me;
    uint32_t sample;

    flow->flags[sender] &= (uint8_t) ~(HALF_TIMED | HALF_ECHO);
    if (step->resent)
        return;
    if (flow_rtt_sample(since_ns(step->s->when_ns, flow->half[sender].timed_ns), &sample))
        flow_rtt_add(&flow->rtt[step->me], sample);
}

void flow_rtt_echoed(struct flow_step *step)
{
    struct flow *flow = step->flow;
    unsigned sender = !step->me;
    struct flow_rtt_state *rtt = &flow->rtt[step->me];
    uint32_t sample;

    flow->flags[sender] &= (uint8_t)~HALF_ECHO;
    if (!flow_rtt_sample(since_ns(step->s->when_ns, flow->half[sender].timed_ns), &sample))
        return;
    if (rtt->samples > 0 && sample / ECHO_GROWTH > rtt->smoothed)
        return;
    flow_rtt_add(rtt, sample);
}

void flow_rtt_clock(struct flow_step *step)
{
    struct flow_cold_half *cold = &flow_cold(step->flows, step->flow)->half[step->me];

    if (!step_has_timestamps(step) || cold->flags & COLD_CLOCK)
        return;
    cold->flags |= COLD_CLOCK;
    cold->clock_ns = step->s->when_ns;
    cold->clock_tsval = step->s->tsval;
}

int64_t flow_rtt_tick(const struct flow_step *step)
{
    const struct flow_cold_half *cold = &flow_cold(step->flows, step->flow)->half[step->me];
    int64_t elapsed = since_ns(step->s->when_ns, cold->clock_ns);
    uint32_t ticks = step->s->tsval - cold->clock_tsval;

    if (!step_has_timestamps(step) || !(cold->flags & COLD_CLOCK) || elapsed < TICK_LEARN_NS ||
        elapsed > TICK_LEARN_MAX_NS || ticks < TICK_LEARN || ticks > INT32_MAX)
        return 0;
    return elapsed / ticks <= NS_PER_SEC ? elapsed / ticks : 0; /* RFC 7323 (5.4) */
}

int64_t flow_rtt_quiet_there(const struct flow_step *step)
{
    const struct flow_half *half = &step->flow->half[step->me];
    int64_t tick = flow_rtt_tick(step);

    if (tick == 0 || half->packets == 0 || seq_before(step->s->tsval, half->tsval))
        return -1;
    return (int64_t)(step->s->tsval - half->tsval) * tick;
}

void flow_rtt_handshake(struct flow *flow, unsigned half, int64_t rtt_ns)
{
    uint32_t sample;

    if (flow_rtt_sample(rtt_ns, &sample))
        flow_rtt_add(&flow->rtt[half], sample);
}

int64_t flow_rtt_side(const struct flow *flow, unsigned half)
{
    return (int64_t)flow->rtt[half].smoothed << RTT_SHIFT;
}

int64_t flow_rtt_side_least(const struct flow *flow, unsigned half)
{
    return (int64_t)flow->rtt[half].min << RTT_SHIFT;
}

bool flow_rtt_may_answer(const struct flow_step *step, int64_t then_ns)
{
    return since_ns(step->s->when_ns, then_ns) >= flow_rtt_side_least(step->flow, step->me) / 8 * 7;
}

int64_t flow_rtt_whole(const struct flow *flow)
{
    return flow_rtt_side(flow, 0) + flow_rtt_side(flow, 1);
}

int64_t flow_rtt_least(const struct flow *flow)
{
    return flow_rtt_side_least(flow, 0) + flow_rtt_side_least(flow, 1);
}

int64_t flow_rtt_usual(const struct flow *flow)
{
    int64_t variation = ((int64_t)flow->rtt[0].variation + flow->rtt[1].variation) << RTT_SHIFT;

    return flow_rtt_whole(flow) + 4 * variation;
}

int64_t flow_rtt_timeout(const struct flow *flow)
{
    int64_t whole = flow_rtt_whole(flow), usual = flow_rtt_usual(flow);

    if (whole == 0)
        return RTO_INITIAL_NS;
    return usual - whole > RTO_MIN_NS ? usual : whole + RTO_MIN_NS;
}

/* The half's first segments in the order of their arrival; 0: they are not known any more. */
static unsigned flow_rtt_first(const struct flow_step *step,
                               const struct flow_sent *first[FLIGHT_MAX])
{
    const struct flow *flow = step->flow;
    uint32_t owner = flow_owner(flow, step->me), id = flow->half[step->me].sent;
    uint32_t base = flow_cold(step->flows, flow)->half[step->me].base;
    const struct flow_sent *latest[FLIGHT_MAX];
    unsigned n = 0, count;

    for (; n < FLIGHT_WALK; n++) {
        const struct flow_sent *sent = flow_ranges_sent(step->flows, id, owner);
        if (!sent || seq_before(sent->seq, base))
            break; /* the SYN */
        latest[n % FLIGHT_MAX] = sent;
        id = sent->previous;
    }
    if (n == 0 || latest[(n - 1) % FLIGHT_MAX]->seq != base)
        return 0;
    count = n < FLIGHT_MAX ? n : FLIGHT_MAX;
    for (unsigned i = 0; i < count; i++)
        first[i] = latest[(n - 1 - i) % FLIGHT_MAX];
    return count;
}

/*
 * Full segments, and then none for most of the time since they began to come: the congestion
 * window was used up (RFC 5681 3.1), and the next was let out by their acknowledgement.
 */
int64_t flow_rtt_flight(const struct flow_step *step)
{
    const struct flow_sent *first[FLIGHT_MAX];
    unsigned count = flow_rtt_first(step, first);

    for (unsigned i = 2; i < count; i++) {
        int64_t since = since_ns(first[i]->when_ns, first[0]->when_ns);
        int64_t pause = since_ns(first[i]->when_ns, first[i - 1]->when_ns);
        if (first[i - 1]->end - first[i - 1]->seq < step->flow->half[step->me].mss)
            return 0;
        if (since >= FLIGHT_LEAST_NS && pause > since / 4 * 3)
            return since;
    }
    return 0;
}
