#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sweep_internal.h"

/* The last 32 bits: all that varies within a range. */
static size_t space_low_at(const struct address *a)
{
    return a->family == 4 ? 0 : 12;
}

static uint32_t space_low(const struct address *a)
{
    const uint8_t *at = a->bytes + space_low_at(a);

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void space_set_low(struct address *a, uint32_t low)
{
    uint8_t *at = a->bytes + space_low_at(a);

    at[0] = (uint8_t)(low >> 24);
    at[1] = (uint8_t)(low >> 16);
    at[2] = (uint8_t)(low >> 8);
    at[3] = (uint8_t)low;
}

static unsigned space_host_bits(const struct sweep_range *range)
{
    return (range->first.family == 4 ? 32 : 128) - range->prefix_bits;
}

static const char *space_check_range(const struct sweep_range *range)
{
    uint8_t family = range->first.family;

    if (family != 4 && family != 6)
        return "a range has no address";
    if (range->source.family != family)
        return "a range has no source address of its family";
    if (range->prefix_bits > (family == 4 ? 32 : 128))
        return "a prefix is longer than its address";
    if (space_host_bits(range) > 32)
        return "an IPv6 prefix is shorter than 96 bits";
    return NULL;
}

static struct sweep_span space_span(const struct sweep_range *range)
{
    uint32_t hosts = (uint32_t)((UINT64_C(1) << space_host_bits(range)) - 1);
    struct sweep_span span = {.first = range->first, .source = range->source, .last_offset = hosts};

    space_set_low(&span.first, space_low(&range->first) & ~hosts);
    return span;
}

/* By address, of those that begin alike the widest first. */
static int space_compare(const void *a, const void *b)
{
    const struct sweep_span *x = a, *y = b;
    int order = address_compare(&x->first, &y->first);

    if (order)
        return order;
    return (x->last_offset < y->last_offset) - (x->last_offset > y->last_offset);
}

static bool space_contains(const struct sweep_span *span, const struct address *address)
{
    size_t low_at = space_low_at(address);

    return span->first.family == address->family &&
           memcmp(span->first.bytes, address->bytes, low_at) == 0 &&
           space_low(address) - space_low(&span->first) <= span->last_offset;
}

/* Prefixes lie in one another or apart: what the span before does not contain begins behind it. */
static void space_merge(struct sweep_space *space)
{
    size_t kept = 0;
    uint64_t addresses = 0;

    qsort(space->spans, space->nspans, sizeof(*space->spans), space_compare);
    for (size_t i = 0; i < space->nspans; i++) {
        struct sweep_span *span = &space->spans[i];

        if (kept && space_contains(&space->spans[kept - 1], &span->first))
            continue;
        span->base = addresses;
        addresses += (uint64_t)span->last_offset + 1;
        space->spans[kept++] = *span;
    }
    space->nspans = kept;
    space->size = addresses;
}

static int space_compare_ports(const void *a, const void *b)
{
    const uint16_t *x = a, *y = b;

    return *x - *y;
}

static void space_merge_ports(struct sweep_space *space)
{
    size_t kept = 0;

    qsort(space->ports, space->nports, sizeof(*space->ports), space_compare_ports);
    for (size_t i = 0; i < space->nports; i++)
        if (!kept || space->ports[kept - 1] != space->ports[i])
            space->ports[kept++] = space->ports[i];
    space->nports = kept;
}

static int space_copy(struct sweep_space *space, const struct sweep_config *config,
                      const char **why)
{
    space->spans = calloc(config->nranges, sizeof(*space->spans));
    space->ports = calloc(config->nports, sizeof(*space->ports));
    if (!space->spans || !space->ports)
        return -ENOMEM;
    for (size_t i = 0; i < config->nranges; i++) {
        *why = space_check_range(&config->ranges[i]);
        if (*why)
            return -EINVAL;
        space->spans[space->nspans++] = space_span(&config->ranges[i]);
    }
    memcpy(space->ports, config->ports, config->nports * sizeof(*space->ports));
    space->nports = config->nports;
    return 0;
}

int sweep_space_init(struct sweep_space *space, const struct sweep_config *config, const char **why)
{
    *space = (struct sweep_space){0};
    if (config->nranges == 0 || config->nports == 0) {
        *why = "there is nothing to ask";
        return -EINVAL;
    }
    int err = space_copy(space, config, why);
    if (err)
        return err;
    space_merge(space);
    space_merge_ports(space);
    if (space->size > SWEEP_TARGETS_MAX / space->nports) {
        *why = "there are more than 268435456 targets";
        return -EINVAL;
    }
    space->size *= space->nports;
    return 0;
}

void sweep_space_release(struct sweep_space *space)
{
    free(space->spans);
    free(space->ports);
    *space = (struct sweep_space){0};
}

void sweep_space_at(const struct sweep_space *space, uint64_t index, struct sweep_probe *probe)
{
    uint64_t address = index / space->nports;
    size_t low = 0, high = space->nspans;

    while (high - low > 1) { /* the last span that begins at or before the address */
        size_t middle = low + (high - low) / 2;
        if (space->spans[middle].base <= address)
            low = middle;
        else
            high = middle;
    }
    const struct sweep_span *span = &space->spans[low];
    probe->source = span->source;
    probe->destination = span->first;
    space_set_low(&probe->destination, space_low(&span->first) + (uint32_t)(address - span->base));
    probe->port = space->ports[index % space->nports];
}

static const uint16_t *space_find_port(const struct sweep_space *space, uint16_t port)
{
    return bsearch(&port, space->ports, space->nports, sizeof(port), space_compare_ports);
}

const struct sweep_span *sweep_space_find(const struct sweep_space *space,
                                          const struct address *address, uint16_t port,
                                          uint64_t *index)
{
    size_t low = 0, high = space->nspans;
    const uint16_t *found = space_find_port(space, port);

    if (!found)
        return NULL;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(&space->spans[middle].first, address) <= 0)
            low = middle;
        else
            high = middle;
    }
    const struct sweep_span *span = &space->spans[low];
    if (!space_contains(span, address))
        return NULL;
    uint64_t offset = space_low(address) - space_low(&span->first);
    *index = (span->base + offset) * space->nports + (uint64_t)(found - space->ports);
    return span;
}

uint64_t sweep_size(const struct sweep_config *config)
{
    uint64_t addresses = 0;

    for (size_t i = 0; i < config->nranges; i++) {
        if (space_check_range(&config->ranges[i]))
            return UINT64_MAX;
        addresses += UINT64_C(1) << space_host_bits(&config->ranges[i]);
    }
    if (config->nports && addresses > UINT64_MAX / config->nports)
        return UINT64_MAX;
    return addresses * config->nports;
}
