#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/timespan.h"
#include "report/escape.h"
#include "report/flows.h"
#include "report/table.h"
#include "report/words.h"

#define TEXT_SENTENCE_SIZE 1024
#define TEXT_ENDPOINT_MIN  16
#define TEXT_INDENT        "    "

/* What one report needs while it is written. */
struct text_report {
    FILE *out;
    const struct report_flows *report;
    const struct flows_result *result;
    const struct report_flows_text_options *options;
    size_t width[2]; /* of the columns with endpoints */
};

static const char *text_color(const struct text_report *t, const char *color)
{
    return t->options->color ? color : "";
}

static unsigned long long text_count(uint64_t count)
{
    return count;
}

/* --- the summary ------------------------------------------------------------------------------ */

static void text_head(const struct text_report *t)
{
    const struct flows_summary *s = &t->result->summary;
    char source[REPORT_TEXT_SIZE], start[TIME_RFC3339_SIZE];

    report_escape(source, t->report->source);
    fprintf(t->out, "%sflows in %s%s: %llu packet%s in %llu flow%s", text_color(t, TABLE_BOLD),
            source, text_color(t, TABLE_END), text_count(s->packets), words_plural(s->packets),
            text_count(s->flows), words_plural(s->flows));
    if (s->packets) {
        time_format_rfc3339(s->start_ns + t->report->unix_offset_ns, start);
        fprintf(t->out, ", %.3f s from %s", (double)(s->last_ns - s->start_ns) / 1e9, start);
    }
    fputc('\n', t->out);
}

static void text_findings(const struct text_report *t)
{
    char sentence[TEXT_SENTENCE_SIZE];

    for (size_t i = 0; i < t->result->nfindings; i++) {
        const struct flow_finding *f = &t->result->findings[i];
        const char *color = text_color(t, table_severity_color((int)f->severity));

        report_flows_finding(sentence, sizeof(sentence), f);
        fprintf(t->out, "%s%s: %s%s\n", color, report_severity_name((int)f->severity), sentence,
                *color ? TABLE_END : "");
    }
    if (!t->result->nfindings && t->result->summary.packets && !t->options->live)
        fputs("nothing wrong was found\n", t->out);
}

/* "12 RSTs", only what there is. */
static void text_some(const struct text_report *t, uint64_t count, const char *what)
{
    if (count)
        fprintf(t->out, ", %llu %s", text_count(count), what);
}

static void text_counts(const struct text_report *t)
{
    const struct flow_counts *c = &t->result->summary.counts;

    fprintf(t->out, "re-sent: %llu of %llu segments", text_count(c->retransmissions),
            text_count(c->segments));
    if (c->retransmissions)
        fprintf(t->out, " (%llu fast, %llu timeout, %llu tail probe, %llu unknown; %llu needless)",
                text_count(c->fast), text_count(c->timeout), text_count(c->tail_probe),
                text_count(c->unknown), text_count(c->spurious));
    text_some(t, c->syn_retransmissions, "SYNs again");
    fprintf(t->out, "; lost before the tap %llu, behind it %llu", text_count(c->lost_before),
            text_count(c->lost_behind));
    text_some(t, c->lost_unknown, "unknown");
    fputc('\n', t->out);
    fprintf(t->out, "also: %llu reset%s", text_count(c->resets), words_plural(c->resets));
    text_some(t, c->reordered, "reordered");
    text_some(t, c->duplicates, "duplicates");
    text_some(t, c->tap_copies, "seen on two interfaces");
    text_some(t, c->dup_acks, "duplicate ACKs");
    text_some(t, c->zero_windows, "zero windows");
    text_some(t, c->window_full, "full windows");
    text_some(t, c->keep_alives, "keep-alives");
    text_some(t, c->capture_gaps, "capture gaps");
    text_some(t, c->ce_marks, "congestion marks");
    fputc('\n', t->out);
}

/* Beside every figure of loss: what we may have lost ourselves. */
static void text_capture(const struct text_report *t)
{
    const struct report_flows *r = t->report;
    const struct flows_summary *s = &t->result->summary;

    fprintf(t->out, "capture: %llu frames read", text_count(r->frames));
    if (r->has_drops)
        fprintf(t->out, ", %s%llu dropped by the kernel, %llu by the interface%s",
                text_color(t, r->inconclusive ? TABLE_RED : ""), text_count(r->capture_dropped),
                text_count(r->interface_dropped), text_color(t, r->inconclusive ? TABLE_END : ""));
    text_some(t, s->fragments, "fragments");
    text_some(t, s->other, "of other protocols");
    text_some(t, s->truncated, "cut too short");
    text_some(t, s->bad, "malformed");
    text_some(t, s->time_steps, "clock steps");
    text_some(t, s->no_memory, "given up for want of memory");
    fputc('\n', t->out);
    if (r->inconclusive)
        fputs("warning: our own capture dropped so much that the loss shown may be ours: "
              "try a filter, --buffer or --workers\n",
              t->out);
}

static void text_saved(const struct text_report *t)
{
    const struct report_flows *r = t->report;
    char path[REPORT_TEXT_SIZE];

    if (!r->saved_path || t->options->live)
        return;
    report_escape(path, r->saved_path);
    fprintf(t->out, "saved: %llu packet%s of flows with findings in %s", text_count(r->saved),
            words_plural(r->saved), path);
    if (r->saved_cut)
        fprintf(t->out, "; the beginning of %llu flow%s was not in memory any more",
                text_count(r->saved_cut), words_plural(r->saved_cut));
    fputc('\n', t->out);
}

/* --- the table -------------------------------------------------------------------------------- */

static double text_packets(const struct flow_facts *f)
{
    return (double)(f->side[0].counts.packets + f->side[1].counts.packets);
}

static double text_kilobytes(const struct flow_facts *f)
{
    return (double)(f->side[0].counts.bytes + f->side[1].counts.bytes) / 1e3;
}

static double text_resent(const struct flow_facts *f)
{
    return (double)(f->side[0].counts.retransmissions + f->side[1].counts.retransmissions);
}

/* Of the direction that has more: fmax passes over what is unknown. */
static double text_loss(const struct flow_facts *f)
{
    return fmax(f->side[0].loss_pct, f->side[1].loss_pct);
}

static double text_ms(int64_t ns)
{
    return ns < 0 ? NAN : ns_to_ms(ns);
}

static double text_rtt_client(const struct flow_facts *f)
{
    return text_ms(f->side[FLOW_CLIENT].rtt.min_ns);
}

static double text_rtt_server(const struct flow_facts *f)
{
    return text_ms(f->side[FLOW_SERVER].rtt.min_ns);
}

static double text_stall(const struct flow_facts *f)
{
    return f->stall.cause == FLOW_STALL_NONE ? NAN : ns_to_ms(f->stall.length_ns);
}

static const struct text_column {
    const char *heading;
    enum table_kind kind;
    int width;
    double (*value)(const struct flow_facts *facts);
} text_columns_shown[] = {
    {"Packets", TABLE_COUNT, 9, text_packets}, {"kB", TABLE_COUNT, 9, text_kilobytes},
    {"Re-sent", TABLE_COUNT, 9, text_resent},  {"Lost%", TABLE_PERCENT, 7, text_loss},
    {"RTT<", TABLE_MS, 8, text_rtt_client},    {"RTT>", TABLE_MS, 8, text_rtt_server},
    {"Stall", TABLE_MS, 9, text_stall},
};

#define TEXT_COLUMNS (sizeof(text_columns_shown) / sizeof(text_columns_shown[0]))

static void text_fit(struct text_report *t)
{
    char endpoint[REPORT_ENDPOINT_SIZE];

    for (int side = 0; side < 2; side++) {
        t->width[side] = TEXT_ENDPOINT_MIN;
        for (size_t i = 0; i < t->result->nflows; i++) {
            report_endpoint(endpoint, &t->result->flows[i].key, (enum flow_side)side);
            if (strlen(endpoint) > t->width[side])
                t->width[side] = strlen(endpoint);
        }
    }
}

static void text_row(const struct text_report *t, const struct flow_facts *f)
{
    const char *color = text_color(t, table_severity_color((int)f->severity));
    char client[REPORT_ENDPOINT_SIZE], server[REPORT_ENDPOINT_SIZE], end[64];

    report_endpoint(client, &f->key, FLOW_CLIENT);
    report_endpoint(server, &f->key, FLOW_SERVER);
    report_flows_end(end, sizeof(end), f);
    fprintf(t->out, "%s%-*s %-*s", color, (int)t->width[0], client, (int)t->width[1], server);
    for (size_t i = 0; i < TEXT_COLUMNS; i++)
        table_cell(t->out, text_columns_shown[i].kind, text_columns_shown[i].width,
                   text_columns_shown[i].value(f));
    fprintf(t->out, "  %s%s\n", end, *color ? TABLE_END : "");
}

static void text_table(struct text_report *t)
{
    if (!t->result->nflows)
        return;
    text_fit(t);
    fprintf(t->out, "\n%s%-*s %-*s", text_color(t, TABLE_DIM), (int)t->width[0], "Client",
            (int)t->width[1], "Server");
    for (size_t i = 0; i < TEXT_COLUMNS; i++)
        fprintf(t->out, "%*s", text_columns_shown[i].width, text_columns_shown[i].heading);
    fprintf(t->out, "  End%s\n", text_color(t, TABLE_END));
    for (size_t i = 0; i < t->result->nflows; i++)
        text_row(t, &t->result->flows[i]);
}

/* --- details of a flow ------------------------------------------------------------------------ */

static void text_offer(const struct text_report *t, const struct flow_side_facts *side,
                       const char *name)
{
    fprintf(t->out, "; %s:", name);
    if (!side->has_syn)
        fputs(" handshake not seen", t->out);
    else if (!side->mss && side->wscale < 0 && !side->sack_permitted && !side->timestamps)
        fputs(" no options", t->out);
    if (!side->has_syn)
        return;
    if (side->mss)
        fprintf(t->out, " MSS %u", side->mss);
    if (side->wscale >= 0)
        fprintf(t->out, " window scale %d", side->wscale);
    fprintf(t->out, "%s%s", side->sack_permitted ? " SACK" : "",
            side->timestamps ? " timestamps" : "");
}

static void text_handshake(const struct text_report *t, const struct flow_facts *f)
{
    fputs(TEXT_INDENT, t->out);
    if (f->handshake_client_ns >= 0 && f->handshake_server_ns >= 0)
        fprintf(t->out, "handshake %.3f ms: %.3f to the client, %.3f to the server",
                ns_to_ms(f->handshake_client_ns + f->handshake_server_ns),
                ns_to_ms(f->handshake_client_ns), ns_to_ms(f->handshake_server_ns));
    else
        fputs(f->complete ? "handshake not finished" : "begun before the capture", t->out);
    text_offer(t, &f->side[FLOW_CLIENT], "client");
    text_offer(t, &f->side[FLOW_SERVER], "server");
    fprintf(t->out, "; ECN %s\n", flow_ecn_name(f->ecn));
}

static void text_direction(const struct text_report *t, const struct flow_facts *f,
                           enum flow_side side)
{
    const struct flow_side_facts *s = &f->side[side];
    const struct flow_counts *c = &s->counts;
    char from[REPORT_ENDPOINT_SIZE];

    report_endpoint(from, &f->key, side);
    fprintf(t->out, TEXT_INDENT "from %s: %llu bytes in %llu segments", from,
            text_count(c->unique_bytes), text_count(c->segments));
    if (!isnan(s->goodput_bps))
        fprintf(t->out, ", %.3f Mbit/s", s->goodput_bps / 1e6);
    if (c->retransmissions)
        fprintf(t->out,
                ", %llu re-sent (%llu fast, %llu timeout, %llu tail probe, %llu unknown; %llu "
                "needless), lost before the tap %llu, behind it %llu",
                text_count(c->retransmissions), text_count(c->fast), text_count(c->timeout),
                text_count(c->tail_probe), text_count(c->unknown), text_count(c->spurious),
                text_count(c->lost_before), text_count(c->lost_behind));
    text_some(t, c->syn_retransmissions, side == FLOW_CLIENT ? "SYNs again" : "SYN-ACKs again");
    text_some(t, c->reordered, "reordered");
    text_some(t, c->duplicates, "duplicates");
    text_some(t, c->zero_windows, "zero windows");
    text_some(t, c->window_full, "full windows");
    text_some(t, c->keep_alives, "keep-alives");
    text_some(t, c->capture_gap_bytes, "bytes missing in the capture");
    if (s->rtt.samples)
        fprintf(t->out, ", RTT %.3f to %.3f ms", ns_to_ms(s->rtt.min_ns), ns_to_ms(s->rtt.max_ns));
    fputs(s->isn_reused ? ", ISN reused\n" : "\n", t->out);
}

static void text_detail(const struct text_report *t, const struct flow_facts *f)
{
    char client[REPORT_ENDPOINT_SIZE], server[REPORT_ENDPOINT_SIZE], line[TEXT_SENTENCE_SIZE];

    report_endpoint(client, &f->key, FLOW_CLIENT);
    report_endpoint(server, &f->key, FLOW_SERVER);
    fprintf(t->out, "\n%s%s -> %s%s", text_color(t, TABLE_BOLD), client, server,
            text_color(t, TABLE_END));
    if (f->vlan)
        fprintf(t->out, " (VLAN %u)", f->vlan);
    fprintf(t->out, "%s\n", f->client_known ? "" : " (who opened it is guessed)");
    text_handshake(t, f);
    text_direction(t, f, FLOW_CLIENT);
    text_direction(t, f, FLOW_SERVER);
    if (report_flows_stall(line, sizeof(line), f))
        fprintf(t->out, TEXT_INDENT "%s\n", line);
    if (report_flows_reset(line, sizeof(line), f))
        fprintf(t->out, TEXT_INDENT "%s\n", line);
}

static void text_details(const struct text_report *t)
{
    for (size_t i = 0; i < t->result->nflows; i++)
        if (t->options->verbose || t->result->flows[i].severity > FLOW_FINE)
            text_detail(t, &t->result->flows[i]);
}

int report_flows_text(FILE *out, const struct report_flows *report,
                      const struct report_flows_text_options *options)
{
    struct text_report t = {
        .out = out, .report = report, .result = report->result, .options = options};

    if (!report->result)
        return 0;
    errno = 0;
    text_head(&t);
    text_findings(&t);
    text_counts(&t);
    text_capture(&t);
    text_saved(&t);
    text_table(&t);
    if (!options->live)
        text_details(&t);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}

/* --- rates ------------------------------------------------------------------------------------ */

int report_rates_text(FILE *out, const struct report_rates *r, bool heading)
{
    char when[TIME_RFC3339_SIZE];

    errno = 0;
    if (heading)
        fprintf(out, "%-30s %11s %10s %8s %7s %7s %7s %9s\n", "Time", "Packets/s", "Mbit/s",
                "Re-sent", "Lost%", "Flows", "Resets", "Dropped");
    time_format_rfc3339(r->unix_ns, when);
    fprintf(out, "%-30s %11.0f %10.3f %8llu", when, r->packets_pps, r->payload_bps / 1e6,
            text_count(r->retransmissions));
    if (isnan(r->loss_pct))
        fprintf(out, " %7s", "-");
    else
        fprintf(out, " %6.2f%%", r->loss_pct);
    fprintf(out, " %7llu %7llu %9llu\n", text_count(r->flows), text_count(r->resets),
            text_count(r->capture_dropped + r->interface_dropped));
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
