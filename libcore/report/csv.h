/* Internal to report/: fields of CSV rows, quoted as RFC 4180 has it. */
#ifndef NETDX_REPORT_CSV_H
#define NETDX_REPORT_CSV_H

#include <stdio.h>

#include "base/quantile.h"
#include "base/stats.h"
#include "wire/address.h"

/*
 * A field of safe text, without a comma. What a spreadsheet would take for a formula gets an
 * apostrophe in front (OWASP, CSV injection).
 */
void csv_quote(FILE *out, const char *safe);

/* The others write a comma and then the field, which is empty when unknown. */
void csv_text(FILE *out, const char *raw); /* NULL: unknown */
void csv_number(FILE *out, double value);  /* NAN: unknown */
void csv_ms(FILE *out, double value);      /* to the nanosecond; NAN: unknown */
void csv_count(FILE *out, uint64_t value);
void csv_address(FILE *out, const struct address *address); /* NULL or no family: unknown */

/* min, p50, p95, p99, mean, max, stddev: seven fields. */
#define CSV_DISTRIBUTION "min_ms,p50_ms,p95_ms,p99_ms,mean_ms,max_ms,stddev_ms"
void csv_distribution(FILE *out, const struct stats *stats, const struct quantile *quantiles);

/* error_code, error_message (safe), and the end of the row. */
void csv_error(FILE *out, const char *code, const char *message);

#endif
