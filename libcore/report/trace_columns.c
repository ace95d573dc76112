#include "report/trace_columns.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define REPORT_HOP_VALUE(column, expression)                                                       \
    static double report_##column(const struct trace_hop *hop,                                     \
                                  const struct trace_responder *responder)                         \
    {                                                                                              \
        (void)responder;                                                                           \
        return expression;                                                                         \
    }

#define REPORT_RTT_VALUE(column, known, expression)                                                \
    static double report_##column(const struct trace_hop *hop,                                     \
                                  const struct trace_responder *responder)                         \
    {                                                                                              \
        (void)hop;                                                                                 \
        if (!responder || !(known))                                                                \
            return NAN;                                                                            \
        return expression;                                                                         \
    }

#define REPORT_RTT (&responder->rtt_ms)

REPORT_HOP_VALUE(loss, hop->loss_pct)
REPORT_HOP_VALUE(sent, (double)hop->sent)
REPORT_HOP_VALUE(drop, (double)(hop->sent - hop->pending - hop->received))
REPORT_RTT_VALUE(received, true, (double)responder->received)
REPORT_RTT_VALUE(last, REPORT_RTT->count, REPORT_RTT->last)
REPORT_RTT_VALUE(avg, REPORT_RTT->count, REPORT_RTT->mean)
REPORT_RTT_VALUE(best, REPORT_RTT->count, REPORT_RTT->min)
REPORT_RTT_VALUE(worst, REPORT_RTT->count, REPORT_RTT->max)
REPORT_RTT_VALUE(stdev, REPORT_RTT->count, stats_stddev(REPORT_RTT))
REPORT_RTT_VALUE(gmean, REPORT_RTT->count, stats_gmean(REPORT_RTT))
REPORT_RTT_VALUE(jitter, REPORT_RTT->jitter_count, REPORT_RTT->jitter_last)
REPORT_RTT_VALUE(javg, REPORT_RTT->jitter_count, REPORT_RTT->jitter_mean)
REPORT_RTT_VALUE(jmax, REPORT_RTT->jitter_count, REPORT_RTT->jitter_max)
REPORT_RTT_VALUE(jint, REPORT_RTT->jitter_count, REPORT_RTT->jitter_smoothed)
REPORT_RTT_VALUE(p50, true, quantile_get(&responder->rtt_ms_quantiles, 0.50))
REPORT_RTT_VALUE(p95, true, quantile_get(&responder->rtt_ms_quantiles, 0.95))
REPORT_RTT_VALUE(p99, true, quantile_get(&responder->rtt_ms_quantiles, 0.99))

static const struct report_column report_columns[] = {
    {"loss", "Loss%", 'L', TABLE_PERCENT, true, report_loss},
    {"sent", "Snt", 'S', TABLE_COUNT, true, report_sent},
    {"drop", "Drop", 'D', TABLE_COUNT, true, report_drop},
    {"received", "Rcv", 'R', TABLE_COUNT, false, report_received},
    {"last", "Last", 'N', TABLE_MS, false, report_last},
    {"avg", "Avg", 'A', TABLE_MS, false, report_avg},
    {"best", "Best", 'B', TABLE_MS, false, report_best},
    {"worst", "Wrst", 'W', TABLE_MS, false, report_worst},
    {"stdev", "StDev", 'V', TABLE_MS, false, report_stdev},
    {"gmean", "Gmean", 'G', TABLE_MS, false, report_gmean},
    {"jitter", "Jttr", 'J', TABLE_MS, false, report_jitter},
    {"javg", "Javg", 'M', TABLE_MS, false, report_javg},
    {"jmax", "Jmax", 'X', TABLE_MS, false, report_jmax},
    {"jint", "Jint", 'I', TABLE_MS, false, report_jint},
    {"p50", "p50", 0, TABLE_MS, false, report_p50},
    {"p95", "p95", 0, TABLE_MS, false, report_p95},
    {"p99", "p99", 0, TABLE_MS, false, report_p99},
};

#define REPORT_COLUMNS (sizeof(report_columns) / sizeof(report_columns[0]))

static const struct report_column *report_column_by_letter(char letter)
{
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        if (letter && report_columns[i].letter == letter)
            return &report_columns[i];
    return NULL;
}

static bool report_column_is(const char *known, const char *name, size_t len)
{
    return strlen(known) == len && !strncasecmp(known, name, len);
}

static const struct report_column *report_column_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        if (report_column_is(report_columns[i].name, name, len) ||
            report_column_is(report_columns[i].heading, name, len))
            return &report_columns[i];
    return NULL;
}

static bool report_columns_are_letters(const char *list)
{
    size_t n = 0;

    while (report_column_by_letter(list[n]))
        n++;
    return n && !list[n];
}

int report_columns_parse(const char *list, const struct report_column *columns[REPORT_COLUMNS_MAX],
                         size_t *count, const char **bad, size_t *bad_len)
{
    bool letters = report_columns_are_letters(list);
    size_t n = 0;

    for (;;) {
        size_t len = letters ? 1 : strcspn(list, ",");
        const struct report_column *column =
            letters ? report_column_by_letter(*list) : report_column_by_name(list, len);

        if (!column || n == REPORT_COLUMNS_MAX) {
            *bad = list;
            *bad_len = len;
            return -EINVAL;
        }
        columns[n++] = column;
        list += len;
        if (!*list)
            break;
        if (!letters)
            list++;
    }
    *count = n;
    return 0;
}

int report_columns_check(const char *list, const char **bad, size_t *bad_len)
{
    const struct report_column *columns[REPORT_COLUMNS_MAX];
    size_t count;

    return report_columns_parse(list, columns, &count, bad, bad_len);
}

const char *report_name(const struct report_trace *report, const struct address *address)
{
    const struct report_names *names = &report->names;

    return names->name ? names->name(names->context, address) : NULL;
}

const char *report_asn(const struct report_trace *report, const struct address *address)
{
    const struct report_names *names = &report->names;

    return names->asn ? names->asn(names->context, address) : NULL;
}
