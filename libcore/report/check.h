/*
 * Facts of checks to the lines that monitoring systems read, and to JSON. Monitoring Plugins
 * Development Guidelines: "Plugin Output for Nagios", "Performance data". A '|' separates text from
 * performance data, so that none is left in what came from outside: it becomes \x7c.
 */
#ifndef NETDX_REPORT_CHECK_H
#define NETDX_REPORT_CHECK_H

#include <stdio.h>

#include "engine/check.h"
#include "report/banner.h"

struct report_check {
    const struct report_banner *banner;
    const struct check_verdict *verdict;
    const struct check_limits *limits;
    int cert_days; /* the limit */
    unsigned tries;
};

struct report_check_run {
    int64_t start_unix_ns, elapsed_ns;
    const char *privilege;
    bool interrupted;
    enum check_level level;             /* the worst */
    uint64_t counts[CHECK_UNKNOWN + 1]; /* services by level */
};

/* All return 0, or -errno of the stream, or -ENOMEM. */

/* "OK api.example:443 200 nginx 1.24.0"; no line end. `several`: with the address of a name. */
int report_check_text(FILE *out, const struct report_check *check, bool several);
/* " connect=0.012s;1;5;0 ..."; `several`: labels begin with the service. */
int report_check_performance(FILE *out, const struct report_check *check, bool several);
/* "CRITICAL 1 of 3 services critical"; no line end. */
int report_check_summary(FILE *out, const struct report_check_run *run);
/* "UNKNOWN message" and a line end: nothing was checked. */
int report_check_failure(FILE *out, const char *message);

int report_check_json_begin(FILE *out, int64_t start_unix_ns);
int report_check_json_target(FILE *out, const struct report_check *check, bool first);
int report_check_json_end(FILE *out, const struct report_check_run *run);
int report_check_json_error(FILE *out, const char *code, const char *message);

int report_check_event(FILE *out, const struct report_check *check); /* a line of --jsonl */
int report_check_summary_event(FILE *out, const struct report_check_run *run);
int report_check_failure_event(FILE *out, const char *code, const char *message);

#endif
