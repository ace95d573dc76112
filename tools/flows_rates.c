#include "tools/flows_rates.h"

#include <math.h>

#include "base/timespan.h"

bool flows_rates_due(struct flows_rates *rates, int64_t now_ns)
{
    if (rates->next_ns == TIME_NEVER) {
        rates->last_ns = now_ns;
        rates->next_ns = time_add(now_ns, rates->interval_ns);
    }
    return now_ns >= rates->next_ns;
}

static double flows_rates_per_second(uint64_t after, uint64_t before, int64_t length_ns)
{
    return (double)(after - before) * 1e9 / (double)length_ns;
}

static void flows_rates_fill(const struct flows_rates *rates, const struct flows_totals *now,
                             int64_t length_ns, struct report_rates *row)
{
    const struct flow_counts *a = &rates->before.counts, *b = &now->counts;
    uint64_t segments = b->segments - a->segments;

    row->length_ns = length_ns;
    row->packets_pps = flows_rates_per_second(now->packets, rates->before.packets, length_ns);
    row->payload_bps = 8 * flows_rates_per_second(now->bytes, rates->before.bytes, length_ns);
    row->segments_pps = flows_rates_per_second(b->segments, a->segments, length_ns);
    row->flows = now->flows - rates->before.flows;
    row->retransmissions = b->retransmissions - a->retransmissions;
    row->resets = b->resets - a->resets;
    row->zero_windows = b->zero_windows - a->zero_windows;
    row->capture_dropped = now->capture_dropped - rates->before.capture_dropped;
    row->interface_dropped = now->interface_dropped - rates->before.interface_dropped;
    row->loss_pct = segments ? 100 * (double)row->retransmissions / (double)segments : NAN;
}

/* The boundaries stay where they are, unless the clock went past several of them. */
void flows_rates_emit(struct flows_rates *rates, int64_t now_ns, int64_t unix_offset_ns)
{
    struct report_rates row = {0};
    struct flows_totals now = {0};
    int64_t end = rates->next_ns;

    /* A file may claim any times: the differences are unsigned. */
    uint64_t over = (uint64_t)now_ns - (uint64_t)end, interval = (uint64_t)rates->interval_ns;

    if (over >= interval)
        end = (int64_t)((uint64_t)now_ns - over % interval);
    row.unix_ns = time_add(end, unix_offset_ns);
    uint64_t length = (uint64_t)end - (uint64_t)rates->last_ns;
    rates->read(rates->context, &now);
    flows_rates_fill(rates, &now, length > INT64_MAX ? INT64_MAX : (int64_t)length, &row);
    flows_output_rates(rates->output, &row);
    rates->before = now;
    rates->last_ns = end;
    rates->next_ns = time_add(end, rates->interval_ns);
}
