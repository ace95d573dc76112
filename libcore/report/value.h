/*
 * Internal to report/: facts as JSON values, documents and lines. Unknown is null, text from
 * outside is escaped. What memory does not suffice for becomes NULL, which jansson passes through
 * to the write.
 */
#ifndef NETDX_REPORT_VALUE_H
#define NETDX_REPORT_VALUE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/interval.h"
#include "base/quantile.h"
#include "base/stats.h"
#include "wire/address.h"

json_t *value_number(double value); /* NAN: null */
json_t *value_count(uint64_t value);
json_t *value_known(uint64_t value);                  /* 0: null */
json_t *value_text(const char *raw);                  /* NULL: null */
json_t *value_safe(const char *safe);                 /* made by the tool, and escaped already */
json_t *value_address(const struct address *address); /* no family: null */
json_t *value_time(int64_t unix_ns);
json_t *value_error(const char *code, const char *message); /* no code: null */

/* min, p50, p95, p99, mean, max, stddev. */
json_t *value_distribution(const struct stats *stats, const struct quantile *quantiles);

/* schema, netdx, start: what a document begins with. */
json_t *value_head(const char *schema, int64_t start_unix_ns);
/* A document that holds nothing but an error. */
json_t *value_failure(const char *schema, const char *code, const char *message);
/* The same values behind {"event":"summary"}. Takes `document` over. */
json_t *value_summary(json_t *document);

/* Write and free the value. 0, -ENOMEM, or -errno of the stream. */
int value_write_document(FILE *out, json_t *value);
int value_write_line(FILE *out, json_t *value);

/* A document with an array of `targets`, written as they come. `first`: none before this one. */
int value_write_begin(FILE *out, const char *schema, int64_t start_unix_ns);
/* The same with another name for the array; and another array behind it. */
int value_write_begin_array(FILE *out, const char *schema, int64_t start_unix_ns, const char *name);
int value_write_next_array(FILE *out, const char *name);
int value_write_target(FILE *out, json_t *target, bool first);
/* Closes the array; `rest` holds the members that follow it. */
int value_write_end(FILE *out, json_t *rest);

#endif
