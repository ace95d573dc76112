#include "tools/syn_ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "tools/aim.h"
#include "tools/lookup.h"

#define SYN_NAMES_AT_ONCE 64

/* --- how much it is ----------------------------------------------------------------------------
 */

static uint64_t syn_plan_add(uint64_t pairs, uint64_t addresses, uint64_t ports)
{
    uint64_t more;

    if (__builtin_mul_overflow(addresses, ports, &more) ||
        __builtin_add_overflow(pairs, more, &pairs))
        return UINT64_MAX;
    return pairs;
}

static int syn_plan_refuse(const struct target_list *list, size_t index, uint64_t pairs,
                           struct failure *failure)
{
    char complaint[128];

    snprintf(complaint, sizeof(complaint),
             "has more than %d addresses and ports%s; --yes if you mean it", SYN_PAIRS_UNASKED,
             pairs > SWEEP_TARGETS_MAX ? ", and more than can be swept" : "");
    failure_refuse(failure, -EINVAL, "usage", "target", list->items[index].text, complaint);
    target_list_locate(list, index, failure->message);
    return -EINVAL;
}

int syn_plan_make(const struct syn_request *request, const struct target_list *list,
                  struct syn_plan *plan, struct failure *failure)
{
    char ignored[OPTIONS_ERROR_SIZE]; /* malformed targets are said when they are used */
    struct aim aim;

    *plan = (struct syn_plan){0};
    for (size_t i = 0; i < list->count; i++) {
        uint64_t pairs;

        if (aim_parse(list->items[i].text, &aim, ignored))
            continue;
        pairs = syn_plan_add(0, aim_addresses(&aim),
                             aim.ports.count ? aim.ports.count : request->ports.count);
        aim_release(&aim);
        if (aim.prefix_bits >= 0 && pairs > SYN_PAIRS_UNASKED &&
            (!request->yes || pairs > SWEEP_TARGETS_MAX))
            return syn_plan_refuse(list, i, pairs, failure);
        plan->pairs = syn_plan_add(plan->pairs, pairs, 1);
    }
    plan->sweep = request->sweep || plan->pairs > SYN_PAIRS_TIMED;
    return 0;
}

/* --- which it is -------------------------------------------------------------------------------
 */

struct syn_name {
    struct syn_names *names; /* borrowed */
    const char *text;
    struct lookup *lookup; /* NULL: the place is free */
};

/* Names being resolved, a few at once. */
struct syn_names {
    struct syn_ranges *ranges;
    struct session *session;
    const struct syn_request *request;
    struct syn_name names[SYN_NAMES_AT_ONCE];
    size_t pending;
    int err;
};

static void syn_ranges_fail(struct syn_ranges *ranges, const struct failure *failure)
{
    fprintf(stderr, "netdx syn: %s\n", failure->message);
    if (failure->status > ranges->status)
        ranges->status = failure->status;
}

static int syn_ranges_push(struct syn_ranges *ranges, const struct address *first, int prefix_bits,
                           const struct address *source)
{
    if (ranges->count == ranges->size) {
        size_t size = ranges->size ? 2 * ranges->size : 64;
        struct sweep_range *grown = reallocarray(ranges->ranges, size, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        ranges->ranges = grown;
        ranges->size = size;
    }
    ranges->ranges[ranges->count++] = (struct sweep_range){
        .first = *first, .prefix_bits = (uint8_t)prefix_bits, .source = *source};
    return 0;
}

static int syn_ranges_add(struct syn_ranges *ranges, struct session *session, const char *text,
                          const struct address *first, int prefix_bits)
{
    struct address source;
    struct failure failure;
    int err = session_source(session, first, &source);

    if (!err)
        return syn_ranges_push(ranges, first,
                               prefix_bits >= 0     ? prefix_bits
                               : first->family == 4 ? 32
                                                    : 128,
                               &source);
    session_source_failure(err, text, &failure);
    syn_ranges_fail(ranges, &failure);
    return 0;
}

static void syn_ranges_resolved(void *context, enum dns_status status,
                                const struct address *addresses, size_t count)
{
    struct syn_name *name = context;
    struct syn_names *names = name->names;
    struct failure failure;

    if (status != DNS_OK || !count) {
        session_dns_failure(names->session, status, name->text, &failure);
        syn_ranges_fail(names->ranges, &failure);
    }
    for (size_t i = 0; status == DNS_OK && i < count && !names->err; i++)
        if (!target_refusal(&addresses[i]))
            names->err =
                syn_ranges_add(names->ranges, names->session, name->text, &addresses[i], -1);
    names->pending--;
    loop_wake(names->session->loop);
}

/* Until a place is free; `all`: until all are. */
static int syn_ranges_wait(struct syn_names *names, bool all)
{
    while (!names->err && names->pending > (all ? 0 : SYN_NAMES_AT_ONCE - 1))
        if (netio_wait(names->session->io, TIME_NEVER) == -EINTR)
            return -EINTR;
    return names->err;
}

static int syn_ranges_name(struct syn_names *names, const char *text, const char *host)
{
    struct syn_name *name = names->names;
    int err = syn_ranges_wait(names, false);

    if (err)
        return err;
    while (name->lookup)
        name++;
    *name = (struct syn_name){.names = names, .text = text};
    names->pending++;
    err = lookup_start(names->session->dns, host, names->session->options->family,
                       syn_ranges_resolved, name, &name->lookup);
    if (err)
        names->pending--;
    return err;
}

/* A sweep asks all its targets at the same ports: those of the first one. */
static int syn_ranges_ports(struct syn_names *names, struct aim *aim, const char *text,
                            struct failure *failure)
{
    struct syn_ranges *ranges = names->ranges;
    const struct port_list *ports = aim->ports.count ? &aim->ports : &names->request->ports;

    if (!ranges->ports.count) {
        ranges->ports = *ports;
        ranges->ports_owned = ports == &aim->ports;
        if (ranges->ports_owned)
            aim->ports = (struct port_list){0};
        return 0;
    }
    if (ports->count == ranges->ports.count &&
        !memcmp(ports->ports, ranges->ports.ports, ports->count * sizeof(*ports->ports)))
        return 0;
    return failure_refuse(failure, -EINVAL, "usage", "target", text,
                          "is for other ports than the one before it: a sweep asks all targets "
                          "at the same --port list");
}

static int syn_ranges_take(struct syn_names *names, const char *text, struct aim *aim,
                           struct failure *failure)
{
    int family = names->session->options->family;
    int err = syn_ranges_ports(names, aim, text, failure);

    if (err)
        return err;
    if (!aim->target.is_address)
        return syn_ranges_name(names, text, aim->target.host);
    if (!family || family == aim->target.address.family)
        return syn_ranges_add(names->ranges, names->session, text, &aim->target.address,
                              aim->prefix_bits);
    failure_refuse(failure, 0, "usage", "target", text, "is of the other address family");
    syn_ranges_fail(names->ranges, failure);
    failure->code = NULL;
    return 0;
}

static int syn_ranges_each(struct syn_names *names, const struct target_list *list,
                           struct failure *failure)
{
    struct aim aim;
    int err = 0;

    for (size_t i = 0; i < list->count && !err; i++) {
        failure->status = EXIT_UNKNOWN;
        if (aim_parse(list->items[i].text, &aim, failure->message)) {
            target_list_locate(list, i, failure->message);
            syn_ranges_fail(names->ranges, failure);
            continue;
        }
        err = syn_ranges_take(names, list->items[i].text, &aim, failure);
        aim_release(&aim);
    }
    return err ? err : syn_ranges_wait(names, true);
}

int syn_ranges_collect(struct syn_ranges *ranges, struct session *session,
                       const struct syn_request *request, const struct target_list *list,
                       struct failure *failure)
{
    struct syn_names names = {.ranges = ranges, .session = session, .request = request};
    int err;

    *ranges = (struct syn_ranges){0};
    err = syn_ranges_each(&names, list, failure);
    for (size_t i = 0; i < SYN_NAMES_AT_ONCE; i++)
        lookup_give_up(names.names[i].lookup);
    if (!err && !ranges->count)
        return failure_set(failure, -EINVAL, "target.refused", "nothing can be swept",
                           "no target came to an address");
    if (err == -ENOMEM)
        failure_set(failure, err, "memory", "cannot start", strerror(-err));
    return err;
}

void syn_ranges_release(struct syn_ranges *ranges)
{
    free(ranges->ranges);
    if (ranges->ports_owned)
        port_list_release(&ranges->ports);
}
