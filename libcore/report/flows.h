/*
 * What was found in TCP flows, to text, JSON, JSON lines and CSV. No renderer computes: what is
 * shown is in the result.
 */
#ifndef NETDX_REPORT_FLOWS_H
#define NETDX_REPORT_FLOWS_H

#include <stdio.h>

#include "engine/flow.h"

struct report_flows {
    const char *source;                /* interfaces or files, as the user wrote them */
    const struct flows_result *result; /* NULL when there is only an error */
    const char *error_code;            /* NULL: fine; "file.cut", "permission", ... */
    const char *error_message;         /* safe text: what came from outside is escaped in it */
    const char *privilege;             /* "raw", "file" */
    bool interrupted;
    int64_t start_unix_ns, elapsed_ns; /* of the run */
    int64_t unix_offset_ns;            /* added to the result's times gives time since 1970 */
    uint64_t frames;                   /* read, of whatever kind */
    bool has_drops;                    /* a live capture: the next two are known */
    uint64_t capture_dropped;          /* by the kernel, because we read too slowly */
    uint64_t interface_dropped;        /* before anybody could capture them */
    bool inconclusive;                 /* so many that they may be all the loss there is */
    uint32_t workers;                  /* threads that shared the capture */
    const char *saved_path;            /* NULL: nothing was to be saved */
    uint64_t saved;                    /* frames */
    uint64_t saved_cut;                /* flows of which not all was in memory any more */
};

struct report_flows_text_options {
    bool color;
    bool live;    /* still running */
    bool verbose; /* details of all flows shown, not only of those with findings */
};

/* All return 0, or -errno when the stream failed. */
int report_flows_text(FILE *out, const struct report_flows *report,
                      const struct report_flows_text_options *options);

int report_flows_json(FILE *out, const struct report_flows *report);

/* A document that holds nothing but an error: usage, permission, start-up. */
int report_flows_json_error(FILE *out, const char *code, const char *message);

/* The lines of --jsonl: events, rates, and in the end the document as an event. */
int report_flows_event(FILE *out, const struct flow_event *event, int64_t unix_offset_ns);
int report_flows_summary(FILE *out, const struct report_flows *report);
int report_flows_failure_event(FILE *out, const char *code, const char *message);

int report_flows_csv_header(FILE *out);
int report_flows_csv(FILE *out, const struct report_flows *report);

/* What happened in one interval: differences of two summaries. */
struct report_rates {
    int64_t unix_ns; /* its end */
    int64_t length_ns;
    double packets_pps, payload_bps, segments_pps;
    double loss_pct; /* re-sent of segments; NAN without segments */
    uint64_t flows, retransmissions, resets, zero_windows;
    uint64_t capture_dropped, interface_dropped;
};

int report_rates_text(FILE *out, const struct report_rates *rates, bool heading);
int report_rates_event(FILE *out, const struct report_rates *rates);

/*
 * Sentences, with numbers and units, without a newline; terminated when size > 0. The length of
 * the whole sentence, as snprintf has it.
 */
size_t report_flows_finding(char *out, size_t size, const struct flow_finding *finding);
size_t report_flows_stall(char *out, size_t size, const struct flow_facts *facts);
size_t report_flows_reset(char *out, size_t size, const struct flow_facts *facts);
size_t report_flows_end(char *out, size_t size, const struct flow_facts *facts);

/* "10.0.0.5:443", "[2001:db8::1]:443" */
#define REPORT_ENDPOINT_SIZE (ADDRESS_TEXT_SIZE + 8)
void report_endpoint(char out[REPORT_ENDPOINT_SIZE], const struct flow_key *key,
                     enum flow_side side);

#endif
