/*
 * A judged matrix of versions to text, JSON, CSV, Markdown and HTML. No renderer computes. All
 * texts in a result are safe for a terminal already; what else means something in a format is
 * escaped on the way out.
 */
#ifndef NETDX_REPORT_VERSIONS_H
#define NETDX_REPORT_VERSIONS_H

#include <stdio.h>

#include "engine/matrix.h"

struct report_versions_run {
    int64_t start_unix_ns, elapsed_ns;
    const char *privilege;
    const char *baseline; /* "created", "compared", "extended", "accepted", "kept"; NULL: none */
    bool interrupted;
};

struct report_versions_text_options {
    bool color;
    bool verbose; /* every address with what it said */
};

/* All return 0, or -errno of the stream, or -ENOMEM. */
int report_versions_text(FILE *out, const struct matrix_result *result,
                         const struct report_versions_run *run,
                         const struct report_versions_text_options *options);
int report_versions_csv(FILE *out, const struct matrix_result *result);
int report_versions_markdown(FILE *out, const struct matrix_result *result,
                             const struct report_versions_run *run);
/* A page of its own: no script, and nothing is fetched. */
int report_versions_html(FILE *out, const struct matrix_result *result,
                         const struct report_versions_run *run);

int report_versions_json(FILE *out, const struct matrix_result *result,
                         const struct report_versions_run *run);
int report_versions_json_error(FILE *out, const char *code, const char *message);

/* Lines of --jsonl: a member as soon as it is there, and the findings in the end. */
int report_versions_event(FILE *out, const struct matrix *matrix,
                          const struct matrix_member *member);
int report_versions_summary_event(FILE *out, const struct matrix_result *result,
                                  const struct report_versions_run *run);
int report_versions_failure_event(FILE *out, const char *code, const char *message);

#endif
