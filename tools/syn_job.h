/* One target of `netdx syn` on its way to addresses and ports. */
#ifndef NETDX_TOOLS_SYN_JOB_H
#define NETDX_TOOLS_SYN_JOB_H

#include "tools/lookup.h"
#include "tools/session.h"
#include "tools/syn_aim.h"
#include "tools/syn_request.h"
#include "tools/target_list.h"

enum syn_job_state {
    SYN_JOB_RESOLVING,
    SYN_JOB_READY,  /* its addresses are known */
    SYN_JOB_TAKEN,  /* they are being probed, or were */
    SYN_JOB_FAILED, /* `failure` says why there are none */
};

struct syn_job {
    struct session *session; /* borrowed, as is text */
    const struct port_list *ports;
    const char *text;
    struct syn_aim aim;
    enum syn_job_state state;
    struct lookup *lookup;     /* NULL: none under way */
    struct address *addresses; /* owned: of a name */
    size_t naddresses;
    struct failure failure;
};

/* Starts to resolve the target, unless it is an address or nothing at all. */
void syn_job_init(struct syn_job *job, struct session *session, const struct syn_request *request,
                  const struct target_list *list, size_t index);
void syn_job_release(struct syn_job *job);

/* Gives up a name that is still being resolved. */
void syn_job_stop(struct syn_job *job);

size_t syn_job_count(const struct syn_job *job); /* of addresses */
struct address syn_job_address(const struct syn_job *job, size_t n);

#endif
