/*
 * Facts about SYN handshakes to text, JSON and CSV. No renderer computes: what is shown is in the
 * results. Host texts are raw bytes here and escaped on the way out.
 */
#ifndef NETDX_REPORT_SYN_H
#define NETDX_REPORT_SYN_H

#include <stdio.h>

#include "engine/syn.h"

struct report_syn { /* the run */
    const struct syn_config *config;
    const struct syn_result *totals; /* targets not needed; NULL: nothing was probed */
    const char *privilege;           /* "raw", "unprivileged" */
    const char *method;              /* how SYNs went: "raw", "connect" */
    int64_t start_unix_ns, elapsed_ns;
    bool interrupted;
    double achieved_pps; /* SYNs a second; NAN below two */
    bool rate_missed;    /* config->rate_pps was asked for and could not be kept */
    uint64_t capture_dropped, interface_dropped;
    bool inconclusive;      /* our own capture dropped so much that loss may be ours */
    const char *error_code; /* NULL: fine; "network.lost", ... */
    const char *error_message;
};

struct report_syn_target {           /* one address and port, or a target that came to none */
    const char *text;                /* as the user wrote it */
    const char *host;                /* its host; NULL: none was read */
    const struct syn_config *config; /* of the run; not needed without a result */
    const struct syn_target_result *result; /* NULL when there is only an error */
    const char *error_code;                 /* NULL: fine; "dns.nxdomain", ... */
    const char *error_message;              /* safe text */
    bool measured_raw; /* the SYN-ACK itself was seen, not what a socket tells of it */
};

struct report_syn_text_options {
    bool color;
    bool numeric; /* addresses only */
    bool synack;  /* also what each SYN-ACK said; for one target it is said always */
};

/* All return 0, or -errno when the stream failed, or -ENOMEM. */

/* The table, a sentence per finding, and the run in one line. */
int report_syn_text(FILE *out, const struct report_syn *run,
                    const struct report_syn_target *targets, size_t count,
                    const struct report_syn_text_options *options);

/* One document: begin, each target, end. `first`: no target before this one. */
int report_syn_json_begin(FILE *out, int64_t start_unix_ns);
int report_syn_json_target(FILE *out, const struct report_syn_target *target, bool first);
int report_syn_json_end(FILE *out, const struct report_syn *run);

/* A document that holds nothing but an error: usage, permission, start-up. */
int report_syn_json_error(FILE *out, const char *code, const char *message);

/* The lines of --jsonl: a probe's fate, a target's result, and in the end the run's. */
int report_syn_event(FILE *out, const struct syn_observation *observation,
                     const struct syn_target *target, const char *host, int64_t unix_offset_ns);
int report_syn_given_up_event(FILE *out, const struct syn_observation *observation,
                              const struct syn_target *target, const char *host,
                              int64_t unix_offset_ns);
int report_syn_target_event(FILE *out, const struct report_syn_target *target);
int report_syn_summary_event(FILE *out, const struct report_syn *run);
int report_syn_failure_event(FILE *out, const char *code, const char *message);

int report_syn_csv_header(FILE *out);
int report_syn_csv(FILE *out, const struct report_syn_target *target);

/*
 * Sentences without a newline, terminated when size > 0; the length of the whole sentence, as
 * snprintf has it.
 */
size_t report_syn_finding(char *out, size_t size, const struct syn_finding *finding,
                          const struct syn_target_result *result, const struct syn_config *config);
/* "www.lab:443 (10.99.0.2)"; `host` NULL: "10.99.0.2:443". */
size_t report_syn_label(char *out, size_t size, const char *host, const struct syn_target *target);
/* The live line of -v; `given_up`: what syn_given_up said. 0: nothing worth a line. */
size_t report_syn_line(char *out, size_t size, const struct syn_observation *observation,
                       const struct syn_target *target, const char *host, bool given_up);

#endif
