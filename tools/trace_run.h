/* Drives traces over one network: resolves, sends, dispatches, waits, reports. */
#ifndef NETDX_TOOLS_TRACE_RUN_H
#define NETDX_TOOLS_TRACE_RUN_H

#include "tools/target_list.h"
#include "tools/trace_output.h"
#include "tools/trace_session.h"

/*
 * Traces the targets, at most options->parallel at once, and reports each when it is done.
 * Returns the exit status of the worst; 128 + n after a signal; -ENOMEM when
 * nothing was reported.
 */
int trace_run(struct trace_session *session, struct trace_output *output,
              const struct target_list *targets);

#endif
