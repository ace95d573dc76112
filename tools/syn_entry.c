#include "tools/syn_entry.h"

#include <errno.h>

/* What a socket tells of a SYN-ACK is not the SYN-ACK: findings about it are left out. */
static bool syn_entry_needs_raw(enum syn_finding_kind kind)
{
    switch (kind) {
    case SYN_FINDING_TIMED_OUT:
    case SYN_FINDING_REFUSED:
    case SYN_FINDING_UNREACHABLE:
    case SYN_FINDING_LOSS:
    case SYN_FINDING_BACKLOG:
    case SYN_FINDING_SLOW_FLOWS:
    case SYN_FINDING_DEAD_FLOWS:
    case SYN_FINDING_SEND_ERRORS:
    case SYN_FINDING_TOO_FEW:
    case SYN_FINDING_THRESHOLD:
        return false;
    default:
        return true;
    }
}

void syn_entry_keep_findings(struct syn_target_result *result)
{
    size_t kept = 0;

    for (size_t i = 0; i < result->nfindings; i++)
        if (!syn_entry_needs_raw(result->findings[i].kind))
            result->findings[kept++] = result->findings[i];
    result->nfindings = kept;
}

static int syn_entry_status_of_sending(const struct syn_target_result *result)
{
    for (size_t i = 0; i < result->nfindings; i++) {
        int error = result->findings[i].error;

        if (result->findings[i].kind == SYN_FINDING_SEND_ERRORS)
            return error == ENETUNREACH || error == EHOSTUNREACH ? EXIT_CRITICAL : EXIT_UNKNOWN;
    }
    return EXIT_UNKNOWN;
}

int syn_entry_status(const struct syn_target_result *result)
{
    int status = EXIT_FINE;

    if (result->outcome == SYN_SEND_FAILED)
        return syn_entry_status_of_sending(result);
    if (result->outcome == SYN_PENDING)
        return EXIT_UNKNOWN;
    if (result->outcome != SYN_OPEN)
        return EXIT_CRITICAL;
    for (size_t i = 0; i < result->nfindings; i++) {
        if (result->findings[i].severity >= SYN_CRITICAL)
            return EXIT_CRITICAL;
        if (result->findings[i].severity == SYN_WARNING)
            status = EXIT_WARNING;
    }
    return status;
}

struct report_syn_target syn_entry_report(const struct syn_entry *entry,
                                          const struct syn_config *config, bool raw)
{
    bool failed = entry->failure.code != NULL;

    return (struct report_syn_target){
        .text = entry->job->text,
        .host = entry->job->aim.target.host,
        .config = config,
        .result = entry->has_result ? &entry->result : NULL,
        .error_code = entry->failure.code,
        .error_message = failed ? entry->failure.message : NULL,
        .measured_raw = raw,
    };
}
