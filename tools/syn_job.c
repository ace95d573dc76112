#include "tools/syn_job.h"

#include <stdlib.h>
#include <string.h>

static void syn_job_fail(struct syn_job *job, const char *code, int status, const char *complaint)
{
    failure_refuse(&job->failure, 0, code, "target", job->text, complaint);
    job->failure.status = status;
    job->state = SYN_JOB_FAILED;
}

/* Those that may be probed. */
static void syn_job_keep(struct syn_job *job, const struct address *addresses, size_t count)
{
    const char *refusal = "has no address";

    job->addresses = calloc(count, sizeof(*addresses));
    if (!job->addresses) {
        syn_job_fail(job, "memory", EXIT_UNKNOWN, "cannot be resolved: out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *why = target_refusal(&addresses[i]);

        if (why)
            refusal = why;
        else
            job->addresses[job->naddresses++] = addresses[i];
    }
    if (job->naddresses)
        job->state = SYN_JOB_READY;
    else
        syn_job_fail(job, "target.refused", EXIT_UNKNOWN, refusal);
}

static void syn_job_resolved(void *context, enum dns_status status, const struct address *addresses,
                             size_t count)
{
    struct syn_job *job = context;

    if (status == DNS_OK && count) {
        syn_job_keep(job, addresses, count);
    } else {
        session_dns_failure(job->session, status, job->text, &job->failure);
        job->state = SYN_JOB_FAILED;
    }
    loop_wake(job->session->loop);
}

static void syn_job_address_given(struct syn_job *job, int family)
{
    char complaint[64];

    job->state = SYN_JOB_READY;
    if (!family || family == job->aim.target.address.family)
        return;
    snprintf(complaint, sizeof(complaint), "is an IPv%d address, but -%d was given",
             job->aim.target.address.family, family);
    syn_job_fail(job, "usage", EXIT_UNKNOWN, complaint);
}

void syn_job_init(struct syn_job *job, struct session *session, const struct syn_request *request,
                  const struct target_list *list, size_t index)
{
    int family = request->common.family;

    *job = (struct syn_job){.session = session, .text = list->items[index].text};
    if (syn_aim_parse(job->text, &job->aim, job->failure.message)) {
        target_list_locate(list, index, job->failure.message);
        job->failure.code = "target.invalid";
        job->failure.status = EXIT_UNKNOWN;
        job->state = SYN_JOB_FAILED;
        return;
    }
    job->ports = job->aim.ports.count ? &job->aim.ports : &request->ports;
    if (job->aim.target.is_address)
        syn_job_address_given(job, family);
    else if (lookup_start(session->dns, job->aim.target.host, family, syn_job_resolved, job,
                          &job->lookup))
        syn_job_fail(job, "memory", EXIT_UNKNOWN, "cannot be resolved: out of memory");
}

void syn_job_release(struct syn_job *job)
{
    lookup_give_up(job->lookup);
    syn_aim_release(&job->aim);
    free(job->addresses);
}

void syn_job_stop(struct syn_job *job)
{
    if (job->state != SYN_JOB_RESOLVING)
        return;
    lookup_give_up(job->lookup);
    job->lookup = NULL;
    syn_job_fail(job, "interrupted", EXIT_CRITICAL, "was still being resolved when the run ended");
}

size_t syn_job_count(const struct syn_job *job)
{
    return job->aim.target.is_address ? (size_t)syn_aim_addresses(&job->aim) : job->naddresses;
}

struct address syn_job_address(const struct syn_job *job, size_t n)
{
    return job->aim.target.is_address ? syn_aim_address(&job->aim, n) : job->addresses[n];
}
