/* Asks all services of a run, several at once, and reports each. */
#ifndef NETDX_TOOLS_BANNER_RUN_H
#define NETDX_TOOLS_BANNER_RUN_H

#include "tools/banner_job.h"
#include "tools/banner_output.h"
#include "tools/target_list.h"

/* Returns the exit status of the worst; 128 + n after a signal. */
int banner_run(const struct banner_context *context, struct banner_output *output,
               const struct target_list *list);

#endif
