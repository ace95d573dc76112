#include <math.h>
#include <string.h>

#include "base/timespan.h"
#include "report/escape.h"
#include "report/syn.h"
#include "report/words.h"

#define WORDS_RATIO_MAX 10

size_t report_syn_label(char *out, size_t size, const char *host, const struct syn_target *target)
{
    struct words w = words_init(out, size);
    char address[ADDRESS_TEXT_SIZE], escaped[REPORT_TEXT_SIZE];
    bool v6 = target->destination.family == 6;

    address_format(&target->destination, address);
    if (host && strcmp(host, address)) {
        report_escape(escaped, host);
        words_add(&w, "%s:%u (%s)", escaped, target->port, address);
    } else {
        words_add(&w, v6 ? "[%s]:%u" : "%s:%u", address, target->port);
    }
    return w.len;
}

/* --- findings ----------------------------------------------------------------------------------
 */

/* How many fit: "four" of "one of four flows"; NULL: say it in figures. */
static const char *words_ratio(const struct syn_finding *f, bool ordinal)
{
    static const char *const numbers[] = {"two",   "three", "four", "five", "six",
                                          "seven", "eight", "nine", "ten"};
    static const char *const ordinals[] = {"second",  "third",  "fourth", "fifth", "sixth",
                                           "seventh", "eighth", "ninth",  "tenth"};
    uint32_t ratio = f->flows ? f->flows_total / f->flows : 0;

    if (ratio < 2 || ratio > WORDS_RATIO_MAX || f->flows * ratio != f->flows_total)
        return NULL;
    return (ordinal ? ordinals : numbers)[ratio - 2];
}

static void words_slow_flows(struct words *w, const struct syn_finding *f)
{
    const char *ratio = words_ratio(f, false);

    if (ratio)
        words_add(w, "one of %s flows is %.1f ms slower (%u of %u source ports)", ratio, f->ms,
                  f->flows, f->flows_total);
    else
        words_add(w, "%u of %u flows %s %.1f ms slower", f->flows, f->flows_total,
                  f->flows == 1 ? "is" : "are", f->ms);
}

static void words_dead_flows(struct words *w, const struct syn_finding *f)
{
    const char *ratio = words_ratio(f, true);

    if (ratio)
        words_add(w, "every %s flow is dropped (%u of %u source ports)", ratio, f->flows,
                  f->flows_total);
    else
        words_add(w, "%u of %u flows %s dropped always", f->flows, f->flows_total,
                  f->flows == 1 ? "is" : "are");
}

static void words_timed_out(struct words *w, const struct syn_target_result *r)
{
    words_add(w, "nothing answers: %llu SYN%s", (unsigned long long)r->sent, words_plural(r->sent));
    if (r->repeats_sent)
        words_add(w, ", repeated %llu time%s,", (unsigned long long)r->repeats_sent,
                  words_plural(r->repeats_sent));
    words_add(w, " met with silence");
}

static void words_backlog(struct words *w, const struct syn_target_result *r)
{
    if (r->answered_when_repeated < r->answered)
        words_add(w,
                  "%llu of %llu SYNs were answered only when repeated: the accept queue overflows",
                  (unsigned long long)r->answered_when_repeated, (unsigned long long)r->answered);
    else
        words_add(w, "answers only when the SYN is repeated: the accept queue is full");
}

static void words_stripped(struct words *w, const struct syn_finding *f)
{
    static const struct {
        enum probe_tcp_option option;
        const char *name;
    } options[] = {
        {PROBE_TCP_MSS, "MSS"},
        {PROBE_TCP_SACK, "SACK"},
        {PROBE_TCP_TIMESTAMPS, "timestamps"},
        {PROBE_TCP_WSCALE, "window scale"},
        {PROBE_TCP_FAST_OPEN, "Fast Open"},
    };
    const char *before = ": ";

    words_add(w, "TCP options are stripped on the way");
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (f->value & options[i].option) {
            words_add(w, "%s%s", before, options[i].name);
            before = ", ";
        }
    }
}

static void words_threshold(struct words *w, const struct syn_finding *f,
                            const struct syn_config *config)
{
    bool critical = f->severity >= SYN_CRITICAL;
    double ms = critical ? config->crit_ms : config->warn_ms;
    double loss = critical ? config->crit_loss : config->warn_loss;

    if (!isnan(f->ms))
        words_add(w, "the median of %.2f ms is over the threshold of %g ms", f->ms, ms);
    else
        words_add(w, "the loss of %.1f %% is over the threshold of %g %%", f->loss_pct, 100 * loss);
}

static void words_unreachable(struct words *w, const struct syn_finding *f,
                              const struct syn_target_result *r)
{
    words_address(w, "", &f->address, " says: ");
    words_icmp(w, r->target.destination.family, f->icmp_type, f->icmp_code);
}

/* Findings that count something or say one thing. */
static void words_simple(struct words *w, const struct syn_finding *f,
                         const struct syn_target_result *r)
{
    unsigned long long count = f->count;

    switch (f->kind) {
    case SYN_FINDING_REFUSED:
        words_add(w, "nothing listens: the host itself refuses");
        break;
    case SYN_FINDING_PORT_REJECTED:
        words_add(w, "a device on the way refuses in the host's name");
        break;
    case SYN_FINDING_COOKIES:
        words_add(w, "the server answers with SYN cookies: its SYN queue overflows, or is told to");
        break;
    case SYN_FINDING_PROXY:
        words_add(w, "a SYN proxy answers in the host's name");
        break;
    case SYN_FINDING_TWO_RESPONDERS:
        words_add(w, "two machines answer one SYN");
        break;
    case SYN_FINDING_TTL_MISMATCH:
        words_add(w, "SYN-ACKs come from another distance (TTL %u) than the host's other packets",
                  r->synack.ttl);
        break;
    case SYN_FINDING_MSS_CLAMPED:
        words_add(w, "the MSS is clamped to %u bytes, below the link's", f->value);
        break;
    case SYN_FINDING_SMALL_WINDOW:
        words_add(w, "the window of %u bytes is below one segment", r->synack.window);
        break;
    case SYN_FINDING_ECN_REFUSED:
        words_add(w, "ECN is not negotiated: refused by the host, or bleached on the way");
        break;
    case SYN_FINDING_FAST_OPEN_IGNORED:
        words_add(w, "the request for a Fast Open cookie is ignored");
        break;
    case SYN_FINDING_RETRANSMITTED:
        words_add(w, "%llu SYN-ACK%s came again: our reset did not arrive", count,
                  words_plural(count));
        break;
    case SYN_FINDING_SUSPECT:
        words_add(w,
                  "%llu answer%s acknowledged what nobody sent and did not count (forged or "
                  "mangled)",
                  count, words_plural(count));
        break;
    case SYN_FINDING_TOO_FEW:
        words_add(w, "too few probes to tell loss from chance");
        break;
    default:
        words_add(w, "%s", syn_finding_id(f->kind));
    }
}

size_t report_syn_finding(char *out, size_t size, const struct syn_finding *finding,
                          const struct syn_target_result *result, const struct syn_config *config)
{
    struct words w = words_init(out, size);

    switch (finding->kind) {
    case SYN_FINDING_TIMED_OUT:
        words_timed_out(&w, result);
        break;
    case SYN_FINDING_UNREACHABLE:
        words_unreachable(&w, finding, result);
        break;
    case SYN_FINDING_BACKLOG:
        words_backlog(&w, result);
        break;
    case SYN_FINDING_LOSS:
        words_loss_share(&w, finding->loss_pct, &finding->loss);
        words_add(&w, " of SYNs that found no answer");
        break;
    case SYN_FINDING_OPTIONS_STRIPPED:
        words_stripped(&w, finding);
        break;
    case SYN_FINDING_SLOW_FLOWS:
        words_slow_flows(&w, finding);
        break;
    case SYN_FINDING_DEAD_FLOWS:
        words_dead_flows(&w, finding);
        break;
    case SYN_FINDING_SEND_ERRORS:
        words_add(&w, "%llu SYN%s could not be sent", (unsigned long long)finding->count,
                  words_plural(finding->count));
        words_errno(&w, finding->error);
        break;
    case SYN_FINDING_THRESHOLD:
        words_threshold(&w, finding, config);
        break;
    default:
        words_simple(&w, finding, result);
    }
    return w.len;
}

/* --- one probe ---------------------------------------------------------------------------------
 */

static void words_fate(struct words *w, const struct syn_observation *o,
                       const struct syn_target *target)
{
    switch (o->outcome) {
    case SYN_OPEN:
        words_add(w, "open");
        break;
    case SYN_REFUSED:
        words_add(w, o->middlebox ? "refused by a device on the way" : "refused");
        break;
    case SYN_UNREACHABLE:
        words_icmp(w, target->destination.family, o->icmp_type, o->icmp_code);
        words_address(w, ", says ", &o->responder, "");
        break;
    case SYN_TIMED_OUT:
        words_add(w, "no answer");
        break;
    case SYN_SEND_FAILED:
        words_add(w, "could not be sent");
        break;
    case SYN_PENDING:
        words_add(w, "no answer yet");
        break;
    }
}

static const char *words_match(enum syn_match match)
{
    switch (match) {
    case SYN_ANSWER:
        return "";
    case SYN_LATE:
        return "late: ";
    case SYN_AGAIN:
        return "sent again: ";
    case SYN_SECOND:
        return "answered by a second machine: ";
    case SYN_DUPLICATE:
        return "a copy: ";
    case SYN_SUSPECT:
        return "suspect, not counted: ";
    default:
        return NULL;
    }
}

size_t report_syn_line(char *out, size_t size, const struct syn_observation *o,
                       const struct syn_target *target, const char *host, bool given_up)
{
    const char *match = given_up ? "" : words_match(o->match);
    struct words w = words_init(out, size);
    char label[REPORT_TEXT_SIZE + ADDRESS_TEXT_SIZE + 16];

    if (!match)
        return 0;
    report_syn_label(label, sizeof(label), host, target);
    words_add(&w, "%s SYN %u from port %u: %s", label, o->probe + 1, o->source_port, match);
    words_fate(&w, o, target);
    if (!given_up && o->rtt_ns >= 0)
        words_add(&w, " in %.3f ms", ns_to_ms(o->rtt_ns));
    else if (o->match == SYN_LATE)
        words_add(&w, " after %.3f ms", ns_to_ms(o->received_ns - o->sent_ns));
    if (o->sends > 1)
        words_add(&w, given_up ? ", repeated %u time%s" : ", after %u repetition%s", o->sends - 1,
                  words_plural(o->sends - 1));
    if (!given_up && o->reply_ttl)
        words_add(&w, " (TTL %u)", o->reply_ttl);
    return w.len;
}
