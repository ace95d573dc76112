/* The targets of a sweep as ranges of addresses, without remembering each. */
#ifndef NETDX_TOOLS_SYN_RANGES_H
#define NETDX_TOOLS_SYN_RANGES_H

#include "engine/sweep.h"
#include "tools/session.h"
#include "tools/syn_request.h"
#include "tools/target_list.h"

/* (address, port) pairs of a list, a name counting as one address; UINT64_MAX when more. */
struct syn_plan {
    uint64_t pairs;
    bool sweep;
};

/* -EINVAL with *failure filled in when a network is too large for what was allowed. */
int syn_plan_make(const struct syn_request *request, const struct target_list *list,
                  struct syn_plan *plan, struct failure *failure);

struct syn_ranges {
    struct sweep_range *ranges; /* owned */
    size_t count, size;
    struct port_list ports; /* of all ranges; borrowed from the options unless owned */
    bool ports_owned;
    int status; /* the worst exit status of targets that came to nothing */
};

/*
 * Parses and resolves all targets; those that come to nothing are said on standard error and
 * counted in `status`. 0; -EINTR: a stop was asked for; -errno with *failure filled in. Release in
 * any case.
 */
int syn_ranges_collect(struct syn_ranges *ranges, struct session *session,
                       const struct syn_request *request, const struct target_list *list,
                       struct failure *failure);
void syn_ranges_release(struct syn_ranges *ranges);

#endif
