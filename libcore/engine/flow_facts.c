/* What is known of a flow, as facts. */
#include <math.h>

#include "engine/flow_internal.h"

#define HALF_SPACE UINT64_C(0x80000000)

/* Sequence numbers from the first byte seen to the latest, over any number of turns. */
static uint64_t flow_facts_advance(const struct flow_half *half, const struct flow_cold_half *cold)
{
    uint64_t low = half->next % HALF_SPACE, base = cold->base % HALF_SPACE;

    if (cold->crossings == 0 && seq_before(half->next, cold->base))
        return 0;
    return cold->crossings * HALF_SPACE + low - base;
}

static uint64_t flow_facts_missing(const struct flows *flows, const struct flow_trouble *trouble)
{
    uint64_t missing = 0;

    if (!trouble)
        return 0;
    const struct flow_interval *hole = flow_intervals_first(flows, trouble->holes);
    for (; hole; hole = flow_intervals_first(flows, hole->next))
        missing += hole->right - hole->left;
    return missing;
}

static uint64_t flow_facts_unique(const struct flows *flows, const struct flow *flow, unsigned half)
{
    const struct flow_cold_half *cold = &flow_cold(flows, flow)->half[half];

    if (!(flow->flags[half] & HALF_SEEN))
        return 0;
    uint64_t advance = flow_facts_advance(&flow->half[half], cold);
    uint64_t less = flow_facts_missing(flows, flow_trouble(flows, flow, half)) +
                    (flow->flags[half] & HALF_FIN ? 1 : 0);
    return advance > less ? advance - less : 0;
}

void flow_counts_fill(const struct flows *flows, const struct flow *flow, unsigned half,
                      struct flow_counts *counts)
{
    const struct flow_cold_half *cold = &flow_cold(flows, flow)->half[half];
    const struct flow_trouble *trouble = flow_trouble(flows, flow, half);

    *counts = (struct flow_counts){
        .packets = (uint64_t)cold->packets_high << 32 | flow->half[half].packets,
        .segments = (uint64_t)cold->segments_high << 32 | flow->half[half].segments,
        .unique_bytes = flow_facts_unique(flows, flow, half),
        .ce_marks = cold->ce_marks,
        .ece = cold->ece,
    };
    if (trouble) {
#define FLOW_COPY(field) counts->field = trouble->tally.field;
        FLOW_TALLY_EACH(FLOW_COPY)
#undef FLOW_COPY
        counts->zero_window_ns = trouble->tally.zero_window_ns;
        int64_t so_far = since_ns(flow->half[!half].last_ns, trouble->zero_ns);
        if (flow->flags[half] & HALF_ZERO && so_far > counts->zero_window_ns)
            counts->zero_window_ns = so_far;
    }
    counts->bytes = counts->unique_bytes + counts->retransmitted_bytes;
    counts->bytes -=
        counts->capture_gap_bytes < counts->bytes ? counts->capture_gap_bytes : counts->bytes;
}

void flow_counts_add(struct flow_counts *sum, const struct flow_counts *counts)
{
    sum->packets += counts->packets;
    sum->segments += counts->segments;
    sum->bytes += counts->bytes;
    sum->unique_bytes += counts->unique_bytes;
    sum->ce_marks += counts->ce_marks;
    sum->ece += counts->ece;
#define FLOW_ADD(field) sum->field += counts->field;
    FLOW_TALLY_EACH(FLOW_ADD)
#undef FLOW_ADD
    if (counts->zero_window_ns > sum->zero_window_ns)
        sum->zero_window_ns = counts->zero_window_ns;
}

static struct flow_rtt flow_facts_rtt(const struct flow_rtt_state *state)
{
    if (state->samples == 0)
        return (struct flow_rtt){0, -1, -1, -1};
    return (struct flow_rtt){
        .samples = state->samples,
        .min_ns = (int64_t)state->min << RTT_SHIFT,
        .smoothed_ns = (int64_t)state->smoothed << RTT_SHIFT,
        .max_ns = (int64_t)state->max << RTT_SHIFT,
    };
}

static double flow_facts_goodput(const struct flow *flow, const struct flow_cold *cold,
                                 unsigned half, uint64_t unique)
{
    if (!(cold->half[half].flags & COLD_DATA))
        return NAN;
    int64_t sending = since_ns(flow->half[half].data_ns, cold->half[half].first_data_ns);
    return sending > 0 ? (double)unique * 8e9 / (double)sending : NAN;
}

static double flow_facts_loss(const struct flow_counts *counts)
{
    if (counts->segments == 0)
        return NAN;
    uint64_t needed =
        counts->retransmissions > counts->spurious ? counts->retransmissions - counts->spurious : 0;
    double pct = 100.0 * (double)needed / (double)counts->segments;
    return pct > 100 ? 100 : pct;
}

static void flow_facts_side(const struct flows *flows, const struct flow *flow, unsigned half,
                            struct flow_side_facts *side)
{
    const struct flow_cold *cold = flow_cold(flows, flow);
    const struct flow_cold_half *own = &cold->half[half];

    *side = (struct flow_side_facts){
        .rtt = flow_facts_rtt(&flow->rtt[half]),
        .isn = own->isn,
        .has_syn = own->flags & COLD_SYN,
        .isn_reused = own->flags & COLD_ISN_REUSED,
        .sack_permitted = own->flags & COLD_SACK,
        .timestamps = own->flags & COLD_TIMESTAMPS || flow->half[half].tsval != 0,
        .fin = flow->flags[half] & HALF_FIN,
        .mss = own->mss,
        .wscale = own->flags & COLD_WSCALE ? own->wscale : -1,
        .ttl = flow->ttl[half],
        .window = flow->flags[half] & HALF_ACKED && flow->wscale[half] != WSCALE_UNKNOWN
                      ? (int64_t)(flow->half[half].edge - flow->half[half].ack)
                      : -1,
    };
    flow_counts_fill(flows, flow, half, &side->counts);
    side->unheard = flow_stall_unheard(flows, flow, half);
    side->loss_pct = flow_facts_loss(&side->counts);
    side->goodput_bps = flow_facts_goodput(flow, cold, half, side->counts.unique_bytes);
}

static void flow_facts_handshake(const struct flow_cold *cold, struct flow_facts *facts)
{
    facts->handshake_client_ns = facts->handshake_server_ns = -1;
    if (cold->handshake & HANDSHAKE_RESENT)
        return;
    if ((cold->handshake & HANDSHAKE_SYN) && (cold->handshake & HANDSHAKE_SYNACK))
        facts->handshake_server_ns = since_ns(cold->synack_ns, cold->syn_ns);
    if ((cold->handshake & HANDSHAKE_SYNACK) && (cold->handshake & HANDSHAKE_ACK))
        facts->handshake_client_ns = since_ns(cold->ack_ns, cold->synack_ns);
    if (facts->handshake_server_ns < 0)
        facts->handshake_server_ns = -1;
    if (facts->handshake_client_ns < 0)
        facts->handshake_client_ns = -1;
}

/* The earlier of the two sides' first RSTs. */
static void flow_facts_reset(const struct flows *flows, const struct flow *flow,
                             struct flow_facts *facts)
{
    for (unsigned half = 0; half < 2; half++) {
        struct flow_reset reset;

        if (!(flow->flags[half] & HALF_RST))
            continue;
        flow_reset_facts(flows, flow, half, &reset);
        if (!facts->has_reset || reset.frame < facts->reset.frame)
            facts->reset = reset;
        facts->has_reset = true;
    }
}

void flow_facts_fill(const struct flows *flows, const struct flow *flow, enum flow_end end,
                     struct flow_facts *facts)
{
    const struct flow_cold *cold = flow_cold(flows, flow);
    unsigned client = flow->client;

    *facts = (struct flow_facts){
        .flow_id = cold->id,
        .client_known = cold->client_known,
        .complete = cold->handshake & HANDSHAKE_SYN,
        .start_ns = cold->start_ns,
        .last_ns =
            since_ns(flow->half[1].last_ns, flow->half[0].last_ns) > 0 && flow->half[1].packets > 0
                ? flow->half[1].last_ns
                : flow->half[0].last_ns,
        .end = end,
        .ended_by = flow_side_of(flow, cold->ended_by),
        .ecn = (enum flow_ecn)cold->ecn,
        .vlan = cold->vlan,
        .unheard_synacks = cold->handshake & HANDSHAKE_UNHEARD,
        .stall = cold->stall,
    };
    if (flow->half[0].packets == 0)
        facts->last_ns = flow->half[1].last_ns;
    flow_event_key(flow, &facts->key);
    flow_facts_handshake(cold, facts);
    flow_facts_side(flows, flow, client, &facts->side[FLOW_CLIENT]);
    flow_facts_side(flows, flow, !client, &facts->side[FLOW_SERVER]);
    if ((flow->flags[0] | flow->flags[1]) & HALF_RST)
        flow_facts_reset(flows, flow, facts);
    flow_findings_of(facts);
}
