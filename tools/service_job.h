/* One address and port of a run: asked, followed where it redirects to, and told. */
#ifndef NETDX_TOOLS_SERVICE_JOB_H
#define NETDX_TOOLS_SERVICE_JOB_H

#include "engine/redirect.h"
#include "engine/version_fingerprint.h"
#include "report/banner.h"
#include "tools/lookup.h"
#include "tools/service_options.h"
#include "tools/service_probe.h"
#include "tools/target.h"
#include "tools/target_list.h"

struct service_job; /* opaque */

struct service_context { /* what all jobs of a run share; borrowed */
    struct session *session;
    const struct service_options *request;
    struct tls_context *tls;
    struct service_capture *wire;              /* NULL: nothing watches the connections */
    struct version_fingerprints *fingerprints; /* NULL: none */
    /* Whether what a job found is worth one of the request's retries. NULL: never. */
    bool (*fails)(const struct service_job *job, const void *judge);
    const void *judge; /* borrowed */
    /* The runner's own: a job has got on, and its tick is due. */
    void (*ready)(void *runner, void *tag);
    void *runner;
};

struct service_aim {                /* what a job is to ask */
    const struct target_text *item; /* as the user wrote it; borrowed */
    const char *name;               /* the host's name; NULL: it is an address */
    struct address address;
    uint16_t port;
    bool is_url; /* scheme, port and path are the URL's */
    struct redirect_url url;
    double dns_ms; /* NAN: no look-up */
    void *tag;     /* for `ready`; borrowed */
};

/* NULL: out of memory. */
struct service_job *service_job_new(const struct service_context *context,
                                    const struct service_aim *aim);
/* One that is over before it began. */
struct service_job *service_job_new_failed(const struct service_context *context,
                                           const struct target_text *item,
                                           const struct failure *failure);
void service_job_free(struct service_job *job);

void service_job_tick(struct service_job *job);
bool service_job_is_over(const struct service_job *job);
void service_job_stop(struct service_job *job);

/* Borrows from the job. */
void service_job_report(const struct service_job *job, struct report_banner *report);
const struct target_text *service_job_item(const struct service_job *job);
unsigned service_job_tries(const struct service_job *job); /* 0: nobody was asked */
int service_job_status(const struct service_job *job);
const struct version_list *service_job_products(const struct service_job *job); /* never NULL */

#endif
