/* The progress bar of a run over services, on a terminal. */
#ifndef NETDX_TOOLS_SERVICE_PROGRESS_H
#define NETDX_TOOLS_SERVICE_PROGRESS_H

#include "tools/output.h"

/* `drawn` tells whether it is on the screen. When to ask again; TIME_NEVER: no need. */
int64_t service_progress_draw(struct output *output, bool *drawn, uint64_t done, uint64_t total,
                              int64_t now_ns);
void service_progress_clear(bool *drawn);

#endif
