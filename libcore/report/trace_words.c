#include "report/trace.h"

#include <stdlib.h>

#include "report/words.h"

const char *report_protocol_name(enum probe_protocol protocol)
{
    static const char *const names[] = {"icmp", "udp", "tcp"};

    return (size_t)protocol < sizeof(names) / sizeof(names[0]) ? names[protocol] : "unknown";
}

static void words_hops(struct words *w, const struct trace_finding *f)
{
    if (f->ttl_last > f->ttl)
        words_add(w, "hops %u to %u", f->ttl, f->ttl_last);
    else
        words_add(w, "hop %u", f->ttl);
}

static void words_loss(struct words *w, const struct trace_finding *f,
                       const struct trace_result *result)
{
    const struct trace_hop *last = result->nhops ? &result->hops[result->nhops - 1] : NULL;

    words_loss_share(w, f->loss_pct, &f->loss);
    words_add(w, " begins at hop %u", f->ttl);
    words_address(w, " (", &f->address, ")");
    if (result->reached && last && f->ttl < last->ttl)
        words_add(w, " and persists to the target");
}

static void words_change_value(struct words *w, const struct trace_change *c, bool after)
{
    const struct address *address = after ? &c->address_after : &c->address_before;

    if (c->is_address)
        words_address(w, "", address, "");
    else
        words_add(w, "%u", after ? c->after : c->before);
}

static void words_rewritten(struct words *w, const struct trace_finding *f)
{
    words_add(w, "%s changed from ", trace_change_name(f->change.kind));
    words_change_value(w, &f->change, false);
    words_add(w, " to ");
    words_change_value(w, &f->change, true);
    words_add(w, " before hop %u", f->ttl);
    words_address(w, " (", &f->address, ")");
}

static void words_unreachable(struct words *w, const struct trace_finding *f,
                              const struct trace_result *result)
{
    words_address(w, "", &f->address, " ");
    words_add(w, "at hop %u says: ", f->ttl);
    words_icmp(w, result->config.destination.family, f->icmp_type, f->icmp_code);
}

static void words_blackhole(struct words *w, const struct trace_finding *f)
{
    if (!f->ttl) {
        words_add(w, "nothing answers at all, not even the first hop");
        return;
    }
    words_add(w, "nothing answers behind hop %u", f->ttl);
    words_address(w, " (", &f->address, ")");
    words_add(w, ": the path dies there");
}

static void words_mtu(struct words *w, const struct trace_finding *f)
{
    if (f->kind == TRACE_FINDING_MTU_REDUCED) {
        words_add(w, "hop %u", f->ttl);
        words_address(w, " (", &f->address, ")");
        if (f->mtu)
            words_add(w, " lets no packets over %u bytes through, and says so", f->mtu);
        else
            words_add(w, " calls packets too big for the link behind it");
        if (f->count)
            words_add(w, " (%llu probe%s)", (unsigned long long)f->count, words_plural(f->count));
        return;
    }
    words_add(w, "packets over %u bytes vanish behind hop %u", f->mtu, f->ttl);
    words_address(w, " (", &f->address, ")");
    words_add(w, " without a word: path MTU discovery cannot work");
}

static void words_ecmp(struct words *w, const struct trace_finding *f,
                       const struct trace_result *result)
{
    if (f->count > 1 && result->config.multipath_percent)
        words_add(w, "%llu equal paths, first seen at hop %u", (unsigned long long)f->count,
                  f->ttl);
    else if (f->count > 1)
        words_add(w, "%llu routers answer at hop %u", (unsigned long long)f->count, f->ttl);
    else
        words_add(w, "several routers answer at hop %u", f->ttl);
}

static void words_send_errors(struct words *w, const struct trace_finding *f)
{
    words_add(w, "%llu probe%s could not be sent", (unsigned long long)f->count,
              words_plural(f->count));
    words_errno(w, f->error);
}

/* Findings that count something or say one thing about one hop. */
static void words_simple(struct words *w, const struct trace_finding *f)
{
    unsigned long long count = f->count;

    switch (f->kind) {
    case TRACE_FINDING_RATE_LIMITED:
        words_hops(w, f);
        words_add(w, " %s ICMP answers; no loss behind %s",
                  f->ttl_last > f->ttl ? "limit their" : "limits its",
                  f->ttl_last > f->ttl ? "them" : "it");
        break;
    case TRACE_FINDING_SILENT:
        words_hops(w, f);
        words_add(w, " never answer%s; what is behind does", f->ttl_last > f->ttl ? "" : "s");
        break;
    case TRACE_FINDING_LOOP:
        words_hops(w, f);
        words_add(w, ": packets go round in a loop");
        words_address(w, " through ", &f->address, "");
        break;
    case TRACE_FINDING_FLAP:
        words_add(w, "the route changes: hop %u answered from different routers for one flow",
                  f->ttl);
        break;
    case TRACE_FINDING_LATENCY_STEP:
        words_add(w, "%.1f ms are added at hop %u", f->ms, f->ttl);
        words_address(w, " (", &f->address, ")");
        words_add(w, " and stay to the end");
        break;
    case TRACE_FINDING_JITTER:
        words_add(w, "round-trip times vary by %.1f ms from hop %u on", f->ms, f->ttl);
        break;
    case TRACE_FINDING_DUPLICATION:
        words_add(w, "%llu answer%s came more than once", count, words_plural(count));
        break;
    case TRACE_FINDING_REORDERING:
        words_add(w, "%llu answer%s came out of order", count, words_plural(count));
        break;
    case TRACE_FINDING_ECMP_BAD_MEMBER:
        words_add(w, "flows through ");
        words_address(w, "", &f->address, " ");
        words_add(w, "at hop %u die, those through its neighbours arrive", f->ttl);
        break;
    case TRACE_FINDING_TARGET_MOVED:
        words_add(w,
                  "hop %u answers with the target's address and is not the end: the address is "
                  "translated there",
                  f->ttl);
        break;
    case TRACE_FINDING_SUSPECT:
        words_add(w,
                  "%llu answer%s contradicted what was sent and did not count (forged or "
                  "mangled)",
                  count, words_plural(count));
        break;
    case TRACE_FINDING_TOO_FEW:
        words_add(w, "too few probes to tell loss from chance");
        if (f->ttl)
            words_add(w, " at hop %u", f->ttl);
        break;
    case TRACE_FINDING_CAPTURE_DROPS:
        words_add(w, "our own capture dropped %llu packet%s: part of the loss shown may be ours",
                  count, words_plural(count));
        break;
    default:
        words_add(w, "%s at hop %u", trace_finding_id(f->kind), f->ttl);
    }
}

size_t report_trace_finding(char *out, size_t size, const struct trace_finding *finding,
                            const struct trace_result *result)
{
    struct words w = words_init(out, size);

    switch (finding->kind) {
    case TRACE_FINDING_LOSS:
        words_loss(&w, finding, result);
        break;
    case TRACE_FINDING_BLACKHOLE:
        words_blackhole(&w, finding);
        break;
    case TRACE_FINDING_UNREACHABLE:
        words_unreachable(&w, finding, result);
        break;
    case TRACE_FINDING_REWRITTEN:
        words_rewritten(&w, finding);
        break;
    case TRACE_FINDING_MTU_REDUCED:
    case TRACE_FINDING_MTU_BLACKHOLE:
        words_mtu(&w, finding);
        break;
    case TRACE_FINDING_ECMP:
        words_ecmp(&w, finding, result);
        break;
    case TRACE_FINDING_SEND_ERRORS:
        words_send_errors(&w, finding);
        break;
    default:
        words_simple(&w, finding);
    }
    return w.len;
}

static void words_end_unreached(struct words *w, const struct trace_result *r)
{
    switch (r->end) {
    case TRACE_END_UNREACHABLE:
        words_icmp(w, r->config.destination.family, r->end_icmp_type, r->end_icmp_code);
        words_add(w, ", says hop %u", r->end_ttl);
        words_address(w, " (", &r->end_address, ")");
        break;
    case TRACE_END_LOOP:
        words_add(w, "not reached: a routing loop at hop %u", r->end_ttl);
        words_address(w, " (", &r->end_address, ")");
        break;
    case TRACE_END_GAP_LIMIT:
        words_add(w, "not reached: %u silent hops in a row", r->config.gap_limit);
        break;
    case TRACE_END_TTL_LIMIT:
        words_add(w, "not reached within %u hops", r->config.max_ttl);
        break;
    case TRACE_END_SEND_FAILED:
        words_add(w, "no probe could be sent");
        words_errno(w, abs(r->end_error));
        break;
    default:
        words_add(w, "not reached so far");
    }
}

size_t report_trace_end(char *out, size_t size, const struct trace_result *result)
{
    struct words w = words_init(out, size);

    if (result->interrupted)
        words_add(&w, "interrupted after %u round%s; ", result->rounds,
                  words_plural(result->rounds));
    if (result->reached || result->end == TRACE_END_REACHED) {
        words_add(&w, "reached");
        words_address(&w, " ", &result->config.destination, "");
        if (result->path_len)
            words_add(&w, " at hop %u", result->path_len);
    } else {
        words_end_unreached(&w, result);
    }
    return w.len;
}
