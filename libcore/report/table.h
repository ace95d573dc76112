/* Internal to report/: cells and colours of tables on a terminal. */
#ifndef NETDX_REPORT_TABLE_H
#define NETDX_REPORT_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum table_kind { TABLE_COUNT, TABLE_PERCENT, TABLE_MS };

#define TABLE_RED    "\033[31m"
#define TABLE_YELLOW "\033[33m"
#define TABLE_BOLD   "\033[1m"
#define TABLE_DIM    "\033[2m"
#define TABLE_END    "\033[0m"

int table_width(enum table_kind kind); /* of a cell, in columns, unless its heading is longer */

/* Aligned to the right; "-" for NAN. */
void table_cell(FILE *out, enum table_kind kind, int width, double value);

/* Cuts safe text to `columns` by whole characters. */
void table_cut(char *safe, size_t columns);

/* The colour of a finding's line; "" for what needs none. */
const char *table_severity_color(int severity);

#endif
