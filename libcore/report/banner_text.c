#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "report/banner.h"
#include "report/banner_change.h"
#include "report/banner_wire.h"
#include "report/escape.h"
#include "report/table.h"
#include "report/words.h"

#define TEXT_LINE_SIZE 1024

const char *report_banner_code(const struct report_banner *b)
{
    if (b->error_code)
        return b->error_code;
    if (b->service && *b->service->cause.code)
        return b->service->cause.code;
    return b->redirect_code;
}

/* --- the first line ----------------------------------------------------------------------------
 */

/* "www.example:443 (192.0.2.1)"; the URL where there is one. */
static void text_label(FILE *out, const struct report_banner *b)
{
    char host[REPORT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];

    report_escape(host, b->url ? b->target : b->host ? b->host : b->target);
    address_format(&b->address, address);
    if (b->url || !b->host)
        fputs(host, out);
    else
        fprintf(out, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, b->port);
    if (*address && !strstr(host, address))
        fprintf(out, " (%s)", address);
}

static void text_products(FILE *out, const struct version_product *products, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct version_product *p = &products[i];

        fprintf(out, "%s%s%s%s%s", i ? ", " : "  ", p->name, *p->version ? " " : "", p->version,
                *p->version && version_is_lower_bound(p) ? " or later" : "");
        if (*p->distro)
            fprintf(out, " (%s)", p->distro);
    }
}

static void text_answer(FILE *out, const struct report_banner *b)
{
    const struct service_facts *s = b->service;
    char reason[TEXT_ESCAPED_SIZE(64)], said[TEXT_ESCAPED_SIZE(64)];

    fprintf(out, "  %s%s%s", s->protocol ? s->protocol : "unknown protocol",
            s->has_http && s->http.version == 20 ? "/2" : "", s->tls ? "+tls" : "");
    if (!s->protocol && s->banner_len) {
        text_escape(said, sizeof(said), s->banner, s->banner_len < 64 ? s->banner_len : 64);
        fprintf(out, ": \"%s\"", said);
    }
    if (!s->has_http || !s->http.status)
        return;
    text_escape(reason, sizeof(reason), s->http.reason,
                s->http.reason_len < 64 ? s->http.reason_len : 64);
    fprintf(out, " %d%s%s", s->http.status, *reason ? " " : "", reason);
}

static void text_failure(FILE *out, const struct report_banner *b, bool color)
{
    const char *detail = b->error_message;

    if (!detail && b->service)
        detail = b->service->cause.detail;
    fprintf(out, "  %s%s%s%s%s", color ? TABLE_RED : "", report_banner_code(b),
            color ? TABLE_END : "", detail && *detail ? ": " : "", detail ? detail : "");
}

/* --- what follows it ---------------------------------------------------------------------------
 */

static void text_warning(FILE *out, bool color, const char *code, const char *words)
{
    fprintf(out, "    %swarning%s: %s (%s)\n", color ? TABLE_YELLOW : "", color ? TABLE_END : "",
            words, code);
}

static void text_certificate(FILE *out, const struct tls_certificate *c)
{
    char subject[REPORT_TEXT_SIZE], issuer[REPORT_TEXT_SIZE], until[TIME_RFC3339_SIZE];

    report_escape(subject, c->subject);
    report_escape(issuer, c->issuer);
    time_format_rfc3339(c->not_after_unix * NS_PER_SEC, until);
    fprintf(out, "    certificate %s, by %s, until %.10s, %s %u bits, %zu name%s\n",
            *subject ? subject : "without a subject", issuer, until, c->key_type, c->key_bits,
            c->nnames, words_plural(c->nnames));
}

static void text_tls(FILE *out, const struct report_banner *b,
                     const struct report_banner_text_options *options)
{
    const struct tls_facts *tls = b->tls;
    char alpn[TEXT_ESCAPED_SIZE(sizeof(tls->alpn))];

    if (!tls)
        return;
    text_escape(alpn, sizeof(alpn), tls->alpn, strlen(tls->alpn));
    if (tls->version && options->verbose)
        fprintf(out, "    %s %s%s%s\n", tls->version, tls->cipher, *alpn ? ", ALPN " : "", alpn);
    if (tls->has_certificate && (options->verbose || tls->problems))
        text_certificate(out, &tls->certificate);
    for (unsigned bit = 0; bit < TLS_PROBLEMS; bit++)
        if (tls->problems & 1u << bit)
            text_warning(out, options->color, tls_problem_code(bit), tls_problem_words(bit));
}

static void text_redirects(FILE *out, const struct report_banner *b, bool color)
{
    for (size_t i = 0; i < b->nhops; i++) {
        const struct report_banner_hop *hop = &b->hops[i];
        char address[ADDRESS_TEXT_SIZE];

        address_format(&hop->address, address);
        fprintf(out, "    %d -> %s", hop->status, hop->to);
        if (*address && !strstr(hop->to, address))
            fprintf(out, " (%s)", address);
        text_products(out, hop->products, hop->nproducts);
        fputc('\n', out);
        if (hop->downgrade)
            text_warning(out, color, "http.redirect_downgrade",
                         "the redirect leads from https to http");
        if (hop->to_private)
            text_warning(out, color, "http.redirect_private",
                         "the redirect leads from a public to a private address");
        if (hop->foreign)
            text_warning(out, color, "http.redirect_scheme",
                         "the redirect leads away from http and https");
    }
}

static void text_notes(FILE *out, const struct report_banner *b)
{
    static const char *const notes[] = {
        "the port speaks TLS: plain HTTP was refused (http.plain_on_tls)",
        "the port is for TLS and something else answers",
        "HEAD was refused, GET was sent",
        "another protocol than this port's",
        "the server does not choose HTTP/2 (h2.alpn_missing)",
    };

    for (unsigned bit = 0; b->service && bit < sizeof(notes) / sizeof(notes[0]); bit++)
        if (b->service->notes & 1u << bit)
            fprintf(out, "    note: %s\n", notes[bit]);
}

static void text_quic_answer(FILE *out, const struct report_banner_quic *quic)
{
    char name[QUIC_VERSION_TEXT_SIZE];

    fputs("alive, versions", out);
    for (size_t i = 0; i < quic->negotiation.kept; i++) {
        quic_version_format(quic->negotiation.versions[i], name);
        fprintf(out, "%s %s", i ? "," : "", name);
    }
    if (!isnan(quic->rtt_ms))
        fprintf(out, "; RTT %.3f ms", quic->rtt_ms);
}

/* "QUIC on UDP 443, which Alt-Svc promises: no reply to 3 probes (quic.no_reply)" */
static void text_quic(FILE *out, const struct report_banner *b)
{
    const struct report_banner_quic *quic = &b->quic;
    char sender[ADDRESS_TEXT_SIZE];

    if (!b->has_quic)
        return;
    fprintf(out, "    QUIC on UDP %u%s: ", quic->port,
            quic->promised ? ", which Alt-Svc promises" : "");
    address_format(&quic->sender, sender);
    if (quic->negotiation.count)
        text_quic_answer(out, quic);
    else if (quic->has_refusal)
        fprintf(out, "refused by %s, ICMP %u/%u", sender, quic->icmp_type, quic->icmp_code);
    else if (quic->error)
        fputs(strerrordesc_np(quic->error), out);
    else
        fprintf(out, "no reply to %u probe%s", quic->sent, words_plural(quic->sent));
    fprintf(out, " (%s)\n", quic->code);
}

/* The changes that cured it, or those that did not. */
static size_t text_changes(FILE *out, const struct report_banner_differential *d, bool cured)
{
    size_t said = 0;

    for (size_t i = 0; i < d->count; i++) {
        const struct report_try *try = &d->tries[i];

        if (try->cured != cured || try->change == CHANGE_NOTHING)
            continue;
        fprintf(out, "%s%s", said++ ? ", " : "", banner_change_words(try->change));
        if (!cured)
            fprintf(out, " (%s)", try->code);
    }
    return said;
}

static void text_differential(FILE *out, const struct report_banner *b, bool verbose)
{
    const struct report_banner_differential *d = &b->differential;
    size_t cures = 0;

    if (!b->has_differential)
        return;
    for (size_t i = 0; i < d->count; i++)
        cures += d->tries[i].cured;
    if (d->intermittent) {
        fputs("    differential: asked once more it works: the fault comes and goes\n", out);
        return;
    }
    fputs(cures ? "    differential: it works " : "    differential: no change cures it", out);
    text_changes(out, d, true);
    fputc('\n', out);
    if (verbose && d->count > 1 + cures) {
        fputs("    and fails ", out);
        text_changes(out, d, false);
        fputc('\n', out);
    }
}

static void text_headers(FILE *out, const struct http_facts *http)
{
    char name[TEXT_ESCAPED_SIZE(128)], value[TEXT_LINE_SIZE];

    for (size_t i = 0; i < http->nheaders; i++) {
        const struct http_header *h = &http->headers[i];

        text_escape(name, sizeof(name), http->head + h->name, h->name_len);
        text_escape(value, sizeof(value), http->head + h->value, h->value_len);
        fprintf(out, "    %s: %s\n", name, value);
    }
}

static void text_banner(FILE *out, const struct service_facts *s)
{
    char line[TEXT_LINE_SIZE];

    if (!s->banner_len)
        return;
    text_escape(line, sizeof(line), s->banner, s->banner_len);
    fprintf(out, "    %s\n", line);
}

static void text_timing(FILE *out, const struct report_banner *b)
{
    static const char *const names[] = {"connect", "TLS", "first byte", "total"};
    const struct service_timing *t = &b->service->timing;
    const int64_t times[] = {t->connect_ns, t->tls_ns, t->first_byte_ns, t->total_ns};
    const char *between = "    ";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (times[i] < 0)
            continue;
        fprintf(out, "%s%s %.2f ms", between, names[i], ns_to_ms(times[i]));
        between = ", ";
    }
    if (*between == ',')
        fputc('\n', out);
}

int report_banner_text(FILE *out, const struct report_banner *b,
                       const struct report_banner_text_options *options)
{
    text_label(out, b);
    if (report_banner_code(b))
        text_failure(out, b, options->color);
    else if (b->service)
        text_answer(out, b);
    if (b->products)
        text_products(out, b->products->products, b->products->count);
    fputc('\n', out);
    if (b->service && options->verbose)
        text_timing(out, b);
    banner_wire_text(out, b, options->verbose);
    text_redirects(out, b, options->color);
    if (b->server_error)
        text_warning(out, options->color, b->server_error->code, b->server_error->detail);
    text_tls(out, b, options);
    text_notes(out, b);
    text_quic(out, b);
    text_differential(out, b, options->verbose);
    if (b->service && options->verbose && b->service->has_http)
        text_headers(out, &b->service->http);
    if (b->service && options->verbose)
        text_banner(out, b->service);
    return ferror(out) ? -EIO : 0;
}
