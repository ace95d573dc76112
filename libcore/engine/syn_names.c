/* What facts are called, in results and in findings. */
#include <stddef.h>

#include "engine/syn.h"

#define NAME_OF(table, value)                                                                      \
    ((size_t)(value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : "unknown")

const char *syn_outcome_name(enum syn_outcome outcome)
{
    static const char *const names[] = {
        [SYN_PENDING] = "pending",         [SYN_OPEN] = "open",
        [SYN_REFUSED] = "refused",         [SYN_TIMED_OUT] = "timed_out",
        [SYN_UNREACHABLE] = "unreachable", [SYN_SEND_FAILED] = "send_failed",
    };

    return NAME_OF(names, outcome);
}

const char *syn_finding_id(enum syn_finding_kind kind)
{
    static const char *const ids[] = {
        [SYN_FINDING_TIMED_OUT] = "tcp.timed_out",
        [SYN_FINDING_REFUSED] = "tcp.refused",
        [SYN_FINDING_UNREACHABLE] = "tcp.unreachable",
        [SYN_FINDING_PORT_REJECTED] = "fw.port_rejected",
        [SYN_FINDING_LOSS] = "path.loss",
        [SYN_FINDING_BACKLOG] = "tcp.backlog_overflow",
        [SYN_FINDING_COOKIES] = "tcp.syn_cookies",
        [SYN_FINDING_PROXY] = "tcp.syn_proxy",
        [SYN_FINDING_TWO_RESPONDERS] = "tcp.two_responders",
        [SYN_FINDING_TTL_MISMATCH] = "tcp.ttl_mismatch",
        [SYN_FINDING_OPTIONS_STRIPPED] = "tcp.options_stripped",
        [SYN_FINDING_MSS_CLAMPED] = "tcp.mss_clamped",
        [SYN_FINDING_SMALL_WINDOW] = "tcp.small_window",
        [SYN_FINDING_ECN_REFUSED] = "tcp.ecn_refused",
        [SYN_FINDING_FAST_OPEN_IGNORED] = "tcp.fast_open_ignored",
        [SYN_FINDING_SLOW_FLOWS] = "path.ecmp_skew",
        [SYN_FINDING_DEAD_FLOWS] = "route.ecmp_bad_member",
        [SYN_FINDING_RETRANSMITTED] = "tcp.synack_retransmitted",
        [SYN_FINDING_SUSPECT] = "syn.suspect_answers",
        [SYN_FINDING_SEND_ERRORS] = "local.send_errors",
        [SYN_FINDING_TOO_FEW] = "syn.too_few_probes",
        [SYN_FINDING_THRESHOLD] = "syn.threshold",
    };

    return NAME_OF(ids, kind);
}
