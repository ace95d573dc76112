/* One target on its way: to be resolved, traced, named and reported. */
#ifndef NETDX_TOOLS_TRACE_JOB_H
#define NETDX_TOOLS_TRACE_JOB_H

#include "tools/address_table.h"
#include "tools/lookup.h"
#include "tools/target.h"
#include "tools/trace_output.h"
#include "tools/trace_session.h"

enum trace_job_state {
    JOB_RESOLVING,
    JOB_TRACING,
    JOB_NAMING, /* the trace is done, names of its hops are still being looked up */
    JOB_DONE,
};

struct trace_job {
    struct trace_session *session; /* borrowed */
    const char *text;              /* borrowed: as the user wrote it */
    struct target target;
    enum trace_job_state state;
    struct lookup *lookup; /* NULL: none under way */
    struct failure failure;
    struct trace_config config;
    struct trace *trace;        /* owned; NULL until JOB_TRACING */
    struct trace_result result; /* from JOB_NAMING on */
    bool has_result;
    int64_t start_ns, end_ns, wake_ns;
    bool listed;            /* in the table of addresses */
    struct trace_job *next; /* of the jobs under way */
    struct trace_job *same; /* a further trace of the same address */
    UT_hash_handle hh;      /* by config.destination */
};

/* Starts to resolve `text`. NULL: out of memory. */
struct trace_job *trace_job_new(struct trace_session *session, const char *text);
void trace_job_free(struct trace_job *job);

/* Ends the trace, or the wait for its address or its names. */
void trace_job_stop(struct trace_job *job, int64_t now_ns);

/* Takes the result once the trace has ended. */
void trace_job_finish(struct trace_job *job, int64_t now_ns);

void trace_job_report(const struct trace_job *job, int64_t now_ns, struct report_trace *report);

/* The exit status: of the failure, or of what was found. */
int trace_job_status(const struct trace_job *job);

#endif
