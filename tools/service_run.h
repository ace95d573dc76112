/* Asks all services of a run, several at once, and reports each. */
#ifndef NETDX_TOOLS_SERVICE_RUN_H
#define NETDX_TOOLS_SERVICE_RUN_H

#include "tools/service_job.h"
#include "tools/target_list.h"

struct service_sink { /* who hears of it */
    void *context;
    /*
     * A service is done, in the order of completion; `number` counts from 0 in the order of the
     * input. An error ends the run. The job is gone afterwards.
     */
    int (*report)(void *context, uint64_t number, const struct service_job *job);
    /* The first number that has to wait for earlier ones to be done. NULL: none has. */
    uint64_t (*room)(void *context);
    /* How far it is; returns when it wants to be called again. NULL: never. */
    int64_t (*progress)(void *context, uint64_t done, uint64_t total, int64_t now_ns);
};

struct service_run_facts {
    int64_t elapsed_ns;
    uint64_t done;
    size_t begun;     /* targets, from the first, all of whose services were begun */
    bool interrupted; /* by a signal, the deadline or an error of the sink's */
};

/*
 * Returns the exit status of the worst; 128 + n after a signal. The job's text is that of the
 * list's item.
 */
int service_run(const struct service_context *context, const struct service_sink *sink,
                const struct target_list *list, struct service_run_facts *facts);

#endif
