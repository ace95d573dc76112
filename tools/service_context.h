/* Opens and closes what all jobs of a run share. */
#ifndef NETDX_TOOLS_SERVICE_CONTEXT_H
#define NETDX_TOOLS_SERVICE_CONTEXT_H

#include "tools/service_job.h"

/*
 * Opens the session, reads trust anchors and fingerprints, and gives the privileges away.
 * `session` is the caller's, empty; `options` are borrowed. -errno with *failure filled in;
 * close in either case.
 */
int service_context_open(struct service_context *context, struct session *session,
                         const char *command, const struct service_options *options,
                         struct failure *failure);
void service_context_close(struct service_context *context);

#endif
