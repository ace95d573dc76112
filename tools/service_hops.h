/* Where a service's redirects led: each hop with who sent on, for the report. */
#ifndef NETDX_TOOLS_SERVICE_HOPS_H
#define NETDX_TOOLS_SERVICE_HOPS_H

#include "engine/redirect.h"
#include "report/banner.h"

struct service_hops {
    struct report_banner_hop items[REDIRECT_HOPS_MAX + 1]; /* texts and products owned */
    size_t count;
};

struct service_hop_source { /* who sends on; borrowed */
    const struct redirect_url *url;
    const struct address *address;
    const struct http_facts *http;
    const struct version_list *products; /* NULL: none */
};

/* Without memory the hop is left out. */
void service_hops_note(struct service_hops *hops, const struct service_hop_source *from,
                       const struct redirect_url *to);
/* To file:, javascript: or the like. */
void service_hops_note_foreign(struct service_hops *hops, const struct service_hop_source *from);

/* The address that the latest hop led to. */
void service_hops_arrive(struct service_hops *hops, const struct address *from,
                         const struct address *to);

void service_hops_clear(struct service_hops *hops);

#endif
