/* What a sweep of many targets found, as text, JSON and CSV: those that answered, and the sums. */
#ifndef NETDX_REPORT_SYN_SWEEP_H
#define NETDX_REPORT_SYN_SWEEP_H

#include <stdio.h>

#include "engine/sweep.h"

struct report_sweep { /* the run */
    const struct sweep_counts *counts;
    int64_t start_unix_ns, elapsed_ns;
    double rate_pps; /* asked; 0: as fast as it goes */
    bool rate_missed;
    uint64_t capture_dropped;
    bool inconclusive;      /* so many that silent targets may have answered */
    const char *error_code; /* NULL: fine */
    const char *error_message;
};

/* All return 0, -ENOMEM, or -errno when the stream failed. Suspects get no line of text or CSV. */
int report_sweep_text(FILE *out, const struct sweep_observation *answer);
int report_sweep_text_end(FILE *out, const struct report_sweep *run);

/* The document of schema netdx.syn/1 with a target for each that answered. */
int report_sweep_json_begin(FILE *out, int64_t start_unix_ns);
int report_sweep_json(FILE *out, const struct sweep_observation *answer, bool first);
int report_sweep_json_end(FILE *out, const struct report_sweep *run);

int report_sweep_event(FILE *out, const struct sweep_observation *answer, int64_t when_unix_ns);
int report_sweep_summary_event(FILE *out, const struct report_sweep *run);

int report_sweep_csv_header(FILE *out);
int report_sweep_csv(FILE *out, const struct sweep_observation *answer);

#endif
