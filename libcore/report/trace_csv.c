/* One row per responder, quoted as RFC 4180 has it. */
#include "report/trace.h"

#include <errno.h>
#include <math.h>

#include "report/csv.h"
#include "report/escape.h"
#include "report/trace_columns.h"

int report_trace_csv_header(FILE *out)
{
    errno = 0;
    if (fputs("target,address,protocol,ttl,responder,name,asn,sent,received,pending,loss_pct,"
              "loss_low_pct,loss_high_pct,loss_verdict,responder_received,last_ms," CSV_DISTRIBUTION
              ",end,error_code,error_message\n",
              out) < 0)
        return -(errno ? errno : EIO);
    return 0;
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
    csv_count(out, hop->sent);
    csv_count(out, hop->received);
    csv_count(out, hop->pending);
    csv_number(out, hop->loss_pct);
    csv_number(out, known ? 100 * hop->loss.low : NAN);
    csv_number(out, known ? 100 * hop->loss.high : NAN);
    fprintf(out, ",%s", trace_loss_verdict_name(hop->verdict));
}

static void csv_responder(FILE *out, const struct trace_responder *responder)
{
    const struct stats *s = responder ? &responder->rtt_ms : NULL;

    if (!s || !s->count) {
        fprintf(out, ",%s,,,,,,,,", responder ? "0" : "");
        return;
    }
    csv_count(out, responder->received);
    csv_ms(out, s->last);
    csv_distribution(out, s, &responder->rtt_ms_quantiles);
}

static void csv_end(FILE *out, const struct report_trace *report)
{
    fprintf(out, ",%s", report->result ? trace_end_name(report->result->end) : "");
    csv_error(out, report->error_code, report->error_message);
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
