#include "tools/lookup.h"

#include <errno.h>
#include <stdlib.h>

struct lookup {
    dns_addresses_fn *done; /* NULL: nobody waits any more */
    void *context;
    struct lookup **handle; /* where the waiting one keeps it */
};

static void lookup_answered(void *context, enum dns_status status, const struct address *addresses,
                            size_t count)
{
    struct lookup lookup = *(struct lookup *)context;

    free(context);
    if (!lookup.done)
        return;
    *lookup.handle = NULL;
    lookup.done(lookup.context, status, addresses, count);
}

int lookup_start(struct dns *dns, const char *name, int family, dns_addresses_fn *done,
                 void *context, struct lookup **out)
{
    struct lookup *lookup = malloc(sizeof(*lookup));

    if (!lookup)
        return -ENOMEM;
    *lookup = (struct lookup){done, context, out};
    *out = lookup;
    if (!dns_resolve(dns, name, family, lookup_answered, lookup))
        return 0;
    free(lookup);
    *out = NULL;
    return -ENOMEM;
}

void lookup_give_up(struct lookup *lookup)
{
    if (lookup)
        lookup->done = NULL;
}
