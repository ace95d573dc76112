#include <math.h>

#include "base/timespan.h"
#include "report/flows.h"
#include "report/reset.h"
#include "report/value.h"
#include "report/words.h"

#define JSON_SCHEMA        "netdx.flows/1"
#define JSON_SENTENCE_SIZE 1024

static json_t *json_ms(int64_t ns)
{
    return ns < 0 ? json_null() : value_number(ns_to_ms(ns));
}

static void json_put_count(json_t *object, const char *name, uint64_t count)
{
    json_object_set_new(object, name, value_count(count));
}

/* --- keys and counts -------------------------------------------------------------------------- */

static json_t *json_endpoint(const struct flow_key *key, enum flow_side side)
{
    json_t *endpoint = json_object();

    json_object_set_new(endpoint, "address", value_address(&key->address[side]));
    json_put_count(endpoint, "port", key->port[side]);
    return endpoint;
}

static void json_put_key(json_t *object, uint64_t id, const struct flow_key *key)
{
    json_put_count(object, "id", id);
    json_object_set_new(object, "client", json_endpoint(key, FLOW_CLIENT));
    json_object_set_new(object, "server", json_endpoint(key, FLOW_SERVER));
}

static const char *json_side(enum flow_side side)
{
    return side == FLOW_CLIENT ? "client" : "server";
}

static json_t *json_retransmissions(const struct flow_counts *c)
{
    json_t *r = json_object();

    json_put_count(r, "total", c->retransmissions);
    json_put_count(r, "bytes", c->retransmitted_bytes);
    json_put_count(r, "timeout", c->timeout);
    json_put_count(r, "timer", c->timer);
    json_put_count(r, "fast", c->fast);
    json_put_count(r, "tail_probe", c->tail_probe);
    json_put_count(r, "unknown", c->unknown);
    json_put_count(r, "spurious", c->spurious);
    json_put_count(r, "spurious_timeout", c->spurious_timeout);
    json_put_count(r, "lost_before_tap", c->lost_before);
    json_put_count(r, "lost_behind_tap", c->lost_behind);
    json_put_count(r, "lost_unknown", c->lost_unknown);
    return r;
}

static void json_put_counts(json_t *object, const struct flow_counts *c)
{
    json_put_count(object, "segments", c->segments);
    json_put_count(object, "bytes", c->bytes);
    json_put_count(object, "unique_bytes", c->unique_bytes);
    json_object_set_new(object, "retransmissions", json_retransmissions(c));
    json_put_count(object, "syn_retransmissions", c->syn_retransmissions);
    json_put_count(object, "duplicates", c->duplicates);
    json_put_count(object, "tap_copies", c->tap_copies);
    json_put_count(object, "reordered", c->reordered);
    json_put_count(object, "dup_acks", c->dup_acks);
    json_put_count(object, "sacks", c->sacks);
    json_put_count(object, "dsacks", c->dsacks);
    json_put_count(object, "zero_windows", c->zero_windows);
    json_object_set_new(object, "zero_window_ms", value_number(ns_to_ms(c->zero_window_ns)));
    json_put_count(object, "window_probes", c->window_probes);
    json_put_count(object, "window_full", c->window_full);
    json_put_count(object, "small_windows", c->small_windows);
    json_put_count(object, "keep_alives", c->keep_alives);
    json_put_count(object, "capture_gaps", c->capture_gaps);
    json_put_count(object, "capture_gap_bytes", c->capture_gap_bytes);
    json_put_count(object, "resets", c->resets);
    json_put_count(object, "ce_marks", c->ce_marks);
    json_put_count(object, "ece", c->ece);
}

/* --- one flow --------------------------------------------------------------------------------- */

static json_t *json_reset(const struct flow_facts *f)
{
    char sentence[JSON_SENTENCE_SIZE];
    json_t *reset;

    if (!f->has_reset)
        return json_null();
    reset = json_object();
    json_put_count(reset, "frame", f->reset.frame);
    reset_json_put(reset, &f->reset);
    report_flows_reset(sentence, sizeof(sentence), f);
    json_object_set_new(reset, "summary", value_safe(sentence));
    return reset;
}

static json_t *json_rtt(const struct flow_rtt *rtt)
{
    json_t *value = json_object();

    json_put_count(value, "samples", rtt->samples);
    json_object_set_new(value, "min", json_ms(rtt->samples ? rtt->min_ns : -1));
    json_object_set_new(value, "smoothed", json_ms(rtt->samples ? rtt->smoothed_ns : -1));
    json_object_set_new(value, "max", json_ms(rtt->samples ? rtt->max_ns : -1));
    return value;
}

static json_t *json_flow_side(const struct flow_facts *f, enum flow_side number)
{
    const struct flow_side_facts *s = &f->side[number];
    json_t *side = json_endpoint(&f->key, number);
    bool syn = s->has_syn;

    json_put_count(side, "packets", s->counts.packets);
    json_put_counts(side, &s->counts);
    json_object_set_new(side, "rtt_ms", json_rtt(&s->rtt));
    json_object_set_new(side, "loss_pct", value_number(s->loss_pct));
    json_object_set_new(side, "goodput_bps", value_number(s->goodput_bps));
    json_object_set_new(side, "isn", syn ? value_count(s->isn) : json_null());
    json_object_set_new(side, "isn_reused", json_boolean(s->isn_reused));
    json_object_set_new(side, "mss", value_known(s->mss));
    json_object_set_new(side, "wscale", s->wscale < 0 ? json_null() : json_integer(s->wscale));
    json_object_set_new(side, "sack", syn ? json_boolean(s->sack_permitted) : json_null());
    json_object_set_new(side, "timestamps", json_boolean(s->timestamps));
    json_object_set_new(side, "fin", json_boolean(s->fin));
    json_object_set_new(side, "ttl", value_known(s->ttl));
    json_object_set_new(side, "window", s->window < 0 ? json_null() : json_integer(s->window));
    return side;
}

static json_t *json_handshake(const struct flow_facts *f)
{
    int64_t client = f->handshake_client_ns, server = f->handshake_server_ns;
    json_t *handshake = json_object();

    json_object_set_new(handshake, "client_side", json_ms(client));
    json_object_set_new(handshake, "server_side", json_ms(server));
    json_object_set_new(handshake, "total",
                        json_ms(client < 0 || server < 0 ? -1 : client + server));
    return handshake;
}

static json_t *json_stall(const struct flow_facts *f, int64_t offset_ns)
{
    char sentence[JSON_SENTENCE_SIZE];
    json_t *stall;

    if (f->stall.cause == FLOW_STALL_NONE)
        return json_null();
    stall = json_object();
    json_object_set_new(stall, "cause", json_string(flow_stall_cause_name(f->stall.cause)));
    json_object_set_new(stall, "side", json_string(json_side(f->stall.side)));
    json_object_set_new(stall, "length_ms", value_number(ns_to_ms(f->stall.length_ns)));
    json_object_set_new(stall, "start", value_time(f->stall.start_ns + offset_ns));
    json_put_count(stall, "frame", f->stall.frame);
    report_flows_stall(sentence, sizeof(sentence), f);
    json_object_set_new(stall, "summary", value_safe(sentence));
    return stall;
}

static json_t *json_flow_end(const struct flow_facts *f)
{
    bool by_side =
        f->end == FLOW_END_FIN || f->end == FLOW_END_HALF_FIN || f->end == FLOW_END_RESET;
    json_t *end = json_object();

    json_object_set_new(end, "reason", json_string(flow_end_name(f->end)));
    json_object_set_new(end, "by", by_side ? json_string(json_side(f->ended_by)) : json_null());
    return end;
}

static json_t *json_finding_ids(uint32_t findings)
{
    json_t *list = json_array();

    for (int kind = 0; kind < FLOW_FINDINGS; kind++)
        if (findings & 1u << kind)
            json_array_append_new(list, json_string(flow_finding_id((enum flow_finding_kind)kind)));
    return list;
}

static json_t *json_flow(const struct flow_facts *f, int64_t offset_ns)
{
    json_t *flow = json_object();

    json_put_count(flow, "id", f->flow_id);
    json_object_set_new(flow, "client", json_flow_side(f, FLOW_CLIENT));
    json_object_set_new(flow, "server", json_flow_side(f, FLOW_SERVER));
    json_object_set_new(flow, "client_known", json_boolean(f->client_known));
    json_object_set_new(flow, "complete", json_boolean(f->complete));
    json_object_set_new(flow, "vlan", value_known(f->vlan));
    json_object_set_new(flow, "start", value_time(f->start_ns + offset_ns));
    json_object_set_new(flow, "duration_ms", value_number(ns_to_ms(f->last_ns - f->start_ns)));
    json_object_set_new(flow, "handshake_ms", json_handshake(f));
    json_object_set_new(flow, "ecn", json_string(flow_ecn_name(f->ecn)));
    json_object_set_new(flow, "stall", json_stall(f, offset_ns));
    json_object_set_new(flow, "reset", json_reset(f));
    json_object_set_new(flow, "end", json_flow_end(f));
    json_object_set_new(flow, "severity", json_string(report_severity_name((int)f->severity)));
    json_object_set_new(flow, "findings", json_finding_ids(f->findings));
    return flow;
}

/* --- the document ----------------------------------------------------------------------------- */

static json_t *json_ends(const uint64_t *ends)
{
    json_t *value = json_object();

    for (int end = FLOW_END_OPEN; end <= FLOW_END_EVICTED; end++)
        json_put_count(value, flow_end_name((enum flow_end)end), ends[end]);
    return value;
}

static json_t *json_summary(const struct report_flows *report)
{
    const struct flows_summary *s = &report->result->summary;
    bool live = report->has_drops, any = s->packets > 0;
    json_t *summary = json_object();

    json_put_count(summary, "frames", report->frames);
    json_put_count(summary, "packets", s->packets);
    json_put_count(summary, "fragments", s->fragments);
    json_put_count(summary, "other", s->other);
    json_put_count(summary, "truncated", s->truncated);
    json_put_count(summary, "malformed", s->bad);
    json_put_count(summary, "flows", s->flows);
    json_put_count(summary, "evicted", s->evicted);
    json_object_set_new(summary, "ends", json_ends(s->ends));
    json_put_counts(summary, &s->counts);
    json_put_count(summary, "forged_resets", s->forged_resets);
    json_put_count(summary, "isn_reuses", s->isn_reuses);
    json_put_count(summary, "time_steps", s->time_steps);
    json_put_count(summary, "no_memory", s->no_memory);
    json_put_count(summary, "ranges_forgotten", s->ranges_forgotten);
    json_object_set_new(summary, "first_packet",
                        any ? value_time(s->start_ns + report->unix_offset_ns) : json_null());
    json_object_set_new(summary, "duration_ms",
                        any ? value_number(ns_to_ms(s->last_ns - s->start_ns)) : json_null());
    json_object_set_new(summary, "capture_dropped",
                        live ? value_count(report->capture_dropped) : json_null());
    json_object_set_new(summary, "interface_dropped",
                        live ? value_count(report->interface_dropped) : json_null());
    json_object_set_new(summary, "inconclusive", json_boolean(report->inconclusive));
    return summary;
}

static json_t *json_phases(const uint64_t *resets)
{
    json_t *value = json_object();

    for (int p = FLOW_RESET_UNKNOWN; p <= FLOW_RESET_AFTER_CLOSE_UNREAD; p++)
        json_put_count(value, flow_reset_phase_name((enum flow_reset_phase)p), resets[p]);
    return value;
}

static json_t *json_host(const struct flow_host *h)
{
    json_t *host = json_object();

    json_object_set_new(host, "address", value_address(&h->address));
    json_put_count(host, "flows", h->flows);
    json_put_count(host, "packets", h->counts.packets);
    json_put_counts(host, &h->counts);
    json_put_count(host, "unanswered", h->unanswered);
    json_object_set_new(host, "resets_by_phase", json_phases(h->resets));
    json_put_count(host, "forged_resets", h->forged);
    return host;
}

static json_t *json_finding(const struct flow_finding *f)
{
    char sentence[JSON_SENTENCE_SIZE];
    json_t *finding = json_object();

    report_flows_finding(sentence, sizeof(sentence), f);
    json_object_set_new(finding, "id", json_string(flow_finding_id(f->kind)));
    json_object_set_new(finding, "severity", json_string(report_severity_name((int)f->severity)));
    json_object_set_new(finding, "address",
                        f->has_address ? value_address(&f->address) : json_null());
    json_put_count(finding, "flows", f->flows);
    json_put_count(finding, "count", f->count);
    json_object_set_new(finding, "share_pct", value_number(f->share_pct));
    json_object_set_new(finding, "lost", json_string(flow_lost_name(f->lost)));
    json_object_set_new(finding, "worst_ms", json_ms(f->worst_ns));
    json_object_set_new(finding, "example", value_known(f->example));
    json_object_set_new(finding, "summary", value_safe(sentence));
    return finding;
}

static json_t *json_saved(const struct report_flows *report)
{
    json_t *saved;

    if (!report->saved_path)
        return json_null();
    saved = json_object();
    json_object_set_new(saved, "path", value_text(report->saved_path));
    json_put_count(saved, "frames", report->saved);
    json_put_count(saved, "cut_flows", report->saved_cut);
    return saved;
}

static void json_put_result(json_t *document, const struct report_flows *report)
{
    const struct flows_result *r = report->result;
    json_t *flows = json_array(), *hosts = json_array(), *findings = json_array();

    json_object_set_new(document, "summary", json_summary(report));
    for (size_t i = 0; i < r->nfindings; i++)
        json_array_append_new(findings, json_finding(&r->findings[i]));
    for (size_t i = 0; i < r->nhosts; i++)
        json_array_append_new(hosts, json_host(&r->hosts[i]));
    for (size_t i = 0; i < r->nflows; i++)
        json_array_append_new(flows, json_flow(&r->flows[i], report->unix_offset_ns));
    json_object_set_new(document, "findings", findings);
    json_object_set_new(document, "hosts", hosts);
    json_object_set_new(document, "flows", flows);
}

static json_t *json_document(const struct report_flows *report)
{
    json_t *document = value_head(JSON_SCHEMA, report->start_unix_ns);

    json_object_set_new(document, "source", value_text(report->source));
    json_object_set_new(document, "privilege", value_text(report->privilege));
    json_object_set_new(document, "workers", value_count(report->workers));
    if (report->result)
        json_put_result(document, report);
    json_object_set_new(document, "saved", json_saved(report));
    json_object_set_new(document, "elapsed_ms", value_number(ns_to_ms(report->elapsed_ns)));
    json_object_set_new(document, "interrupted", json_boolean(report->interrupted));
    json_object_set_new(document, "error", value_error(report->error_code, report->error_message));
    return document;
}

int report_flows_json(FILE *out, const struct report_flows *report)
{
    return value_write_document(out, json_document(report));
}

int report_flows_json_error(FILE *out, const char *code, const char *message)
{
    return value_write_document(out, value_failure(JSON_SCHEMA, code, message));
}

/* --- lines ------------------------------------------------------------------------------------ */

static void json_put_retransmission(json_t *event, const struct flow_retransmission *r)
{
    json_object_set_new(event, "trigger", json_string(flow_trigger_name(r->trigger)));
    json_object_set_new(event, "lost", json_string(flow_lost_name(r->lost)));
    json_object_set_new(event, "backoff", value_known(r->backoff));
    json_object_set_new(event, "fin", json_boolean(r->fin));
    json_object_set_new(event, "since_ms", json_ms(r->since_ns));
}

static void json_put_ended(json_t *event, const struct flow_facts *f)
{
    const struct flow_counts *c = &f->side[FLOW_CLIENT].counts, *s = &f->side[FLOW_SERVER].counts;

    json_object_set_new(event, "end", json_flow_end(f));
    json_put_count(event, "packets", c->packets + s->packets);
    json_put_count(event, "unique_bytes", c->unique_bytes + s->unique_bytes);
    json_put_count(event, "retransmissions", c->retransmissions + s->retransmissions);
    json_object_set_new(event, "duration_ms", value_number(ns_to_ms(f->last_ns - f->start_ns)));
    json_object_set_new(event, "severity", json_string(report_severity_name((int)f->severity)));
    json_object_set_new(event, "findings", json_finding_ids(f->findings));
}

/* What only this kind of event has. */
static void json_put_kind(json_t *line, const struct flow_event *event)
{
    switch (event->kind) {
    case FLOW_EVENT_RETRANSMISSION:
    case FLOW_EVENT_SYN_RETRANSMISSION:
    case FLOW_EVENT_SYNACK_RETRANSMISSION:
        json_put_retransmission(line, &event->retransmission);
        break;
    case FLOW_EVENT_RESET:
        reset_json_put(line, &event->reset);
        break;
    case FLOW_EVENT_SPURIOUS:
        json_object_set_new(line, "proof", json_string(flow_spurious_name(event->spurious)));
        break;
    case FLOW_EVENT_ZERO_WINDOW:
        json_object_set_new(line, "length_ms", json_ms(event->length_ns));
        break;
    case FLOW_EVENT_DUP_ACK:
        json_put_count(line, "count", event->count);
        break;
    case FLOW_EVENT_END:
        json_put_ended(line, event->facts);
        break;
    default:
        break;
    }
}

int report_flows_event(FILE *out, const struct flow_event *event, int64_t unix_offset_ns)
{
    json_t *line = json_object(), *flow = json_object();

    json_put_key(flow, event->flow_id, &event->key);
    json_object_set_new(line, "event", json_string(flow_event_name(event->kind)));
    json_object_set_new(line, "frame", value_known(event->frame));
    json_object_set_new(line, "time", value_time(event->when_ns + unix_offset_ns));
    json_object_set_new(line, "flow", flow);
    if (event->kind != FLOW_EVENT_END) {
        json_object_set_new(
            line, "direction",
            json_string(event->sender == FLOW_CLIENT ? "client_to_server" : "server_to_client"));
        json_put_count(line, "seq", event->seq);
        json_put_count(line, "bytes", event->bytes);
        json_object_set_new(line, "revises", value_known(event->revises));
    }
    json_put_kind(line, event);
    return value_write_line(out, line);
}

int report_flows_summary(FILE *out, const struct report_flows *report)
{
    return value_write_line(out, value_summary(json_document(report)));
}

int report_flows_failure_event(FILE *out, const char *code, const char *message)
{
    return value_write_line(out, value_summary(value_failure(JSON_SCHEMA, code, message)));
}

int report_rates_event(FILE *out, const struct report_rates *r)
{
    json_t *line = json_object();

    json_object_set_new(line, "event", json_string("rates"));
    json_object_set_new(line, "time", value_time(r->unix_ns));
    json_object_set_new(line, "length_ms", value_number(ns_to_ms(r->length_ns)));
    json_object_set_new(line, "packets_pps", value_number(r->packets_pps));
    json_object_set_new(line, "segments_pps", value_number(r->segments_pps));
    json_object_set_new(line, "payload_bps", value_number(r->payload_bps));
    json_object_set_new(line, "loss_pct", value_number(r->loss_pct));
    json_put_count(line, "flows", r->flows);
    json_put_count(line, "retransmissions", r->retransmissions);
    json_put_count(line, "resets", r->resets);
    json_put_count(line, "zero_windows", r->zero_windows);
    json_put_count(line, "capture_dropped", r->capture_dropped);
    json_put_count(line, "interface_dropped", r->interface_dropped);
    return value_write_line(out, line);
}
