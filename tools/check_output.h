/*
 * Where the results of `netdx check` go. The first line sums the run up, so that text waits for the
 * last service, as does the document, which is in the order of the input; lines of --jsonl do not.
 */
#ifndef NETDX_TOOLS_CHECK_OUTPUT_H
#define NETDX_TOOLS_CHECK_OUTPUT_H

#include "report/check.h"
#include "tools/output.h"

struct check_line { /* of one service */
    char *text;     /* owned, as all of these; an object of the document with --json */
    char *performance;
};

struct check_output {
    struct output base;
    struct check_line *lines; /* owned; by number */
    size_t nlines, size;
    struct check_line alone; /* the first one as it is when there is no other */
    uint64_t counts[CHECK_UNKNOWN + 1];
    enum check_level level; /* the worst */
    bool drawn;             /* a progress bar is on the screen */
};

/* As output_open. */
int check_output_open(struct check_output *output, const struct common_options *options,
                      struct failure *failure);
void check_output_release(struct check_output *output);

/* `number` counts from 0 in the order of the input. */
void check_output_report(struct check_output *output, uint64_t number,
                         const struct report_check *check);
/* Fills in `run`'s level and counts. */
void check_output_end(struct check_output *output, struct report_check_run *run);

/* Nothing was checked: a line in every format, as who reads a plugin looks at nothing else. */
void check_output_failure(struct check_output *output, const struct failure *failure);

/* Returns when it is due again. */
int64_t check_output_progress(struct check_output *output, uint64_t done, uint64_t total,
                              int64_t now_ns);

#endif
