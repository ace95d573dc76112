/*
 * What is asked besides, once a service has answered or failed: whether QUIC answers too, and what
 * change cures a failure. Both go on at once.
 */
#ifndef NETDX_TOOLS_SERVICE_AFTER_H
#define NETDX_TOOLS_SERVICE_AFTER_H

#include "tools/service_differential.h"
#include "tools/service_quic.h"

struct service_after; /* opaque */

/*
 * `ready` is called whenever service_after_tick is due, perhaps from here already. NULL: nothing
 * is to be asked, or out of memory.
 */
struct service_after *service_after_new(struct session *session, struct tls_context *tls,
                                        const struct service_differential_aim *aim,
                                        service_ready_fn *ready, void *context);
void service_after_free(struct service_after *after); /* NULL is fine */

void service_after_tick(struct service_after *after);
bool service_after_is_over(const struct service_after *after);

/* What is known so far. NULL is fine. */
void service_after_report(const struct service_after *after, struct report_banner *report);

#endif
