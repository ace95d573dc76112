/* One address and port of a run: asked, followed where it redirects to, and told. */
#ifndef NETDX_TOOLS_BANNER_JOB_H
#define NETDX_TOOLS_BANNER_JOB_H

#include "engine/redirect.h"
#include "engine/version_fingerprint.h"
#include "report/banner.h"
#include "tools/banner_probe.h"
#include "tools/banner_request.h"
#include "tools/lookup.h"
#include "tools/target.h"

struct banner_context { /* what all jobs of a run share; borrowed */
    struct session *session;
    const struct banner_request *request;
    struct tls_context *tls;
    struct version_fingerprints *fingerprints; /* NULL: none */
};

struct banner_aim {   /* what a job is to ask */
    const char *text; /* as the user wrote it; borrowed */
    const char *name; /* the host's name; NULL: it is an address */
    struct address address;
    uint16_t port;
    bool is_url; /* scheme, port and path are the URL's */
    struct redirect_url url;
    double dns_ms; /* NAN: no look-up */
};

struct banner_job; /* opaque */

/* NULL: out of memory. */
struct banner_job *banner_job_new(const struct banner_context *context,
                                  const struct banner_aim *aim);
/* One that is over before it began. */
struct banner_job *banner_job_new_failed(const struct banner_context *context, const char *text,
                                         const struct failure *failure);
void banner_job_free(struct banner_job *job);

void banner_job_tick(struct banner_job *job);
int64_t banner_job_wake(const struct banner_job *job);
bool banner_job_is_over(const struct banner_job *job);
void banner_job_stop(struct banner_job *job);

/* Borrows from the job. */
void banner_job_report(const struct banner_job *job, struct report_banner *report);
int banner_job_status(const struct banner_job *job);
const struct version_list *banner_job_products(const struct banner_job *job);

#endif
