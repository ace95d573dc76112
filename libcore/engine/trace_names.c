/* What facts are called, in results and in findings. */
#include <stddef.h>

#include "engine/trace.h"

#define NAME_OF(table, value)                                                                      \
    ((size_t)(value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : "unknown")

const char *trace_end_name(enum trace_end end)
{
    static const char *const names[] = {
        [TRACE_END_NONE] = "none",
        [TRACE_END_REACHED] = "reached",
        [TRACE_END_UNREACHABLE] = "unreachable",
        [TRACE_END_LOOP] = "loop",
        [TRACE_END_GAP_LIMIT] = "gap_limit",
        [TRACE_END_TTL_LIMIT] = "ttl_limit",
        [TRACE_END_INTERRUPTED] = "interrupted",
        [TRACE_END_SEND_FAILED] = "send_failed",
    };

    return NAME_OF(names, end);
}

const char *trace_loss_verdict_name(enum trace_loss_verdict verdict)
{
    static const char *const names[] = {
        [TRACE_LOSS_NONE] = "none",     [TRACE_LOSS_TOO_FEW] = "too_few",
        [TRACE_LOSS_REAL] = "real",     [TRACE_LOSS_RATE_LIMITED] = "rate_limited",
        [TRACE_LOSS_SILENT] = "silent", [TRACE_LOSS_DEAD] = "dead",
    };

    return NAME_OF(names, verdict);
}

const char *trace_change_name(enum trace_change_kind kind)
{
    static const char *const names[] = {
        [TRACE_CHANGED_SOURCE] = "source",
        [TRACE_CHANGED_DESTINATION] = "destination",
        [TRACE_CHANGED_SOURCE_PORT] = "source_port",
        [TRACE_CHANGED_DESTINATION_PORT] = "destination_port",
        [TRACE_CHANGED_DSCP] = "dscp",
        [TRACE_CHANGED_ECN] = "ecn",
        [TRACE_CHANGED_TTL] = "ttl",
        [TRACE_CHANGED_MSS] = "mss",
        [TRACE_CHANGED_IP_ID] = "ip_id",
        [TRACE_CHANGED_LENGTH] = "length",
    };

    return NAME_OF(names, kind);
}

const char *trace_finding_id(enum trace_finding_kind kind)
{
    static const char *const ids[] = {
        [TRACE_FINDING_LOSS] = "path.loss",
        [TRACE_FINDING_RATE_LIMITED] = "icmp.rate_limited",
        [TRACE_FINDING_SILENT] = "icmp.silent",
        [TRACE_FINDING_BLACKHOLE] = "route.blackhole",
        [TRACE_FINDING_LOOP] = "route.loop",
        [TRACE_FINDING_UNREACHABLE] = "route.unreachable",
        [TRACE_FINDING_FLAP] = "route.flap",
        [TRACE_FINDING_LATENCY_STEP] = "path.latency_step",
        [TRACE_FINDING_JITTER] = "path.jitter",
        [TRACE_FINDING_REWRITTEN] = "path.rewritten",
        [TRACE_FINDING_MTU_REDUCED] = "mtu.reduced",
        [TRACE_FINDING_MTU_BLACKHOLE] = "mtu.blackhole",
        [TRACE_FINDING_DUPLICATION] = "path.duplication",
        [TRACE_FINDING_REORDERING] = "path.reordering",
        [TRACE_FINDING_ECMP] = "path.ecmp",
        [TRACE_FINDING_ECMP_BAD_MEMBER] = "route.ecmp_bad_member",
        [TRACE_FINDING_TARGET_MOVED] = "path.dnat",
        [TRACE_FINDING_SUSPECT] = "trace.suspect_answers",
        [TRACE_FINDING_SEND_ERRORS] = "local.send_errors",
        [TRACE_FINDING_TOO_FEW] = "trace.too_few_probes",
        [TRACE_FINDING_CAPTURE_DROPS] = "local.capture_drops",
    };

    return NAME_OF(ids, kind);
}
