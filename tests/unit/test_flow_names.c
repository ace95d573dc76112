#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/flow.h"

/* JSON names are promises; a new member without one shows here. */
static void test_every_member_has_its_name(void **state)
{
    (void)state;
    for (int i = 0; i <= FLOW_EVENT_END; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(flow_event_name((enum flow_event_kind)i),
                                    flow_event_name((enum flow_event_kind)k));
    for (int i = 0; i < FLOW_FINDINGS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(flow_finding_id((enum flow_finding_kind)i),
                                    flow_finding_id((enum flow_finding_kind)k));
    for (int i = 0; i < FLOW_REASONS; i++)
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(flow_reason_name((enum flow_reason)(1 << i)),
                                    flow_reason_name((enum flow_reason)(1 << k)));
            assert_string_not_equal(flow_reason_text((enum flow_reason)(1 << i)),
                                    flow_reason_text((enum flow_reason)(1 << k)));
        }
    for (int i = 0; i < FLOW_FINDINGS; i++)
        assert_int_not_equal(flow_finding_severity((enum flow_finding_kind)i), FLOW_FINE);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(flow_event_name(FLOW_EVENT_SYNACK_RETRANSMISSION), "synack_retransmission");
    assert_string_equal(flow_trigger_name(FLOW_TRIGGER_TAIL_PROBE), "tail_probe");
    assert_string_equal(flow_lost_name(FLOW_LOST_BEFORE_TAP), "before_tap");
    assert_string_equal(flow_finding_id(FLOW_FINDING_RST_INJECTED), "fw.rst_injected");
    assert_string_equal(flow_reset_phase_name(FLOW_RESET_AFTER_CLOSE_UNREAD), "after_close_unread");
    assert_string_equal(flow_end_name(FLOW_END_SYN), "no_answer");
    assert_string_equal(flow_end_name((enum flow_end)99), "unknown");
    assert_string_equal(flow_reason_name((enum flow_reason)0), "unknown");
}

static void test_sorts(void **state)
{
    enum flow_sort sort;

    (void)state;
    for (int i = 0; i <= FLOW_SORT_START; i++) {
        assert_int_equal(flow_sort_parse(flow_sort_name((enum flow_sort)i), &sort), 0);
        assert_int_equal(sort, i);
    }
    assert_int_equal(flow_sort_parse("best", &sort), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member_has_its_name),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sorts),
    };

    return cmocka_run_group_tests_name("flow_names", tests, NULL, NULL);
}
