/*
 * Where the facts of `netdx banner` go: lines of --jsonl in the order of completion, everything
 * else in the order of the input. What is done before its turn waits as finished text.
 */
#ifndef NETDX_TOOLS_BANNER_OUTPUT_H
#define NETDX_TOOLS_BANNER_OUTPUT_H

#include "report/banner.h"
#include "tools/output.h"
#include "tools/service_options.h"

#define BANNER_WINDOW 8192 /* results that may wait for an earlier one */

struct banner_output {
    const struct service_options *request;
    struct output base;
    struct {
        char *text; /* owned */
        size_t len;
        bool done;
    } waiting[BANNER_WINDOW]; /* by number modulo the window */
    uint64_t next;            /* number of the next one to write */
    uint64_t answered, failed;
    bool drawn; /* a progress bar is on the screen */
};

/* As output_open. */
int banner_output_open(struct banner_output *output, const struct service_options *request,
                       struct failure *failure);
void banner_output_release(struct banner_output *output);

void banner_output_begin(struct banner_output *output, int64_t start_unix_ns);
/* `number` counts from 0 in the order of the input; below next + BANNER_WINDOW. */
void banner_output_report(struct banner_output *output, uint64_t number,
                          const struct report_banner *banner);
void banner_output_end(struct banner_output *output, const struct report_banner_run *run);

/* A document in which nothing was asked, for formats that promise one. */
void banner_output_failure(struct banner_output *output, const struct failure *failure);

/* Returns when it is due again. */
int64_t banner_output_progress(struct banner_output *output, uint64_t done, uint64_t total,
                               int64_t now_ns);

#endif
