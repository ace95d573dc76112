/* The way of a segment through the engine. What is ordinary is decided here, in a few compares. */
#include "engine/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/flow_internal.h"
#include "engine/flow_plain.h"

#define SYN_SHARE 16 /* of the table may be SYNs that nobody answered */
#define SYN_LEAST 1024
#define PLAUSIBLE (INT32_C(1) << 30) /* acknowledgements farther off are of another world */

void flows_config_default(struct flows_config *config)
{
    *config = (struct flows_config){
        .max_flows = 1000000,
        .max_ranges = 262144,
        .top = 100,
        .sort = FLOW_SORT_WORST,
        .idle_ns = 600 * NS_PER_SEC,
        .syn_ns = 90 * NS_PER_SEC,
        .linger_ns = 60 * NS_PER_SEC,
    };
}

static const char *flows_config_fault(const struct flows_config *config)
{
    if (config->max_flows < 1 || config->max_flows > FLOW_MAX_FLOWS_LIMIT)
        return "the number of flows is not within 1 and 16777216";
    if (config->max_ranges < 64 || config->max_ranges > FLOW_MAX_RANGES_LIMIT)
        return "the number of ranges is not within 64 and 67108864";
    if (config->idle_ns <= 0 || config->syn_ns <= 0 || config->linger_ns <= 0)
        return "a time to wait is not above zero";
    return NULL;
}

static uint32_t flows_syn_share(uint32_t max_flows)
{
    uint32_t share = max_flows / SYN_SHARE;
    uint32_t least = max_flows < SYN_LEAST ? max_flows : SYN_LEAST;

    return share > least ? share : least;
}

int flows_new(const struct flows_config *config, struct flows **out, const char **why)
{
    const char *fault = flows_config_fault(config);

    if (why)
        *why = fault;
    if (fault)
        return -EINVAL;
    struct flows *flows = calloc(1, sizeof(*flows));
    if (!flows)
        return -ENOMEM;
    flows->config = *config;
    flows->syn_share = flows_syn_share(config->max_flows);
    flows->key[0] = config->seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0xa0761d6478bd642f);
    flows->key[1] = (config->seed ^ UINT64_C(0xe7037ed1a0b428db)) * UINT64_C(0x8ebc6af09c88c6e3);
    flow_queue_init(flows);
    if (flow_table_init(flows) < 0 || flow_ranges_init(flows) < 0 ||
        flow_top_init(&flows->top, config->top) < 0) {
        flows_free(flows);
        return -ENOMEM;
    }
    *out = flows;
    return 0;
}

void flows_free(struct flows *flows)
{
    if (!flows)
        return;
    flow_table_release(flows);
    flow_ranges_release(flows);
    flow_hosts_release(&flows->hosts);
    flow_top_release(&flows->top);
    free(flows);
}

/* --- IP-ID -------------------------------------------------------------------------------------
 */

static inline void flow_identity_read(struct flow_step *step)
{
    uint8_t score = step->flow->id_score[step->me];

    step->id = step->s->id;
    if (score & ID_SWAPPED)
        step->id = __builtin_bswap16(step->id);
    step->id_counts = (score & ID_SCORE) >= ID_COUNTS && step->s->has & SEGMENT_HAS_ID;
}

static inline void flow_identity_learn(struct flow_step *step)
{
    struct flow_half *half = &step->flow->half[step->me];
    uint8_t *score = &step->flow->id_score[step->me];

    if (!(step->s->has & SEGMENT_HAS_ID))
        return;
    if (step->id != half->next_id) {
        flow_identity_odd(step);
        return;
    }
    *score = (uint8_t)(*score + ((*score & ID_SCORE) < ID_SCORE_MAX));
    half->next_id = (uint16_t)(step->id + step->segments);
}

/* --- acknowledgement and window ----------------------------------------------------------------
 */

static inline uint32_t flow_window(const struct flow *flow, const struct segment *s, unsigned me)
{
    uint8_t scale = flow->wscale[me];

    return (uint32_t)s->window << (scale == WSCALE_UNKNOWN ? 0 : scale);
}

/* RFC 5681 (2): nothing new in it, while data is outstanding. */
static inline bool flow_is_dup_ack(const struct flow_step *step, uint32_t edge)
{
    const struct flow *flow = step->flow;
    const struct flow_half *half = &flow->half[step->me], *peer = &flow->half[!step->me];

    return step->len == 0 && step->s->window != 0 && edge == half->edge &&
           step->s->seq == half->next && flow->flags[!step->me] & HALF_SEEN &&
           seq_after(peer->next, step->s->ack) &&
           !(step->id_counts && (int16_t)(step->id - half->next_id) < 0);
}

static inline void flow_ack_advance(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me], *peer = &flow->half[!step->me];
    uint32_t una = half->ack, ack = step->s->ack;

    if (flow->flags[!step->me] & HALF_SEEN && seq_after(ack, peer->next))
        flow_ack_unseen(step);
    half->ack = ack;
    flow->dup_acks[step->me] = 0;
    flow->news_ns[!step->me] = step->s->when_ns;
    if (flow->flags[!step->me] & HALF_TIMED && !seq_before(ack, peer->timed_end))
        step->timed = true;
    if (flow->flags[!step->me] & HALF_WATCH)
        flow_ack_watched(step, una);
}

static inline void flow_ack(struct flow_step *step)
{
    struct flow *flow = step->flow;
    const struct segment *s = step->s;
    struct flow_half *half = &flow->half[step->me];
    uint32_t window = flow_window(flow, s, step->me), edge = s->ack + window, una = half->ack;

    if (!(flow->flags[step->me] & HALF_ACKED)) {
        flow->flags[step->me] |= HALF_ACKED;
        half->ack = una = s->ack;
        half->edge = edge;
        flow->news_ns[!step->me] = s->when_ns;
    }
    int32_t ahead = (int32_t)(s->ack - una);
    if (ahead > 0 && ahead < PLAUSIBLE)
        flow_ack_advance(step);
    else if (ahead == 0 && flow_is_dup_ack(step, edge))
        flow_ack_duplicate(step);
    if (s->nsack > 0)
        flow_ack_sack(step, una);
    if (ahead < 0 || ahead >= PLAUSIBLE)
        return;
    half->edge = edge;
    if (window < flow->half[!step->me].mss || flow->flags[step->me] & HALF_ZERO)
        flow_ack_window(step, window);
}

/* --- data ------------------------------------------------------------------------------------- */

static void flow_fin(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_cold *cold = flow_cold(step->flows, flow);

    if (flow->flags[step->me] & HALF_FIN)
        return;
    flow->flags[step->me] |= HALF_FIN;
    if (!(flow->flags[!step->me] & HALF_FIN))
        cold->ended_by = step->me & 1;
    else
        flow_open_closed(step->flows, flow, cold->ended_by);
}

static void flow_first(struct flow_step *step)
{
    struct flow *flow = step->flow;

    flow->flags[step->me] |= HALF_SEEN;
    flow->half[step->me].next = step->s->seq;
    flow_cold(step->flows, flow)->half[step->me].base = step->s->seq;
    flow_rtt_clock(step);
}

static inline void flow_data(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me];
    uint8_t flags = flow->flags[step->me];

    if (!(flags & HALF_SEEN))
        flow_first(step);
    bool in_line = step->s->seq == half->next;
    if (step->len == 0) {
        if (!in_line)
            flow_sequence(step);
        return;
    }
    half->segments += step->segments;
    step->flows->summary.counts.segments += step->segments;
    bool told = step->id_counts ? step->id == half->next_id : step->gap_ns < PLAIN_NS;
    if (in_line && !(flags & HALF_WATCH) && told)
        flow_sequence_new(step, 0);
    else
        flow_sequence(step);
    if (step->s->flags & TCP_FIN)
        flow_fin(step);
}

/* --- one segment -------------------------------------------------------------------------------
 */

/* What it shows of its sender, once all that came before has been compared with it. */
static inline void flow_remember(struct flow_step *step)
{
    struct flow *flow = step->flow;
    const struct segment *s = step->s;
    struct flow_half *half = &flow->half[step->me];

    if (s->has & SEGMENT_HAS_TIMESTAMPS) {
        bool newer = seq_after(s->tsval, half->tsval) || half->packets == 0;
        if (newer && step->len == 0 && !(flow->flags[step->me] & (HALF_TIMED | HALF_ECHO))) {
            flow->flags[step->me] |= HALF_ECHO;
            half->timed_tsval = s->tsval;
            half->timed_ns = s->when_ns;
        }
        if (newer)
            half->tsval = s->tsval;
        if (flow->flags[!step->me] & HALF_ECHO && step->len > 0 &&
            !seq_before(s->tsecr, flow->half[!step->me].timed_tsval))
            flow_rtt_echoed(step);
    }
    flow_identity_learn(step);
    if (flow->ttl[step->me] != s->ttl) {
        if (flow->ttl[step->me] != 0 && !(s->flags & TCP_SYN) && half->packets > 1)
            flow_cold(step->flows, flow)->half[step->me].flags |= COLD_TTL_VARIES;
        flow->ttl[step->me] = s->ttl;
    }
}

static void flow_marks(struct flow_step *step)
{
    struct flow_cold_half *cold = &flow_cold(step->flows, step->flow)->half[step->me];

    if (step->s->ecn == 3) { /* congestion experienced: RFC 3168 (5) */
        cold->ce_marks++;
        step->flows->summary.counts.ce_marks++;
    }
    if ((step->s->flags & (TCP_ECE | TCP_SYN)) == TCP_ECE) {
        cold->ece++;
        step->flows->summary.counts.ece++;
    }
    if (step->s->fragment) {
        struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
        FLOW_COUNT(step->flows, trouble, fragments, 1);
    }
}

static inline void flow_meaning(struct flow_step *step)
{
    const struct segment *s = step->s;
    struct flow *flow = step->flow;

    if (s->flags & TCP_RST) {
        flow_reset_receive(step);
        return;
    }
    if (flow->flags[step->me] & HALF_RST)
        flow_reset_aftermath(step);
    if (s->flags & TCP_SYN) {
        flow_open_syn(step);
    } else {
        if (flow->state < FLOW_STATE_OPEN)
            flow_open_progress(step);
        if (s->flags & TCP_ACK)
            flow_ack(step);
        flow_data(step);
        if (step->timed)
            flow_rtt_acked(step);
    }
    if (s->ecn == 3 || s->fragment || s->flags & TCP_ECE)
        flow_marks(step);
    flow_remember(step);
}

static inline void flow_counted(struct flow_step *step)
{
    struct flow_half *half = &step->flow->half[step->me];
    struct flow_counts *sum = &step->flows->summary.counts;

    half->last_ns = step->s->when_ns;
    if (++half->packets == 0)
        flow_cold(step->flows, step->flow)->half[step->me].packets_high++;
    step->flow->tick = step->flows->tick;
    sum->packets++;
    step->flows->summary.bytes += step->s->payload_len;
}

/* Interface and direction in a byte; 0: not known. */
static inline uint8_t flow_via(const struct segment *s)
{
    uint32_t both = s->ifindex * 4 + s->direction;

    return both ? (uint8_t)(1 + both % 255) : 0;
}

static bool flow_is_tap_copy(struct flow_step *step, uint8_t via)
{
    struct flow *flow = step->flow;
    uint8_t before = flow->via[step->me];

    if (before && flow_identity_tap_copy(step)) {
        struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, step->me);
        FLOW_COUNT(step->flows, trouble, tap_copies, 1);
        return true;
    }
    flow->via[step->me] = via;
    return false;
}

static inline void flow_step_init(struct flow_step *step, struct flow *flow, unsigned me)
{
    const struct segment *s = step->s;
    const struct flow_half *half = &flow->half[me], *peer = &flow->half[!me];

    step->flow = flow;
    step->me = me;
    step->len = s->payload_len + (s->flags & TCP_SYN ? 1 : 0) + (s->flags & TCP_FIN ? 1 : 0);
    step->end = s->seq + step->len;
    step->una = half->ack;
    step->segments = s->payload_len <= half->mss ? 1 : (s->payload_len + half->mss - 1) / half->mss;
    step->quiet_ns = half->packets ? since_ns(s->when_ns, half->last_ns) : -1;
    step->gap_ns = peer->packets ? since_ns(s->when_ns, peer->last_ns) : step->quiet_ns;
    if (half->packets && step->quiet_ns < step->gap_ns)
        step->gap_ns = step->quiet_ns;
    flow_identity_read(step);
}

static inline void flow_segment(struct flows *flows, struct flow *flow, unsigned me,
                                const struct segment *s)
{
    struct flow_step step = {.flows = flows, .s = s};
    uint8_t via = flow_via(s);

    step.flow = flow;
    step.me = me;
    if (!flows->no_plain && flow_plain(&step, via, flow_window(flow, s, me))) {
        if (step.timed)
            flow_rtt_acked(&step);
        flow_remember(&step);
        flow_counted(&step);
        return;
    }
    flow_step_init(&step, flow, me);
    if (via != flow->via[me] && flow_is_tap_copy(&step, via))
        return;
    if (step.gap_ns >> STALL_SHIFT > (int64_t)flow->stall)
        flow_stall_begin(&step);
    flow_meaning(&step);
    if (step.stalled)
        flow_stall_end(&step);
    flow_counted(&step);
}

/* --- many --------------------------------------------------------------------------------------
 */

static uint32_t flow_reopen(struct flows *flows, struct flow *flow, const struct segment *s,
                            const struct flow_lookup *key)
{
    const struct flow_cold_half *before = &flow_cold(flows, flow)->half[key->me];
    bool reused = before->flags & COLD_SYN && before->isn == s->seq;

    flow_close(flows, flow, flow_close_reason(flow, FLOW_END_REUSED));
    uint32_t id = flow_open(flows, s, key);
    if (id && reused) {
        flow_cold(flows, flow_at(flows, id))->half[key->me].flags |= COLD_ISN_REUSED;
        flows->summary.isn_reuses++;
    }
    return id;
}

static inline void flow_time(struct flows *flows, int64_t when_ns)
{
    int64_t step = since_ns(when_ns, flows->when_ns);

    if (flows->step_ns == 0 && step >= 0 && step < flows->tick_left_ns) {
        flows->when_ns = when_ns;
        flows->clock_ns += step;
        flows->tick_left_ns -= step;
    } else {
        flow_queue_time(flows, when_ns);
    }
}

static inline void flow_receive(struct flows *flows, const struct segment *s,
                                const struct flow_lookup *key, uint32_t id)
{
    flow_time(flows, s->when_ns);
    flows->summary.packets++;
    flows->summary.last_ns = s->when_ns;
    if (!id || !flow_table_is(flow_at(flows, id), key))
        id = flow_table_find(flows, key);
    if (!id)
        id = flow_open(flows, s, key);
    else if (s->flags & TCP_SYN && flow_open_is_new(flows, flow_at(flows, id), s, key->me))
        id = flow_reopen(flows, flow_at(flows, id), s, key);
    flows->current = id;
    if (id)
        flow_segment(flows, flow_at(flows, id), key->me, s);
}

/*
 * Memory is asked for in rounds over a few segments, and comes while the round goes on: first the
 * table's lines, then the flows', then what else of a flow will be needed. The rounds are short
 * loops, of which a processor runs several turns at once, so that even the page walks overlap;
 * asked for in between the segments before, each walk was waited for. None of it comes nearer than
 * the second cache, which can await twice as many lines as the first.
 */
#define ROUND 32

struct flow_pending {
    struct flow_lookup key;
    uint32_t guess;
};

static inline void flow_pending_flow(const struct flows *flows, struct flow_pending *pending)
{
    pending->guess = flow_table_guess(flows, &pending->key);
    if (!pending->guess)
        return;
    const uint8_t *lines = (const uint8_t *)flow_at(flows, pending->guess);
    for (size_t line = 0; line < sizeof(struct flow); line += 64)
        __builtin_prefetch(lines + line, 1, 2);
}

/*
 * A flow that begins will need the rest of what it is; one whose silence is the longest so far, the
 * line that tells of it. Inlined always: GCC drops calls of functions that do nothing but prefetch.
 */
__attribute__((always_inline)) static inline void
flow_pending_cold(const struct flows *flows, const struct flow_pending *pending,
                  const struct segment *s)
{
    if (!pending->guess)
        return;
    const struct flow *flow = flow_at(flows, pending->guess);
    const struct flow_half *half = &flow->half[pending->key.me];
    const struct flow_cold *cold = flow_pool_at(&flows->colds, pending->guess);
    bool begins = flow->state != FLOW_STATE_OPEN || half->data_ns == 0;
    if (begins || since_ns(s->when_ns, half->last_ns) >> STALL_SHIFT > (int64_t)flow->stall)
        __builtin_prefetch(&cold->stall, 1, 2);
    if (!begins)
        return;
    __builtin_prefetch(&cold->half[0], 1, 2);
    __builtin_prefetch(&cold->half[1], 1, 2);
}

static void flow_round(struct flows *flows, const struct segment *segments, size_t count)
{
    struct flow_pending pending[ROUND];

    for (size_t i = 0; i < count; i++) {
        flow_table_key(flows, &segments[i], &pending[i].key);
        __builtin_prefetch(&flows->table[pending[i].key.fingerprint & flows->table_mask], 0, 2);
    }
    for (size_t i = 0; i < count; i++)
        flow_pending_flow(flows, &pending[i]);
    for (size_t i = 0; i < count; i++)
        flow_pending_cold(flows, &pending[i], &segments[i]);
    for (size_t i = 0; i < count; i++)
        flow_receive(flows, &segments[i], &pending[i].key, pending[i].guess);
}

void flows_receive(struct flows *flows, const struct segment *segments, size_t count)
{
    if (count > 0 && !flows->started) {
        flows->started = true;
        flows->when_ns = flows->summary.start_ns = segments[0].when_ns;
    }
    for (size_t done = 0; done < count; done += ROUND)
        flow_round(flows, segments + done, count - done < ROUND ? count - done : ROUND);
}

void flows_count_other(struct flows *flows, enum segment_kind kind)
{
    switch (kind) {
    case SEGMENT_FRAGMENT:
        flows->summary.fragments++;
        break;
    case SEGMENT_TRUNCATED:
        flows->summary.truncated++;
        break;
    case SEGMENT_BAD:
        flows->summary.bad++;
        break;
    default:
        flows->summary.other++;
    }
}

void flows_receive_packet(struct flows *flows, const struct packet *packet, struct decode result,
                          enum packet_direction direction, uint32_t ifindex, int64_t when_ns,
                          uint64_t frame)
{
    struct segment s = {
        .when_ns = when_ns,
        .frame = frame,
        .ifindex = ifindex,
        .direction = (uint8_t)direction,
    };
    enum segment_kind kind = segment_from_packet(packet, result, &s);

    if (kind == SEGMENT_TCP)
        flows_receive(flows, &s, 1);
    else
        flows_count_other(flows, kind);
}

void flows_tick(struct flows *flows, int64_t now_ns)
{
    if (flows->started && since_ns(now_ns, flows->when_ns) > 0)
        flow_queue_time(flows, now_ns);
}
