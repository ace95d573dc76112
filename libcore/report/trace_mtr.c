/* The JSON of `mtr --json` as mtr 0.95 prints it, for scripts that were written for it. */
#include "report/trace.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "report/escape.h"
#include "report/trace_columns.h"

static json_t *mtr_text(const char *raw)
{
    char escaped[REPORT_TEXT_SIZE];

    report_escape(escaped, raw);
    return json_string(escaped);
}

/* mtr knows no null: what nobody answered is 0.0. It rounds to microseconds. */
static json_t *mtr_number(double value)
{
    return json_real(isfinite(value) ? round(value * 1e3) / 1e3 : 0.0);
}

static json_t *mtr_host(const struct report_trace *report, const struct trace_responder *responder)
{
    char text[ADDRESS_TEXT_SIZE];
    const char *name;

    if (!responder)
        return json_string("???");
    name = report_name(report, &responder->address);
    if (name)
        return mtr_text(name);
    address_format(&responder->address, text);
    return json_string(text);
}

static json_t *mtr_hub(const struct report_trace *report, const struct trace_hop *hop,
                       bool with_asn)
{
    const struct trace_responder *first = hop->nresponders ? &hop->responders[0] : NULL;
    const struct stats *s = &hop->rtt_ms;
    const char *asn = first ? report_asn(report, &first->address) : NULL;
    json_t *hub = json_object();

    json_object_set_new(hub, "count", json_integer(hop->ttl));
    json_object_set_new(hub, "host", mtr_host(report, first));
    if (with_asn)
        json_object_set_new(hub, "ASN", mtr_text(asn ? asn : "AS???"));
    json_object_set_new(hub, "Loss%", mtr_number(hop->loss_pct));
    json_object_set_new(hub, "Snt", json_integer((json_int_t)hop->sent));
    json_object_set_new(hub, "Last", mtr_number(s->count ? s->last : NAN));
    json_object_set_new(hub, "Avg", mtr_number(s->count ? s->mean : NAN));
    json_object_set_new(hub, "Best", mtr_number(s->count ? s->min : NAN));
    json_object_set_new(hub, "Wrst", mtr_number(s->count ? s->max : NAN));
    json_object_set_new(hub, "StDev", mtr_number(stats_stddev(s)));
    return hub;
}

static json_t *mtr_run(const struct report_trace *report)
{
    const struct trace_result *r = report->result;
    char source[ADDRESS_TEXT_SIZE] = "", size[16];
    json_t *run = json_object();

    if (r)
        address_format(&r->config.source, source);
    snprintf(size, sizeof(size), "%u", r ? r->config.size : 0u);
    json_object_set_new(run, "src", mtr_text(report->hostname ? report->hostname : source));
    json_object_set_new(run, "dst", mtr_text(report->target));
    json_object_set_new(run, "tos", json_integer(r ? r->config.dscp << 2 | r->config.ecn : 0));
    json_object_set_new(run, "tests", json_integer(r ? r->rounds : 0));
    json_object_set_new(run, "psize", json_string(size));
    json_object_set_new(run, "bitpattern", json_string("0x00"));
    return run;
}

/* mtr prints nothing when it fails; a document that says so serves scripts better. */
static json_t *mtr_error(const struct report_trace *report)
{
    json_t *error = json_object();

    json_object_set_new(error, "code", json_string(report->error_code));
    json_object_set_new(error, "message",
                        json_string(report->error_message ? report->error_message : ""));
    return error;
}

int report_trace_mtr_json(FILE *out, const struct report_trace *report, bool asn)
{
    const struct trace_result *r = report->result;
    json_t *document = json_object(), *body = json_object(), *hubs = json_array();
    int err = 0;

    for (size_t i = 0; r && i < r->nhops; i++)
        json_array_append_new(hubs, mtr_hub(report, &r->hops[i], asn));
    json_object_set_new(body, "mtr", mtr_run(report));
    json_object_set_new(body, "hubs", hubs);
    json_object_set_new(document, "report", body);
    if (report->error_code)
        json_object_set_new(document, "error", mtr_error(report));
    errno = 0;
    if (json_dumpf(document, out, JSON_INDENT(4) | JSON_REAL_PRECISION(12)) ||
        fputc('\n', out) == EOF)
        err = -(errno ? errno : EIO);
    json_decref(document);
    return err;
}
