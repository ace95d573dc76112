/* What a run holds open: loop, network, resolver, and how it came by them. */
#ifndef NETDX_TOOLS_TRACE_SESSION_H
#define NETDX_TOOLS_TRACE_SESSION_H

#include "io/netio.h"
#include "tools/trace_names.h"
#include "tools/trace_options.h"

struct trace_failure {
    const char *code; /* static; NULL: none */
    int status;       /* exit status */
    char message[OPTIONS_ERROR_SIZE];
};

struct trace_session {
    const struct trace_options *options;
    struct loop *loop;
    struct netio *io;  /* what is sent through and received from */
    struct netio *raw; /* the network under a recording; NULL without CAP_NET_RAW */
    bool recording;
    struct dns *dns;
    struct asn *asn;
    struct trace_names *names;
    struct privilege_state privileges;
};

/*
 * Opens everything that needs privilege or a file, then gives the privileges away. -errno with
 * *failure filled in; close what there is in either case.
 */
int trace_session_open(struct trace_session *session, const struct trace_options *options,
                       struct trace_failure *failure);
void trace_session_close(struct trace_session *session);

/* How a probe of `protocol` travels: "raw", "ping", "udp", "tcp". */
const char *trace_session_method(const struct trace_session *session, enum probe_protocol protocol);

#endif
