#include "tools/trace_run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/timespan.h"
#include "tools/batch.h"
#include "tools/trace_job.h"

struct trace_runner {
    struct trace_session *session;
    struct trace_output *output;
    const struct target_list *targets;
    size_t next, active;
    struct trace_job *jobs;  /* under way */
    struct trace_job *table; /* by address */
    struct batch batch;
    int64_t start_ns, deadline_ns, paused_ns;
    int broken;   /* -errno of the network */
    int status;   /* worst so far */
    bool stopped; /* by a signal, the deadline, or a failing output */
    bool starved; /* there is no memory for a single target */
};

/* --- which trace a packet belongs to ------------------------------------------------------------
 */

static struct trace_job *trace_run_find(const struct trace_runner *r, const struct address *address)
{
    struct trace_job *found = NULL;

    HASH_FIND(hh, r->table, address, ADDRESS_KEY_LEN, found);
    return found;
}

static void trace_run_list(struct trace_runner *r, struct trace_job *job)
{
    struct trace_job *first = trace_run_find(r, &job->config.destination);

    job->listed = true;
    if (first) {
        job->same = first->same;
        first->same = job;
        return;
    }
    HASH_ADD(hh, r->table, config.destination, ADDRESS_KEY_LEN, job);
}

static void trace_run_unlist(struct trace_runner *r, struct trace_job *job)
{
    struct trace_job *first = trace_run_find(r, &job->config.destination);

    job->listed = false;
    if (first != job) {
        while (first->same != job)
            first = first->same;
        first->same = job->same;
        return;
    }
    HASH_DEL(r->table, job);
    if (job->same)
        HASH_ADD(hh, r->table, config.destination, ADDRESS_KEY_LEN, job->same);
}

/* --- sending ------------------------------------------------------------------------------------
 */

static size_t trace_run_slot_size(const struct trace_config *config)
{
    size_t size = BATCH_SLOT_MIN;

    if (config->size > size)
        size = config->size;
    if (config->find_mtu)
        size = CRAFT_PACKET_MAX;
    return size;
}

static void trace_run_sent(void *owner, uint32_t id, int error, int64_t now_ns)
{
    struct trace_job *job = owner;

    trace_sent(job->trace, id, error, now_ns);
}

/* Everything that may leave now, of every trace. */
static void trace_run_send(struct trace_runner *r)
{
    int64_t now = netio_now(r->session->base.io);

    for (struct trace_job *job = r->jobs; job; job = job->next) {
        enum trace_step step = TRACE_WAIT;
        struct probe probe;
        uint32_t id;

        if (job->state != JOB_TRACING)
            continue;
        if (!job->listed)
            trace_run_list(r, job);
        while ((step = trace_next(job->trace, now, &probe, &id, &job->wake_ns)) == TRACE_SEND)
            batch_add(&r->batch, job, &probe, id);
        if (step == TRACE_DONE) {
            batch_flush(&r->batch);
            trace_job_finish(job, now);
        }
    }
    batch_flush(&r->batch);
}

/* --- receiving ----------------------------------------------------------------------------------
 */

static bool trace_run_offer(struct trace_runner *r, struct trace_job *job,
                            const struct packet *packet, const struct netio_frame *frame,
                            enum packet_direction direction)
{
    struct trace_observation seen;
    enum trace_match match;

    if (job->state != JOB_TRACING)
        return false;
    match = trace_receive(job->trace, packet, direction, frame->when_ns, &seen);
    if (match == TRACE_FOREIGN)
        return false;
    if (match == TRACE_ANSWER || match == TRACE_LATE)
        trace_names_want(r->session->names, &seen.responder);
    if (r->session->options->common.format == FORMAT_JSONL) {
        struct netio *io = r->session->base.io;

        trace_output_event(r->output, job->text, &seen,
                           netio_to_unix(io, frame->when_ns) - frame->when_ns);
    }
    return true;
}

static void trace_run_dispatch(void *context, const struct packet *packet,
                               const struct netio_frame *frame, enum packet_direction direction)
{
    struct trace_runner *r = context;
    struct trace_job *job;
    struct address target;

    if (!trace_target_of(packet, direction, &target))
        return;
    job = trace_run_find(r, &target);
    /* A quote whose destination was rewritten names a stranger: all may look at it. */
    if (!job && direction != PACKET_OUTGOING) {
        for (job = r->jobs; job; job = job->next)
            if (trace_run_offer(r, job, packet, frame, direction))
                return;
    }
    for (; job; job = job->same)
        if (trace_run_offer(r, job, packet, frame, direction))
            return;
}

static void trace_run_receive(struct trace_runner *r)
{
    int err = session_receive(&r->session->base, trace_run_dispatch, r);

    if (err)
        r->broken = err;
}

/* --- jobs ---------------------------------------------------------------------------------------
 */

static void trace_run_start(struct trace_runner *r)
{
    struct trace_job **tail = &r->jobs;

    while (*tail)
        tail = &(*tail)->next;
    while (!r->stopped && r->next < r->targets->count &&
           r->active < r->session->options->parallel) {
        struct trace_job *job = trace_job_new(r->session, r->targets->items[r->next].text);

        if (!job && !r->active)
            r->starved = r->stopped = true;
        if (!job)
            return; /* when others have ended there is memory again */
        r->next++;
        *tail = job;
        tail = &job->next;
        r->active++;
    }
}

static void trace_run_say(const struct trace_runner *r, const struct trace_job *job)
{
    if (job->failure.code &&
        (r->session->options->common.format == FORMAT_TEXT || !r->output->base.owned))
        fprintf(stderr, "netdx trace: %s\n", job->failure.message);
}

static void trace_run_report(struct trace_runner *r, struct trace_job *job)
{
    char hostname[256] = "";
    struct report_trace report;
    int status = trace_job_status(job);

    trace_job_report(job, netio_now(r->session->base.io), &report);
    if (!gethostname(hostname, sizeof(hostname) - 1))
        report.hostname = hostname;
    if (r->broken) {
        report.error_code = "network.lost";
        report.error_message = strerror(-r->broken);
        status = EXIT_UNKNOWN;
    }
    trace_run_say(r, job);
    trace_output_report(r->output, &report);
    if (status > r->status)
        r->status = status;
}

/* Whether the job can be reported and forgotten. */
static bool trace_run_is_over(struct trace_runner *r, struct trace_job *job, int64_t now)
{
    if (job->listed && job->state != JOB_TRACING)
        trace_run_unlist(r, job);
    if (job->state == JOB_NAMING &&
        (now >= job->wake_ns || trace_names_complete(r->session->names, &job->result)))
        job->state = JOB_DONE;
    return job->state == JOB_DONE;
}

static void trace_run_reap(struct trace_runner *r)
{
    int64_t now = netio_now(r->session->base.io);

    for (struct trace_job **link = &r->jobs; *link;) {
        struct trace_job *job = *link;

        if (!trace_run_is_over(r, job, now)) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        trace_run_report(r, job);
        trace_job_free(job);
        r->active--;
    }
}

static void trace_run_stop(struct trace_runner *r)
{
    int64_t now = netio_now(r->session->base.io);

    r->stopped = true;
    for (struct trace_job *job = r->jobs; job; job = job->next)
        trace_job_stop(job, now);
    trace_run_reap(r);
}

/* Time that this process was stopped is nobody's loss. */
static void trace_run_shift(struct trace_runner *r)
{
    int64_t paused = loop_paused_ns(r->session->base.loop) - r->paused_ns;

    if (!paused)
        return;
    r->paused_ns += paused;
    for (struct trace_job *job = r->jobs; job; job = job->next)
        if (job->state == JOB_TRACING)
            trace_shift(job->trace, paused);
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static int64_t trace_run_wake(const struct trace_runner *r)
{
    int64_t wake = r->deadline_ns;

    if (r->next < r->targets->count && r->active < r->session->options->parallel)
        return 0; /* what ended has made room */
    for (const struct trace_job *job = r->jobs; job; job = job->next)
        if (job->state != JOB_RESOLVING && job->wake_ns < wake)
            wake = job->wake_ns;
    if (r->output->live && r->output->base.next_draw_ns < wake)
        wake = r->output->base.next_draw_ns;
    return wake;
}

static void trace_run_live(struct trace_runner *r)
{
    int64_t now = netio_now(r->session->base.io);
    struct trace_job *job = r->jobs;
    struct report_trace report;
    struct trace_result result;

    trace_output_progress(r->output, r->targets->count, now);
    if (!job || job->state != JOB_TRACING || !r->output->live ||
        !output_may_draw(&r->output->base, now) || trace_result(job->trace, now, &result))
        return;
    trace_job_report(job, now, &report);
    report.result = &result;
    trace_output_live(r->output, &report);
    trace_result_release(&result);
}

static bool trace_run_must_stop(const struct trace_runner *r)
{
    return r->broken || r->starved || r->output->base.error ||
           netio_now(r->session->base.io) >= r->deadline_ns;
}

static void trace_run_loop(struct trace_runner *r)
{
    struct netio *io = r->session->base.io;

    for (;;) {
        trace_run_start(r);
        trace_run_send(r);
        trace_run_reap(r);
        if (!r->jobs && r->next == r->targets->count)
            return;
        if (trace_run_must_stop(r))
            return trace_run_stop(r);
        trace_run_live(r);
        if (r->session->options->common.format == FORMAT_JSONL)
            output_flush(&r->output->base);
        if (netio_wait(io, trace_run_wake(r)) == -EINTR)
            return trace_run_stop(r);
        trace_run_shift(r);
        trace_run_receive(r);
    }
}

int trace_run(struct trace_session *session, struct trace_output *output,
              const struct target_list *targets)
{
    int64_t start = netio_now(session->base.io), limit = session->options->common.deadline_ns;
    struct trace_runner r = {.session = session,
                             .output = output,
                             .targets = targets,
                             .start_ns = start,
                             .deadline_ns = limit ? time_add(start, limit) : TIME_NEVER};
    int signal_number;

    if (batch_init(&r.batch, session->base.io, trace_run_slot_size(&session->options->config),
                   trace_run_sent)) {
        batch_release(&r.batch);
        return -ENOMEM;
    }
    r.paused_ns = loop_paused_ns(session->base.loop);
    trace_output_begin(output, netio_to_unix(session->base.io, start));
    trace_run_loop(&r);
    batch_release(&r.batch);
    if (r.starved && !output->reported)
        return -ENOMEM;
    signal_number = loop_signal(session->base.loop);
    return signal_number ? 128 + signal_number : r.status;
}
