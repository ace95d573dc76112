/* Internal to report/: the columns of the trace table. */
#ifndef NETDX_REPORT_TRACE_COLUMNS_H
#define NETDX_REPORT_TRACE_COLUMNS_H

#include "base/text.h"
#include "report/trace.h"

#define REPORT_COLUMNS_MAX 24

enum report_column_kind { REPORT_COUNT, REPORT_PERCENT, REPORT_MS };

struct report_column {
    const char *name;    /* as in --columns */
    const char *heading; /* mtr's */
    char letter;         /* mtr's; 0: mtr has no such column */
    enum report_column_kind kind;
    bool of_hop; /* belongs to the TTL, not to the responder */
    /* NAN when unknown; `responder` is NULL at a silent hop. */
    double (*value)(const struct trace_hop *hop, const struct trace_responder *responder);
};

/* As report_columns_check, with the columns chosen; past REPORT_COLUMNS_MAX the name is refused. */
int report_columns_parse(const char *list, const struct report_column *columns[REPORT_COLUMNS_MAX],
                         size_t *count, const char **bad, size_t *bad_len);

/* Text of names and addresses, escaped for every output. */
#define REPORT_TEXT_SIZE TEXT_ESCAPED_SIZE(1024) /* longer than any DNS name */
void report_escape(char out[REPORT_TEXT_SIZE], const char *raw);

/* NULL when there is none. */
const char *report_name(const struct report_trace *report, const struct address *address);
const char *report_asn(const struct report_trace *report, const struct address *address);

#endif
