/*
 * The wire beside the connections of `netdx banner`: one capture of the run's source ports, open
 * and filtered before the first SYN, each packet given to the connection it belongs to. Without
 * CAP_NET_RAW there is none, and connections are the kernel's own affair.
 */
#ifndef NETDX_TOOLS_SERVICE_CAPTURE_H
#define NETDX_TOOLS_SERVICE_CAPTURE_H

#include "engine/service_wire.h"
#include "io/connection.h"
#include "tools/session.h"

struct service_capture; /* opaque; NULL stands for one that sees nothing */

struct service_capture_options {
    int way;                        /* WAY_RAW insists on a capture, WAY_NONE does without */
    uint16_t first_port, last_port; /* source ports; 0: chosen here, where there is a capture */
    bool few;                       /* connections in all: opening quickly counts for more */
    uint32_t parallel;              /* connections at once */
    const char *save;               /* file for the packets of failing connections; NULL: none */
};

/* Between session_open and session_seal. -errno with *failure filled in. */
int service_capture_open(struct session *session, const struct service_capture_options *options,
                         struct service_capture **out, struct failure *failure);
/* Captures from now on; after session_seal. -errno with *failure filled in. */
int service_capture_start(struct service_capture *wire, struct failure *failure);
void service_capture_free(struct service_capture *wire);

const char *
service_capture_privilege(const struct service_capture *wire); /* "raw", "unprivileged" */

struct service_capture_counts {
    uint64_t captured, dropped; /* packets; dropped by the kernel because we read too slowly */
    uint64_t cut;               /* connections that lost packets for `save` */
};

bool service_capture_counts(struct service_capture *wire,
                            struct service_capture_counts *counts); /* captures */
int service_capture_save_error(const struct service_capture *wire); /* -errno of writing, or 0 */

struct service_capture_flow; /* a connection that is watched */

/*
 * Opens a connection from one of the run's ports, watched from its SYN on. As connection_open and
 * connection_connect; `options` says all but the source port. *flow is NULL when nothing watches.
 */
int service_capture_connect(struct service_capture *wire, struct loop *loop,
                            const struct connection_options *options,
                            const struct connection_events *events, void *context,
                            struct connection **connection, struct service_capture_flow **flow);

/* Takes what has been captured, if that is a while ago: as often as there is an occasion. */
void service_capture_receive(struct service_capture *wire);

/*
 * A connection is over for us, with a failure or without. When to ask again, because packets that
 * tell more may still come: a host that goes on proves its RST forged, a file should hold the end.
 * 0: now service_capture_flow_facts has it all.
 */
int64_t service_capture_flow_wait(struct service_capture_flow *flow, bool failed, int64_t now_ns);

/* False: nothing was captured. */
bool service_capture_flow_facts(struct service_capture_flow *flow,
                                struct service_wire_facts *facts);

/* Saves the packets of one that failed, and forgets it. NULL is fine. */
void service_capture_flow_end(struct service_capture_flow *flow, bool failed);

#endif
