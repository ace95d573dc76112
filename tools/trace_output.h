/* Where the facts of a run go: the report's format, its stream, the table that is drawn live. */
#ifndef NETDX_TOOLS_TRACE_OUTPUT_H
#define NETDX_TOOLS_TRACE_OUTPUT_H

#include "report/trace.h"
#include "tools/output.h"
#include "tools/trace_options.h"

struct trace_output {
    const struct trace_options *options;
    struct output base;
    bool many, live;
    size_t reported; /* targets */
};

/* `many`: more than one target. As output_open. */
int trace_output_open(struct trace_output *output, const struct trace_options *options, bool many,
                      struct failure *failure);

void trace_output_begin(struct trace_output *output, int64_t start_unix_ns);
void trace_output_report(struct trace_output *output, const struct report_trace *report);
void trace_output_event(struct trace_output *output, const char *target,
                        const struct trace_observation *observation, int64_t unix_offset_ns);

/* A document in which nothing was traced, for formats that promise one. */
void trace_output_failure(struct trace_output *output, const char *code, const char *message);

/* Draws the table anew; the caller asks output_may_draw. */
void trace_output_live(struct trace_output *output, const struct report_trace *report);
void trace_output_progress(struct trace_output *output, size_t total, int64_t now_ns);

/* Ends the document of several targets. */
void trace_output_end(struct trace_output *output, int64_t elapsed_ns, bool interrupted);

#endif
