/*
 * Trace facts to text, JSON, CSV and mtr's JSON. No renderer computes: what is shown is in the
 * result. Names and AS texts are raw bytes here and escaped on the way out.
 */
#ifndef NETDX_REPORT_TRACE_H
#define NETDX_REPORT_TRACE_H

#include <stdio.h>

#include "engine/trace.h"

/* What is known of addresses besides the trace: looked up by the tool, borrowed by reports. */
struct report_names {
    const char *(*name)(void *context, const struct address *address); /* raw; NULL: none */
    const char *(*asn)(void *context, const struct address *address);  /* raw; NULL: none */
    void *context;
};

struct report_trace {
    const char *target;                /* as the user wrote it */
    const struct trace_result *result; /* NULL when there is only an error */
    const char *error_code;            /* NULL: fine; "dns.nxdomain", "permission", ... */
    const char *error_message;         /* safe text: what came from outside is escaped in it */
    const char *privilege;             /* "raw", "unprivileged" */
    const char *method;                /* how packets went: "raw", "ping", "udp", "tcp", "file" */
    const char *hostname;              /* our own, for mtr's JSON; NULL: the source address */
    int64_t start_unix_ns, elapsed_ns;
    uint64_t capture_dropped, interface_dropped;
    uint64_t user_stamps; /* packets that the kernel gave no stamp: their times are less exact */
    struct report_names names;
};

/*
 * The columns people know from mtr: a list of names or mtr headings ("loss,p95,jitter"), or a word
 * of mtr's letters ("LSNABWV"). 0, or -EINVAL with the offending name in *bad (points into `list`).
 */
#define REPORT_COLUMNS_DEFAULT "loss,sent,last,avg,best,worst,stdev"
int report_columns_check(const char *list, const char **bad, size_t *bad_len);

struct report_text_options {
    const char *columns; /* NULL: the default */
    bool color;
    bool numeric; /* addresses only */
    bool wide;    /* no cutting to `width` */
    int width;    /* terminal columns; 0: unlimited */
    bool asn;
    bool live; /* still running: no verdict lines */
};

/*
 * All return 0, or -errno when the stream failed. Only what has a result is shown as text: where
 * an error has to go is the tool's decision.
 */
int report_trace_text(FILE *out, const struct report_trace *report,
                      const struct report_text_options *options);

/* The whole document of a single target. */
int report_trace_json(FILE *out, const struct report_trace *report);

/* The document of several targets, written as they finish. `first`: no target before this one. */
int report_trace_json_begin(FILE *out, int64_t start_unix_ns);
int report_trace_json_target(FILE *out, const struct report_trace *report, bool first);
int report_trace_json_end(FILE *out, int64_t elapsed_ns, bool interrupted, const char *error_code,
                          const char *error_message);

/* A document that holds nothing but an error: usage, permission, start-up. */
int report_trace_json_error(FILE *out, const char *code, const char *message);

/* The lines of --jsonl: {"event":"answer", ...}, and in the end the document as an event. */
int report_trace_observation(FILE *out, const char *target,
                             const struct trace_observation *observation, int64_t unix_offset_ns);
int report_trace_summary(FILE *out, const struct report_trace *report);
int report_trace_failure_event(FILE *out, const char *code, const char *message);

int report_trace_csv_header(FILE *out);
int report_trace_csv(FILE *out, const struct report_trace *report);
int report_trace_mtr_json(FILE *out, const struct report_trace *report, bool asn);

/*
 * The sentence for a finding, and for the end of the trace, with numbers and units, without a
 * newline; terminated when size > 0. The length of the whole sentence, as snprintf has it.
 */
size_t report_trace_finding(char *out, size_t size, const struct trace_finding *finding,
                            const struct trace_result *result);
size_t report_trace_end(char *out, size_t size, const struct trace_result *result);

const char *report_protocol_name(enum probe_protocol protocol); /* "icmp", "udp", "tcp" */

#endif
