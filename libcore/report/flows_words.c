#include <math.h>
#include <stdio.h>

#include "base/timespan.h"
#include "report/flows.h"
#include "report/reset.h"
#include "report/words.h"

void report_endpoint(char out[REPORT_ENDPOINT_SIZE], const struct flow_key *key,
                     enum flow_side side)
{
    char address[ADDRESS_TEXT_SIZE];

    address_format(&key->address[side], address);
    snprintf(out, REPORT_ENDPOINT_SIZE, key->address[side].family == 6 ? "[%s]:%u" : "%s:%u",
             address, key->port[side]);
}

static void words_count(struct words *w, uint64_t count, const char *what)
{
    words_add(w, "%llu %s%s", (unsigned long long)count, what, words_plural(count));
}

/* "12 ms", "3.4 s" */
static void words_span(struct words *w, int64_t ns)
{
    double ms = ns_to_ms(ns);

    if (ms < 10)
        words_add(w, "%.1f ms", ms);
    else if (ms < 1000)
        words_add(w, "%.0f ms", ms);
    else
        words_add(w, "%.1f s", ms / 1e3);
}

static void words_worst(struct words *w, int64_t ns)
{
    if (ns < 0)
        return;
    words_add(w, ", ");
    words_span(w, ns);
    words_add(w, " at the longest");
}

static const char *words_where(enum flow_lost lost)
{
    switch (lost) {
    case FLOW_LOST_BEFORE_TAP:
        return "; the loss is before this tap";
    case FLOW_LOST_BEHIND_TAP:
        return "; the loss is behind this tap";
    case FLOW_LOST_UNKNOWN:
        break;
    }
    return "; where they were lost cannot be told";
}

/* "2.3 % of segments from 10.0.0.5 WHAT (12, in 3 flows)" */
static void words_share(struct words *w, const struct flow_finding *f, const char *what)
{
    if (!isnan(f->share_pct))
        words_add(w, "%.*f %% of ", f->share_pct < 0.1 ? 2 : 1, f->share_pct);
    words_add(w, "segments");
    words_address(w, " from ", &f->address, "");
    words_add(w, " %s (%llu, in ", what, (unsigned long long)f->count);
    words_count(w, f->flows, "flow");
    words_add(w, ")");
}

/* "14 of 20 connections WHAT 10.0.0.9 WHEN" */
static void words_connections(struct words *w, const struct flow_finding *f, const char *what,
                              const char *when)
{
    if (f->has_address && f->count < f->flows)
        words_add(w, "%llu of ", (unsigned long long)f->count);
    words_count(w, f->flows, "connection");
    words_address(w, what, &f->address, "");
    words_add(w, "%s", when);
}

static void words_windows(struct words *w, const struct flow_finding *f)
{
    words_address(w, "", &f->address, " stopped reading: its receive window was closed ");
    words_count(w, f->count, "time");
    words_add(w, " in ");
    words_count(w, f->flows, "flow");
    words_worst(w, f->worst_ns);
}

static void words_stalls(struct words *w, const struct flow_finding *f)
{
    words_count(w, f->flows, "flow");
    words_add(w, " stood still for a second or more because of the network");
    words_worst(w, f->worst_ns);
}

static void words_local(struct words *w, const struct flow_finding *f)
{
    switch (f->kind) {
    case FLOW_FINDING_CAPTURE_GAPS:
        words_count(w, f->count, "acknowledged byte");
        words_add(w, " in ");
        words_count(w, f->flows, "flow");
        words_add(w, " missing: the capture lost packets, not the network");
        break;
    case FLOW_FINDING_EVICTED:
        words_count(w, f->count, "flow");
        words_add(w, " left the full table before the end: their facts are cut short "
                     "(--max-flows)");
        break;
    default:
        words_add(w, "%s", flow_finding_id(f->kind));
    }
}

static void words_finding(struct words *w, const struct flow_finding *f)
{
    switch (f->kind) {
    case FLOW_FINDING_RETRANSMISSIONS:
        words_share(w, f, "were re-sent");
        words_add(w, "%s", words_where(f->lost));
        break;
    case FLOW_FINDING_ZERO_WINDOW:
        words_windows(w, f);
        break;
    case FLOW_FINDING_SMALL_WINDOW:
        words_address(w, "", &f->address, " offered less than one segment of receive window, in ");
        words_count(w, f->flows, "flow");
        break;
    case FLOW_FINDING_RST_INJECTED:
        words_connections(w, f, " reset in the name of ", ", but not by it: forged on the way");
        break;
    case FLOW_FINDING_REFUSED:
        words_connections(w, f, " refused by ", "");
        break;
    case FLOW_FINDING_TIMED_OUT:
        words_connections(w, f, " to ", ": nobody answered");
        break;
    case FLOW_FINDING_RESET_ON_ACCEPT:
        words_connections(w, f, " reset by ", " right after the handshake");
        break;
    case FLOW_FINDING_RESET_AFTER_REQUEST:
        words_connections(w, f, " reset by ", " after the request");
        break;
    case FLOW_FINDING_RESET_MID_RESPONSE:
        words_connections(w, f, " reset by ", " in the middle of the response");
        break;
    case FLOW_FINDING_RESET_AFTER_CLOSE:
        words_connections(w, f, " reset by ", ", which had closed and got data nevertheless");
        break;
    case FLOW_FINDING_IDLE_DROP:
        words_connections(w, f, "",
                          " died after being idle: something on the way forgets idle ones");
        break;
    case FLOW_FINDING_BACKLOG_OVERFLOW:
        words_connections(w, f, "", " had to wait for a full accept queue");
        break;
    case FLOW_FINDING_REORDERING:
        words_share(w, f, "arrived out of order");
        break;
    case FLOW_FINDING_DUPLICATION:
        words_share(w, f, "were duplicated by the network");
        break;
    case FLOW_FINDING_STALL:
        words_stalls(w, f);
        break;
    case FLOW_FINDING_ISN_REUSE:
        words_connections(w, f, "", " began with the sequence number of the one before");
        break;
    default:
        words_local(w, f);
    }
}

size_t report_flows_finding(char *out, size_t size, const struct flow_finding *finding)
{
    struct words w = words_init(out, size);

    words_finding(&w, finding);
    return w.len;
}

/* --- of one flow ----------------------------------------------------------------------------- */

static const char *words_stall_cause(enum flow_stall_cause cause)
{
    switch (cause) {
    case FLOW_STALL_NONE:
        return "nothing";
    case FLOW_STALL_HANDSHAKE:
        return "its SYN or SYN-ACK was lost and had to be sent again";
    case FLOW_STALL_TIMEOUT:
        return "a loss was only repaired when the retransmission timer ran out";
    case FLOW_STALL_TAIL_PROBE:
        return "a loss at the end was repaired by a tail loss probe";
    case FLOW_STALL_RECOVERY:
        return "a loss was repaired by fast retransmission";
    case FLOW_STALL_ZERO_WINDOW:
        return "its application did not read: the window was closed";
    case FLOW_STALL_WINDOW_FULL:
        return "its receive window was full";
    case FLOW_STALL_ACK:
        return "it was slow to acknowledge";
    case FLOW_STALL_ANSWER:
        return "it had the request and was slow to answer";
    case FLOW_STALL_SENDER:
        return "it had nothing to send";
    case FLOW_STALL_CAPTURE:
        return "packets are missing in the capture";
    }
    return "unknown";
}

size_t report_flows_stall(char *out, size_t size, const struct flow_facts *facts)
{
    struct words w = words_init(out, size);
    char endpoint[REPORT_ENDPOINT_SIZE];

    if (facts->stall.cause == FLOW_STALL_NONE)
        return 0;
    report_endpoint(endpoint, &facts->key, facts->stall.side);
    words_add(&w, "stood still for ");
    words_span(&w, facts->stall.length_ns);
    words_add(&w, " (up to frame %llu): %s: %s", (unsigned long long)facts->stall.frame, endpoint,
              words_stall_cause(facts->stall.cause));
    return w.len;
}

size_t report_flows_reset(char *out, size_t size, const struct flow_facts *facts)
{
    const struct flow_reset *r = &facts->reset;
    struct words w = words_init(out, size);
    char endpoint[REPORT_ENDPOINT_SIZE];

    if (!facts->has_reset)
        return 0;
    report_endpoint(endpoint, &facts->key, r->by);
    words_add(&w, "reset %s %s %s (frame %llu), ", r->forged ? "in the name of" : "by", endpoint,
              reset_words_phase(r->phase), (unsigned long long)r->frame);
    words_add(&w, "%s, %.0f %% sure", r->forged ? "forged" : "genuine", 100 * r->confidence);
    reset_words_reasons(&w, r->reasons);
    return w.len;
}

size_t report_flows_end(char *out, size_t size, const struct flow_facts *facts)
{
    static const char *const sides[] = {"client", "server"};
    struct words w = words_init(out, size);

    switch (facts->end) {
    case FLOW_END_OPEN:
        words_add(&w, "open");
        break;
    case FLOW_END_FIN:
        words_add(&w, "closed by %s", sides[facts->ended_by]);
        break;
    case FLOW_END_HALF_FIN:
        words_add(&w, "half closed by %s", sides[facts->ended_by]);
        break;
    case FLOW_END_RESET:
        words_add(&w, "reset by %s", sides[facts->ended_by]);
        break;
    case FLOW_END_IDLE:
        words_add(&w, "idle");
        break;
    case FLOW_END_SYN:
        words_add(&w, "no answer");
        break;
    case FLOW_END_REUSED:
        words_add(&w, "ports reused");
        break;
    case FLOW_END_EVICTED:
        words_add(&w, "table full");
        break;
    }
    return w.len;
}
