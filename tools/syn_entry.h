/* What became of one address and port of `netdx syn`: for the report and the exit status. */
#ifndef NETDX_TOOLS_SYN_ENTRY_H
#define NETDX_TOOLS_SYN_ENTRY_H

#include "report/syn.h"
#include "tools/destination.h"

struct syn_entry {
    const struct destination *job; /* borrowed */
    struct syn_target target;
    bool has_result;
    struct syn_target_result result;
    struct failure failure; /* why there is no result, or no address */
};

/* Without raw packets: leaves out what is said of a SYN-ACK that nobody saw. */
void syn_entry_keep_findings(struct syn_target_result *result);

/* The exit status that a result stands for. */
int syn_entry_status(const struct syn_target_result *result);

/* Borrows from the entry. `raw`: SYN-ACKs were seen. */
struct report_syn_target syn_entry_report(const struct syn_entry *entry,
                                          const struct syn_config *config, bool raw);

#endif
