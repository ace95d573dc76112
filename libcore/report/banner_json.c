#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "report/banner.h"
#include "report/banner_change.h"
#include "report/banner_value.h"
#include "report/banner_wire.h"
#include "report/value.h"

#define JSON_SCHEMA "netdx.banner/1"

/* Bytes from the network as a JSON string: escaped, so that nothing is lost and all is text. */
static json_t *json_bytes(const uint8_t *bytes, size_t len)
{
    char *text = malloc(TEXT_ESCAPED_SIZE(len));
    json_t *value;

    if (!text)
        return NULL;
    text_escape(text, TEXT_ESCAPED_SIZE(len), bytes, len);
    value = json_string(text);
    free(text);
    return value;
}

static json_t *json_ms(int64_t ns)
{
    return value_number(ns < 0 ? NAN : ns_to_ms(ns));
}

/* --- error -------------------------------------------------------------------------------------
 */

static json_t *json_evidence(const struct report_banner *b)
{
    const struct service_facts *s = b->service;
    json_t *evidence = json_object();

    if (s && s->cause.alert >= 0)
        json_object_set_new(evidence, "alert", json_integer(s->cause.alert));
    if (s && s->cause.phase >= PHASE_HTTP)
        json_object_set_new(evidence, "offset", value_count(s->cause.offset));
    if (s && s->raw_len)
        json_object_set_new(evidence, "received", json_bytes(s->raw, s->raw_len));
    if (b->wire.has_refusal) {
        json_object_set_new(evidence, "sender", value_address(&b->wire.sender));
        json_object_set_new(evidence, "icmp_type", json_integer(b->wire.icmp_type));
        json_object_set_new(evidence, "icmp_code", json_integer(b->wire.icmp_code));
    }
    banner_wire_json_evidence(evidence, &b->wire);
    return evidence;
}

static json_t *json_cause(const struct report_banner *b, const struct cause *cause)
{
    json_t *error = json_object();

    json_object_set_new(error, "code", json_string(cause->code));
    json_object_set_new(error, "phase", json_string(cause_phase_name(cause->phase)));
    json_object_set_new(error, "errno",
                        cause->error ? json_string(strerrorname_np(cause->error)) : json_null());
    json_object_set_new(error, "detail", json_string(cause->detail));
    json_object_set_new(error, "evidence", json_evidence(b));
    return error;
}

static json_t *json_error(const struct report_banner *b)
{
    json_t *error;

    if (b->error_code)
        return value_error(b->error_code, b->error_message);
    if (b->service && *b->service->cause.code)
        return json_cause(b, &b->service->cause);
    if (!b->redirect_code)
        return b->server_error ? json_cause(b, b->server_error) : json_null();
    error = value_error(b->redirect_code, "the redirects lead nowhere");
    json_object_set_new(error, "phase", json_string("http"));
    return error;
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

static json_t *json_certificate(const struct tls_facts *tls)
{
    const struct tls_certificate *c = &tls->certificate;
    json_t *certificate, *names;

    if (!tls->has_certificate)
        return json_null();
    certificate = json_object();
    names = json_array();
    for (size_t i = 0; i < c->nkept; i++)
        json_array_append_new(names, value_text(c->names[i]));
    json_object_set_new(certificate, "subject", value_text(c->subject));
    json_object_set_new(certificate, "issuer", value_text(c->issuer));
    json_object_set_new(certificate, "not_before", value_time(c->not_before_unix * NS_PER_SEC));
    json_object_set_new(certificate, "not_after", value_time(c->not_after_unix * NS_PER_SEC));
    json_object_set_new(certificate, "names", names);
    json_object_set_new(certificate, "names_total", value_count(c->nnames));
    json_object_set_new(certificate, "key", json_string(c->key_type));
    json_object_set_new(certificate, "key_bits", value_known(c->key_bits));
    json_object_set_new(certificate, "signature", json_string(c->signature));
    return certificate;
}

static json_t *json_tls(const struct tls_facts *tls)
{
    json_t *value, *problems;

    if (!tls)
        return json_null();
    value = json_object();
    problems = json_array();
    for (unsigned bit = 0; bit < TLS_PROBLEMS; bit++)
        if (tls->problems & 1u << bit)
            json_array_append_new(problems, json_string(tls_problem_code(bit)));
    json_object_set_new(value, "version", value_text(tls->version));
    json_object_set_new(value, "cipher", value_text(tls->cipher));
    json_object_set_new(value, "alpn", *tls->alpn ? value_text(tls->alpn) : json_null());
    json_object_set_new(value, "certificate", json_certificate(tls));
    json_object_set_new(value, "chain_length", value_count(tls->chain_len));
    json_object_set_new(value, "client_certificate_asked",
                        json_boolean(tls->client_certificate_asked));
    json_object_set_new(value, "problems", problems);
    return value;
}

/* --- HTTP --------------------------------------------------------------------------------------
 */

static json_t *json_products(const struct version_product *products, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct version_product *p = &products[i];
        json_t *product = json_object();

        json_object_set_new(product, "name", value_safe(p->name));
        json_object_set_new(product, "version", *p->version ? value_safe(p->version) : json_null());
        json_object_set_new(product, "source", json_string(version_kind_source(p->kind)));
        json_object_set_new(product, "raw", value_safe(p->raw));
        json_object_set_new(product, "distro", *p->distro ? value_safe(p->distro) : json_null());
        json_object_set_new(product, "lower_bound", json_boolean(version_is_lower_bound(p)));
        json_array_append_new(array, product);
    }
    return array;
}

static json_t *json_redirects(const struct report_banner *b)
{
    json_t *redirects = json_array();

    for (size_t i = 0; i < b->nhops; i++) {
        json_t *hop = json_object();

        json_object_set_new(hop, "from", value_safe(b->hops[i].from));
        json_object_set_new(hop, "to", value_safe(b->hops[i].to));
        json_object_set_new(hop, "status", json_integer(b->hops[i].status));
        json_object_set_new(hop, "products",
                            json_products(b->hops[i].products, b->hops[i].nproducts));
        json_object_set_new(hop, "address", value_address(&b->hops[i].address));
        json_object_set_new(hop, "downgrade", json_boolean(b->hops[i].downgrade));
        json_object_set_new(hop, "to_private", json_boolean(b->hops[i].to_private));
        json_object_set_new(hop, "foreign", json_boolean(b->hops[i].foreign));
        json_array_append_new(redirects, hop);
    }
    return redirects;
}

static json_t *json_headers(const struct http_facts *http)
{
    json_t *headers = json_array();

    for (size_t i = 0; i < http->nheaders; i++) {
        const struct http_header *h = &http->headers[i];
        json_t *pair = json_array();

        json_array_append_new(pair, json_bytes(http->head + h->name, h->name_len));
        json_array_append_new(pair, json_bytes(http->head + h->value, h->value_len));
        json_array_append_new(headers, pair);
    }
    return headers;
}

static json_t *json_notes(const struct http_facts *http)
{
    json_t *notes = json_array();

    if (http->lf_only)
        json_array_append_new(notes, json_string("lf_only"));
    if (http->icy)
        json_array_append_new(notes, json_string("icy"));
    if (http->http09)
        json_array_append_new(notes, json_string("http_0_9"));
    if (http->duplicate_length)
        json_array_append_new(notes, json_string("duplicate_content_length"));
    return notes;
}

static json_t *json_http(const struct report_banner *b)
{
    const struct http_facts *http;
    char version[16];
    json_t *value;

    if (!b->service || !b->service->has_http || !b->service->http.version)
        return json_null();
    http = &b->service->http;
    value = json_object();
    snprintf(version, sizeof(version), http->version < 20 ? "%u.%u" : "%u", http->version / 10,
             http->version % 10);
    json_object_set_new(value, "version", json_string(version));
    json_object_set_new(value, "status", value_known((uint64_t)http->status));
    json_object_set_new(value, "reason", json_bytes(http->reason, http->reason_len));
    json_object_set_new(value, "headers", json_headers(http));
    json_object_set_new(value, "redirects", json_redirects(b));
    json_object_set_new(value, "notes", json_notes(http));
    return value;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static json_t *json_timing(const struct report_banner *b)
{
    const struct service_timing none = {-1, -1, -1, -1};
    const struct service_timing *t = b->service ? &b->service->timing : &none;
    json_t *timing = json_object();

    json_object_set_new(timing, "dns", value_number(b->dns_ms));
    json_object_set_new(timing, "connect", json_ms(t->connect_ns));
    json_object_set_new(timing, "tls", json_ms(t->tls_ns));
    json_object_set_new(timing, "first_byte", json_ms(t->first_byte_ns));
    json_object_set_new(timing, "total", json_ms(t->total_ns));
    return timing;
}

static json_t *json_quic(const struct report_banner *b)
{
    const struct report_banner_quic *quic = &b->quic;
    char name[QUIC_VERSION_TEXT_SIZE];
    json_t *value, *versions;

    if (!b->has_quic)
        return json_null();
    value = json_object();
    versions = json_array();
    for (size_t i = 0; i < quic->negotiation.kept; i++) {
        quic_version_format(quic->negotiation.versions[i], name);
        json_array_append_new(versions, json_string(name));
    }
    json_object_set_new(value, "code", json_string(quic->code));
    json_object_set_new(value, "port", json_integer(quic->port));
    json_object_set_new(value, "why", json_string(quic->promised ? "alt_svc" : "asked"));
    json_object_set_new(value, "sent", json_integer(quic->sent));
    json_object_set_new(value, "rtt_ms", value_number(quic->rtt_ms));
    json_object_set_new(value, "versions", versions);
    json_object_set_new(value, "versions_total", value_count(quic->negotiation.count));
    json_object_set_new(value, "errno",
                        quic->error ? json_string(strerrorname_np(quic->error)) : json_null());
    json_object_set_new(value, "sender",
                        quic->has_refusal ? value_address(&quic->sender) : json_null());
    if (quic->has_refusal) {
        json_object_set_new(value, "icmp_type", json_integer(quic->icmp_type));
        json_object_set_new(value, "icmp_code", json_integer(quic->icmp_code));
    }
    return value;
}

static json_t *json_try(const struct report_try *try)
{
    json_t *value = json_object();

    json_object_set_new(value, "change", json_string(banner_change_name(try->change)));
    json_object_set_new(value, "cured", json_boolean(try->cured));
    json_object_set_new(value, "code", *try->code ? json_string(try->code) : json_null());
    json_object_set_new(value, "status", value_known((uint64_t)try->status));
    json_object_set_new(value, "client_hello_bytes", value_known(try->hello_bytes));
    return value;
}

static json_t *json_differential(const struct report_banner *b)
{
    const struct report_banner_differential *d = &b->differential;
    json_t *value, *tries, *cures;

    if (!b->has_differential)
        return json_null();
    value = json_object();
    tries = json_array();
    cures = json_array();
    for (size_t i = 0; i < d->count; i++) {
        json_array_append_new(tries, json_try(&d->tries[i]));
        if (d->tries[i].cured && !d->intermittent)
            json_array_append_new(cures, json_string(banner_change_name(d->tries[i].change)));
    }
    json_object_set_new(value, "intermittent", json_boolean(d->intermittent));
    json_object_set_new(value, "cures", cures);
    json_object_set_new(value, "tries", tries);
    return value;
}

static json_t *json_met(const struct service_facts *service)
{
    static const char *const names[] = {"http.plain_on_tls", "tls.not_tls", "http.head_refused",
                                        "protocol.unexpected", "h2.alpn_missing"};
    json_t *met = json_array();

    for (unsigned bit = 0; service && bit < sizeof(names) / sizeof(names[0]); bit++)
        if (service->notes & 1u << bit)
            json_array_append_new(met, json_string(names[bit]));
    return met;
}

json_t *report_banner_value(const struct report_banner *b)
{
    const struct service_facts *s = b->service;
    json_t *target = json_object();

    json_object_set_new(target, "target", value_text(b->target));
    json_object_set_new(target, "address", value_address(&b->address));
    json_object_set_new(target, "port", value_known(b->port));
    json_object_set_new(target, "url", b->url ? value_safe(b->url) : json_null());
    json_object_set_new(target, "protocol", value_text(s ? s->protocol : NULL));
    json_object_set_new(target, "error", json_error(b));
    json_object_set_new(target, "notes", json_met(s));
    json_object_set_new(target, "timing_ms", json_timing(b));
    json_object_set_new(target, "tls", json_tls(b->tls));
    json_object_set_new(target, "http", json_http(b));
    json_object_set_new(target, "banner",
                        s && s->banner_len ? json_bytes(s->banner, s->banner_len) : json_null());
    json_object_set_new(target, "products",
                        b->products ? json_products(b->products->products, b->products->count)
                                    : json_array());
    json_object_set_new(target, "wire", banner_wire_json(&b->wire));
    json_object_set_new(target, "quic", json_quic(b));
    json_object_set_new(target, "differential", json_differential(b));
    return target;
}

static void json_run(json_t *value, const struct report_banner_run *run)
{
    json_object_set_new(value, "elapsed_ms", value_number(ns_to_ms(run->elapsed_ns)));
    json_object_set_new(value, "interrupted", json_boolean(run->interrupted));
    json_object_set_new(value, "privilege", json_string(run->privilege));
    json_object_set_new(value, "capture_dropped",
                        run->captures ? value_count(run->capture_dropped) : json_null());
    json_object_set_new(value, "answered", value_count(run->answered));
    json_object_set_new(value, "failed", value_count(run->failed));
}

/* --- documents ---------------------------------------------------------------------------------
 */

int report_banner_json_begin(FILE *out, int64_t start_unix_ns)
{
    return value_write_begin(out, JSON_SCHEMA, start_unix_ns);
}

int report_banner_json_target(FILE *out, const struct report_banner *banner, bool first)
{
    return value_write_target(out, report_banner_value(banner), first);
}

int report_banner_json_end(FILE *out, const struct report_banner_run *run)
{
    json_t *rest = json_object();

    json_run(rest, run);
    return value_write_end(out, rest);
}

int report_banner_json_error(FILE *out, const char *code, const char *message)
{
    return value_write_document(out, value_failure(JSON_SCHEMA, code, message));
}

int report_banner_event(FILE *out, const struct report_banner *banner)
{
    json_t *line = json_object();

    json_object_set_new(line, "event", json_string("banner"));
    json_object_update_missing_new(line, report_banner_value(banner));
    return value_write_line(out, line);
}

int report_banner_summary_event(FILE *out, const struct report_banner_run *run)
{
    json_t *document = value_head(JSON_SCHEMA, run->start_unix_ns);

    json_run(document, run);
    return value_write_line(out, value_summary(document));
}

int report_banner_failure_event(FILE *out, const char *code, const char *message)
{
    return value_write_line(out, value_summary(value_failure(JSON_SCHEMA, code, message)));
}
