/* What a trace holds open: a session, and names and AS numbers of routers. */
#ifndef NETDX_TOOLS_TRACE_SESSION_H
#define NETDX_TOOLS_TRACE_SESSION_H

#include "tools/session.h"
#include "tools/trace_names.h"
#include "tools/trace_options.h"

struct trace_session {
    struct session base;
    const struct trace_options *options;
    struct asn *asn;
    struct trace_names *names;
};

/* As session_open and session_seal. */
int trace_session_open(struct trace_session *session, const struct trace_options *options,
                       struct failure *failure);
void trace_session_close(struct trace_session *session);

/* How a probe of `protocol` travels: "raw", "ping", "udp", "tcp". */
const char *trace_session_method(const struct trace_session *session, enum probe_protocol protocol);

#endif
