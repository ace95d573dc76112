#include "tools/service_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/timespan.h"

#define PROBE_CHUNK 16384
#define PROBE_OUT   2048

struct service_probe {
    struct session *session;         /* borrowed */
    struct tls_context *tls_context; /* borrowed */
    struct service_probe_options options;
    service_probe_done_fn *done;
    void *context;
    struct service *service;           /* owned */
    struct connection *connection;     /* owned; NULL between connections */
    struct tls *tls;                   /* owned; NULL: plain */
    struct service_capture_flow *flow; /* owned; of the latest connection; NULL: not watched */
    bool securing, ending, finished;
    uint8_t out[PROBE_OUT]; /* ciphertext that the kernel had no room for */
    size_t out_at, out_len;
    struct loop_timer *timer;    /* owned; for what the service waits for */
    struct tls_facts *tls_facts; /* owned; NULL: no TLS so far */
    struct service_probe_facts facts;
};

static void probe_step(struct service_probe *p);

static int64_t probe_now(const struct service_probe *p)
{
    return loop_now(p->session->loop);
}

/* --- the connection ----------------------------------------------------------------------------
 */

/* Most services have none, and there is much to be known of it. */
static void probe_remember_tls(struct service_probe *p)
{
    if (p->tls && !p->tls_facts)
        p->tls_facts = malloc(sizeof(*p->tls_facts));
    if (p->tls && p->tls_facts)
        tls_facts(p->tls, p->tls_facts);
}

/* What is only known while the connection is there. */
static void probe_remember(struct service_probe *p)
{
    probe_remember_tls(p);
    if (!p->connection)
        return;
    p->facts.has_info = connection_info(p->connection, &p->facts.info) == 0;
    p->facts.refused = connection_refusal(p->connection, &p->facts.refusal);
    p->facts.source_port = connection_port(p->connection);
    service_acknowledged(p->service, p->facts.has_info && !p->facts.info.unacknowledged);
}

static void probe_disconnect(struct service_probe *p)
{
    probe_remember(p);
    connection_close(p->connection);
    tls_free(p->tls);
    p->connection = NULL;
    p->tls = NULL;
    p->securing = false;
    p->out_at = p->out_len = 0;
}

/* Ciphertext on its way; what does not fit waits for connection_writable. */
static void probe_flush(struct service_probe *p)
{
    while (p->tls && p->connection) {
        int sent;

        if (p->out_at == p->out_len) {
            p->out_at = 0;
            p->out_len = tls_take(p->tls, p->out, sizeof(p->out));
        }
        if (!p->out_len)
            return;
        sent = connection_write(p->connection, p->out + p->out_at, p->out_len - p->out_at);
        if (sent <= 0)
            return; /* an error is told by connection_closed as well */
        p->out_at += (size_t)sent;
    }
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

static void probe_start_tls(struct service_probe *p, bool old)
{
    const struct service_probe_options *o = &p->options;
    const struct tls_options options = {
        .sni = o->sni && *o->sni ? o->sni : NULL,
        .name = o->name,
        .alpn = o->alpn,
        .least = old ? TLS_1_0 : o->tls_least,
        .most = o->tls_most,
        .small_hello = o->small_hello,
        .expiring_days = o->cert_days,
        .unix_seconds = netio_to_unix(p->session->io, netio_now(p->session->io)) / NS_PER_SEC,
    };
    struct cause cause;

    if (tls_new(p->tls_context, &options, &p->tls)) {
        cause_set(&cause, "local.tls", PHASE_TLS, "TLS cannot be set up for this name");
        service_secured(p->service, &cause, probe_now(p));
        return;
    }
    p->securing = true;
    tls_feed(p->tls, NULL, 0);
    probe_flush(p);
}

/* The handshake's end, once. */
static void probe_secured(struct service_probe *p)
{
    enum tls_state state = tls_state(p->tls);

    if (!p->securing || state == TLS_HANDSHAKE)
        return;
    p->securing = false;
    probe_remember_tls(p);
    service_alpn(p->service, p->tls_facts ? p->tls_facts->alpn : "");
    service_secured(p->service, state == TLS_FAILED ? tls_cause(p->tls) : NULL, probe_now(p));
}

static void probe_decrypted(struct service_probe *p)
{
    uint8_t bytes[PROBE_CHUNK];
    size_t len;

    while (p->tls && (len = tls_read(p->tls, bytes, sizeof(bytes))) > 0)
        service_receive(p->service, bytes, len, probe_now(p));
    if (!p->tls || p->securing)
        return;
    if (tls_state(p->tls) == TLS_CLOSED)
        service_closed(p->service, SERVICE_FIN, probe_now(p));
    else if (tls_state(p->tls) == TLS_FAILED)
        service_broken(p->service, tls_cause(p->tls), probe_now(p));
}

/* --- the connection's events
 * -----------------------------------------------------------------------
 */

/* Our own kernel says host unreachable when the next hop does not answer ARP. NULL: no ICMP. */
static const char *probe_refusal(const struct service_probe *p, int error)
{
    const struct connection_refusal *refusal = &p->facts.refusal;

    if (error == EHOSTUNREACH && (!p->facts.refused || refusal->own))
        return "tcp.unreachable.neighbour";
    if (!p->facts.refused)
        return NULL;
    return cause_of_icmp(p->options.destination.family, refusal->icmp_type, refusal->icmp_code);
}

static void probe_connected(void *context, int error)
{
    struct service_probe *p = context;

    probe_remember(p);
    if (error)
        service_refused(p->service, probe_refusal(p, error));
    p->facts.handshake_ns = !error && p->facts.has_info ? p->facts.info.rtt_ns : 0;
    service_connected(p->service, error, probe_now(p));
    probe_step(p);
}

static void probe_received(void *context, const uint8_t *bytes, size_t len)
{
    struct service_probe *p = context;

    service_capture_receive(p->options.wire);
    if (p->tls) {
        tls_feed(p->tls, bytes, len);
        probe_secured(p);
        probe_flush(p);
        probe_decrypted(p);
    } else {
        service_receive(p->service, bytes, len, probe_now(p));
    }
    probe_step(p);
}

static void probe_writable(void *context)
{
    struct service_probe *p = context;

    probe_flush(p);
    probe_step(p);
}

static void probe_closed(void *context, enum connection_close how, int error)
{
    struct service_probe *p = context;
    enum service_close end = how == CONNECTION_FIN ? SERVICE_FIN : SERVICE_RESET;

    (void)error;
    probe_remember(p);
    if (p->tls && how == CONNECTION_FIN && tls_end(p->tls) == TLS_FAILED) {
        const struct cause *cause = tls_cause(p->tls);

        if (p->securing)
            probe_secured(p);
        else if (!strcmp(cause->code, "tls.truncated"))
            end = SERVICE_CUT;
        else
            service_broken(p->service, cause, probe_now(p));
    }
    service_closed(p->service, end, probe_now(p));
    probe_step(p);
}

static const struct connection_events probe_events = {
    .connected = probe_connected,
    .received = probe_received,
    .writable = probe_writable,
    .closed = probe_closed,
};

/* --- what the service wants --------------------------------------------------------------------
 */

static void probe_connect(struct service_probe *p)
{
    const struct connection_options options = {
        .source = p->options.source,
        .destination = p->options.destination,
        .port = p->options.service.port,
        .interface = p->options.interface,
    };
    int err;

    probe_disconnect(p);
    service_capture_flow_end(p->flow, false);
    err = service_capture_connect(p->options.wire, p->session->loop, &options, &probe_events, p,
                                  &p->connection, &p->flow);
    if (err)
        service_connected(p->service, -err, probe_now(p));
}

/* False: nothing more can be sent now. */
static bool probe_send(struct service_probe *p, const struct service_step *step)
{
    int sent;

    if (p->tls) {
        size_t taken = tls_write(p->tls, step->bytes, step->len);

        probe_flush(p);
        service_sent(p->service, taken, probe_now(p));
        return taken > 0;
    }
    sent = connection_write(p->connection, step->bytes, step->len);
    if (sent > 0)
        service_sent(p->service, (size_t)sent, probe_now(p));
    else if (sent < 0)
        service_closed(p->service, SERVICE_RESET, probe_now(p));
    return sent != 0;
}

/* What the wire shows of the connection that decided it. */
static void probe_finish(struct service_probe *p)
{
    struct service_facts service;

    service_facts(p->service, &service);
    p->facts.captured = service_capture_flow_facts(p->flow, &p->facts.wire);
    service_capture_flow_end(p->flow, *service.cause.code != '\0');
    p->flow = NULL;
    p->finished = true;
    loop_timer_set(p->timer, TIME_NEVER);
    loop_wake(p->session->loop);
    p->done(p->context);
}

/* Nothing more is said; packets that explain how it ended may still come. */
static void probe_end(struct service_probe *p)
{
    struct service_facts service;
    int64_t again_ns;

    if (!p->ending)
        probe_disconnect(p);
    p->ending = true;
    service_facts(p->service, &service);
    again_ns = service_capture_flow_wait(p->flow, *service.cause.code != '\0', probe_now(p));
    if (again_ns)
        loop_timer_set(p->timer, again_ns);
    else
        probe_finish(p);
}

static void probe_step(struct service_probe *p)
{
    while (!p->ending) {
        struct service_step step;

        service_next(p->service, probe_now(p), &step);
        loop_timer_set(p->timer, step.wake_ns);
        switch (step.want) {
        case SERVICE_CONNECT:
            probe_connect(p);
            break;
        case SERVICE_START_TLS:
            probe_start_tls(p, step.old_tls);
            break;
        case SERVICE_SEND:
            if (!p->connection || !probe_send(p, &step))
                return;
            break;
        case SERVICE_WAIT:
            return;
        case SERVICE_DONE:
            probe_end(p);
            return;
        }
    }
}

static void probe_due(void *context)
{
    struct service_probe *p = context;

    if (p->finished)
        return;
    if (p->ending) {
        probe_end(p);
        return;
    }
    probe_remember(p); /* whether the peer has acknowledged names the time-out */
    if (p->securing) {
        tls_expire(p->tls);
        probe_secured(p);
    }
    probe_step(p);
}

/* --- the outside -------------------------------------------------------------------------------
 */

int service_probe_new(struct session *session, struct tls_context *tls,
                      const struct service_probe_options *options, service_probe_done_fn *done,
                      void *context, struct service_probe **out)
{
    struct service_probe *p = calloc(1, sizeof(*p));
    int err;

    if (!p)
        return -ENOMEM;
    p->session = session;
    p->tls_context = tls;
    p->options = *options;
    p->done = done;
    p->context = context;
    err = loop_timer_new(session->loop, probe_due, p, &p->timer);
    if (!err)
        err = service_new(&p->options.service, probe_now(p), &p->service);
    if (err) {
        service_probe_free(p);
        return err;
    }
    *out = p;
    return 0;
}

void service_probe_free(struct service_probe *p)
{
    if (!p)
        return;
    connection_close(p->connection);
    service_capture_flow_end(p->flow, false);
    tls_free(p->tls);
    service_free(p->service);
    loop_timer_free(p->timer);
    free(p->tls_facts);
    free(p);
}

void service_probe_start(struct service_probe *p)
{
    probe_step(p);
}

void service_probe_stop(struct service_probe *p)
{
    if (p->finished)
        return;
    if (p->ending) {
        probe_finish(p);
        return;
    }
    service_stop(p->service, probe_now(p));
    probe_step(p);
    if (!p->finished)
        probe_finish(p);
}

void service_probe_facts(const struct service_probe *p, struct service_probe_facts *facts)
{
    *facts = p->facts;
    service_facts(p->service, &facts->service);
    facts->tls = facts->service.tls ? p->tls_facts : NULL; /* not of a try without */
    if (facts->captured)
        service_wire_combine(&facts->wire, &facts->service.cause,
                             facts->service.has_http ? PHASE_HTTP : PHASE_BANNER);
}
