#include "tools/service_differential.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "tools/lookup.h"
#include "tools/target.h"

/* What a browser says of itself, for servers that refuse tools. */
#define BROWSER "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

enum { STATUS_ERRORS = 400 }; /* RFC 9110 15.5 */

struct service_differential {
    struct session *session;
    struct tls_context *tls;
    service_ready_fn *ready;
    void *context;
    struct service_differential_aim aim;
    struct service_probe_options options; /* as they failed */
    bool connected, has_tls, is_http, head_refused;
    char sni[TLS_NAME_SIZE]; /* to send where none was; "": nobody knows one */
    enum report_change change;
    struct service_probe *probe; /* owned; of the current change */
    struct lookup *lookup;       /* for the other family's address */
    struct address other;
    bool answered, over;
    struct report_banner_differential report;
};

bool service_differential_fails(const struct service_probe_facts *facts)
{
    const struct service_facts *s = &facts->service;

    return *s->cause.code || (s->has_http && s->http.status >= STATUS_ERRORS);
}

/* --- changes -----------------------------------------------------------------------------------
 */

static bool change_sni(const struct service_differential *d, struct service_probe_options *o,
                       bool on)
{
    bool sent = o->sni && *o->sni;

    if (!d->has_tls || sent == on || (on && !*d->sni))
        return false;
    o->sni = on ? d->sni : NULL;
    return true;
}

static bool change_tls(const struct service_differential *d, struct service_probe_options *o,
                       enum tls_version least, enum tls_version most)
{
    o->tls_least = least;
    o->tls_most = most;
    return d->has_tls;
}

static bool change_alpn(const struct service_differential *d, struct service_probe_options *o,
                        bool on)
{
    static const char *const http[] = {"h2", "http/1.1", NULL};

    if (!d->has_tls || (o->alpn != NULL) == on)
        return false;
    o->alpn = on ? http : NULL;
    o->service.http2 = on ? SERVICE_HTTP2_ALPN : SERVICE_HTTP2_NEVER;
    return true;
}

/* Without a method of the user's, HEAD that is refused has been followed by GET already. */
static bool change_method(const struct service_differential *d, struct service_probe_options *o,
                          const char *method)
{
    const struct service_config *s = &o->service;
    const char *used = s->method ? s->method : s->body_limit ? "GET" : "HEAD";

    if (!d->is_http || d->head_refused || !strcmp(used, method))
        return false;
    o->service.method = method;
    if (!strcmp(method, "HEAD"))
        o->service.body_limit = 0;
    return true;
}

static bool change_user_agent(const struct service_differential *d, struct service_probe_options *o)
{
    o->service.user_agent = BROWSER;
    return d->is_http;
}

static bool change_small_hello(const struct service_differential *d,
                               struct service_probe_options *o)
{
    o->small_hello = true;
    return d->has_tls;
}

/* False: this change is none here. */
static bool change_apply(const struct service_differential *d, struct service_probe_options *o)
{
    if (!d->connected && d->change != CHANGE_NOTHING && d->change != CHANGE_FAMILY)
        return false;
    switch (d->change) {
    case CHANGE_NOTHING:
        return true;
    case CHANGE_SNI_OFF:
    case CHANGE_SNI_ON:
        return change_sni(d, o, d->change == CHANGE_SNI_ON);
    case CHANGE_TLS_1_2:
        return change_tls(d, o, TLS_1_2, TLS_1_2);
    case CHANGE_TLS_1_3:
        return change_tls(d, o, TLS_1_3, TLS_1_3);
    case CHANGE_TLS_OLD:
        return change_tls(d, o, TLS_1_0, TLS_1_1);
    case CHANGE_ALPN_OFF:
    case CHANGE_ALPN_ON:
        return change_alpn(d, o, d->change == CHANGE_ALPN_ON);
    case CHANGE_SMALL_HELLO:
        return change_small_hello(d, o);
    case CHANGE_GET:
        return change_method(d, o, "GET");
    case CHANGE_HEAD:
        return change_method(d, o, "HEAD");
    case CHANGE_USER_AGENT:
        return change_user_agent(d, o);
    case CHANGE_FAMILY:
        o->destination = d->other;
        o->source = (struct address){0};
        return d->other.family != 0;
    default:
        return false;
    }
}

/* --- tries -------------------------------------------------------------------------------------
 */

static void differential_over(struct service_differential *d)
{
    d->over = true;
    d->ready(d->context);
}

static void differential_answered(void *context)
{
    struct service_differential *d = context;

    d->answered = true;
    d->ready(d->context);
}

static void differential_resolved(void *context, enum dns_status status,
                                  const struct address *addresses, size_t count)
{
    struct service_differential *d = context;

    if (status == DNS_OK && count && !target_refusal(&addresses[0]))
        d->other = addresses[0];
    d->ready(d->context);
}

/* The other family's address is looked up while the changes before it are tried. */
static void differential_resolve(struct service_differential *d)
{
    int family = d->options.destination.family == 6 ? 4 : 6;

    if (d->aim.name && !d->aim.request->common.family)
        lookup_start(d->session->dns, d->aim.name, family, differential_resolved, d, &d->lookup);
}

/* The current change, or the next one that is one here. */
static void differential_try(struct service_differential *d)
{
    for (; d->change < CHANGES; d->change++) {
        struct service_probe_options options = d->options;

        if (d->change == CHANGE_FAMILY && d->lookup)
            return; /* not known yet */
        if (!change_apply(d, &options) ||
            service_probe_new(d->session, d->tls, &options, differential_answered, d, &d->probe))
            continue;
        d->answered = false;
        service_probe_start(d->probe);
        return;
    }
    differential_over(d);
}

static void differential_note(struct service_differential *d)
{
    struct report_try *try = &d->report.tries[d->report.count++];
    struct service_probe_facts facts;

    service_probe_facts(d->probe, &facts);
    *try = (struct report_try){.change = d->change,
                               .cured = !service_differential_fails(&facts),
                               .status = facts.service.has_http ? facts.service.http.status : 0,
                               .hello_bytes = facts.tls ? facts.tls->hello_bytes : 0};
    if (*facts.service.cause.code)
        text_format(try->code, sizeof(try->code), "%s", facts.service.cause.code);
    else if (!try->cured)
        text_format(try->code, sizeof(try->code), "http.status.%d", try->status);
    service_probe_free(d->probe);
    d->probe = NULL;
}

void service_differential_tick(struct service_differential *d)
{
    if (d->over)
        return;
    if (d->probe && !d->answered)
        return;
    if (d->probe) {
        bool first = d->change == CHANGE_NOTHING;

        differential_note(d);
        d->report.intermittent = first && d->report.tries[0].cured;
        d->change++;
    }
    if (d->report.intermittent)
        differential_over(d);
    else
        differential_try(d);
}

/* --- the outside -------------------------------------------------------------------------------
 */

/* The name that the server may want: the host's, the Host header's, or the certificate's own. */
static void differential_find_sni(struct service_differential *d)
{
    const struct tls_facts *tls = d->aim.facts->tls;
    const char *name = d->aim.name ? d->aim.name : d->aim.request->host;

    if (!name && tls && tls->certificate.nkept && tls->certificate.names[0][0] != '*')
        name = tls->certificate.names[0];
    text_format(d->sni, sizeof(d->sni), "%s", name ? name : "");
}

struct service_differential *service_differential_new(struct session *session,
                                                      struct tls_context *tls,
                                                      const struct service_differential_aim *aim,
                                                      service_ready_fn *ready, void *context)
{
    struct service_differential *d = calloc(1, sizeof(*d));
    const struct service_facts *s = &aim->facts->service;

    if (!d)
        return NULL;
    d->session = session;
    d->tls = tls;
    d->ready = ready;
    d->context = context;
    d->aim = *aim;
    d->options = *aim->options;
    d->connected = s->timing.connect_ns >= 0;
    d->has_tls = s->tls;
    d->is_http = s->has_http || s->cause.phase == PHASE_HTTP;
    d->head_refused = s->notes & SERVICE_NOTE_HEAD_REFUSED;
    differential_find_sni(d);
    d->aim.facts = NULL; /* they change with the job */
    differential_resolve(d);
    differential_try(d);
    return d;
}

void service_differential_free(struct service_differential *d)
{
    if (!d)
        return;
    lookup_give_up(d->lookup);
    service_probe_free(d->probe);
    free(d);
}

bool service_differential_is_over(const struct service_differential *d)
{
    return d->over;
}

void service_differential_report(const struct service_differential *d,
                                 struct report_banner_differential *report)
{
    *report = d->report;
}
