/* Where the facts of `netdx syn` go. */
#ifndef NETDX_TOOLS_SYN_OUTPUT_H
#define NETDX_TOOLS_SYN_OUTPUT_H

#include "report/syn.h"
#include "tools/output.h"
#include "tools/syn_request.h"

struct syn_output {
    const struct syn_request *request;
    struct output base;
    bool drawn; /* a progress bar is on the screen */
};

/* As output_open. */
int syn_output_open(struct syn_output *output, const struct syn_request *request,
                    struct failure *failure);

/* A document in which nothing was probed, for formats that promise one. */
void syn_output_failure(struct syn_output *output, const struct failure *failure);

/* One packet or one probe given up, where the format shows them as they come. */
void syn_output_event(struct syn_output *output, const struct syn_observation *observation,
                      const struct syn_target *target, const char *host, int64_t unix_offset_ns,
                      bool given_up);

void syn_output_report(struct syn_output *output, const struct report_syn *run,
                       const struct report_syn_target *targets, size_t count);

/* `total` 0: there is no end in sight. */
void syn_output_progress(struct syn_output *output, uint64_t done, uint64_t total, int64_t now_ns);

#endif
