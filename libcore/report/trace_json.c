#include "report/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "report/trace_columns.h"
#include "report/value.h"
#include "report/words.h"
#include "wire/icmp.h"

#define JSON_SCHEMA "netdx.trace/1"

/* --- hops ---------------------------------------------------------------------------------------
 */

static json_t *json_rtt(const struct stats *s, const struct quantile *q)
{
    json_t *rtt = json_object(), *distribution = value_distribution(s, q);
    bool any = s->count > 0, jitter = s->jitter_count > 0;

    json_object_set_new(rtt, "last", value_number(any ? s->last : NAN));
    json_object_update(rtt, distribution);
    json_decref(distribution);
    json_object_set_new(rtt, "jitter", value_number(jitter ? s->jitter_smoothed : NAN));
    json_object_set_new(rtt, "jitter_mean", value_number(jitter ? s->jitter_mean : NAN));
    json_object_set_new(rtt, "jitter_max", value_number(jitter ? s->jitter_max : NAN));
    return rtt;
}

static json_t *json_mpls(const struct icmp_extensions *ext)
{
    json_t *list = json_array();

    for (size_t i = 0; ext->present && i < ext->nmpls; i++) {
        const struct mpls_entry *entry = &ext->mpls[i];
        json_t *mpls = json_object();

        json_object_set_new(mpls, "label", value_count(entry->label));
        json_object_set_new(mpls, "tc", value_count(entry->tc));
        json_object_set_new(mpls, "bottom", json_boolean(entry->bottom));
        json_object_set_new(mpls, "ttl", value_count(entry->ttl));
        json_array_append_new(list, mpls);
    }
    return list;
}

static json_t *json_interface(const struct interface_info *info)
{
    static const char *const roles[] = {"incoming", "incoming_sub_ip", "outgoing", "next_hop"};
    char name[TEXT_ESCAPED_SIZE(ICMP_INTERFACE_NAME_MAX)];
    json_t *interface = json_object();

    text_escape(name, sizeof(name), info->name, info->has_name ? info->name_len : 0);
    json_object_set_new(interface, "role", json_string(roles[info->role & 3]));
    json_object_set_new(interface, "index",
                        info->has_ifindex ? value_count(info->ifindex) : json_null());
    json_object_set_new(interface, "address",
                        info->has_address ? value_address(&info->address) : json_null());
    json_object_set_new(interface, "name", info->has_name ? json_string(name) : json_null());
    json_object_set_new(interface, "mtu", info->has_mtu ? value_count(info->mtu) : json_null());
    return interface;
}

static json_t *json_interfaces(const struct icmp_extensions *ext)
{
    json_t *list = json_array();

    for (size_t i = 0; ext->present && i < ext->ninterfaces; i++)
        json_array_append_new(list, json_interface(&ext->interfaces[i]));
    return list;
}

static json_t *json_change(const struct trace_change *change)
{
    json_t *object = json_object();

    json_object_set_new(object, "field", json_string(trace_change_name(change->kind)));
    json_object_set_new(object, "before",
                        change->is_address ? value_address(&change->address_before)
                                           : value_count(change->before));
    json_object_set_new(object, "after",
                        change->is_address ? value_address(&change->address_after)
                                           : value_count(change->after));
    return object;
}

static json_t *json_responder(const struct report_trace *report, const struct trace_responder *r)
{
    const struct icmp_extensions *ext = &r->extensions;
    bool interface = ext->present && ext->ninterfaces > 0;
    json_t *object = json_object(), *changes = json_array();

    for (size_t i = 0; i < r->nchanges; i++)
        json_array_append_new(changes, json_change(&r->changes[i]));
    json_object_set_new(object, "address", value_address(&r->address));
    json_object_set_new(object, "name", value_text(report_name(report, &r->address)));
    json_object_set_new(object, "asn", value_text(report_asn(report, &r->address)));
    json_object_set_new(object, "received", value_count(r->received));
    json_object_set_new(object, "rtt_ms", json_rtt(&r->rtt_ms, &r->rtt_ms_quantiles));
    json_object_set_new(object, "is_target", json_boolean(r->is_target));
    json_object_set_new(object, "icmp_type", r->is_icmp ? value_count(r->icmp_type) : json_null());
    json_object_set_new(object, "icmp_code", r->is_icmp ? value_count(r->icmp_code) : json_null());
    json_object_set_new(object, "reply_ttl", value_known(r->reply_ttl));
    json_object_set_new(object, "mpls", json_mpls(ext));
    json_object_set_new(object, "interface",
                        interface ? json_interface(&ext->interfaces[0]) : json_null());
    json_object_set_new(object, "interfaces", json_interfaces(ext));
    json_object_set_new(object, "changes", changes);
    return object;
}

static json_t *json_loss(const struct trace_hop *hop)
{
    bool known = !isnan(hop->loss_pct);
    json_t *loss = json_object();

    json_object_set_new(loss, "verdict", json_string(trace_loss_verdict_name(hop->verdict)));
    json_object_set_new(loss, "low_pct", value_number(known ? 100 * hop->loss.low : NAN));
    json_object_set_new(loss, "high_pct", value_number(known ? 100 * hop->loss.high : NAN));
    return loss;
}

static json_t *json_hop(const struct report_trace *report, const struct trace_hop *hop)
{
    json_t *object = json_object(), *responders = json_array();

    for (size_t i = 0; i < hop->nresponders; i++)
        json_array_append_new(responders, json_responder(report, &hop->responders[i]));
    json_object_set_new(object, "ttl", value_count(hop->ttl));
    json_object_set_new(object, "sent", value_count(hop->sent));
    json_object_set_new(object, "received", value_count(hop->received));
    json_object_set_new(object, "pending", value_count(hop->pending));
    json_object_set_new(object, "send_errors", value_count(hop->send_errors));
    json_object_set_new(object, "duplicates", value_count(hop->duplicates));
    json_object_set_new(object, "late", value_count(hop->late));
    json_object_set_new(object, "suspects", value_count(hop->suspects));
    json_object_set_new(object, "loss_pct", value_number(hop->loss_pct));
    json_object_set_new(object, "loss", json_loss(hop));
    json_object_set_new(object, "rtt_ms", json_rtt(&hop->rtt_ms, &hop->rtt_ms_quantiles));
    json_object_set_new(object, "responders", responders);
    return object;
}

static json_t *json_hops(const struct report_trace *report)
{
    const struct trace_result *r = report->result;
    json_t *list = json_array();

    for (size_t i = 0; r && i < r->nhops; i++)
        json_array_append_new(list, json_hop(report, &r->hops[i]));
    return list;
}

/* --- paths --------------------------------------------------------------------------------------
 */

static json_t *json_path(const struct trace_path *path)
{
    json_t *object = json_object(), *hops = json_array();

    for (size_t i = 0; i < path->nhops; i++)
        json_array_append_new(hops, value_address(&path->hops[i]));
    json_object_set_new(object, "flow", value_count(path->flow));
    json_object_set_new(object, "source_port", value_known(path->source_port));
    json_object_set_new(object, "destination_port", value_known(path->destination_port));
    json_object_set_new(object, "reached", json_boolean(path->reached));
    json_object_set_new(object, "hops", hops);
    return object;
}

static json_t *json_link(const struct trace_link *link)
{
    json_t *object = json_object();

    json_object_set_new(object, "ttl", value_count(link->ttl));
    json_object_set_new(object, "from", value_address(&link->from));
    json_object_set_new(object, "to", value_address(&link->to));
    json_object_set_new(object, "flows", value_count(link->flows));
    return object;
}

static void json_set_paths(json_t *document, const struct trace_result *r)
{
    json_t *paths = json_array(), *links = json_array();

    for (size_t i = 0; i < r->npaths; i++)
        json_array_append_new(paths, json_path(&r->paths[i]));
    for (size_t i = 0; i < r->nlinks; i++)
        json_array_append_new(links, json_link(&r->links[i]));
    json_object_set_new(document, "paths", paths);
    json_object_set_new(document, "links", links);
}

/* --- findings -----------------------------------------------------------------------------------
 */

static bool json_finding_has_loss(enum trace_finding_kind kind)
{
    return kind == TRACE_FINDING_LOSS || kind == TRACE_FINDING_RATE_LIMITED ||
           kind == TRACE_FINDING_ECMP_BAD_MEMBER;
}

static bool json_finding_has_ms(enum trace_finding_kind kind)
{
    return kind == TRACE_FINDING_LATENCY_STEP || kind == TRACE_FINDING_JITTER;
}

static json_t *json_finding(const struct trace_finding *f, const struct trace_result *result)
{
    bool loss = json_finding_has_loss(f->kind);
    bool icmp = f->kind == TRACE_FINDING_UNREACHABLE;
    json_t *object = json_object();
    char sentence[512];

    report_trace_finding(sentence, sizeof(sentence), f, result);
    json_object_set_new(object, "id", json_string(trace_finding_id(f->kind)));
    json_object_set_new(object, "severity", json_string(report_severity_name(f->severity)));
    json_object_set_new(object, "ttl", value_known(f->ttl));
    json_object_set_new(object, "ttl_last", value_known(f->ttl_last));
    json_object_set_new(object, "address", value_address(&f->address));
    json_object_set_new(object, "icmp_type", icmp ? value_count(f->icmp_type) : json_null());
    json_object_set_new(object, "icmp_code", icmp ? value_count(f->icmp_code) : json_null());
    json_object_set_new(object, "loss_pct", value_number(loss ? f->loss_pct : NAN));
    json_object_set_new(object, "low_pct", value_number(loss ? 100 * f->loss.low : NAN));
    json_object_set_new(object, "high_pct", value_number(loss ? 100 * f->loss.high : NAN));
    json_object_set_new(object, "ms", value_number(json_finding_has_ms(f->kind) ? f->ms : NAN));
    json_object_set_new(object, "mtu", value_known(f->mtu));
    json_object_set_new(object, "errno", value_known((uint64_t)f->error));
    json_object_set_new(object, "count", value_known(f->count));
    json_object_set_new(object, "change",
                        f->kind == TRACE_FINDING_REWRITTEN ? json_change(&f->change) : json_null());
    json_object_set_new(object, "summary", json_string(sentence));
    return object;
}

static json_t *json_findings(const struct trace_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; r && i < r->nfindings; i++)
        json_array_append_new(list, json_finding(&r->findings[i], r));
    return list;
}

/* --- the document -------------------------------------------------------------------------------
 */

static json_t *json_target(const struct report_trace *report)
{
    const struct trace_result *r = report->result;
    json_t *target = json_object();

    json_object_set_new(target, "name", value_text(report->target));
    json_object_set_new(target, "address", r ? value_address(&r->config.destination) : json_null());
    return target;
}

static json_t *json_probe(const struct trace_config *config)
{
    bool ports = config->protocol != PROBE_ICMP;
    json_t *probe = json_object();

    json_object_set_new(probe, "size", value_known(config->size));
    json_object_set_new(probe, "dscp", value_count(config->dscp));
    json_object_set_new(probe, "ecn", value_count(config->ecn));
    json_object_set_new(probe, "df", json_boolean(config->df));
    json_object_set_new(probe, "source_port",
                        ports ? value_known(config->source_port) : json_null());
    json_object_set_new(probe, "destination_port",
                        ports ? value_known(config->destination_port) : json_null());
    json_object_set_new(probe, "first_ttl", value_count(config->first_ttl));
    json_object_set_new(probe, "max_ttl", value_count(config->max_ttl));
    json_object_set_new(probe, "interval_ms", value_number(ns_to_ms(config->interval_ns)));
    json_object_set_new(probe, "timeout_ms", value_number(ns_to_ms(config->timeout_ns)));
    return probe;
}

static json_t *json_end(const struct trace_result *r)
{
    bool icmp = r->end == TRACE_END_UNREACHABLE;
    json_t *end = json_object();
    char sentence[256];

    report_trace_end(sentence, sizeof(sentence), r);
    json_object_set_new(end, "reason", json_string(trace_end_name(r->end)));
    json_object_set_new(end, "ttl", value_known(r->end_ttl));
    json_object_set_new(end, "address", value_address(&r->end_address));
    json_object_set_new(end, "type", icmp ? value_count(r->end_icmp_type) : json_null());
    json_object_set_new(end, "code", icmp ? value_count(r->end_icmp_code) : json_null());
    json_object_set_new(end, "errno", value_known((uint64_t)abs(r->end_error)));
    json_object_set_new(end, "summary", json_string(sentence));
    return end;
}

static json_t *json_counters(const struct report_trace *report)
{
    const struct trace_result *r = report->result;
    json_t *counters = json_object();

    json_object_set_new(counters, "rounds", value_count(r->rounds));
    json_object_set_new(counters, "sent", value_count(r->sent));
    json_object_set_new(counters, "received", value_count(r->received));
    json_object_set_new(counters, "duplicates", value_count(r->duplicates));
    json_object_set_new(counters, "late", value_count(r->late));
    json_object_set_new(counters, "reordered", value_count(r->reordered));
    json_object_set_new(counters, "suspects", value_count(r->suspects));
    json_object_set_new(counters, "foreign", value_count(r->foreign));
    json_object_set_new(counters, "send_errors", value_count(r->send_errors));
    json_object_set_new(counters, "capture_dropped", value_count(report->capture_dropped));
    json_object_set_new(counters, "interface_dropped", value_count(report->interface_dropped));
    json_object_set_new(counters, "user_stamps", value_count(report->user_stamps));
    return counters;
}

static json_t *json_path_mtu(const struct trace_result *r)
{
    json_t *mtu;

    if (!r->path_mtu)
        return json_null();
    mtu = json_object();
    json_object_set_new(mtu, "bytes", value_count(r->path_mtu));
    json_object_set_new(mtu, "ttl", value_known(r->path_mtu_ttl));
    return mtu;
}

/* What a result holds; absent as null or empty where there is none, so that the shape stays. */
static void json_set_result(json_t *document, const struct report_trace *report)
{
    static const char *const absent[] = {"protocol",    "source",   "probe", "counters",
                                         "path_length", "path_mtu", "end"};
    const struct trace_result *r = report->result;

    for (size_t i = 0; !r && i < sizeof(absent) / sizeof(absent[0]); i++)
        json_object_set_new(document, absent[i], json_null());
    if (r) {
        json_object_set_new(document, "protocol",
                            json_string(report_protocol_name(r->config.protocol)));
        json_object_set_new(document, "source", value_address(&r->config.source));
        json_object_set_new(document, "probe", json_probe(&r->config));
        json_object_set_new(document, "counters", json_counters(report));
        json_object_set_new(document, "path_length", value_known(r->path_len));
        json_object_set_new(document, "path_mtu", json_path_mtu(r));
        json_object_set_new(document, "end", json_end(r));
    }
    json_object_set_new(document, "hops", json_hops(report));
    if (r && r->config.multipath_percent)
        json_set_paths(document, r);
    json_object_set_new(document, "findings", json_findings(r));
}

static void json_set_report(json_t *document, const struct report_trace *report)
{
    const struct trace_result *r = report->result;

    json_object_set_new(document, "elapsed_ms", value_number(ns_to_ms(report->elapsed_ns)));
    json_object_set_new(document, "interrupted", json_boolean(r && r->interrupted));
    json_object_set_new(document, "privilege", value_text(report->privilege));
    json_object_set_new(document, "method", value_text(report->method));
    json_object_set_new(document, "target", json_target(report));
    json_set_result(document, report);
    json_object_set_new(document, "error", value_error(report->error_code, report->error_message));
}

int report_trace_json(FILE *out, const struct report_trace *report)
{
    json_t *document = value_head(JSON_SCHEMA, report->start_unix_ns);

    json_set_report(document, report);
    return value_write_document(out, document);
}

int report_trace_json_begin(FILE *out, int64_t start_unix_ns)
{
    return value_write_begin(out, JSON_SCHEMA, start_unix_ns);
}

int report_trace_json_target(FILE *out, const struct report_trace *report, bool first)
{
    json_t *target = json_object();

    json_object_set_new(target, "start", value_time(report->start_unix_ns));
    json_set_report(target, report);
    return value_write_target(out, target, first);
}

int report_trace_json_end(FILE *out, int64_t elapsed_ns, bool interrupted, const char *error_code,
                          const char *error_message)
{
    json_t *rest = json_object();

    json_object_set_new(rest, "elapsed_ms", value_number(ns_to_ms(elapsed_ns)));
    json_object_set_new(rest, "interrupted", json_boolean(interrupted));
    json_object_set_new(rest, "error", value_error(error_code, error_message));
    return value_write_end(out, rest);
}

int report_trace_json_error(FILE *out, const char *code, const char *message)
{
    return value_write_document(out, value_failure(JSON_SCHEMA, code, message));
}

/* --- events -------------------------------------------------------------------------------------
 */

static const char *json_event_name(enum trace_match match)
{
    static const char *const names[] = {"foreign", "sent",      "answer",
                                        "late",    "duplicate", "suspect"};

    return (size_t)match < sizeof(names) / sizeof(names[0]) ? names[match] : "unknown";
}

int report_trace_observation(FILE *out, const char *target, const struct trace_observation *o,
                             int64_t unix_offset_ns)
{
    bool answer = o->match >= TRACE_ANSWER;
    bool tcp = answer && o->tcp_flags, icmp = answer && !tcp;
    json_t *event = json_object();

    json_object_set_new(event, "event", json_string(json_event_name(o->match)));
    json_object_set_new(event, "target", value_text(target));
    json_object_set_new(event, "id", value_count(o->id));
    json_object_set_new(event, "round", value_count(o->round));
    json_object_set_new(event, "flow", value_count(o->flow));
    json_object_set_new(event, "ttl", value_count(o->ttl));
    json_object_set_new(event, "sent", value_time(o->sent_ns + unix_offset_ns));
    json_object_set_new(event, "received",
                        answer ? value_time(o->received_ns + unix_offset_ns) : json_null());
    json_object_set_new(event, "rtt_ms", value_number(answer ? ns_to_ms(o->rtt_ns) : NAN));
    json_object_set_new(event, "responder", answer ? value_address(&o->responder) : json_null());
    json_object_set_new(event, "from_target", answer ? json_boolean(o->from_target) : json_null());
    json_object_set_new(event, "icmp_type", icmp ? value_count(o->icmp_type) : json_null());
    json_object_set_new(event, "icmp_code", icmp ? value_count(o->icmp_code) : json_null());
    json_object_set_new(event, "tcp_flags", tcp ? value_count(o->tcp_flags) : json_null());
    return value_write_line(out, event);
}

int report_trace_summary(FILE *out, const struct report_trace *report)
{
    json_t *document = value_head(JSON_SCHEMA, report->start_unix_ns);

    json_set_report(document, report);
    return value_write_line(out, value_summary(document));
}

int report_trace_failure_event(FILE *out, const char *code, const char *message)
{
    return value_write_line(out, value_summary(value_failure(JSON_SCHEMA, code, message)));
}
