#include "tools/service_quic.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/timespan.h"
#include "io/datagram.h"

#define QUIC_RESEND_NS NS_PER_SEC /* doubled each time: RFC 9002 6.2.2 begins with 3 x 333 ms */

struct service_quic {
    struct session *session; /* borrowed */
    service_ready_fn *ready;
    void *context;
    struct loop_timer *timer; /* owned */
    bool over;
    struct datagram *socket; /* owned; NULL: it could not be opened, or is closed */
    struct quic_ids ids;
    uint8_t probe[QUIC_PROBE_SIZE];
    int64_t first_ns, resend_ns, end_ns;
    struct report_banner_quic facts;
};

static void quic_over(struct service_quic *q, const char *code)
{
    q->over = true;
    q->facts.code = code;
    datagram_close(q->socket);
    q->socket = NULL;
    loop_timer_set(q->timer, TIME_NEVER);
    q->ready(q->context);
}

static void quic_received(void *context, const uint8_t *bytes, size_t len)
{
    struct service_quic *q = context;
    struct quic_negotiation negotiation;

    if (quic_decode_negotiation(bytes, len, &q->ids, &negotiation).status != DECODE_OK)
        return; /* of somebody who did not see the probe, or no answer to it */
    q->facts.negotiation = negotiation;
    if (q->facts.sent == 1) /* else nobody knows which probe is answered */
        q->facts.rtt_ms = ns_to_ms(loop_now(q->session->loop) - q->first_ns);
    quic_over(q, "quic.version_negotiation");
}

static void quic_refused(void *context, int error, const struct connection_refusal *refusal)
{
    struct service_quic *q = context;

    q->facts.error = error;
    q->facts.has_refusal = true;
    q->facts.sender = refusal->sender;
    q->facts.icmp_type = refusal->icmp_type;
    q->facts.icmp_code = refusal->icmp_code;
    quic_over(q, "quic.unreachable");
}

static const struct datagram_events quic_events = {quic_received, quic_refused};

/* What our own kernel refuses: no route, a path too small for the datagram. */
static void quic_failed(struct service_quic *q, int err)
{
    q->facts.error = -err;
    quic_over(q, err == -ENETUNREACH || err == -EHOSTUNREACH ? "quic.unreachable" : "local.send");
}

/* When to send again, or to give up. */
static int64_t quic_next(const struct service_quic *q, int64_t now_ns)
{
    int64_t next_ns = time_add(now_ns, q->resend_ns);

    return next_ns < q->end_ns ? next_ns : q->end_ns;
}

static void quic_send(struct service_quic *q, int64_t now_ns)
{
    int err = datagram_send(q->socket, q->probe, sizeof(q->probe));

    q->facts.sent++;
    loop_timer_set(q->timer, quic_next(q, now_ns));
    q->resend_ns *= 2;
    if (err && err != -ECONNREFUSED) /* that one is told by the error queue as well */
        quic_failed(q, err);
}

static void quic_due(void *context)
{
    struct service_quic *q = context;
    int64_t now_ns = loop_now(q->session->loop);

    if (!q->over && now_ns >= q->end_ns)
        quic_over(q, "quic.no_reply");
    else if (!q->over)
        quic_send(q, now_ns);
}

static void quic_begin(struct service_quic *q, const struct service_quic_options *options)
{
    const struct datagram_options socket = {
        .source = options->source,
        .destination = options->destination,
        .port = options->port,
        .interface = options->interface,
    };
    int64_t now_ns = loop_now(q->session->loop);
    struct random random;
    int err;

    random_seed(&random, session_seed(q->session));
    for (size_t i = 0; i < QUIC_ID_SIZE; i++) {
        q->ids.source[i] = (uint8_t)random_u64(&random);
        q->ids.destination[i] = (uint8_t)random_u64(&random);
    }
    quic_probe(&q->ids, q->probe);
    q->first_ns = now_ns;
    q->resend_ns = QUIC_RESEND_NS;
    q->end_ns = time_add(now_ns, options->timeout_ns);
    err = datagram_open(q->session->loop, &socket, &quic_events, q, &q->socket);
    if (err)
        quic_failed(q, err);
    else
        quic_send(q, now_ns);
}

struct service_quic *service_quic_new(struct session *session,
                                      const struct service_quic_options *options,
                                      service_ready_fn *ready, void *context)
{
    struct service_quic *q = calloc(1, sizeof(*q));

    if (!q || loop_timer_new(session->loop, quic_due, q, &q->timer)) {
        free(q);
        return NULL;
    }
    q->session = session;
    q->ready = ready;
    q->context = context;
    q->facts = (struct report_banner_quic){.code = "local.interrupted",
                                           .port = options->port,
                                           .promised = options->promised,
                                           .rtt_ms = NAN};
    quic_begin(q, options);
    return q;
}

void service_quic_free(struct service_quic *q)
{
    if (!q)
        return;
    datagram_close(q->socket);
    loop_timer_free(q->timer);
    free(q);
}

bool service_quic_is_over(const struct service_quic *q)
{
    return q->over;
}

void service_quic_report(const struct service_quic *q, struct report_banner_quic *report)
{
    *report = q->facts;
}
