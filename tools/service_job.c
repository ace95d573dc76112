#include "tools/service_job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/service_table.h"
#include "tools/service_after.h"
#include "tools/service_hops.h"
#include "tools/service_products.h"

#define JOB_BACKOFF_MAX_NS (60 * NS_PER_SEC)

enum job_state { JOB_PROBING, JOB_PROBED, JOB_RESOLVING, JOB_PAUSED, JOB_AFTER, JOB_OVER };

struct service_job {
    const struct service_context *context;
    const struct target_text *item;
    const char *text;
    enum job_state state;
    struct address address;
    struct redirect_url url;
    bool is_name, is_url;
    struct { /* where it began, for another try */
        struct address address;
        struct redirect_url url;
        bool is_name, is_url;
    } first;
    unsigned tries;
    int64_t pause_end_ns;
    struct loop_timer *pause; /* owned; NULL: never paused */
    void *tag;
    char host[REDIRECT_HOST_SIZE + 2]; /* for the Host header */
    const char *headers[SERVICE_HEADERS_MAX + 2];
    char cookie[REDIRECT_COOKIES_SIZE + 16];
    double dns_ms;
    struct failure failure;      /* before any service */
    struct service_probe *probe; /* owned; the latest */
    struct service_probe_facts facts;
    struct redirects chain;
    const char *redirect_code; /* NULL: none */
    struct cause server_error; /* of the last answer; code "": none */
    struct service_hops hops;
    struct lookup *lookup;         /* of a redirect's host */
    struct service_after *after;   /* owned; what is asked besides */
    struct version_list *products; /* owned; NULL: nothing was said that could name one */
};

static void job_start(struct service_job *job);

/* May be called from within anything: what there is to do is done by the tick. */
static void job_ready(void *context)
{
    const struct service_job *job = context;

    job->context->ready(job->context->runner, job->tag);
    loop_wake(job->context->session->loop);
}

static void job_over(struct service_job *job)
{
    job->state = JOB_OVER;
    job_ready(job);
}

static void job_fail(struct service_job *job, const char *code, const char *complaint)
{
    failure_refuse(&job->failure, 0, code, "target", job->text, complaint);
    job_over(job);
}

/* --- products ----------------------------------------------------------------------------------
 */

/* 5xx with who said it: a proxy on the way names itself (RFC 9209, RFC 9110 7.6.3). */
static void job_note_server_error(struct service_job *job)
{
    static const char *const names[] = {"Proxy-Status", "Via", "Server"};
    const struct service_facts *s = &job->facts.service;
    char code[CAUSE_CODE_SIZE], who[TEXT_ESCAPED_SIZE(32)] = "nobody";
    const uint8_t *value;
    size_t len;

    job->server_error = (struct cause){.alert = -1};
    if (!s->has_http || s->http.status < 500 || *s->cause.code)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!http_find(&s->http, names[i], 0, &value, &len))
            continue;
        text_escape(who, sizeof(who), value, len < 32 ? len : 32);
        break;
    }
    text_format(code, sizeof(code), "http.status.%d", s->http.status);
    cause_set(&job->server_error, code, PHASE_HTTP, "the server fails, says \"%s\"", who);
}

static void job_identify_all(struct service_job *job)
{
    const struct service_facts *s = &job->facts.service;

    job_note_server_error(job);
    if (!job->products && (s->has_http || s->banner_len))
        job->products = malloc(sizeof(*job->products));
    if (!job->products)
        return;
    job->products->count = job->products->dropped = 0;
    service_products(job->context->fingerprints, s, job->products);
}

/* --- redirects ---------------------------------------------------------------------------------
 */

static struct service_hop_source job_hop_source(struct service_job *job)
{
    job_identify_all(job); /* what comes next takes the place of the job's own */
    return (struct service_hop_source){.url = &job->url,
                                       .address = &job->address,
                                       .http = &job->facts.service.http,
                                       .products = job->products};
}

static void job_note_hop(struct service_job *job, const struct redirect_url *next)
{
    const struct service_hop_source from = job_hop_source(job);

    service_hops_note(&job->hops, &from, next);
}

static void job_note_foreign(struct service_job *job)
{
    const struct service_hop_source from = job_hop_source(job);

    service_hops_note_foreign(&job->hops, &from);
}

static void job_follow(struct service_job *job, const struct address *address)
{
    service_hops_arrive(&job->hops, &job->address, address);
    job->address = *address;
    job_start(job);
}

static void job_resolved(void *context, enum dns_status status, const struct address *addresses,
                         size_t count)
{
    struct service_job *job = context;

    if (status != DNS_OK || !count || target_refusal(&addresses[0])) {
        session_dns_failure(job->context->session, status, job->url.host, &job->failure);
        job_over(job);
        return;
    }
    job_follow(job, &addresses[0]);
}

static void job_redirect(struct service_job *job, const struct redirect_url *next)
{
    struct session *session = job->context->session;
    bool same_host = !strcmp(next->host, job->url.host);
    struct address address;

    job->url = *next;
    job->is_url = true;
    job->is_name = address_parse(next->host, &address) != 0;
    if (same_host) {
        job_follow(job, &job->address);
    } else if (!job->is_name && target_refusal(&address)) {
        job_fail(job, "target.refused", "is redirected to an address that must not be asked");
    } else if (!job->is_name) {
        job_follow(job, &address);
    } else {
        job->state = JOB_RESOLVING;
        if (lookup_start(session->dns, next->host, session->options->family, job_resolved, job,
                         &job->lookup))
            job_fail(job, "memory", "cannot be resolved: out of memory");
    }
}

/* What the response says of where to go on. True: it goes on. */
static bool job_goes_on(struct service_job *job)
{
    const struct service_facts *s = &job->facts.service;
    enum redirect_verdict verdict;
    struct redirect_url next;

    if (!s->has_http || *s->cause.code)
        return false;
    job->url.tls = s->tls; /* as it turned out */
    verdict = redirects_next(&job->chain, &job->url, &s->http, &next);
    if (verdict == REDIRECT_FOLLOW || verdict == REDIRECT_STOP || verdict == REDIRECT_LOOP)
        job_note_hop(job, &next);
    switch (verdict) {
    case REDIRECT_FOLLOW:
        job_redirect(job, &next);
        return true;
    case REDIRECT_LOOP:
        job->redirect_code = "http.redirect_loop";
        return false;
    case REDIRECT_TOO_MANY:
        job->redirect_code = "http.too_many_redirects";
        return false;
    case REDIRECT_SCHEME:
        job_note_foreign(job);
        return false;
    case REDIRECT_BAD:
        job->redirect_code = "http.malformed.location";
        return false;
    default:
        return false;
    }
}

/* --- probes ------------------------------------------------------------------------------------
 */

static void job_probed(void *context)
{
    struct service_job *job = context;

    job->state = JOB_PROBED;
    job_ready(job);
}

/* Headers of the user's, and the cookies of the chain. */
static void job_headers(struct service_job *job, struct service_config *config)
{
    const struct service_options *r = job->context->request;
    size_t n = 0;

    for (; n < r->nheaders; n++)
        job->headers[n] = r->headers[n];
    if (*job->chain.cookies && !strcmp(job->chain.cookie_host, job->url.host)) {
        text_format(job->cookie, sizeof(job->cookie), "Cookie: %s", job->chain.cookies);
        job->headers[n++] = job->cookie;
    }
    job->headers[n] = NULL;
    config->headers = job->headers;
}

/* A URL that is a version endpoint's is asked as one. */
static const char *job_url_protocol(const struct redirect_url *url)
{
    bool tls;
    const struct service_row *row = service_row_of_port(url->port, &tls);

    return row && row->http_path && !strcmp(row->http_path, url->path) ? row->name : "http";
}

static void job_options(struct service_job *job, struct service_probe_options *o)
{
    static const char *const http_alpn[] = {"h2", "http/1.1", NULL};
    const struct service_options *r = job->context->request;
    bool is_ipv6 = !job->is_name && job->address.family == 6;

    *o = (struct service_probe_options){
        .wire = job->context->wire,
        .destination = job->address,
        .interface = r->common.interface,
        .sni = r->sni         ? r->sni
               : job->is_name ? job->url.host
                              : NULL,
        .name = r->sni && *r->sni ? r->sni : job->url.host,
        .alpn = r->service.http2 ? http_alpn : NULL,
        .cert_days = r->cert_days,
        .service = r->service,
    };
    text_format(job->host, sizeof(job->host), "%s%s%s", is_ipv6 ? "[" : "", job->url.host,
                is_ipv6 ? "]" : "");
    o->service.host = r->host ? r->host : job->host;
    o->service.port = job->url.port;
    if (job->item->protocol)
        o->service.protocol = job->item->protocol;
    if (job->is_url) {
        o->service.path = job->url.path;
        o->service.tls = job->url.tls ? SERVICE_TLS_ALWAYS : SERVICE_TLS_NEVER;
        if (!o->service.protocol)
            o->service.protocol = job_url_protocol(&job->url);
    }
    job_headers(job, &o->service);
}

/* The options with the source address of --source. */
static int job_route(struct service_job *job, struct service_probe_options *options)
{
    struct session *session = job->context->session;

    job_options(job, options);
    if (!session->options->source)
        return 0;
    return session_source(session, &job->address, &options->source);
}

static void job_start(struct service_job *job)
{
    const struct service_context *c = job->context;
    struct service_probe_options options;
    int err;

    service_probe_free(job->probe);
    job->probe = NULL;
    job->state = JOB_PROBING;
    err = job_route(job, &options);
    if (err) {
        session_source_failure(err, job->text, &job->failure);
        job_over(job);
        return;
    }
    err = service_probe_new(c->session, c->tls, &options, job_probed, job, &job->probe);
    if (err)
        job_fail(job, err == -ENOMEM ? "memory" : "usage",
                 "cannot be asked: the request is too long");
    else
        service_probe_start(job->probe);
}

/* --- tries -------------------------------------------------------------------------------------
 */

static void job_try(struct service_job *job)
{
    service_hops_clear(&job->hops);
    job->redirect_code = NULL;
    job->address = job->first.address;
    job->url = job->first.url;
    job->is_name = job->first.is_name;
    job->is_url = job->first.is_url;
    job->tries++;
    redirects_begin(&job->chain, &job->url, job->context->request->follow);
    job_start(job);
}

/* True: it is asked once more, each time after twice the wait. */
static bool job_pauses(struct service_job *job)
{
    const struct service_context *c = job->context;
    int64_t wait_ns = c->request->backoff_ns;

    if (!c->fails || job->tries > c->request->retries || !c->fails(job, c->judge))
        return false;
    for (unsigned i = 1; i < job->tries && wait_ns < JOB_BACKOFF_MAX_NS; i++)
        wait_ns *= 2;
    if (wait_ns > JOB_BACKOFF_MAX_NS)
        wait_ns = JOB_BACKOFF_MAX_NS;
    if (!job->pause && loop_timer_new(c->session->loop, job_ready, job, &job->pause))
        return false;
    job->pause_end_ns = time_add(loop_now(c->session->loop), wait_ns);
    loop_timer_set(job->pause, job->pause_end_ns);
    job->state = JOB_PAUSED;
    return true;
}

/* --- what is asked besides ---------------------------------------------------------------------
 */

static void job_settle(struct service_job *job)
{
    const struct service_context *c = job->context;
    struct service_probe_options options;
    const struct service_differential_aim aim = {
        .request = c->request,
        .options = &options,
        .facts = &job->facts,
        .name = job->is_name ? job->url.host : NULL,
    };

    if (!job_route(job, &options))
        job->after = service_after_new(c->session, c->tls, &aim, job_ready, job);
    if (!job->after)
        job_over(job);
    else
        job->state = JOB_AFTER;
}

/* --- the outside -------------------------------------------------------------------------------
 */

static struct service_job *job_new(const struct service_context *context,
                                   const struct target_text *item)
{
    struct service_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->context = context;
    job->item = item;
    job->text = item->text;
    job->dns_ms = NAN;
    job->facts.service.cause.alert = -1;
    return job;
}

struct service_job *service_job_new(const struct service_context *context,
                                    const struct service_aim *aim)
{
    struct service_job *job = job_new(context, aim->item);

    if (!job)
        return NULL;
    job->address = aim->address;
    job->dns_ms = aim->dns_ms;
    job->tag = aim->tag;
    job->is_name = aim->name != NULL;
    job->is_url = aim->is_url;
    if (aim->is_url) {
        job->url = aim->url;
    } else {
        char text[ADDRESS_TEXT_SIZE];

        address_format(&aim->address, text);
        text_format(job->url.host, sizeof(job->url.host), "%s", aim->name ? aim->name : text);
        job->url.is_ipv6 = !aim->name && aim->address.family == 6;
        text_format(job->url.path, sizeof(job->url.path), "%s",
                    context->request->service.path ? context->request->service.path : "/");
    }
    job->url.port = aim->port;
    job->first.address = job->address;
    job->first.url = job->url;
    job->first.is_name = job->is_name;
    job->first.is_url = job->is_url;
    job_try(job);
    return job;
}

struct service_job *service_job_new_failed(const struct service_context *context,
                                           const struct target_text *item,
                                           const struct failure *failure)
{
    struct service_job *job = job_new(context, item);

    if (!job)
        return NULL;
    job->failure = *failure;
    job->state = JOB_OVER;
    return job;
}

void service_job_free(struct service_job *job)
{
    if (!job)
        return;
    lookup_give_up(job->lookup);
    service_probe_free(job->probe);
    service_after_free(job->after);
    service_hops_clear(&job->hops);
    loop_timer_free(job->pause);
    free(job->products);
    free(job);
}

void service_job_tick(struct service_job *job)
{
    if (job->state == JOB_PAUSED && loop_now(job->context->session->loop) >= job->pause_end_ns)
        job_try(job);
    if (job->state == JOB_AFTER) {
        service_after_tick(job->after);
        if (service_after_is_over(job->after))
            job_over(job);
    }
    if (job->state != JOB_PROBED)
        return;
    service_probe_facts(job->probe, &job->facts);
    if (job_goes_on(job))
        return;
    job_identify_all(job);
    if (!job_pauses(job))
        job_settle(job);
}

bool service_job_is_over(const struct service_job *job)
{
    return job->state == JOB_OVER;
}

void service_job_stop(struct service_job *job)
{
    if (job->state == JOB_PROBING)
        service_probe_stop(job->probe);
    if (job->state == JOB_PROBED) {
        service_probe_facts(job->probe, &job->facts);
        job_identify_all(job);
        job->state = JOB_OVER;
    }
    if (job->state == JOB_PAUSED || job->state == JOB_AFTER)
        job->state = JOB_OVER;
    if (job->state == JOB_RESOLVING)
        job_fail(job, "interrupted", "was still being resolved when the run ended");
}

static void job_report_wire(const struct service_job *job, struct report_banner_wire *wire)
{
    *wire = (struct report_banner_wire){
        .syn_rtt_ms = NAN,
        .source_port = job->facts.source_port,
    };
    if (job->facts.captured) {
        wire->method = "capture";
        wire->capture = &job->facts.wire;
        wire->source_port = job->facts.wire.port;
        if (job->facts.wire.syn_rtt_ns >= 0)
            wire->syn_rtt_ms = ns_to_ms(job->facts.wire.syn_rtt_ns);
        wire->retransmissions = job->facts.wire.retransmissions;
    } else if (job->facts.has_info) {
        wire->method = "tcp_info";
        if (job->facts.handshake_ns)
            wire->syn_rtt_ms = ns_to_ms(job->facts.handshake_ns);
        wire->retransmissions = job->facts.info.retransmissions;
    }
    if (job->facts.refused) {
        wire->has_refusal = true;
        wire->sender = job->facts.refusal.sender;
        wire->icmp_type = job->facts.refusal.icmp_type;
        wire->icmp_code = job->facts.refusal.icmp_code;
    }
}

const struct version_list *service_job_products(const struct service_job *job)
{
    static const struct version_list none;

    return job->products ? job->products : &none;
}

void service_job_report(const struct service_job *job, struct report_banner *report)
{
    bool asked = job->probe != NULL;

    *report = (struct report_banner){
        .target = job->text,
        .host = *job->first.url.host ? job->first.url.host : NULL,
        .url = job->first.is_url ? job->text : NULL,
        .address = job->first.address,
        .port = job->first.url.port,
        .service = asked ? &job->facts.service : NULL,
        .tls = asked ? job->facts.tls : NULL,
        .products = service_job_products(job),
        .hops = job->hops.items,
        .nhops = job->hops.count,
        .error_code = job->failure.code,
        .error_message = job->failure.code ? job->failure.message : NULL,
        .redirect_code = job->redirect_code,
        .server_error = *job->server_error.code ? &job->server_error : NULL,
        .dns_ms = job->dns_ms,
    };
    job_report_wire(job, &report->wire);
    service_after_report(job->after, report);
}

const struct target_text *service_job_item(const struct service_job *job)
{
    return job->item;
}

unsigned service_job_tries(const struct service_job *job)
{
    return job->tries;
}

int service_job_status(const struct service_job *job)
{
    const struct service_facts *s = &job->facts.service;

    if (job->failure.code)
        return job->failure.status;
    if (*s->cause.code || job->redirect_code)
        return EXIT_CRITICAL;
    if ((job->facts.tls && job->facts.tls->problems) || *job->server_error.code)
        return EXIT_WARNING;
    return EXIT_FINE;
}
