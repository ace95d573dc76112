/* What happened from one moment to the next: differences of what the engines have counted. */
#ifndef NETDX_TOOLS_FLOWS_RATES_H
#define NETDX_TOOLS_FLOWS_RATES_H

#include "tools/flows_output.h"

/* Sums of all workers. */
struct flows_totals {
    uint64_t packets, bytes, flows, capture_dropped, interface_dropped, frames;
    struct flow_counts counts;
};

struct flows_rates {
    struct flows_output *output;
    int64_t interval_ns, next_ns, last_ns; /* next_ns TIME_NEVER: not begun */
    struct flows_totals before;
    void (*read)(void *context, struct flows_totals *totals);
    void *context;
};

/* Whether an interval is over at `now_ns`; the first call begins one. */
bool flows_rates_due(struct flows_rates *rates, int64_t now_ns);

/* Reads the totals and writes a row; a clock that jumped makes one long interval. */
void flows_rates_emit(struct flows_rates *rates, int64_t now_ns, int64_t unix_offset_ns);

#endif
