#include <math.h>

#include "base/timespan.h"
#include "report/syn.h"
#include "report/value.h"
#include "report/words.h"

#define JSON_SCHEMA "netdx.syn/1"

/* --- a target ----------------------------------------------------------------------------------
 */

static json_t *json_outcomes(const struct syn_target_result *r)
{
    json_t *outcomes = json_object();

    json_object_set_new(outcomes, "open", value_count(r->open));
    json_object_set_new(outcomes, "refused", value_count(r->refused));
    json_object_set_new(outcomes, "timed_out", value_count(r->timed_out));
    json_object_set_new(outcomes, "unreachable", value_count(r->unreachable));
    return outcomes;
}

static json_t *json_loss(const struct syn_target_result *r)
{
    bool known = !isnan(r->loss_pct);
    json_t *loss = json_object();

    json_object_set_new(loss, "low_pct", value_number(known ? 100 * r->loss.low : NAN));
    json_object_set_new(loss, "high_pct", value_number(known ? 100 * r->loss.high : NAN));
    return loss;
}

static json_t *json_reference(const struct syn_target_result *r)
{
    const struct stats *s = &r->reference_ms;
    bool any = s->count > 0;
    json_t *reference, *rtt;

    if (!r->reference_sent)
        return json_null();
    reference = json_object();
    rtt = json_object();
    json_object_set_new(rtt, "min", value_number(any ? s->min : NAN));
    json_object_set_new(rtt, "mean", value_number(any ? s->mean : NAN));
    json_object_set_new(rtt, "max", value_number(any ? s->max : NAN));
    json_object_set_new(rtt, "stddev", value_number(stats_stddev(s)));
    json_object_set_new(reference, "sent", value_count(r->reference_sent));
    json_object_set_new(reference, "answered", value_count(r->reference_answered));
    json_object_set_new(reference, "rtt_ms", rtt);
    return reference;
}

static const char *json_ecn_name(uint16_t flags)
{
    /* RFC 3168 6.1.1: ECE alone; RFC 9768 3.1.1: the other codes tell how the SYN arrived. */
    switch (flags & (TCP_AE | TCP_CWR | TCP_ECE)) {
    case 0:
        return "none";
    case TCP_ECE:
        return "classic";
    default:
        return "accurate";
    }
}

static json_t *json_synack(const struct report_syn_target *target)
{
    const struct syn_ack_facts *s = &target->result->synack;
    json_t *synack, *kinds;

    if (!s->samples || !target->measured_raw)
        return json_null();
    synack = json_object();
    kinds = json_array();
    for (size_t i = 0; i < s->nkinds; i++)
        json_array_append_new(kinds, value_count(s->kinds[i]));
    json_object_set_new(synack, "ttl", value_count(s->ttl));
    json_object_set_new(synack, "hops", value_count(s->hops));
    json_object_set_new(synack, "window", value_count(s->window));
    json_object_set_new(synack, "mss", value_known(s->mss));
    json_object_set_new(synack, "wscale",
                        s->wscale < 0 ? json_null() : value_count((uint64_t)s->wscale));
    json_object_set_new(synack, "sack", json_boolean(s->sack));
    json_object_set_new(synack, "timestamps", json_boolean(s->timestamps));
    json_object_set_new(synack, "fast_open", json_boolean(s->fast_open));
    json_object_set_new(synack, "ecn", json_string(json_ecn_name(s->flags)));
    json_object_set_new(synack, "flags", value_count(s->flags));
    json_object_set_new(synack, "option_kinds", kinds);
    json_object_set_new(synack, "ja4ts", json_string(s->ja4ts));
    return synack;
}

static json_t *json_flows(const struct syn_target_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->nflows; i++) {
        const struct syn_flow *f = &r->flows[i];
        json_t *flow;

        if (!f->sent)
            continue;
        flow = json_object();
        json_object_set_new(flow, "source_port", value_count(f->source_port));
        json_object_set_new(flow, "sent", value_count(f->sent));
        json_object_set_new(flow, "answered", value_count(f->answered));
        json_object_set_new(flow, "repeated", value_count(f->repeated));
        json_object_set_new(flow, "rtt_min_ms", value_number(f->rtt_min_ms));
        json_object_set_new(flow, "rtt_median_ms", value_number(f->rtt_median_ms));
        json_object_set_new(flow, "cluster", value_count(f->cluster));
        json_array_append_new(list, flow);
    }
    return list;
}

static bool json_finding_has_loss(const struct syn_finding *f)
{
    return f->kind == SYN_FINDING_LOSS || (f->kind == SYN_FINDING_THRESHOLD && isnan(f->ms));
}

static bool json_finding_has_ms(enum syn_finding_kind kind)
{
    return kind == SYN_FINDING_SLOW_FLOWS || kind == SYN_FINDING_THRESHOLD;
}

static json_t *json_finding(const struct syn_finding *f, const struct syn_target_result *r,
                            const struct syn_config *config)
{
    bool loss = json_finding_has_loss(f), interval = f->kind == SYN_FINDING_LOSS;
    bool icmp = f->kind == SYN_FINDING_UNREACHABLE;
    json_t *object = json_object();
    char sentence[512];

    report_syn_finding(sentence, sizeof(sentence), f, r, config);
    json_object_set_new(object, "id", json_string(syn_finding_id(f->kind)));
    json_object_set_new(object, "severity", json_string(report_severity_name((int)f->severity)));
    json_object_set_new(object, "confidence", value_number(f->confidence));
    json_object_set_new(object, "address", value_address(&f->address));
    json_object_set_new(object, "icmp_type", icmp ? value_count(f->icmp_type) : json_null());
    json_object_set_new(object, "icmp_code", icmp ? value_count(f->icmp_code) : json_null());
    json_object_set_new(object, "loss_pct", value_number(loss ? f->loss_pct : NAN));
    json_object_set_new(object, "low_pct", value_number(interval ? 100 * f->loss.low : NAN));
    json_object_set_new(object, "high_pct", value_number(interval ? 100 * f->loss.high : NAN));
    json_object_set_new(object, "ms", value_number(json_finding_has_ms(f->kind) ? f->ms : NAN));
    json_object_set_new(object, "value", value_known(f->value));
    json_object_set_new(object, "flows", value_known(f->flows));
    json_object_set_new(object, "flows_total", value_known(f->flows_total));
    json_object_set_new(object, "count", value_known(f->count));
    json_object_set_new(object, "errno", value_known((uint64_t)f->error));
    json_object_set_new(object, "summary", json_string(sentence));
    return object;
}

static json_t *json_findings(const struct syn_target_result *r, const struct syn_config *config)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->nfindings; i++)
        json_array_append_new(list, json_finding(&r->findings[i], r, config));
    return list;
}

static void json_set_result(json_t *object, const struct report_syn_target *target)
{
    const struct syn_target_result *r = target->result;

    json_object_set_new(object, "address", value_address(&r->target.destination));
    json_object_set_new(object, "port", value_count(r->target.port));
    json_object_set_new(object, "source", value_address(&r->target.source));
    json_object_set_new(object, "sent", value_count(r->sent));
    json_object_set_new(object, "answered", value_count(r->answered));
    json_object_set_new(object, "pending", value_count(r->pending));
    json_object_set_new(object, "send_errors", value_count(r->send_errors));
    json_object_set_new(object, "outcome", json_string(syn_outcome_name(r->outcome)));
    json_object_set_new(object, "outcomes", json_outcomes(r));
    json_object_set_new(object, "loss_pct", value_number(r->loss_pct));
    json_object_set_new(object, "loss", json_loss(r));
    json_object_set_new(object, "rtt_ms", value_distribution(&r->rtt_ms, &r->rtt_ms_quantiles));
    json_object_set_new(object, "reference", json_reference(r));
    json_object_set_new(object, "repeats_sent", value_count(r->repeats_sent));
    json_object_set_new(object, "answered_when_repeated", value_count(r->answered_when_repeated));
    json_object_set_new(object, "late", value_count(r->late));
    json_object_set_new(object, "duplicates", value_count(r->duplicates));
    json_object_set_new(object, "suspects", value_count(r->suspects));
    json_object_set_new(object, "retransmitted_answers", value_count(r->retransmitted_answers));
    json_object_set_new(object, "second_answers", value_count(r->second_answers));
    json_object_set_new(object, "middlebox_answers", value_count(r->middlebox_answers));
    json_object_set_new(object, "synack", json_synack(target));
    json_object_set_new(object, "flows", json_flows(r));
    json_object_set_new(object, "findings", json_findings(r, target->config));
}

/* What readers look for first is there, and unknown. */
static void json_set_nothing(json_t *object)
{
    json_object_set_new(object, "address", json_null());
    json_object_set_new(object, "port", json_null());
    json_object_set_new(object, "outcome", json_null());
    json_object_set_new(object, "findings", json_array());
}

static json_t *json_target(const struct report_syn_target *target)
{
    json_t *object = json_object();

    json_object_set_new(object, "target", value_text(target->text));
    if (target->result)
        json_set_result(object, target);
    else
        json_set_nothing(object);
    json_object_set_new(object, "error", value_error(target->error_code, target->error_message));
    return object;
}

/* --- the run -----------------------------------------------------------------------------------
 */

static json_t *json_probe(const struct syn_config *config)
{
    static const char *const sets[] = {"linux", "bare", "full"};
    static const char *const ecns[] = {"off", "classic", "accurate"};
    json_t *probe = json_object();

    json_object_set_new(probe, "count", value_count(config->count));
    json_object_set_new(probe, "interval_ms", value_number(ns_to_ms(config->interval_ns)));
    json_object_set_new(probe, "timeout_ms", value_number(ns_to_ms(config->timeout_ns)));
    json_object_set_new(probe, "repeats", value_count(config->repeats));
    json_object_set_new(probe, "repeat_ms", value_number(ns_to_ms(config->repeat_ns)));
    json_object_set_new(probe, "source_port", value_known(config->source_port));
    json_object_set_new(probe, "source_ports", value_known(config->source_ports));
    json_object_set_new(probe, "options", json_string(sets[config->options]));
    json_object_set_new(probe, "ecn", json_string(ecns[config->ecn]));
    json_object_set_new(probe, "compare", json_boolean(config->compare));
    json_object_set_new(probe, "reference", json_boolean(config->reference));
    json_object_set_new(probe, "ttl", value_count(config->ttl));
    json_object_set_new(probe, "dscp", value_count(config->dscp));
    return probe;
}

static json_t *json_counters(const struct report_syn *run)
{
    const struct syn_result *t = run->totals;
    json_t *counters = json_object();

    json_object_set_new(counters, "sent", value_count(t->sent));
    json_object_set_new(counters, "answered", value_count(t->answered));
    json_object_set_new(counters, "pending", value_count(t->pending));
    json_object_set_new(counters, "repeats_sent", value_count(t->repeats_sent));
    json_object_set_new(counters, "late", value_count(t->late));
    json_object_set_new(counters, "duplicates", value_count(t->duplicates));
    json_object_set_new(counters, "suspects", value_count(t->suspects));
    json_object_set_new(counters, "foreign", value_count(t->foreign));
    json_object_set_new(counters, "send_errors", value_count(t->send_errors));
    json_object_set_new(counters, "postponed", value_count(t->pauses));
    json_object_set_new(counters, "capture_dropped", value_count(run->capture_dropped));
    json_object_set_new(counters, "interface_dropped", value_count(run->interface_dropped));
    return counters;
}

static json_t *json_rate(const struct report_syn *run)
{
    double asked = run->config->rate_pps;
    json_t *rate = json_object();

    json_object_set_new(rate, "asked_pps", value_number(asked > 0 ? asked : NAN));
    json_object_set_new(rate, "achieved_pps", value_number(run->achieved_pps));
    json_object_set_new(rate, "missed", json_boolean(run->rate_missed));
    return rate;
}

/* What stands behind the targets. */
static void json_set_run(json_t *document, const struct report_syn *run)
{
    json_object_set_new(document, "elapsed_ms", value_number(ns_to_ms(run->elapsed_ns)));
    json_object_set_new(document, "interrupted", json_boolean(run->interrupted));
    json_object_set_new(document, "privilege", value_text(run->privilege));
    json_object_set_new(document, "method", value_text(run->method));
    json_object_set_new(document, "probe", json_probe(run->config));
    json_object_set_new(document, "counters", run->totals ? json_counters(run) : json_null());
    json_object_set_new(document, "rate", json_rate(run));
    json_object_set_new(document, "inconclusive", json_boolean(run->inconclusive));
    json_object_set_new(document, "error", value_error(run->error_code, run->error_message));
}

int report_syn_json_begin(FILE *out, int64_t start_unix_ns)
{
    return value_write_begin(out, JSON_SCHEMA, start_unix_ns);
}

int report_syn_json_target(FILE *out, const struct report_syn_target *target, bool first)
{
    return value_write_target(out, json_target(target), first);
}

int report_syn_json_end(FILE *out, const struct report_syn *run)
{
    json_t *rest = json_object();

    json_set_run(rest, run);
    return value_write_end(out, rest);
}

int report_syn_json_error(FILE *out, const char *code, const char *message)
{
    return value_write_document(out, value_failure(JSON_SCHEMA, code, message));
}

/* --- events ------------------------------------------------------------------------------------
 */

static const char *json_event_name(enum syn_match match)
{
    static const char *const names[] = {"foreign", "sent",   "reset_sent", "answer",    "late",
                                        "again",   "second", "duplicate",  "reference", "suspect"};

    return (size_t)match < sizeof(names) / sizeof(names[0]) ? names[match] : "unknown";
}

static json_t *json_event(const char *name, const struct syn_observation *o,
                          const struct syn_target *target, const char *host, int64_t offset_ns)
{
    json_t *event = json_object();

    json_object_set_new(event, "event", json_string(name));
    json_object_set_new(event, "host", value_text(host));
    json_object_set_new(event, "address", value_address(&target->destination));
    json_object_set_new(event, "port", value_count(target->port));
    json_object_set_new(event, "probe", value_count(o->probe));
    json_object_set_new(event, "source_port", value_known(o->source_port));
    json_object_set_new(event, "sends", value_count(o->sends));
    json_object_set_new(event, "sent", value_time(o->sent_ns + offset_ns));
    return event;
}

int report_syn_event(FILE *out, const struct syn_observation *o, const struct syn_target *target,
                     const char *host, int64_t unix_offset_ns)
{
    bool answer = o->match >= SYN_ANSWER;
    bool outcome = answer && o->match != SYN_REFERENCE;
    bool icmp = outcome && o->outcome == SYN_UNREACHABLE;
    json_t *event = json_event(json_event_name(o->match), o, target, host, unix_offset_ns);

    json_object_set_new(event, "received",
                        answer ? value_time(o->received_ns + unix_offset_ns) : json_null());
    json_object_set_new(event, "outcome",
                        outcome ? json_string(syn_outcome_name(o->outcome)) : json_null());
    json_object_set_new(event, "rtt_ms",
                        value_number(answer && o->rtt_ns >= 0 ? ns_to_ms(o->rtt_ns) : NAN));
    json_object_set_new(event, "responder", answer ? value_address(&o->responder) : json_null());
    json_object_set_new(event, "reply_ttl", answer ? value_known(o->reply_ttl) : json_null());
    json_object_set_new(event, "late", json_boolean(o->late));
    json_object_set_new(event, "middlebox", json_boolean(answer && o->middlebox));
    json_object_set_new(event, "icmp_type", icmp ? value_count(o->icmp_type) : json_null());
    json_object_set_new(event, "icmp_code", icmp ? value_count(o->icmp_code) : json_null());
    json_object_set_new(event, "tcp_flags", answer ? value_known(o->tcp_flags) : json_null());
    return value_write_line(out, event);
}

int report_syn_given_up_event(FILE *out, const struct syn_observation *o,
                              const struct syn_target *target, const char *host,
                              int64_t unix_offset_ns)
{
    json_t *event = json_event("given_up", o, target, host, unix_offset_ns);

    json_object_set_new(event, "outcome", json_string(syn_outcome_name(o->outcome)));
    return value_write_line(out, event);
}

int report_syn_target_event(FILE *out, const struct report_syn_target *target)
{
    json_t *event = json_object(), *result = json_target(target);

    json_object_set_new(event, "event", json_string("target"));
    json_object_update(event, result);
    json_decref(result);
    return value_write_line(out, event);
}

int report_syn_summary_event(FILE *out, const struct report_syn *run)
{
    json_t *document = value_head(JSON_SCHEMA, run->start_unix_ns);

    json_set_run(document, run);
    return value_write_line(out, value_summary(document));
}

int report_syn_failure_event(FILE *out, const char *code, const char *message)
{
    return value_write_line(out, value_summary(value_failure(JSON_SCHEMA, code, message)));
}
