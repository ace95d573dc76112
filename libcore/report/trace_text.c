#include "report/trace.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/escape.h"
#include "report/table.h"
#include "report/trace_columns.h"
#include "report/words.h"

#define TEXT_HOST_MIN     16
#define TEXT_HOST_HEADING "Host"
#define TEXT_LINE_SIZE    (2 * REPORT_TEXT_SIZE + ADDRESS_TEXT_SIZE + 8)
#define TEXT_INDENT       "      " /* under the host */

/* What one report needs while it is written. */
struct text_table {
    FILE *out;
    const struct report_trace *report;
    const struct report_text_options *options;
    const struct report_column *columns[REPORT_COLUMNS_MAX];
    size_t ncolumns, host_width;
};

static const char *text_color(const struct text_table *t, const char *color)
{
    return t->options->color ? color : "";
}

/* "name (address) [AS]" */
static void text_host(const struct text_table *t, const struct address *address,
                      char out[TEXT_LINE_SIZE])
{
    const char *name = t->options->numeric ? NULL : report_name(t->report, address);
    const char *asn = t->options->asn ? report_asn(t->report, address) : NULL;
    char text[ADDRESS_TEXT_SIZE], escaped[REPORT_TEXT_SIZE];
    size_t len;

    address_format(address, text);
    if (name) {
        report_escape(escaped, name);
        len = (size_t)snprintf(out, TEXT_LINE_SIZE, "%s (%s)", escaped, text);
    } else {
        len = (size_t)snprintf(out, TEXT_LINE_SIZE, "%s", text);
    }
    if (asn) {
        report_escape(escaped, asn);
        snprintf(out + len, TEXT_LINE_SIZE - len, " [%s]", escaped);
    }
}

static size_t text_columns_width(const struct text_table *t)
{
    size_t width = 0;

    for (size_t i = 0; i < t->ncolumns; i++)
        width += (size_t)table_width(t->columns[i]->kind);
    return width;
}

static size_t text_widest_host(const struct text_table *t)
{
    const struct trace_result *r = t->report->result;
    size_t widest = TEXT_HOST_MIN;
    char host[TEXT_LINE_SIZE];

    for (size_t i = 0; i < r->nhops; i++) {
        for (size_t j = 0; j < r->hops[i].nresponders; j++) {
            text_host(t, &r->hops[i].responders[j].address, host);
            if (text_columns(host) > widest)
                widest = text_columns(host);
        }
    }
    return widest;
}

static void text_fit(struct text_table *t)
{
    size_t used = text_columns_width(t) + 5, width = (size_t)t->options->width;

    t->host_width = text_widest_host(t);
    if (t->options->wide || t->options->width <= 0 || used + t->host_width <= width)
        return;
    t->host_width = used + TEXT_HOST_MIN < width ? width - used : TEXT_HOST_MIN;
}

static void text_header(const struct text_table *t)
{
    static const char *const names[] = {"ICMP", "UDP", "TCP"};
    const struct trace_config *config = &t->report->result->config;
    char target[REPORT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE], source[ADDRESS_TEXT_SIZE];

    report_escape(target, t->report->target);
    address_format(&config->destination, address);
    address_format(&config->source, source);
    fprintf(t->out, "%strace to %s", text_color(t, TABLE_BOLD), target);
    if (strcmp(target, address))
        fprintf(t->out, " (%s)", address);
    fprintf(t->out, "%s, %s", text_color(t, TABLE_END), names[config->protocol]);
    if (config->protocol != PROBE_ICMP && config->destination_port)
        fprintf(t->out, " port %u", config->destination_port);
    fprintf(t->out, ", from %s", source);
    if (config->size)
        fprintf(t->out, ", %u-byte packets", config->size);
    if (t->report->privilege && strcmp(t->report->privilege, "raw"))
        fprintf(t->out, ", %s (%s)", t->report->privilege, t->report->method);
    fputc('\n', t->out);
}

static void text_heading(const struct text_table *t)
{
    fprintf(t->out, "%s Hop %-*s", text_color(t, TABLE_DIM), (int)t->host_width, TEXT_HOST_HEADING);
    for (size_t i = 0; i < t->ncolumns; i++)
        fprintf(t->out, "%*s", table_width(t->columns[i]->kind), t->columns[i]->heading);
    fprintf(t->out, "%s\n", text_color(t, TABLE_END));
}

static const char *text_hop_color(const struct trace_hop *hop)
{
    switch (hop->verdict) {
    case TRACE_LOSS_REAL:
    case TRACE_LOSS_DEAD:
        return TABLE_RED;
    case TRACE_LOSS_RATE_LIMITED:
    case TRACE_LOSS_SILENT:
        return TABLE_DIM;
    default:
        return "";
    }
}

/* `responder` is NULL at a silent hop; the hop's own columns stand in its first row only. */
static void text_row(const struct text_table *t, const struct trace_hop *hop,
                     const struct trace_responder *responder, bool first)
{
    const char *color = t->options->color ? text_hop_color(hop) : "";
    char host[TEXT_LINE_SIZE] = "no answer";

    if (responder)
        text_host(t, &responder->address, host);
    table_cut(host, t->host_width);
    if (first)
        fprintf(t->out, "%s%3u. ", color, hop->ttl);
    else
        fprintf(t->out, "%s     ", color);
    fprintf(t->out, "%s%*s", host, (int)(t->host_width - text_columns(host)), "");
    for (size_t i = 0; i < t->ncolumns; i++) {
        const struct report_column *column = t->columns[i];

        if (column->of_hop && !first)
            fprintf(t->out, "%*s", table_width(column->kind), "");
        else
            table_cell(t->out, column->kind, table_width(column->kind),
                       column->value(hop, responder));
    }
    fprintf(t->out, "%s\n", *color ? TABLE_END : "");
}

static void text_interface(const struct text_table *t, const struct interface_info *info)
{
    static const char *const roles[] = {"incoming interface", "incoming sub-IP interface",
                                        "outgoing interface", "next hop"};
    char escaped[TEXT_ESCAPED_SIZE(ICMP_INTERFACE_NAME_MAX)], address[ADDRESS_TEXT_SIZE];

    fprintf(t->out, TEXT_INDENT "[%s", roles[info->role & 3]);
    if (info->has_name) {
        text_escape(escaped, sizeof(escaped), info->name, info->name_len);
        fprintf(t->out, " %s", escaped);
    }
    if (info->has_ifindex)
        fprintf(t->out, ", index %u", info->ifindex);
    if (info->has_address) {
        address_format(&info->address, address);
        fprintf(t->out, ", address %s", address);
    }
    if (info->has_mtu)
        fprintf(t->out, ", MTU %u", info->mtu);
    fputs("]\n", t->out);
}

static void text_change(const struct text_table *t, const struct trace_change *change)
{
    char before[ADDRESS_TEXT_SIZE], after[ADDRESS_TEXT_SIZE];

    if (change->is_address) {
        address_format(&change->address_before, before);
        address_format(&change->address_after, after);
    } else {
        snprintf(before, sizeof(before), "%u", change->before);
        snprintf(after, sizeof(after), "%u", change->after);
    }
    fprintf(t->out, TEXT_INDENT "[changed: %s %s to %s]\n", trace_change_name(change->kind), before,
            after);
}

static void text_extras(const struct text_table *t, const struct trace_responder *responder)
{
    const struct icmp_extensions *ext = &responder->extensions;

    for (size_t i = 0; ext->present && i < ext->nmpls; i++)
        fprintf(t->out, TEXT_INDENT "[MPLS: label %u tc %u ttl %u]\n", ext->mpls[i].label,
                ext->mpls[i].tc, ext->mpls[i].ttl);
    for (size_t i = 0; ext->present && i < ext->ninterfaces; i++)
        text_interface(t, &ext->interfaces[i]);
    for (size_t i = 0; i < responder->nchanges; i++)
        text_change(t, &responder->changes[i]);
}

static void text_hop(const struct text_table *t, const struct trace_hop *hop)
{
    if (!hop->nresponders)
        text_row(t, hop, NULL, true);
    for (size_t i = 0; i < hop->nresponders; i++) {
        text_row(t, hop, &hop->responders[i], i == 0);
        text_extras(t, &hop->responders[i]);
    }
}

static bool text_same_from(const struct trace_link *a, const struct trace_link *b)
{
    return a->ttl == b->ttl && address_equal(&a->from, &b->from);
}

/* A router and all its next hops: the branches under each other. */
static void text_branches(const struct text_table *t)
{
    const struct trace_result *r = t->report->result;
    char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];

    fprintf(t->out, "paths (%zu flow%s):\n", r->npaths, r->npaths == 1 ? "" : "s");
    for (size_t i = 0; i < r->nlinks; i++) {
        const struct trace_link *link = &r->links[i];
        bool first = i == 0 || !text_same_from(link - 1, link);
        bool last = i + 1 == r->nlinks || !text_same_from(link, link + 1);
        const char *tie = !first ? "  +-" : last ? " ---" : " -+-";

        address_format(&link->from, from);
        address_format(&link->to, to);
        if (first)
            fprintf(t->out, "%3u. %s", link->ttl, from);
        else
            fprintf(t->out, "     %*s", (int)strlen(from), "");
        fprintf(t->out, "%s %s  %u flow%s\n", tie, to, link->flows, link->flows == 1 ? "" : "s");
    }
}

static void text_findings(const struct text_table *t)
{
    const struct trace_result *r = t->report->result;
    char sentence[512];

    for (size_t i = 0; i < r->nfindings; i++) {
        const struct trace_finding *f = &r->findings[i];
        const char *color = text_color(t, table_severity_color(f->severity));

        report_trace_finding(sentence, sizeof(sentence), f, r);
        fprintf(t->out, "%s%s: %s%s\n", color, report_severity_name(f->severity), sentence,
                *color ? TABLE_END : "");
    }
}

static void text_verdict(const struct text_table *t)
{
    const struct trace_result *r = t->report->result;
    char sentence[256];

    if (r->config.multipath_percent && r->nlinks)
        text_branches(t);
    if (r->path_mtu)
        fprintf(t->out, "path MTU %u bytes\n", r->path_mtu);
    text_findings(t);
    report_trace_end(sentence, sizeof(sentence), r);
    fprintf(t->out, "%s\n", sentence);
}

int report_trace_text(FILE *out, const struct report_trace *report,
                      const struct report_text_options *options)
{
    struct text_table t = {.out = out, .report = report, .options = options};
    const char *list = options->columns ? options->columns : REPORT_COLUMNS_DEFAULT, *bad;
    size_t bad_len;
    int err;

    if (!report->result)
        return 0;
    err = report_columns_parse(list, t.columns, &t.ncolumns, &bad, &bad_len);
    if (err)
        return err;
    errno = 0;
    text_fit(&t);
    text_header(&t);
    text_heading(&t);
    for (size_t i = 0; i < report->result->nhops; i++)
        text_hop(&t, &report->result->hops[i]);
    if (!options->live)
        text_verdict(&t);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
