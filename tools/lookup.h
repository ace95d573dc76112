/* A name on its way to addresses, that may be given up before it is answered. */
#ifndef NETDX_TOOLS_LOOKUP_H
#define NETDX_TOOLS_LOOKUP_H

#include "io/dns.h"

struct lookup; /* owned by the resolver's callback */

/*
 * As dns_resolve, and *out is set first: NULL once it was called back, which may be at once. 0 or
 * -ENOMEM.
 */
int lookup_start(struct dns *dns, const char *name, int family, dns_addresses_fn *done,
                 void *context, struct lookup **out);

/* Nobody is called back any more. NULL is fine. */
void lookup_give_up(struct lookup *lookup);

#endif
