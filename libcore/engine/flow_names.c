/* What facts are called, in results and in findings. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "engine/flow.h"

#define NAME_OF(table, value)                                                                      \
    ((size_t)(value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : "unknown")

static const char *const flow_sort_names[] = {
    [FLOW_SORT_WORST] = "worst",     [FLOW_SORT_RETRANSMISSIONS] = "retransmissions",
    [FLOW_SORT_LOSS] = "loss",       [FLOW_SORT_STALL] = "stall",
    [FLOW_SORT_RTT] = "rtt",         [FLOW_SORT_BYTES] = "bytes",
    [FLOW_SORT_PACKETS] = "packets", [FLOW_SORT_START] = "start",
};

const char *flow_sort_name(enum flow_sort sort)
{
    return NAME_OF(flow_sort_names, sort);
}

int flow_sort_parse(const char *name, enum flow_sort *sort)
{
    for (size_t i = 0; i < sizeof(flow_sort_names) / sizeof(flow_sort_names[0]); i++)
        if (strcmp(name, flow_sort_names[i]) == 0) {
            *sort = (enum flow_sort)i;
            return 0;
        }
    return -EINVAL;
}

const char *flow_event_name(enum flow_event_kind kind)
{
    static const char *const names[] = {
        [FLOW_EVENT_RETRANSMISSION] = "retransmission",
        [FLOW_EVENT_SYN_RETRANSMISSION] = "syn_retransmission",
        [FLOW_EVENT_SYNACK_RETRANSMISSION] = "synack_retransmission",
        [FLOW_EVENT_DUPLICATE] = "duplicate",
        [FLOW_EVENT_REORDERING] = "reordering",
        [FLOW_EVENT_DUP_ACK] = "duplicate_ack",
        [FLOW_EVENT_ZERO_WINDOW] = "zero_window",
        [FLOW_EVENT_WINDOW_PROBE] = "window_probe",
        [FLOW_EVENT_WINDOW_FULL] = "window_full",
        [FLOW_EVENT_KEEP_ALIVE] = "keep_alive",
        [FLOW_EVENT_CAPTURE_GAP] = "capture_gap",
        [FLOW_EVENT_RESET] = "reset",
        [FLOW_EVENT_SPURIOUS] = "spurious",
        [FLOW_EVENT_END] = "end",
    };

    return NAME_OF(names, kind);
}

const char *flow_trigger_name(enum flow_trigger trigger)
{
    static const char *const names[] = {
        [FLOW_TRIGGER_UNKNOWN] = "unknown",
        [FLOW_TRIGGER_TIMEOUT] = "timeout",
        [FLOW_TRIGGER_FAST] = "fast",
        [FLOW_TRIGGER_TAIL_PROBE] = "tail_probe",
    };

    return NAME_OF(names, trigger);
}

const char *flow_lost_name(enum flow_lost lost)
{
    static const char *const names[] = {
        [FLOW_LOST_UNKNOWN] = "unknown",
        [FLOW_LOST_BEFORE_TAP] = "before_tap",
        [FLOW_LOST_BEHIND_TAP] = "behind_tap",
    };

    return NAME_OF(names, lost);
}

const char *flow_spurious_name(enum flow_spurious spurious)
{
    static const char *const names[] = {
        [FLOW_SPURIOUS_DSACK] = "dsack",
        [FLOW_SPURIOUS_EIFEL] = "eifel",
        [FLOW_SPURIOUS_ORIGINAL] = "original",
        [FLOW_SPURIOUS_FRTO] = "frto",
    };

    return NAME_OF(names, spurious);
}

const char *flow_reset_phase_name(enum flow_reset_phase phase)
{
    static const char *const names[] = {
        [FLOW_RESET_UNKNOWN] = "unknown",
        [FLOW_RESET_REFUSED] = "refused",
        [FLOW_RESET_AFTER_SYN] = "after_syn",
        [FLOW_RESET_AFTER_ACCEPT] = "after_accept",
        [FLOW_RESET_AFTER_REQUEST] = "after_request",
        [FLOW_RESET_MID_RESPONSE] = "mid_response",
        [FLOW_RESET_AFTER_FIN] = "after_fin",
        [FLOW_RESET_AFTER_CLOSE_UNREAD] = "after_close_unread",
    };

    return NAME_OF(names, phase);
}

const char *flow_reset_origin_name(enum flow_reset_origin origin)
{
    static const char *const names[] = {
        [FLOW_ORIGIN_UNKNOWN] = "unknown",
        [FLOW_ORIGIN_HOST] = "host",
        [FLOW_ORIGIN_DEVICE] = "device",
    };

    return NAME_OF(names, origin);
}

static const struct {
    const char *name, *text;
} flow_reasons[FLOW_REASONS] = {
    {"seq_exact", "the sequence number is exactly the one expected"},
    {"seq_in_window", "the sequence number is in the window, but not the one expected"},
    {"seq_out", "the sequence number is outside of the window"},
    {"ack_beyond", "it acknowledges bytes that were never sent"},
    {"ttl_same", "its TTL is that of the host's other packets"},
    {"ttl_differs", "its TTL differs from that of the host's other packets"},
    {"ttl_as_synack", "its TTL is that of the SYN-ACK"},
    {"id_in_line", "its IP-ID continues the host's"},
    {"id_out_of_line", "its IP-ID is far from the host's"},
    {"id_copied", "its IP-ID is that of the packet it answers"},
    {"options_as_flow", "its timestamps continue the host's"},
    {"options_odd", "its options are unlike those of the host's other packets"},
    {"several_rising", "several RSTs came with rising sequence numbers"},
    {"host_goes_on", "the host went on sending afterwards"},
    {"too_soon", "it came sooner than the host can answer"},
    {"idle_before", "the flow had been idle"},
    {"answers_peer", "it carries the acknowledgement number of the packet it answers"},
    {"few_packets", "there are too few packets of the host to compare it with"},
};

static int flow_reason_index(enum flow_reason reason)
{
    int index = reason ? __builtin_ctz((unsigned)reason) : FLOW_REASONS;

    return index < FLOW_REASONS ? index : -1;
}

const char *flow_reason_name(enum flow_reason reason)
{
    int index = flow_reason_index(reason);

    return index < 0 ? "unknown" : flow_reasons[index].name;
}

const char *flow_reason_text(enum flow_reason reason)
{
    int index = flow_reason_index(reason);

    return index < 0 ? "unknown" : flow_reasons[index].text;
}

const char *flow_stall_cause_name(enum flow_stall_cause cause)
{
    static const char *const names[] = {
        [FLOW_STALL_NONE] = "none",
        [FLOW_STALL_HANDSHAKE] = "handshake",
        [FLOW_STALL_TIMEOUT] = "timeout",
        [FLOW_STALL_TAIL_PROBE] = "tail_probe",
        [FLOW_STALL_RECOVERY] = "recovery",
        [FLOW_STALL_ZERO_WINDOW] = "zero_window",
        [FLOW_STALL_WINDOW_FULL] = "window_full",
        [FLOW_STALL_ACK] = "acknowledgement",
        [FLOW_STALL_ANSWER] = "answer",
        [FLOW_STALL_SENDER] = "sender",
        [FLOW_STALL_CAPTURE] = "capture",
    };

    return NAME_OF(names, cause);
}

const char *flow_ecn_name(enum flow_ecn ecn)
{
    static const char *const names[] = {
        [FLOW_ECN_UNKNOWN] = "unknown",   [FLOW_ECN_NONE] = "none",
        [FLOW_ECN_REFUSED] = "refused",   [FLOW_ECN_CLASSIC] = "classic",
        [FLOW_ECN_ACCURATE] = "accurate",
    };

    return NAME_OF(names, ecn);
}

const char *flow_end_name(enum flow_end end)
{
    static const char *const names[] = {
        [FLOW_END_OPEN] = "open",         [FLOW_END_FIN] = "fin",
        [FLOW_END_HALF_FIN] = "half_fin", [FLOW_END_RESET] = "reset",
        [FLOW_END_IDLE] = "idle",         [FLOW_END_SYN] = "no_answer",
        [FLOW_END_REUSED] = "reused",     [FLOW_END_EVICTED] = "evicted",
    };

    return NAME_OF(names, end);
}

const char *flow_severity_name(enum flow_severity severity)
{
    static const char *const names[] = {
        [FLOW_FINE] = "fine",
        [FLOW_NOTICE] = "notice",
        [FLOW_WARNING] = "warning",
        [FLOW_CRITICAL] = "critical",
    };

    return NAME_OF(names, severity);
}

const char *flow_finding_id(enum flow_finding_kind kind)
{
    static const char *const ids[FLOW_FINDINGS] = {
        [FLOW_FINDING_RETRANSMISSIONS] = "tcp.retransmissions",
        [FLOW_FINDING_ZERO_WINDOW] = "tcp.zero_window",
        [FLOW_FINDING_SMALL_WINDOW] = "tcp.small_window",
        [FLOW_FINDING_RST_INJECTED] = "fw.rst_injected",
        [FLOW_FINDING_REFUSED] = "tcp.refused",
        [FLOW_FINDING_TIMED_OUT] = "tcp.timed_out",
        [FLOW_FINDING_RESET_ON_ACCEPT] = "tcp.reset_on_accept",
        [FLOW_FINDING_RESET_AFTER_REQUEST] = "tcp.reset_after_request",
        [FLOW_FINDING_RESET_MID_RESPONSE] = "tcp.reset_mid_response",
        [FLOW_FINDING_RESET_AFTER_CLOSE] = "tcp.reset_after_close",
        [FLOW_FINDING_IDLE_DROP] = "fw.idle_drop",
        [FLOW_FINDING_BACKLOG_OVERFLOW] = "tcp.backlog_overflow",
        [FLOW_FINDING_REORDERING] = "path.reordering",
        [FLOW_FINDING_DUPLICATION] = "path.duplication",
        [FLOW_FINDING_STALL] = "tcp.stall",
        [FLOW_FINDING_CAPTURE_GAPS] = "local.capture_drops",
        [FLOW_FINDING_ISN_REUSE] = "tcp.isn_reuse",
        [FLOW_FINDING_EVICTED] = "flows.table_full",
    };

    return NAME_OF(ids, kind);
}
