/* Whether QUIC answers on a UDP port: probes of a version that nobody has, and what comes back. */
#ifndef NETDX_TOOLS_SERVICE_QUIC_H
#define NETDX_TOOLS_SERVICE_QUIC_H

#include "report/banner.h"
#include "tools/session.h"

struct service_quic_options {
    struct address source, destination; /* source.family 0: routing decides */
    uint16_t port;
    const char *interface;
    int64_t timeout_ns; /* of all probes together */
    bool promised;      /* by Alt-Svc, not asked for by the user */
};

/* What waits for others has got on: look at it again, though not from within this call. */
typedef void service_ready_fn(void *context);

struct service_quic; /* opaque */

/* Sends the first probe. `ready` is called when it is over. NULL: out of memory. */
struct service_quic *service_quic_new(struct session *session,
                                      const struct service_quic_options *options,
                                      service_ready_fn *ready, void *context);
void service_quic_free(struct service_quic *quic); /* NULL is fine */

bool service_quic_is_over(const struct service_quic *quic);

/* While it is not over the code is "local.interrupted". */
void service_quic_report(const struct service_quic *quic, struct report_banner_quic *report);

#endif
