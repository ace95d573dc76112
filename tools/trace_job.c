#include "tools/trace_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "io/unprivileged.h"

#define TRACE_NAMING_NS NS_PER_SEC /* the longest a finished trace waits for names */

/* Above this share of all packets, what our own capture lost could be all the loss there is. */
#define TRACE_CAPTURE_LOSS_MAX 0.001

static void trace_job_fail(struct trace_job *job, int status, const char *code,
                           const char *complaint)
{
    job->failure.status = status;
    job->failure.code = code;
    options_refuse(job->failure.message, "target", job->text, complaint);
    job->state = JOB_DONE;
}

/* --- from a name to a trace ---------------------------------------------------------------------
 */

static void trace_job_fail_means(struct trace_job *job, const char *what)
{
    failure_set(&job->failure, -EPERM, "permission", what, privilege_advice());
    job->state = JOB_DONE;
}

/* Without CAP_NET_RAW the kernel decides which protocol this process may use. */
static bool trace_job_choose_means(struct trace_job *job)
{
    struct trace_config *config = &job->config;
    unsigned means;

    if (job->session->base.raw)
        return true;
    means = unprivileged_probe(config->destination.family);
    if (config->protocol == PROBE_ICMP && !(means & UNPRIVILEGED_PING) &&
        !job->session->options->protocol_chosen)
        config->protocol = PROBE_UDP;
    config->identity_by_port = config->protocol == PROBE_UDP;
    if (config->protocol == PROBE_ICMP && !(means & UNPRIVILEGED_PING))
        trace_job_fail_means(job, "ICMP without CAP_NET_RAW needs a group in "
                                  "net.ipv4.ping_group_range (or try --udp)");
    else if (config->protocol == PROBE_UDP && config->multipath_percent)
        trace_job_fail_means(job, "--multipath with UDP needs raw packets (or try --tcp)");
    return job->state != JOB_DONE;
}

static void trace_job_begin(struct trace_job *job, const struct address *destination,
                            const struct address *source)
{
    struct netio *io = job->session->base.io;
    const char *why = "out of memory";
    char complaint[256];
    int err;

    job->config.destination = *destination;
    job->config.source = *source;
    if (job->target.port && job->config.protocol != PROBE_ICMP)
        job->config.destination_port = job->target.port;
    if (!trace_job_choose_means(job))
        return;
    job->config.seed = session_seed(&job->session->base);
    job->start_ns = netio_now(io);
    err = trace_new(&job->config, job->start_ns, &job->trace, &why);
    if (!err) {
        job->state = JOB_TRACING;
        return;
    }
    snprintf(complaint, sizeof(complaint), "cannot be traced: %s", why);
    trace_job_fail(job, EXIT_UNKNOWN, err == -ENOMEM ? "memory" : "usage", complaint);
}

/* The first address that may be probed and has a way to it. */
static void trace_job_choose(struct trace_job *job, const struct address *addresses, size_t count)
{
    const char *refusal = NULL;
    int err = 0;

    for (size_t i = 0; i < count; i++) {
        struct address source = {0};

        refusal = target_refusal(&addresses[i]);
        if (refusal)
            continue;
        err = session_source(&job->session->base, &addresses[i], &source);
        if (!err) {
            trace_job_begin(job, &addresses[i], &source);
            return;
        }
    }
    if (err) {
        session_source_failure(err, job->text, &job->failure);
        job->state = JOB_DONE;
    } else {
        trace_job_fail(job, EXIT_UNKNOWN, "target.refused", refusal ? refusal : "has no address");
    }
}

static void trace_job_resolved(void *context, enum dns_status status,
                               const struct address *addresses, size_t count)
{
    struct trace_job *job = context;

    if (status == DNS_OK && count) {
        trace_job_choose(job, addresses, count);
    } else {
        session_dns_failure(&job->session->base, status, job->text, &job->failure);
        job->state = JOB_DONE;
    }
    loop_wake(job->session->base.loop);
}

static void trace_job_address(struct trace_job *job)
{
    int family = job->session->options->common.family;
    char complaint[64];

    if (!family || family == job->target.address.family) {
        trace_job_choose(job, &job->target.address, 1);
        return;
    }
    snprintf(complaint, sizeof(complaint), "is an IPv%d address, but -%d was given",
             job->target.address.family, family);
    trace_job_fail(job, EXIT_UNKNOWN, "usage", complaint);
}

static void trace_job_resolve(struct trace_job *job)
{
    struct trace_session *session = job->session;

    if (lookup_start(session->base.dns, job->target.host, session->options->common.family,
                     trace_job_resolved, job, &job->lookup))
        trace_job_fail(job, EXIT_UNKNOWN, "memory", "cannot be resolved: out of memory");
}

struct trace_job *trace_job_new(struct trace_session *session, const char *text)
{
    struct trace_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->session = session;
    job->text = text;
    job->config = session->options->config;
    job->start_ns = netio_now(session->base.io);
    if (target_parse(text, &job->target, job->failure.message)) {
        job->failure.code = "target.invalid";
        job->failure.status = EXIT_UNKNOWN;
        job->state = JOB_DONE;
    } else if (job->target.is_address) {
        trace_job_address(job);
    } else {
        trace_job_resolve(job);
    }
    return job;
}

void trace_job_free(struct trace_job *job)
{
    if (!job)
        return;
    lookup_give_up(job->lookup);
    trace_free(job->trace);
    if (job->has_result)
        trace_result_release(&job->result);
    free(job);
}

/* --- its end ------------------------------------------------------------------------------------
 */

static void trace_job_note_drops(struct trace_job *job)
{
    struct trace_result *r = &job->result;
    struct netio_counters counters = {0};
    struct trace_finding *grown;
    uint64_t dropped;

    if (netio_counters(job->session->base.io, &counters) || !counters.capture_dropped)
        return;
    dropped = counters.capture_dropped;
    grown = realloc(r->findings, (r->nfindings + 1) * sizeof(*grown));
    if (!grown)
        return;
    r->findings = grown;
    grown[r->nfindings++] = (struct trace_finding){
        .kind = TRACE_FINDING_CAPTURE_DROPS,
        .severity = (double)dropped > TRACE_CAPTURE_LOSS_MAX * (double)counters.received
                        ? TRACE_WARNING
                        : TRACE_NOTICE,
        .count = dropped,
    };
}

void trace_job_finish(struct trace_job *job, int64_t now_ns)
{
    int err = trace_result(job->trace, now_ns, &job->result);

    job->end_ns = now_ns;
    trace_free(job->trace);
    job->trace = NULL;
    if (err) {
        trace_job_fail(job, EXIT_UNKNOWN, "memory", "has a result that memory does not hold");
        return;
    }
    job->has_result = true;
    trace_job_note_drops(job);
    job->state = JOB_NAMING;
    job->wake_ns = time_add(now_ns, TRACE_NAMING_NS);
}

void trace_job_stop(struct trace_job *job, int64_t now_ns)
{
    if (job->state == JOB_RESOLVING)
        trace_job_fail(job, EXIT_CRITICAL, "interrupted",
                       "was still being resolved when the run ended");
    if (job->state == JOB_TRACING) {
        trace_stop(job->trace);
        trace_job_finish(job, now_ns);
    }
    job->state = JOB_DONE;
}

void trace_job_report(const struct trace_job *job, int64_t now_ns, struct report_trace *report)
{
    struct trace_session *session = job->session;
    struct netio_counters counters = {0};

    netio_counters(session->base.io, &counters);
    *report = (struct report_trace){
        .target = job->text,
        .result = job->has_result ? &job->result : NULL,
        .error_code = job->failure.code,
        .error_message = job->failure.code ? job->failure.message : NULL,
        .privilege = session->base.io->privilege,
        .method = trace_session_method(session, job->config.protocol),
        .start_unix_ns = netio_to_unix(session->base.io, job->start_ns),
        .elapsed_ns = (job->end_ns ? job->end_ns : now_ns) - job->start_ns,
        .capture_dropped = counters.capture_dropped,
        .interface_dropped = counters.interface_dropped,
        .user_stamps = counters.user_stamps,
        .names = trace_names_report(session->names),
    };
}

static int trace_job_status_of_sending(int error)
{
    switch (abs(error)) {
    case ENETUNREACH:
    case EHOSTUNREACH:
        return EXIT_CRITICAL;
    default:
        return EXIT_UNKNOWN;
    }
}

int trace_job_status(const struct trace_job *job)
{
    const struct trace_result *r = &job->result;
    int status = EXIT_FINE;

    if (job->failure.code)
        return job->failure.status;
    if (!job->has_result)
        return EXIT_UNKNOWN;
    if (r->end == TRACE_END_SEND_FAILED)
        return trace_job_status_of_sending(r->end_error);
    if (!r->reached)
        return EXIT_CRITICAL;
    for (size_t i = 0; i < r->nfindings; i++) {
        if (r->findings[i].severity >= TRACE_CRITICAL)
            return EXIT_CRITICAL;
        if (r->findings[i].severity == TRACE_WARNING)
            status = EXIT_WARNING;
    }
    return status;
}
