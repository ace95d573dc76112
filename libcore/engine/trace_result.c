/* A snapshot of what is known, valid on its own. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/trace_internal.h"

static int result_copy_responders(struct trace_hop *to, const struct trace_hop *from)
{
    to->responders = calloc(from->nresponders, sizeof(*to->responders));
    if (!to->responders)
        return -ENOMEM;
    for (size_t i = 0; i < from->nresponders; i++) {
        to->responders[i] = from->responders[i];
        to->nresponders = i + 1;
        int err = quantile_copy(&to->responders[i].rtt_ms_quantiles,
                                &from->responders[i].rtt_ms_quantiles);
        if (err)
            return err;
    }
    return 0;
}

static int result_copy_hop(struct trace_hop *to, const struct trace_hop *from)
{
    *to = *from;
    to->responders = NULL;
    to->nresponders = 0;
    int err = quantile_copy(&to->rtt_ms_quantiles, &from->rtt_ms_quantiles);
    if (!err && from->nresponders)
        err = result_copy_responders(to, from);
    return err;
}

/* The last hop worth showing: the end, or one behind the last answer. */
static unsigned result_last_ttl(const struct trace *trace)
{
    unsigned answered = trace->highest_ttl ? trace->highest_ttl : trace->config.first_ttl - 1u;
    unsigned last = answered + 1;
    uint8_t loop_first, loop_last;

    if (trace->rounds == 0)
        return trace->config.first_ttl - 1u;
    if (trace->length_kind != LENGTH_UNKNOWN)
        return trace->length;
    if (trace_path_loops(trace, &loop_first, &loop_last))
        last = 2u * loop_last - loop_first + 1;
    if (last > answered + 1)
        last = answered;
    return last > trace->config.max_ttl ? trace->config.max_ttl : last;
}

static void result_count_pending(const struct trace *trace, int64_t now_ns,
                                 struct trace_result *result)
{
    for (uint32_t id = trace->oldest_id; id != trace->next_id; id++) {
        const struct trace_slot *slot = trace_slot_get(trace, id);
        if (!slot || slot->state != SLOT_FLIGHT || !trace_slot_counts(trace, slot))
            continue;
        size_t index = (size_t)(slot->ttl - trace->config.first_ttl);
        if (index < result->nhops && trace_slot_waits(trace, slot, now_ns))
            result->hops[index].pending++;
    }
}

static void result_share(struct trace_hop *hop)
{
    uint64_t judged = hop->sent - hop->pending;
    uint64_t lost = judged - hop->received;

    hop->loss_pct = judged ? 100.0 * (double)lost / (double)judged : NAN;
    hop->loss = interval_wilson(lost, judged, INTERVAL_Z_95);
}

/* A change is listed at the hop that showed it first: later ones only repeat it. */
static bool result_change_is_old(const struct trace_result *result, size_t hop,
                                 const struct trace_change *change)
{
    for (size_t i = 0; i < hop; i++) {
        for (size_t r = 0; r < result->hops[i].nresponders; r++) {
            const struct trace_responder *responder = &result->hops[i].responders[r];
            for (size_t c = 0; c < responder->nchanges; c++) {
                const struct trace_change *old = &responder->changes[c];
                bool same = old->kind == change->kind && old->is_address == change->is_address;
                if (same &&
                    (old->is_address ? address_equal(&old->address_after, &change->address_after)
                                     : old->after == change->after))
                    return true;
            }
        }
    }
    return false;
}

/* From the far end, so that what earlier hops showed is still there to compare with. */
static void result_first_changes(struct trace_result *result)
{
    for (size_t i = result->nhops; i-- > 0;) {
        for (size_t r = 0; r < result->hops[i].nresponders; r++) {
            struct trace_responder *responder = &result->hops[i].responders[r];
            size_t kept = 0;
            for (size_t c = 0; c < responder->nchanges; c++) {
                if (!result_change_is_old(result, i, &responder->changes[c]))
                    responder->changes[kept++] = responder->changes[c];
            }
            responder->nchanges = kept;
        }
    }
}

static int result_hops(const struct trace *trace, int64_t now_ns, struct trace_result *result)
{
    size_t count = result_last_ttl(trace) - trace->config.first_ttl + 1u;

    if (count == 0)
        return 0;
    result->hops = calloc(count, sizeof(*result->hops));
    if (!result->hops)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        result->nhops = i + 1;
        int err = result_copy_hop(&result->hops[i], &trace->hops[i].hop);
        if (err)
            return err;
        result->sent += result->hops[i].sent;
        result->received += result->hops[i].received;
    }
    result_count_pending(trace, now_ns, result);
    for (size_t i = 0; i < count; i++)
        result_share(&result->hops[i]);
    result_first_changes(result);
    return 0;
}

static void result_end(const struct trace *trace, struct trace_result *result)
{
    uint8_t loop_first, loop_last;

    result->end_ttl = (uint8_t)(result->nhops ? result->hops[result->nhops - 1].ttl : 0);
    if (trace->length_kind != LENGTH_UNKNOWN) {
        result->end_address = trace->end_address;
        result->end_icmp_type = trace->end_type;
        result->end_icmp_code = trace->end_code;
    }
    if (trace->sent == 0 && trace->send_errors > 0) {
        result->end = TRACE_END_SEND_FAILED;
        result->end_error = trace->refusal.errnos[0].error;
    } else if (trace->stopped) {
        result->end = TRACE_END_INTERRUPTED;
    } else if (!trace->done) {
        result->end = TRACE_END_NONE;
    } else if (trace->length_kind != LENGTH_UNKNOWN) {
        result->end = trace->end_refused ? TRACE_END_UNREACHABLE : TRACE_END_REACHED;
    } else if (trace->mda && mda_reached(trace->mda)) {
        result->end = TRACE_END_REACHED; /* by other flows than that of the rounds */
        result->end_address = trace->config.destination;
    } else if (trace_path_loops(trace, &loop_first, &loop_last)) {
        result->end = TRACE_END_LOOP;
    } else {
        unsigned reach = trace->highest_ttl + (unsigned)trace->config.gap_limit;
        bool gap = trace->config.gap_limit && reach < trace->config.max_ttl;
        result->end = gap ? TRACE_END_GAP_LIMIT : TRACE_END_TTL_LIMIT;
    }
}

/* A router that says unreachable is found where it answered first, not where it said so. */
static void result_end_ttl(struct trace_result *result)
{
    if (result->end_address.family == 0)
        return;
    for (size_t i = 0; i < result->nhops; i++) {
        for (size_t r = 0; r < result->hops[i].nresponders; r++) {
            const struct trace_responder *responder = &result->hops[i].responders[r];
            if (!address_equal(&responder->address, &result->end_address))
                continue;
            result->end_ttl = result->hops[i].ttl;
            return;
        }
    }
}

static void result_totals(const struct trace *trace, struct trace_result *result)
{
    result->config = trace->config;
    result->config.source_port = trace->source_port;
    result->config.destination_port = trace->destination_port;
    result->interrupted = trace->stopped;
    result->reached = trace->reached || (trace->mda && mda_reached(trace->mda));
    result->path_len = trace->length_kind == LENGTH_TARGET ? trace->length : 0;
    result->rounds = trace->rounds;
    result->searches = trace->searches;
    result->foreign = trace->foreign;
    result->suspects = trace->suspects;
    result->duplicates = trace->duplicates;
    result->late = trace->late;
    result->send_errors = trace->send_errors;
    result->reordered = trace->reordered;
    result->path_mtu = trace->mtu.mtu;
    result->path_mtu_ttl = trace_mtu_ttl(trace);
}

int trace_result(const struct trace *trace, int64_t now_ns, struct trace_result *result)
{
    struct trace_result taken = {0};

    result_totals(trace, &taken);
    int err = trace->broken ? -ENOMEM : result_hops(trace, now_ns, &taken);
    if (!err) {
        taken.beyond = trace->sent > taken.sent ? trace->sent - taken.sent : 0;
        result_end(trace, &taken);
        if (taken.end == TRACE_END_UNREACHABLE)
            result_end_ttl(&taken);
        err = trace_multipath_result(trace, &taken);
    }
    if (!err) {
        uint8_t loss_ttl = trace_loss_judge(trace, &taken);
        err = trace_findings_collect(trace, &taken, loss_ttl);
    }
    if (err) {
        trace_result_release(&taken);
        return err;
    }
    *result = taken;
    return 0;
}

void trace_result_release(struct trace_result *result)
{
    for (size_t i = 0; i < result->nhops; i++)
        trace_hop_release(&result->hops[i]);
    for (size_t i = 0; i < result->npaths; i++)
        free(result->paths[i].hops);
    free(result->hops);
    free(result->paths);
    free(result->links);
    free(result->findings);
    *result = (struct trace_result){0};
}
