#include "tools/destination.h"

#include <stdlib.h>
#include <string.h>

static void destination_fail(struct destination *job, const char *code, int status,
                             const char *complaint)
{
    failure_refuse(&job->failure, 0, code, "target", job->text, complaint);
    job->failure.status = status;
    job->state = DESTINATION_FAILED;
}

/* Those that may be probed. */
static void destination_keep(struct destination *job, const struct address *addresses, size_t count)
{
    const char *refusal = "has no address";

    job->addresses = calloc(count, sizeof(*addresses));
    if (!job->addresses) {
        destination_fail(job, "memory", EXIT_UNKNOWN, "cannot be resolved: out of memory");
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
        job->state = DESTINATION_READY;
    else
        destination_fail(job, "target.refused", EXIT_UNKNOWN, refusal);
}

static void destination_resolved(void *context, enum dns_status status,
                                 const struct address *addresses, size_t count)
{
    struct destination *job = context;

    if (status == DNS_OK && count) {
        destination_keep(job, addresses, count);
    } else {
        session_dns_failure(job->session, status, job->text, &job->failure);
        job->state = DESTINATION_FAILED;
    }
    loop_wake(job->session->loop);
}

static void destination_address_given(struct destination *job, int family)
{
    char complaint[64];

    job->state = DESTINATION_READY;
    if (!family || family == job->aim.target.address.family)
        return;
    snprintf(complaint, sizeof(complaint), "is an IPv%d address, but -%d was given",
             job->aim.target.address.family, family);
    destination_fail(job, "usage", EXIT_UNKNOWN, complaint);
}

void destination_init(struct destination *job, struct session *session,
                      const struct port_list *ports, const struct target_list *list, size_t index)
{
    int family = session->options->family;

    *job = (struct destination){.session = session, .text = list->items[index].text};
    if (aim_parse(job->text, &job->aim, job->failure.message)) {
        target_list_locate(list, index, job->failure.message);
        job->failure.code = "target.invalid";
        job->failure.status = EXIT_UNKNOWN;
        job->state = DESTINATION_FAILED;
        return;
    }
    job->ports = job->aim.ports.count ? &job->aim.ports : ports;
    if (job->aim.target.is_address)
        destination_address_given(job, family);
    else if (lookup_start(session->dns, job->aim.target.host, family, destination_resolved, job,
                          &job->lookup))
        destination_fail(job, "memory", EXIT_UNKNOWN, "cannot be resolved: out of memory");
}

void destination_release(struct destination *job)
{
    lookup_give_up(job->lookup);
    aim_release(&job->aim);
    free(job->addresses);
}

void destination_stop(struct destination *job)
{
    if (job->state != DESTINATION_RESOLVING)
        return;
    lookup_give_up(job->lookup);
    job->lookup = NULL;
    destination_fail(job, "interrupted", EXIT_CRITICAL,
                     "was still being resolved when the run ended");
}

size_t destination_count(const struct destination *job)
{
    return job->aim.target.is_address ? (size_t)aim_addresses(&job->aim) : job->naddresses;
}

struct address destination_address(const struct destination *job, size_t n)
{
    return job->aim.target.is_address ? aim_address(&job->aim, n) : job->addresses[n];
}
