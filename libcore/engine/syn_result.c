/* A snapshot of what is known, valid on its own. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/syn_internal.h"

/* What most probes met; of as many, the worse. */
static enum syn_outcome result_outcome(const struct syn_target_result *result)
{
    const struct {
        enum syn_outcome outcome;
        uint64_t count;
    } all[] = {
        {SYN_SEND_FAILED, result->send_errors},
        {SYN_TIMED_OUT, result->timed_out},
        {SYN_UNREACHABLE, result->unreachable},
        {SYN_REFUSED, result->refused},
        {SYN_OPEN, result->open},
    };
    size_t most = 0;

    for (size_t i = 1; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].count > all[most].count)
            most = i;
    }
    return all[most].count ? all[most].outcome : SYN_PENDING;
}

static void result_counts(const struct syn_target_state *target, const struct syn_detail *detail,
                          struct syn_target_result *result)
{
    result->sent = target->sent;
    result->answered = target->answered;
    result->pending = target->in_flight;
    result->send_errors = target->send_errors;
    result->open = target->open;
    result->refused = target->refused;
    result->unreachable = target->unreachable;
    result->timed_out = result->sent - result->pending - result->answered;
    result->repeats_sent = target->repeats_sent;
    result->answered_when_repeated = target->repeated;
    result->late = target->late;
    result->duplicates = target->duplicates;
    result->suspects = target->suspects;
    result->retransmitted_answers = detail->again;
    result->second_answers = detail->second;
    result->middlebox_answers = detail->middlebox;
    result->reference_sent = detail->reference_sent;
    result->reference_answered = detail->reference_answered;
    result->outcome = result_outcome(result);
}

static void result_loss(struct syn_target_result *result)
{
    uint64_t judged = result->sent - result->pending;

    result->loss_pct = judged ? 100.0 * (double)result->timed_out / (double)judged : NAN;
    result->loss = interval_wilson(result->timed_out, judged, INTERVAL_Z_95);
}

/* FoxIO's JA4TS: window, option kinds, MSS, window scale; the pauses of repeated SYN-ACKs. */
static void result_ja4ts(const struct syn_detail *detail, struct syn_ack_facts *facts)
{
    char *out = facts->ja4ts;
    size_t size = sizeof(facts->ja4ts);
    size_t len = text_format(out, size, "%u_", facts->window);

    for (size_t i = 0; i < facts->nkinds; i++)
        len += text_format(out + len, size - len, i ? "-%u" : "%u", facts->kinds[i]);
    if (facts->nkinds == 0)
        len += text_format(out + len, size - len, "00");
    len += text_format(out + len, size - len, facts->mss ? "_%u" : "_00", facts->mss);
    if (facts->wscale < 0)
        len += text_format(out + len, size - len, "_00");
    else
        len += text_format(out + len, size - len, "_%d", facts->wscale);
    for (size_t i = 0; i < detail->ngaps; i++)
        len += text_format(out + len, size - len, i ? "-%u" : "_%u", detail->gaps_s[i]);
}

static void result_synack(const struct syn_detail *detail, struct syn_ack_facts *facts)
{
    const struct syn_answer *latest = &detail->latest;

    *facts = (struct syn_ack_facts){.wscale = -1};
    if (detail->synacks == 0)
        return;
    facts->samples = detail->synacks;
    facts->ttl = latest->ttl;
    facts->hops = latest->hops;
    facts->window = latest->window;
    facts->mss = latest->mss;
    facts->wscale = latest->wscale;
    facts->sack = latest->got & PROBE_TCP_SACK;
    facts->timestamps = latest->got & PROBE_TCP_TIMESTAMPS;
    facts->fast_open = latest->got & PROBE_TCP_FAST_OPEN;
    facts->flags = latest->flags;
    facts->nkinds = latest->nkinds;
    memcpy(facts->kinds, latest->kinds, latest->nkinds);
    result_ja4ts(detail, facts);
}

static int result_flows(const struct syn *syn, const struct syn_target_state *target,
                        struct syn_target_result *result, struct syn_flows_verdict *verdict)
{
    *verdict = (struct syn_flows_verdict){0};
    if (!target->flows)
        return 0;
    result->flows = calloc(syn->config.source_ports, sizeof(*result->flows));
    if (!result->flows)
        return -ENOMEM;
    result->nflows = syn->config.source_ports;
    return syn_flows_judge(syn, target, result->flows, verdict);
}

static int result_fill(const struct syn *syn, const struct syn_target_state *target,
                       const struct syn_detail *detail, struct syn_target_result *result)
{
    struct syn_judged judged = {.syn = syn, .target = target, .detail = detail, .result = result};

    result->target.source = syn->sources[target->source];
    result->target.destination = target->destination;
    result->target.port = target->port;
    result_counts(target, detail, result);
    result_loss(result);
    result->rtt_ms = detail->rtt_ms;
    result->reference_ms = detail->reference_ms;
    result_synack(detail, &result->synack);
    int err = quantile_copy(&result->rtt_ms_quantiles, &detail->quantiles);
    if (!err)
        err = result_flows(syn, target, result, &judged.flows);
    if (!err)
        err = syn_findings_collect(&judged, &result->findings, &result->nfindings);
    return err;
}

int syn_target_result(const struct syn *syn, size_t index, struct syn_target_result *result)
{
    const struct syn_target_state *target = &syn->targets[index];
    struct syn_target_result taken = {0};
    struct syn_detail own;
    int err = syn->broken ? -ENOMEM : 0;

    syn_detail_init(&own);
    if (!err && target->only)
        err = syn_detail_add(syn, target, &own, target->only);
    if (!err)
        err = result_fill(syn, target, target->detail ? target->detail : &own, &taken);
    syn_detail_release(&own);
    if (err) {
        syn_target_result_release(&taken);
        return err;
    }
    *result = taken;
    return 0;
}

void syn_target_result_release(struct syn_target_result *result)
{
    quantile_release(&result->rtt_ms_quantiles);
    free(result->flows);
    free(result->findings);
    *result = (struct syn_target_result){0};
}

void syn_totals(const struct syn *syn, struct syn_result *totals)
{
    *totals = (struct syn_result){
        .config = syn->config,
        .interrupted = syn->stopped,
        .sent = syn->sent,
        .answered = syn->answered,
        .pending = syn->in_flight,
        .foreign = syn->foreign,
        .suspects = syn->suspects,
        .send_errors = syn->send_errors,
        .open = syn->open,
        .refused = syn->refused,
        .timed_out = syn->sent - syn->in_flight - syn->answered,
        .unreachable = syn->unreachable,
        .repeats_sent = syn->repeats_sent,
        .late = syn->late,
        .duplicates = syn->duplicates,
        .pauses = syn->no_room,
        .ntargets = syn->ntargets,
    };
}

int syn_result(const struct syn *syn, struct syn_result *result)
{
    struct syn_result taken;
    int err = 0;

    syn_totals(syn, &taken);
    taken.targets = calloc(syn->ntargets, sizeof(*taken.targets));
    if (!taken.targets)
        return -ENOMEM;
    for (size_t i = 0; !err && i < syn->ntargets; i++)
        err = syn_target_result(syn, i, &taken.targets[i]);
    if (err) {
        syn_result_release(&taken);
        return err;
    }
    *result = taken;
    return 0;
}

void syn_result_release(struct syn_result *result)
{
    for (size_t i = 0; result->targets && i < result->ntargets; i++)
        syn_target_result_release(&result->targets[i]);
    free(result->targets);
    *result = (struct syn_result){0};
}
