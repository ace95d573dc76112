/* One row per responder, quoted as RFC 4180 has it. */
#include "report/trace.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/trace_columns.h"

int report_trace_csv_header(FILE *out)
{
    errno = 0;
    if (fputs("target,address,protocol,ttl,responder,name,asn,sent,received,pending,loss_pct,"
              "loss_low_pct,loss_high_pct,loss_verdict,responder_received,last_ms,min_ms,p50_ms,"
              "p95_ms,p99_ms,mean_ms,max_ms,stddev_ms,end,error_code,error_message\n",
              out) < 0)
        return -(errno ? errno : EIO);
    return 0;
}

/*
 * A field of safe text. What a spreadsheet would take for a formula gets an apostrophe in front
 * (OWASP, CSV injection).
 */
static void csv_quote(FILE *out, const char *safe)
{
    fputc('"', out);
    if (*safe && strchr("=+-@", *safe))
        fputc('\'', out);
    for (const char *c = safe; *c; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void csv_text(FILE *out, const char *raw)
{
    char escaped[REPORT_TEXT_SIZE];

    fputc(',', out);
    if (!raw)
        return;
    report_escape(escaped, raw);
    csv_quote(out, escaped);
}

static void csv_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ",%.6g", value);
    else
        fputc(',', out);
}

static void csv_ms(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ",%.6f", value);
    else
        fputc(',', out);
}

static void csv_address(FILE *out, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE] = "";

    if (address && address->family)
        address_format(address, text);
    fprintf(out, ",%s", text);
}

static void csv_target(FILE *out, const struct report_trace *report)
{
    const struct trace_result *r = report->result;
    char escaped[REPORT_TEXT_SIZE];

    report_escape(escaped, report->target);
    csv_quote(out, escaped);
    csv_address(out, r ? &r->config.destination : NULL);
    fprintf(out, ",%s", r ? report_protocol_name(r->config.protocol) : "");
}

static void csv_hop(FILE *out, const struct report_trace *report, const struct trace_hop *hop,
                    const struct address *responder)
{
    bool known = !isnan(hop->loss_pct);

    fprintf(out, ",%u", hop->ttl);
    csv_address(out, responder);
    csv_text(out, responder ? report_name(report, responder) : NULL);
    csv_text(out, responder ? report_asn(report, responder) : NULL);
    fprintf(out, ",%llu,%llu,%llu", (unsigned long long)hop->sent,
            (unsigned long long)hop->received, (unsigned long long)hop->pending);
    csv_number(out, hop->loss_pct);
    csv_number(out, known ? 100 * hop->loss.low : NAN);
    csv_number(out, known ? 100 * hop->loss.high : NAN);
    fprintf(out, ",%s", trace_loss_verdict_name(hop->verdict));
}

static void csv_responder(FILE *out, const struct trace_responder *responder)
{
    static const double shares[] = {0.50, 0.95, 0.99};
    const struct stats *s = responder ? &responder->rtt_ms : NULL;

    if (!s || !s->count) {
        fprintf(out, ",%s,,,,,,,,", responder ? "0" : "");
        return;
    }
    fprintf(out, ",%llu", (unsigned long long)responder->received);
    csv_ms(out, s->last);
    csv_ms(out, s->min);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        csv_ms(out, quantile_get(&responder->rtt_ms_quantiles, shares[i]));
    csv_ms(out, s->mean);
    csv_ms(out, s->max);
    csv_ms(out, stats_stddev(s));
}

static void csv_end(FILE *out, const struct report_trace *report)
{
    fprintf(out, ",%s", report->result ? trace_end_name(report->result->end) : "");
    csv_text(out, report->error_code);
    fputc(',', out);
    if (report->error_code && report->error_message)
        csv_quote(out, report->error_message);
    fputc('\n', out);
}

static void csv_rows(FILE *out, const struct report_trace *report, const struct trace_hop *hop)
{
    size_t rows = hop->nresponders ? hop->nresponders : 1;

    for (size_t i = 0; i < rows; i++) {
        const struct trace_responder *r = hop->nresponders ? &hop->responders[i] : NULL;

        csv_target(out, report);
        csv_hop(out, report, hop, r ? &r->address : NULL);
        csv_responder(out, r);
        csv_end(out, report);
    }
}

int report_trace_csv(FILE *out, const struct report_trace *report)
{
    const struct trace_result *r = report->result;

    errno = 0;
    for (size_t i = 0; r && i < r->nhops; i++)
        csv_rows(out, report, &r->hops[i]);
    if (!r || !r->nhops) {
        csv_target(out, report);
        fputs(",,,,,,,,,,,,,,,,,,,,", out);
        csv_end(out, report);
    }
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
