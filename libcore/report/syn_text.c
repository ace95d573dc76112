#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "report/escape.h"
#include "report/syn.h"
#include "report/table.h"
#include "report/words.h"

#define TEXT_LABEL_SIZE    (REPORT_TEXT_SIZE + ADDRESS_TEXT_SIZE + 16)
#define TEXT_LABEL_MIN     24
#define TEXT_LABEL_HEADING "Target"

static double text_sent(const struct syn_target_result *r)
{
    return (double)r->sent;
}

static double text_open(const struct syn_target_result *r)
{
    return (double)r->open;
}

static double text_refused(const struct syn_target_result *r)
{
    return (double)r->refused;
}

static double text_loss(const struct syn_target_result *r)
{
    return r->loss_pct;
}

static double text_min(const struct syn_target_result *r)
{
    return r->rtt_ms.count ? r->rtt_ms.min : NAN;
}

static double text_p50(const struct syn_target_result *r)
{
    return quantile_get(&r->rtt_ms_quantiles, 0.50);
}

static double text_p95(const struct syn_target_result *r)
{
    return quantile_get(&r->rtt_ms_quantiles, 0.95);
}

static double text_p99(const struct syn_target_result *r)
{
    return quantile_get(&r->rtt_ms_quantiles, 0.99);
}

static double text_max(const struct syn_target_result *r)
{
    return r->rtt_ms.count ? r->rtt_ms.max : NAN;
}

static double text_stdev(const struct syn_target_result *r)
{
    return stats_stddev(&r->rtt_ms);
}

static const struct text_column {
    const char *heading;
    enum table_kind kind;
    int width;
    double (*value)(const struct syn_target_result *result);
} text_columns_shown[] = {
    {"Sent", TABLE_COUNT, 6, text_sent},
    {"Open", TABLE_COUNT, 6, text_open},
    {"Refused", TABLE_COUNT, 8, text_refused},
    {"Lost%", TABLE_PERCENT, 7, text_loss},
    {"Min", TABLE_MS, 8, text_min},
    {"p50", TABLE_MS, 8, text_p50},
    {"p95", TABLE_MS, 8, text_p95},
    {"p99", TABLE_MS, 8, text_p99},
    {"Max", TABLE_MS, 8, text_max},
    {"StDev", TABLE_MS, 8, text_stdev},
};

#define TEXT_COLUMNS (sizeof(text_columns_shown) / sizeof(text_columns_shown[0]))

/* What one report needs while it is written. */
struct text_report {
    FILE *out;
    const struct report_syn *run;
    const struct report_syn_target *targets;
    size_t count, shown; /* targets; those with a result */
    const struct report_syn_text_options *options;
};

static const char *text_color(const struct text_report *t, const char *color)
{
    return t->options->color ? color : "";
}

static void text_label(const struct text_report *t, const struct report_syn_target *target,
                       char out[TEXT_LABEL_SIZE])
{
    report_syn_label(out, TEXT_LABEL_SIZE, t->options->numeric ? NULL : target->host,
                     &target->result->target);
}

static const struct report_syn_target *text_first(const struct text_report *t)
{
    size_t i = 0;

    while (!t->targets[i].result)
        i++;
    return &t->targets[i];
}

static void text_header(const struct text_report *t)
{
    static const char *const sets[] = {"linux", "bare", "full"};
    const struct syn_config *config = t->run->config;
    const struct report_syn_target *first = text_first(t);
    char label[TEXT_LABEL_SIZE], source[ADDRESS_TEXT_SIZE];

    text_label(t, first, label);
    address_format(&first->result->target.source, source);
    fprintf(t->out, "%sSYN to ", text_color(t, TABLE_BOLD));
    if (t->shown == 1)
        fprintf(t->out, "%s%s, from %s", label, text_color(t, TABLE_END), source);
    else
        fprintf(t->out, "%zu addresses and ports%s", t->shown, text_color(t, TABLE_END));
    if (config->source_ports > 1)
        fprintf(t->out, ", ports %u to %u", config->source_port,
                config->source_port + config->source_ports - 1u);
    else
        fprintf(t->out, ", port %u", config->source_port);
    if (!strcmp(t->run->privilege, "raw"))
        fprintf(t->out, ", %s options\n", sets[config->options]);
    else
        fprintf(t->out, ", %s (%s)\n", t->run->privilege, t->run->method);
}

static size_t text_widest(const struct text_report *t)
{
    size_t widest = TEXT_LABEL_MIN;
    char label[TEXT_LABEL_SIZE];

    for (size_t i = 0; i < t->count; i++) {
        if (!t->targets[i].result)
            continue;
        text_label(t, &t->targets[i], label);
        if (text_columns(label) > widest)
            widest = text_columns(label);
    }
    return widest;
}

static const char *text_outcome_color(const struct text_report *t,
                                      const struct syn_target_result *r)
{
    if (r->outcome != SYN_OPEN && r->outcome != SYN_PENDING)
        return text_color(t, TABLE_RED);
    return text_color(t, r->loss_pct > 0 ? TABLE_YELLOW : "");
}

static void text_table(const struct text_report *t)
{
    size_t widest = text_widest(t);
    char label[TEXT_LABEL_SIZE];

    fprintf(t->out, "%s%-*s", text_color(t, TABLE_DIM), (int)widest, TEXT_LABEL_HEADING);
    for (size_t i = 0; i < TEXT_COLUMNS; i++)
        fprintf(t->out, "%*s", text_columns_shown[i].width, text_columns_shown[i].heading);
    fprintf(t->out, "%s\n", text_color(t, TABLE_END));
    for (size_t i = 0; i < t->count; i++) {
        const struct syn_target_result *r = t->targets[i].result;
        const char *color;

        if (!r)
            continue;
        color = text_outcome_color(t, r);
        text_label(t, &t->targets[i], label);
        fprintf(t->out, "%s%s%*s", color, label, (int)(widest - text_columns(label)), "");
        for (size_t c = 0; c < TEXT_COLUMNS; c++)
            table_cell(t->out, text_columns_shown[c].kind, text_columns_shown[c].width,
                       text_columns_shown[c].value(r));
        fprintf(t->out, "%s\n", *color ? TABLE_END : "");
    }
}

static void text_synack(const struct text_report *t, const struct report_syn_target *target)
{
    const struct syn_ack_facts *s = &target->result->synack;
    char label[TEXT_LABEL_SIZE];

    if (!s->samples || !target->measured_raw)
        return;
    text_label(t, target, label);
    if (t->shown > 1)
        fprintf(t->out, "%s: ", label);
    fprintf(t->out, "SYN-ACK: TTL %u (%u hop%s), window %u", s->ttl, s->hops, words_plural(s->hops),
            s->window);
    if (s->mss)
        fprintf(t->out, ", MSS %u", s->mss);
    if (s->wscale >= 0)
        fprintf(t->out, ", window scale %d", s->wscale);
    fprintf(t->out, "%s%s%s%s; JA4TS %s\n", s->sack ? ", SACK" : "",
            s->timestamps ? ", timestamps" : "", s->fast_open ? ", Fast Open cookie" : "",
            s->flags & TCP_ECE ? ", ECN" : "", s->ja4ts);
}

static void text_findings(const struct text_report *t, const struct report_syn_target *target)
{
    const struct syn_target_result *r = target->result;
    char label[TEXT_LABEL_SIZE], sentence[512];

    text_label(t, target, label);
    for (size_t i = 0; i < r->nfindings; i++) {
        const struct syn_finding *f = &r->findings[i];
        const char *color = text_color(t, table_severity_color((int)f->severity));

        report_syn_finding(sentence, sizeof(sentence), f, r, t->run->config);
        fprintf(t->out, "%s%s: ", color, report_severity_name((int)f->severity));
        if (t->shown > 1)
            fprintf(t->out, "%s: ", label);
        fprintf(t->out, "%s%s\n", sentence, *color ? TABLE_END : "");
    }
}

/* What went wrong on our own side: never the network's loss. */
static void text_own_losses(const struct text_report *t)
{
    const struct report_syn *run = t->run;

    if (run->capture_dropped)
        fprintf(t->out,
                "%s: our own capture dropped %llu packet%s: part of the loss shown may be ours\n",
                report_severity_name(run->inconclusive ? SYN_WARNING : SYN_NOTICE),
                (unsigned long long)run->capture_dropped, words_plural(run->capture_dropped));
    if (run->totals->pauses)
        fprintf(t->out, "note: the kernel had no room for a SYN %llu time%s; it was sent later\n",
                (unsigned long long)run->totals->pauses, words_plural(run->totals->pauses));
    if (run->rate_missed)
        fprintf(t->out, "note: %g SYNs a second were asked for, %.0f were achieved\n",
                run->config->rate_pps, run->achieved_pps);
}

static void text_totals(const struct text_report *t)
{
    const struct syn_result *totals = t->run->totals;

    fprintf(t->out, "%s%llu SYN%s sent", t->run->interrupted ? "interrupted; " : "",
            (unsigned long long)totals->sent, words_plural(totals->sent));
    if (totals->repeats_sent)
        fprintf(t->out, " and %llu repeated", (unsigned long long)totals->repeats_sent);
    fprintf(t->out, ", %llu answered", (unsigned long long)totals->answered);
    if (totals->late)
        fprintf(t->out, " (%llu late)", (unsigned long long)totals->late);
    if (totals->pending)
        fprintf(t->out, ", %llu pending", (unsigned long long)totals->pending);
    fprintf(t->out, ", %.1f s\n", (double)t->run->elapsed_ns / 1e9);
}

int report_syn_text(FILE *out, const struct report_syn *run,
                    const struct report_syn_target *targets, size_t count,
                    const struct report_syn_text_options *options)
{
    struct text_report t = {
        .out = out, .run = run, .targets = targets, .count = count, .options = options};

    for (size_t i = 0; i < count; i++)
        t.shown += targets[i].result != NULL;
    if (!t.shown || !run->totals)
        return 0;
    errno = 0;
    text_header(&t);
    text_table(&t);
    for (size_t i = 0; i < count; i++) {
        if (targets[i].result && (options->synack || t.shown == 1))
            text_synack(&t, &targets[i]);
        if (targets[i].result)
            text_findings(&t, &targets[i]);
    }
    text_own_losses(&t);
    text_totals(&t);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
