/* Times handshakes over one network: resolves, sends, dispatches, waits, reports. */
#ifndef NETDX_TOOLS_SYN_RUN_H
#define NETDX_TOOLS_SYN_RUN_H

#include "tools/session.h"
#include "tools/syn_output.h"
#include "tools/target_list.h"

/* `config` has its source ports. Returns the exit status of the worst; 128 + n after a signal. */
int syn_run(struct session *session, struct syn_output *output, const struct syn_config *config,
            const struct target_list *list);

#endif
