/* One row per flow, quoted as RFC 4180 has it. */
#include <errno.h>
#include <math.h>

#include "base/timespan.h"
#include "report/csv.h"
#include "report/flows.h"
#include "report/words.h"

int report_flows_csv_header(FILE *out)
{
    errno = 0;
    if (fputs("flow,client,client_port,server,server_port,start,duration_ms,end,ended_by,severity,"
              "findings,client_packets,server_packets,client_bytes,server_bytes,"
              "client_retransmissions,server_retransmissions,client_loss_pct,server_loss_pct,"
              "client_rtt_ms,server_rtt_ms,handshake_client_ms,handshake_server_ms,stall_ms,"
              "stall_cause,reset_phase,reset_by,reset_forged,reset_confidence\n",
              out) < 0)
        return -(errno ? errno : EIO);
    return 0;
}

static double csv_known_ms(int64_t ns)
{
    return ns < 0 ? NAN : ns_to_ms(ns);
}

static const char *csv_side(enum flow_side side)
{
    return side == FLOW_CLIENT ? "client" : "server";
}

/* The ids, with blanks between them. */
static void csv_findings(FILE *out, uint32_t findings)
{
    const char *blank = "";

    fputc(',', out);
    for (int kind = 0; kind < FLOW_FINDINGS; kind++) {
        if (!(findings & 1u << kind))
            continue;
        fprintf(out, "%s%s", blank, flow_finding_id((enum flow_finding_kind)kind));
        blank = " ";
    }
}

static void csv_begin(FILE *out, const struct flow_facts *f, int64_t offset_ns)
{
    bool by_side =
        f->end == FLOW_END_FIN || f->end == FLOW_END_HALF_FIN || f->end == FLOW_END_RESET;
    char start[TIME_RFC3339_SIZE];

    time_format_rfc3339(f->start_ns + offset_ns, start);
    fprintf(out, "%llu", (unsigned long long)f->flow_id);
    for (int side = FLOW_CLIENT; side <= FLOW_SERVER; side++) {
        csv_address(out, &f->key.address[side]);
        csv_count(out, f->key.port[side]);
    }
    csv_text(out, start);
    csv_ms(out, ns_to_ms(f->last_ns - f->start_ns));
    csv_text(out, flow_end_name(f->end));
    csv_text(out, by_side ? csv_side(f->ended_by) : NULL);
    csv_text(out, report_severity_name((int)f->severity));
    csv_findings(out, f->findings);
}

static void csv_figures(FILE *out, const struct flow_facts *f)
{
    const struct flow_side_facts *client = &f->side[FLOW_CLIENT], *server = &f->side[FLOW_SERVER];

    csv_count(out, client->counts.packets);
    csv_count(out, server->counts.packets);
    csv_count(out, client->counts.unique_bytes);
    csv_count(out, server->counts.unique_bytes);
    csv_count(out, client->counts.retransmissions);
    csv_count(out, server->counts.retransmissions);
    csv_number(out, client->loss_pct);
    csv_number(out, server->loss_pct);
    csv_ms(out, csv_known_ms(client->rtt.samples ? client->rtt.min_ns : -1));
    csv_ms(out, csv_known_ms(server->rtt.samples ? server->rtt.min_ns : -1));
    csv_ms(out, csv_known_ms(f->handshake_client_ns));
    csv_ms(out, csv_known_ms(f->handshake_server_ns));
}

static void csv_trouble(FILE *out, const struct flow_facts *f)
{
    bool stalled = f->stall.cause != FLOW_STALL_NONE;

    csv_ms(out, stalled ? ns_to_ms(f->stall.length_ns) : NAN);
    csv_text(out, stalled ? flow_stall_cause_name(f->stall.cause) : NULL);
    csv_text(out, f->has_reset ? flow_reset_phase_name(f->reset.phase) : NULL);
    csv_text(out, f->has_reset ? csv_side(f->reset.by) : NULL);
    csv_text(out, !f->has_reset ? NULL : f->reset.forged ? "yes" : "no");
    csv_number(out, f->has_reset ? f->reset.confidence : NAN);
    fputc('\n', out);
}

int report_flows_csv(FILE *out, const struct report_flows *report)
{
    errno = 0;
    for (size_t i = 0; report->result && i < report->result->nflows; i++) {
        csv_begin(out, &report->result->flows[i], report->unix_offset_ns);
        csv_figures(out, &report->result->flows[i]);
        csv_trouble(out, &report->result->flows[i]);
    }
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
