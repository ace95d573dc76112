/* A look at several engines that are at work, as if they were one: for the table drawn live. */
#ifndef NETDX_TOOLS_FLOWS_LIVE_H
#define NETDX_TOOLS_FLOWS_LIVE_H

#include "engine/flow.h"

/*
 * Moves what the results hold into *into: flows in the order of `sort`, at most `top`; findings of
 * the same kind and host become one. The results are released. 0 or -ENOMEM.
 */
int flows_live_combine(struct flows_result *results, size_t count, enum flow_sort sort, size_t top,
                       struct flows_result *into);

/* Adds what one engine counted to the sum of others. */
void flows_live_add(struct flows_summary *sum, const struct flows_summary *other);

#endif
