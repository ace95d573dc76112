/* Sweeps for `netdx syn`: from a list of targets to the report. */
#ifndef NETDX_TOOLS_SYN_MANY_H
#define NETDX_TOOLS_SYN_MANY_H

#include "tools/session.h"
#include "tools/syn_output.h"
#include "tools/target_list.h"

/* The exit status; `config` has its source ports. */
int syn_many_run(struct session *session, struct syn_output *output,
                 const struct syn_config *config, const struct target_list *list);

#endif
