/* One row per address and port. */
#include <errno.h>
#include <math.h>

#include "report/csv.h"
#include "report/escape.h"
#include "report/syn.h"

int report_syn_csv_header(FILE *out)
{
    errno = 0;
    if (fputs("target,address,port,outcome,sent,answered,open,refused,timed_out,unreachable,"
              "pending,loss_pct,loss_low_pct,loss_high_pct," CSV_DISTRIBUTION
              ",repeats_sent,answered_when_repeated,late,duplicates,retransmitted_answers,"
              "second_answers,ttl,window,mss,wscale,ja4ts,findings,error_code,error_message\n",
              out) < 0)
        return -(errno ? errno : EIO);
    return 0;
}

static void csv_counts(FILE *out, const struct syn_target_result *r)
{
    const uint64_t counts[] = {r->sent,      r->answered,    r->open,   r->refused,
                               r->timed_out, r->unreachable, r->pending};
    bool known = !isnan(r->loss_pct);

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        csv_count(out, counts[i]);
    csv_number(out, r->loss_pct);
    csv_number(out, known ? 100 * r->loss.low : NAN);
    csv_number(out, known ? 100 * r->loss.high : NAN);
    csv_distribution(out, &r->rtt_ms, &r->rtt_ms_quantiles);
    csv_count(out, r->repeats_sent);
    csv_count(out, r->answered_when_repeated);
    csv_count(out, r->late);
    csv_count(out, r->duplicates);
    csv_count(out, r->retransmitted_answers);
    csv_count(out, r->second_answers);
}

static void csv_synack(FILE *out, const struct syn_ack_facts *s, bool known)
{
    csv_number(out, known ? s->ttl : NAN);
    csv_number(out, known ? s->window : NAN);
    csv_number(out, known && s->mss ? s->mss : NAN);
    csv_number(out, known && s->wscale >= 0 ? s->wscale : NAN);
    csv_text(out, known ? s->ja4ts : NULL);
}

/* The ids, separated by blanks. */
static void csv_findings(FILE *out, const struct syn_target_result *r)
{
    fputc(',', out);
    for (size_t i = 0; i < r->nfindings; i++)
        fprintf(out, "%s%s", i ? " " : "", syn_finding_id(r->findings[i].kind));
}

int report_syn_csv(FILE *out, const struct report_syn_target *target)
{
    const struct syn_target_result *r = target->result;
    char escaped[REPORT_TEXT_SIZE];

    errno = 0;
    report_escape(escaped, target->text);
    csv_quote(out, escaped);
    if (r) {
        csv_address(out, &r->target.destination);
        csv_count(out, r->target.port);
        fprintf(out, ",%s", syn_outcome_name(r->outcome));
        csv_counts(out, r);
        csv_synack(out, &r->synack, r->synack.samples > 0 && target->measured_raw);
        csv_findings(out, r);
    } else {
        fputs(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", out);
    }
    csv_error(out, target->error_code, target->error_message);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
