/* One connection after another to one address and port, until its service has told what it is. */
#ifndef NETDX_TOOLS_SERVICE_PROBE_H
#define NETDX_TOOLS_SERVICE_PROBE_H

#include "engine/service.h"
#include "io/connection.h"
#include "io/tls.h"
#include "tools/service_capture.h"
#include "tools/session.h"

struct service_probe_options {
    struct service_capture *wire;       /* borrowed; NULL: nothing watches the connections */
    struct address source, destination; /* source.family 0: routing decides */
    const char *interface;
    const char *sni;         /* NULL: none */
    const char *name;        /* the certificate is checked against; NULL: not checked */
    const char *const *alpn; /* NULL: none */
    enum tls_version tls_least, tls_most;
    bool small_hello;
    int cert_days;
    struct service_config service; /* texts borrowed for the life of the probe */
};

struct service_probe; /* opaque */

/* Called once, from the loop or from service_probe_start itself. */
typedef void service_probe_done_fn(void *context);

/* `tls` is borrowed. 0, -ENOMEM, -EINVAL: a request that does not fit. */
int service_probe_new(struct session *session, struct tls_context *tls,
                      const struct service_probe_options *options, service_probe_done_fn *done,
                      void *context, struct service_probe **out);
void service_probe_free(struct service_probe *probe); /* closes what is open; NULL is fine */

void service_probe_start(struct service_probe *probe);
void service_probe_stop(struct service_probe *probe); /* the run is over */

struct service_probe_facts {
    struct service_facts service; /* borrows from the probe */
    const struct tls_facts *tls;  /* of the latest handshake, also of a failed one; NULL: none */
    bool has_info;
    struct connection_info info; /* of the latest connection */
    int64_t handshake_ns;        /* round trip when it stood, as the kernel has it; 0: unknown */
    bool captured;               /* the latest connection: */
    struct service_wire_facts wire;
    bool refused; /* by an ICMP message: */
    struct connection_refusal refusal;
    uint16_t source_port;
};

void service_probe_facts(const struct service_probe *probe, struct service_probe_facts *facts);

#endif
