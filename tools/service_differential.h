/*
 * Why a service fails: it is asked again with one thing changed at a time, and what cures it is
 * told. The first further try changes nothing: when that works the fault comes and goes, and no
 * change would prove anything. Each change is tried once.
 */
#ifndef NETDX_TOOLS_SERVICE_DIFFERENTIAL_H
#define NETDX_TOOLS_SERVICE_DIFFERENTIAL_H

#include "report/banner.h"
#include "tools/service_options.h"
#include "tools/service_probe.h"
#include "tools/service_quic.h" /* service_ready_fn */

struct service_differential_aim {
    const struct service_options *request;       /* what the user asked for */
    const struct service_probe_options *options; /* what failed; copied, its texts are borrowed */
    const struct service_probe_facts *facts;     /* how */
    const char *name;                            /* of the host; NULL: it is an address */
};

struct service_differential; /* opaque */

/* Whether these facts are a failure here: a code, or a status of 400 and more. */
bool service_differential_fails(const struct service_probe_facts *facts);

/*
 * `session` and `tls` are borrowed; `ready` is called whenever the tick is due. NULL: out of
 * memory.
 */
struct service_differential *service_differential_new(struct session *session,
                                                      struct tls_context *tls,
                                                      const struct service_differential_aim *aim,
                                                      service_ready_fn *ready, void *context);
void service_differential_free(struct service_differential *differential); /* NULL is fine */

void service_differential_tick(struct service_differential *differential);
bool service_differential_is_over(const struct service_differential *differential);

void service_differential_report(const struct service_differential *differential,
                                 struct report_banner_differential *report);

#endif
