/* One target of a run on its way to addresses and ports. */
#ifndef NETDX_TOOLS_DESTINATION_H
#define NETDX_TOOLS_DESTINATION_H

#include "tools/aim.h"
#include "tools/lookup.h"
#include "tools/session.h"
#include "tools/target_list.h"

enum destination_state {
    DESTINATION_RESOLVING,
    DESTINATION_READY,  /* its addresses are known */
    DESTINATION_TAKEN,  /* they are being probed, or were */
    DESTINATION_FAILED, /* `failure` says why there are none */
};

struct destination {
    struct session *session; /* borrowed, as is text */
    const struct port_list *ports;
    const char *text;
    struct aim aim;
    enum destination_state state;
    struct lookup *lookup;     /* NULL: none under way */
    struct address *addresses; /* owned: of a name */
    size_t naddresses;
    struct failure failure;
};

/*
 * Starts to resolve the target, unless it is an address or nothing at all. `ports` are for a target
 * that names none; borrowed.
 */
void destination_init(struct destination *job, struct session *session,
                      const struct port_list *ports, const struct target_list *list, size_t index);
void destination_release(struct destination *job);

/* Gives up a name that is still being resolved. */
void destination_stop(struct destination *job);

size_t destination_count(const struct destination *job); /* of addresses */
struct address destination_address(const struct destination *job, size_t n);

#endif
