/* Where the facts of a run go: the report's format, its stream, the table that is drawn live. */
#ifndef NETDX_TOOLS_TRACE_OUTPUT_H
#define NETDX_TOOLS_TRACE_OUTPUT_H

#include "report/trace.h"
#include "tools/trace_options.h"

struct trace_output {
    const struct trace_options *options;
    FILE *file; /* stdout, or owned when `owned` */
    bool owned, many, live, color, progress;
    int error;       /* the first -errno of a write; nothing is written after it */
    size_t reported; /* targets */
    int live_lines;  /* on the screen now */
    int64_t live_next_ns;
};

/* `many`: more than one target. 0, or -errno with a message when a file cannot be opened. */
int trace_output_open(struct trace_output *output, const struct trace_options *options, bool many,
                      char error[OPTIONS_ERROR_SIZE]);

void trace_output_begin(struct trace_output *output, int64_t start_unix_ns);
void trace_output_report(struct trace_output *output, const struct report_trace *report);
void trace_output_event(struct trace_output *output, const char *target,
                        const struct trace_observation *observation, int64_t unix_offset_ns);
void trace_output_flush(struct trace_output *output);

/* A document in which nothing was traced, for formats that promise one. */
void trace_output_failure(struct trace_output *output, const char *code, const char *message);

/* Whether the live table wants to be drawn at `now_ns`; it is drawn at most ten times a second. */
bool trace_output_wants_live(const struct trace_output *output, int64_t now_ns);
void trace_output_live(struct trace_output *output, const struct report_trace *report,
                       int64_t now_ns);
void trace_output_progress(struct trace_output *output, size_t total, int64_t now_ns);

/* Ends the document and closes the file. 0, or the first -errno of any write. */
int trace_output_close(struct trace_output *output, int64_t elapsed_ns, bool interrupted,
                       const char *error_code, const char *error_message);

#endif
