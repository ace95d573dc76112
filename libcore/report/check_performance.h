/* Internal to report/: what was measured of a service, for monitoring systems to plot. */
#ifndef NETDX_REPORT_CHECK_PERFORMANCE_H
#define NETDX_REPORT_CHECK_PERFORMANCE_H

#include "report/check.h"

#define CHECK_VALUES_MAX 6

struct check_value {
    const char *label;
    double value;           /* NAN: could not be determined */
    bool is_time;           /* in seconds; else a plain number */
    double warn, crit, min; /* NAN: none */
    bool is_least;          /* warn and crit are what it must not fall below */
};

/* How many there are. The times are since the connection was begun, so that one limit fits all. */
size_t check_values(const struct report_check *check, struct check_value out[CHECK_VALUES_MAX]);

#endif
