/* Internal to report/: the columns of the trace table. */
#ifndef NETDX_REPORT_TRACE_COLUMNS_H
#define NETDX_REPORT_TRACE_COLUMNS_H

#include "report/table.h"
#include "report/trace.h"

#define REPORT_COLUMNS_MAX 24

struct report_column {
    const char *name;    /* as in --columns */
    const char *heading; /* mtr's */
    char letter;         /* mtr's; 0: mtr has no such column */
    enum table_kind kind;
    bool of_hop; /* belongs to the TTL, not to the responder */
    /* NAN when unknown; `responder` is NULL at a silent hop. */
    double (*value)(const struct trace_hop *hop, const struct trace_responder *responder);
};

/* As report_columns_check, with the columns chosen; past REPORT_COLUMNS_MAX the name is refused. */
int report_columns_parse(const char *list, const struct report_column *columns[REPORT_COLUMNS_MAX],
                         size_t *count, const char **bad, size_t *bad_len);

/* NULL when there is none. */
const char *report_name(const struct report_trace *report, const struct address *address);
const char *report_asn(const struct report_trace *report, const struct address *address);

#endif
