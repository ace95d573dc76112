#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tools/flows_live.c"
#include "tools/flows_rates.c"

/* --- results put together ----------------------------------------------------------------------
 */

static struct flow_finding finding(enum flow_finding_kind kind, const char *text, uint64_t count)
{
    struct flow_finding f = {.kind = kind,
                             .severity = flow_finding_severity(kind),
                             .has_address = true,
                             .flows = 2,
                             .count = count,
                             .share_pct = 2,
                             .worst_ns = -1};

    assert_int_equal(address_parse(text, &f.address), 0);
    return f;
}

/* A worker's result: one flow and two findings, on the heap as the engine gives them. */
static struct flows_result result(uint64_t id, uint64_t resent, enum flow_severity severity)
{
    struct flows_result r = {.nflows = 1, .nfindings = 2};

    r.flows = calloc(1, sizeof(*r.flows));
    r.findings = calloc(2, sizeof(*r.findings));
    assert_non_null(r.flows);
    assert_non_null(r.findings);
    r.flows[0].flow_id = id;
    r.flows[0].severity = severity;
    r.flows[0].start_ns = (int64_t)id;
    r.flows[0].side[0].counts.retransmissions = resent;
    r.flows[0].side[0].counts.bytes = 1000 * id;
    r.findings[0] = finding(FLOW_FINDING_RETRANSMISSIONS, "10.0.0.1", resent);
    r.findings[1] = finding(FLOW_FINDING_REFUSED, id == 1 ? "10.0.0.2" : "10.0.0.3", 1);
    r.summary.packets = 10 * id;
    r.summary.start_ns = -(int64_t)id;
    r.summary.last_ns = (int64_t)id;
    r.summary.counts.retransmissions = resent;
    r.summary.counts.zero_window_ns = (int64_t)id;
    return r;
}

static void check_order(enum flow_sort sort, const char *ids)
{
    struct flows_result parts[3] = {result(1, 5, FLOW_WARNING), result(2, 9, FLOW_WARNING),
                                    result(3, 1, FLOW_CRITICAL)};
    struct flows_result all;
    char found[4] = "";

    assert_int_equal(flows_live_combine(parts, 3, sort, 10, &all), 0);
    assert_int_equal(all.nflows, 3);
    for (size_t i = 0; i < 3; i++)
        found[i] = (char)('0' + all.flows[i].flow_id);
    assert_string_equal(found, ids);
    flows_result_release(&all);
}

static void test_order(void **state)
{
    (void)state;
    check_order(FLOW_SORT_WORST, "321");
    check_order(FLOW_SORT_RETRANSMISSIONS, "213");
    check_order(FLOW_SORT_BYTES, "321");
    check_order(FLOW_SORT_START, "123");
}

static void test_sums(void **state)
{
    struct flows_result parts[2] = {result(1, 5, FLOW_FINE), result(2, 9, FLOW_FINE)};
    struct flows_result all;

    (void)state;
    assert_int_equal(flows_live_combine(parts, 2, FLOW_SORT_WORST, 1, &all), 0);
    assert_int_equal(all.nflows, 1);
    assert_int_equal(all.summary.packets, 30);
    assert_int_equal(all.summary.start_ns, -2);
    assert_int_equal(all.summary.last_ns, 2);
    assert_int_equal(all.summary.counts.retransmissions, 14);
    assert_int_equal(all.summary.counts.zero_window_ns, 2); /* the longest, no sum */
    /* The same host twice is one finding, two hosts are two; the most severe come first. */
    assert_int_equal(all.nfindings, 3);
    assert_int_equal(all.findings[0].kind, FLOW_FINDING_REFUSED);
    assert_int_equal(all.findings[1].kind, FLOW_FINDING_REFUSED);
    assert_int_equal(all.findings[2].kind, FLOW_FINDING_RETRANSMISSIONS);
    assert_int_equal(all.findings[2].count, 14);
    assert_int_equal(all.findings[2].flows, 4);
    flows_result_release(&all);
}

/* --- rates --------------------------------------------------------------------------------------
 */

static struct report_rates rows[8];
static size_t nrows;
static struct flows_totals totals;

void flows_output_rates(struct flows_output *output, const struct report_rates *rates)
{
    (void)output;
    assert_true(nrows < 8);
    rows[nrows++] = *rates;
}

static void read_totals(void *context, struct flows_totals *out)
{
    (void)context;
    *out = totals;
}

static void advance(struct flows_rates *rates, int64_t now_ns)
{
    if (flows_rates_due(rates, now_ns))
        flows_rates_emit(rates, now_ns, 0);
}

static void test_rates(void **state)
{
    struct flows_rates rates = {
        .interval_ns = NS_PER_SEC, .next_ns = TIME_NEVER, .read = read_totals};

    (void)state;
    nrows = 0;
    totals = (struct flows_totals){0};
    advance(&rates, 100 * NS_PER_SEC);
    totals.packets = 500;
    totals.counts.segments = 200;
    totals.counts.retransmissions = 10;
    advance(&rates, 100 * NS_PER_SEC + NS_PER_SEC / 2);
    assert_int_equal(nrows, 0);
    advance(&rates, 101 * NS_PER_SEC + 1);
    assert_int_equal(nrows, 1);
    assert_int_equal(rows[0].unix_ns, 101 * NS_PER_SEC);
    assert_int_equal(rows[0].length_ns, NS_PER_SEC);
    assert_true(rows[0].packets_pps == 500 && rows[0].loss_pct == 5);
    /* Nothing more came, and then a clock that jumped: one row, not a million. */
    advance(&rates, 1000101 * NS_PER_SEC + 5);
    assert_int_equal(nrows, 2);
    assert_int_equal(rows[1].length_ns, 1000000 * NS_PER_SEC);
    assert_true(rows[1].packets_pps == 0 && isnan(rows[1].loss_pct));
    /* Back in time: nothing, until it is later than ever. */
    advance(&rates, 0);
    advance(&rates, INT64_MIN);
    assert_int_equal(nrows, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_rates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
