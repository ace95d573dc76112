#include "tools/trace_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/address_table.h"

struct trace_name {
    struct trace_names *names; /* borrowed */
    struct address address;
    char *name, *asn; /* owned, raw; NULL: none (yet) */
    unsigned pending; /* look-ups under way */
    UT_hash_handle hh;
};

struct trace_names {
    struct loop *loop;
    struct dns *dns;
    struct asn *asn;
    struct trace_name *known; /* owned, by address */
};

int trace_names_new(struct loop *loop, struct dns *dns, struct asn *asn, struct trace_names **out)
{
    struct trace_names *names = calloc(1, sizeof(*names));

    if (!names)
        return -ENOMEM;
    *names = (struct trace_names){.loop = loop, .dns = dns, .asn = asn};
    *out = names;
    return 0;
}

void trace_names_free(struct trace_names *names)
{
    struct trace_name *name, *next;

    if (!names)
        return;
    HASH_ITER(hh, names->known, name, next)
    {
        HASH_DEL(names->known, name);
        free(name->name);
        free(name->asn);
        free(name);
    }
    free(names);
}

static struct trace_name *trace_names_find(const struct trace_names *names,
                                           const struct address *address)
{
    struct trace_name *found = NULL;

    HASH_FIND(hh, names->known, address, ADDRESS_KEY_LEN, found);
    return found;
}

static void trace_names_learn(struct trace_name *name, char **where, enum dns_status status,
                              const char *text)
{
    name->pending--;
    if (status == DNS_OK && text && *text)
        *where = strdup(text);
    if (status != DNS_CANCELLED)
        loop_wake(name->names->loop);
}

static void trace_names_on_name(void *context, enum dns_status status, const char *text)
{
    struct trace_name *name = context;

    trace_names_learn(name, &name->name, status, text);
}

static void trace_names_on_asn(void *context, enum dns_status status, const char *text)
{
    struct trace_name *name = context;

    trace_names_learn(name, &name->asn, status, text);
}

void trace_names_want(struct trace_names *names, const struct address *address)
{
    struct trace_name *name;

    if ((!names->dns && !names->asn) || !address->family || trace_names_find(names, address))
        return;
    name = calloc(1, sizeof(*name));
    if (!name)
        return;
    name->names = names;
    name->address = *address;
    HASH_ADD(hh, names->known, address, ADDRESS_KEY_LEN, name);
    /* A look-up that cannot even start does not call back. */
    name->pending += names->dns != NULL;
    if (names->dns && dns_reverse(names->dns, address, trace_names_on_name, name))
        name->pending--;
    name->pending += names->asn != NULL;
    if (names->asn && asn_lookup(names->asn, address, trace_names_on_asn, name))
        name->pending--;
}

bool trace_names_complete(const struct trace_names *names, const struct trace_result *result)
{
    for (size_t i = 0; i < result->nhops; i++) {
        for (size_t j = 0; j < result->hops[i].nresponders; j++) {
            const struct trace_name *name =
                trace_names_find(names, &result->hops[i].responders[j].address);

            if (name && name->pending)
                return false;
        }
    }
    return true;
}

static const char *trace_names_name(void *context, const struct address *address)
{
    const struct trace_name *name = trace_names_find(context, address);

    return name ? name->name : NULL;
}

static const char *trace_names_asn(void *context, const struct address *address)
{
    const struct trace_name *name = trace_names_find(context, address);

    return name ? name->asn : NULL;
}

struct report_names trace_names_report(struct trace_names *names)
{
    return (struct report_names){trace_names_name, trace_names_asn, names};
}
