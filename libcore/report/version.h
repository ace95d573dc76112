/* Products and comparisons as text and JSON; netdx-json(5) describes the members. */
#ifndef NETDX_REPORT_VERSION_H
#define NETDX_REPORT_VERSION_H

#include <stdio.h>

#include "engine/version.h"
#include "engine/version_expect.h"

struct json_t; /* jansson's */

/* An array with an object for each product. NULL when memory is short. */
struct json_t *report_version_products(const struct version_list *list);

/* What one line of `identify` gave. */
struct report_version_line {
    size_t number; /* from 1 */
    bool cut;      /* longer than what was read of it */
    struct decode result;
    const struct version_list *list;
    size_t nverdicts;
    const char *const *expectations; /* as written; nverdicts of them */
    const struct version_verdict *verdicts;
};

struct report_version_comparison {
    const char *a, *b; /* as given */
    struct version_answer answer;
};

/* All return 0, or -errno when the stream failed. */
int report_version_line(FILE *out, const struct report_version_line *line);
int report_version_comparison_text(FILE *out, const struct report_version_comparison *comparison);
int report_version_comparison_json(FILE *out, const struct report_version_comparison *comparison);

/* A document that holds nothing but an error. */
int report_version_error(FILE *out, const char *code, const char *message);

#endif
