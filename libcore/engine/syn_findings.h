/* What the two halves of the SYN engine's findings share: syn_findings.c, syn_findings_ack.c. */
#ifndef NETDX_ENGINE_SYN_FINDINGS_H
#define NETDX_ENGINE_SYN_FINDINGS_H

#include "engine/syn_internal.h"

struct syn_finding_list {
    struct syn_finding *items; /* owned */
    size_t count, capacity;
    bool failed; /* out of memory */
};

void syn_finding_add(struct syn_finding_list *list, const struct syn_finding *finding);
bool syn_finding_has(const struct syn_finding_list *list, enum syn_finding_kind kind);

/* What the SYN-ACKs themselves give away. */
void syn_findings_synack(const struct syn_judged *judged, struct syn_finding_list *list);

#endif
