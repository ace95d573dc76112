#include "tools/service_after.h"

#include <stdlib.h>

#include "engine/altsvc.h"

struct service_after {
    struct service_quic *quic;                 /* owned; NULL: not asked */
    struct service_differential *differential; /* owned; NULL: nothing failed, or not asked for */
};

static struct service_quic *after_quic(struct session *session,
                                       const struct service_differential_aim *aim,
                                       service_ready_fn *ready, void *context)
{
    const struct service_facts *s = &aim->facts->service;
    struct service_quic_options options = {
        .source = aim->options->source,
        .destination = aim->options->destination,
        .port = aim->options->service.port,
        .interface = aim->options->interface,
        .timeout_ns = aim->options->service.answer_timeout_ns,
    };

    if (aim->request->quic != QUIC_NEVER && s->has_http)
        options.promised = altsvc_promises_h3(&s->http, &options.port);
    if (!options.promised && aim->request->quic != QUIC_ALWAYS)
        return NULL;
    return service_quic_new(session, &options, ready, context);
}

struct service_after *service_after_new(struct session *session, struct tls_context *tls,
                                        const struct service_differential_aim *aim,
                                        service_ready_fn *ready, void *context)
{
    struct service_after *after = calloc(1, sizeof(*after));

    if (!after)
        return NULL;
    after->quic = after_quic(session, aim, ready, context);
    if (aim->request->differential && service_differential_fails(aim->facts))
        after->differential = service_differential_new(session, tls, aim, ready, context);
    if (after->quic || after->differential)
        return after;
    free(after);
    return NULL;
}

void service_after_free(struct service_after *after)
{
    if (!after)
        return;
    service_quic_free(after->quic);
    service_differential_free(after->differential);
    free(after);
}

void service_after_tick(struct service_after *after)
{
    if (after->differential)
        service_differential_tick(after->differential);
}

bool service_after_is_over(const struct service_after *after)
{
    return (!after->quic || service_quic_is_over(after->quic)) &&
           (!after->differential || service_differential_is_over(after->differential));
}

void service_after_report(const struct service_after *after, struct report_banner *report)
{
    if (after && after->quic) {
        report->has_quic = true;
        service_quic_report(after->quic, &report->quic);
    }
    if (after && after->differential) {
        report->has_differential = true;
        service_differential_report(after->differential, &report->differential);
    }
}
