/* Where the facts of a run go; from any thread. */
#ifndef NETDX_TOOLS_FLOWS_OUTPUT_H
#define NETDX_TOOLS_FLOWS_OUTPUT_H

#include <pthread.h>

#include "report/flows.h"
#include "tools/flows_options.h"
#include "tools/output.h"

struct flows_output {
    struct output base;
    const struct flows_options *options;
    pthread_mutex_t lock; /* of base, once there are threads */
    bool headed;          /* the rates' heading was written */
    bool progressed;      /* there is a line of progress on the terminal */
};

/* 0, or -errno with *failure filled in. */
int flows_output_open(struct flows_output *output, const struct flows_options *options,
                      struct failure *failure);

void flows_output_event(struct flows_output *output, const struct flow_event *event,
                        int64_t unix_offset_ns);
void flows_output_rates(struct flows_output *output, const struct report_rates *rates);
void flows_output_flush(struct flows_output *output);
void flows_output_live(struct flows_output *output, const struct report_flows *report);
void flows_output_progress(struct flows_output *output, uint64_t frames, int64_t now_ns);
void flows_output_report(struct flows_output *output, const struct report_flows *report);

/* A document in which nothing was found out, for formats that promise one. */
void flows_output_failure(struct flows_output *output, const char *code, const char *message);

bool flows_output_broken(struct flows_output *output);

#endif
