/* The path of a scenario: links, routers, and the branches of equal paths. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/scenario_internal.h"
#include "wire/icmp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NUMBER(type, member, low, high)                                                            \
    .read = scenario_read_number, .offset = offsetof(type, member), .least = (low),                \
    .most = (high), .size = sizeof(((type *)0)->member)

#define DELAY_MAX_NS (3600.0 * 1e9)

static const struct scenario_field link_fields[] = {
    {"delay", scenario_read_duration, offsetof(struct scenario_link, delay_ns), 0, DELAY_MAX_NS, 0},
    {"jitter", scenario_read_duration, offsetof(struct scenario_link, jitter_ns), 0, DELAY_MAX_NS,
     0},
    {"loss", scenario_read_share, offsetof(struct scenario_link, loss), 0, 100, 0},
    {"burst", scenario_read_real, offsetof(struct scenario_link, burst), 1, 1000, 0},
    {"duplicate", scenario_read_share, offsetof(struct scenario_link, duplicate), 0, 100, 0},
    {"reorder", scenario_read_share, offsetof(struct scenario_link, reorder), 0, 100, 0},
    {"reorder-delay", scenario_read_duration, offsetof(struct scenario_link, reorder_delay_ns), 0,
     DELAY_MAX_NS, 0},
    {"corrupt", scenario_read_share, offsetof(struct scenario_link, corrupt), 0, 100, 0},
    {"rate", scenario_read_bits, offsetof(struct scenario_link, rate_bps), 1000, 1e11, 0},
    {"queue", NUMBER(struct scenario_link, queue_packets, 1, 100000)},
    {"mtu", NUMBER(struct scenario_link, mtu, 68, 65535)}, /* RFC 791: 68 passes everywhere */
};

int scenario_read_link(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    (void)field;
    return scenario_mapping(r, node, link_fields, COUNT(link_fields), at);
}

/* --- what a router answers ----------------------------------------------------------- */

static const struct scenario_field icmp_fields[] = {
    {"rate", scenario_read_per_second, offsetof(struct scenario_element, icmp_rate), 0.001, 1e6, 0},
    {"burst", NUMBER(struct scenario_element, icmp_burst, 1, 100000)},
    {"delay", scenario_read_duration, offsetof(struct scenario_element, icmp_delay_ns), 0,
     DELAY_MAX_NS, 0},
    {"quote", NUMBER(struct scenario_element, icmp_quote_len, 28, 1200)},
    {"no-length", scenario_read_bool, offsetof(struct scenario_element, icmp_no_length), 0, 0, 0},
};

static int read_icmp(struct scenario_reader *r, const yaml_node_t *node, void *at,
                     const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"silent", true}, {"answers", false}};
    struct scenario_element *router = at;
    int value = 0;

    (void)field;
    if (node->type == YAML_MAPPING_NODE)
        return scenario_mapping(r, node, icmp_fields, COUNT(icmp_fields), router);
    if (scenario_read_word(r, node, words, COUNT(words), &value) < 0)
        return -EINVAL;
    router->silent = value;
    return 0;
}

static const struct scenario_field mpls_fields[] = {
    {"label", NUMBER(struct mpls_entry, label, 0, 1048575)},
    {"tc", NUMBER(struct mpls_entry, tc, 0, 7)},
    {"ttl", NUMBER(struct mpls_entry, ttl, 0, 255)},
};

static int read_label(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct scenario_element *router = at;
    struct mpls_entry entry = {.ttl = 1, .bottom = true};

    if (router->nmpls == ICMP_MPLS_MAX)
        return document_fail(&r->yaml, node, NULL, "too many labels (at most %d)", ICMP_MPLS_MAX);
    if (scenario_mapping(r, node, mpls_fields, COUNT(mpls_fields), &entry) < 0)
        return -EINVAL;
    if (router->nmpls > 0)
        router->mpls[router->nmpls - 1].bottom = false;
    router->mpls[router->nmpls++] = entry;
    return 0;
}

static int read_mpls(struct scenario_reader *r, const yaml_node_t *node, void *at,
                     const struct scenario_field *field)
{
    struct scenario_element *router = at;

    (void)field;
    router->nmpls = 0;
    return scenario_sequence(r, node, read_label, router);
}

static int read_unreachable(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    /* ICMP codes; netsim translates them for ICMPv6. */
    static const struct scenario_word words[] = {{"no", -1},
                                                 {"net", ICMP4_NET_UNREACHABLE},
                                                 {"host", ICMP4_HOST_UNREACHABLE},
                                                 {"admin", ICMP4_ADMIN_PROHIBITED}};
    struct scenario_element *router = at;
    int value = 0;

    (void)field;
    if (scenario_read_word(r, node, words, COUNT(words), &value) < 0)
        return -EINVAL;
    router->unreachable = value >= 0;
    router->unreachable_code = value >= 0 ? (uint8_t)value : 0;
    return 0;
}

/* --- NAT and rewriting ------------------------------------------------------------------ */

static const struct scenario_field nat_fields[] = {
    {"table", NUMBER(struct scenario_element, nat_table_max, 1, 65535)},
};

static int read_nat(struct scenario_reader *r, const yaml_node_t *node, void *at,
                    const struct scenario_field *field)
{
    struct scenario_element *router = at;

    if (node->type != YAML_MAPPING_NODE)
        return scenario_read_bool(r, node, &router->nat, field);
    router->nat = true;
    return scenario_mapping(r, node, nat_fields, COUNT(nat_fields), router);
}

static const struct scenario_field rewrite_fields[] = {
    {"dscp", scenario_read_signed, offsetof(struct scenario_element, rewrite_dscp), 0, 63, 0},
    {"ecn", scenario_read_signed, offsetof(struct scenario_element, rewrite_ecn), 0, 3, 0},
};

static int read_rewrite(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field)
{
    (void)field;
    return scenario_mapping(r, node, rewrite_fields, COUNT(rewrite_fields), at);
}

/* --- addresses --------------------------------------------------------------------------- */

static int read_address(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct address *pair = at, address;
    const char *text = document_text(&r->yaml, node);

    if (!text)
        return -EINVAL;
    if (address_parse(text, &address) < 0 || address_is_multicast(&address) ||
        address_is_unspecified(&address) || address_is_loopback(&address))
        return document_fail(&r->yaml, node, text, "is not a unicast IPv4 or IPv6 address");
    pair[address.family == 6] = address;
    return 0;
}

int scenario_read_addresses(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, read_address, at);
}

/* --- routers --------------------------------------------------------------------------------- */

static const struct scenario_field router_fields[] = {
    {"name", scenario_read_string, offsetof(struct scenario_element, name), 1, 32, 0},
    {"addresses", scenario_read_addresses, offsetof(struct scenario_element, address4), 0, 0, 0},
    {"link", scenario_read_link, offsetof(struct scenario_element, to), 0, 0, 0},
    {"return", scenario_read_link, offsetof(struct scenario_element, from), 0, 0, 0},
    {"icmp", read_icmp, 0, 0, 0, 0},
    {"mpls", read_mpls, 0, 0, 0, 0},
    {"interface-info", scenario_read_bool, offsetof(struct scenario_element, interface_info), 0, 0,
     0},
    {"mtu-silent", scenario_read_bool, offsetof(struct scenario_element, mtu_silent), 0, 0, 0},
    {"blackhole", scenario_read_bool, offsetof(struct scenario_element, blackhole), 0, 0, 0},
    {"unreachable", read_unreachable, 0, 0, 0, 0},
    {"loop-to", scenario_read_string, offsetof(struct scenario_element, loop_to), 1, 32, 0},
    {"nat", read_nat, 0, 0, 0, 0},
    {"dnat", scenario_read_bool, offsetof(struct scenario_element, dnat), 0, 0, 0},
    {"ttl-hidden", scenario_read_bool, offsetof(struct scenario_element, ttl_hidden), 0, 0, 0},
    {"rewrite", read_rewrite, 0, 0, 0, 0},
    {"clamp-mss", NUMBER(struct scenario_element, clamp_mss, 88, 65495)},
    {"flow-hash", NUMBER(struct scenario_element, flow_hash, 0, UINT32_MAX)},
    {"filters", scenario_read_filters, 0, 0, 0, 0},
    {"strip-options", scenario_read_options, offsetof(struct scenario_element, strip_options), 0,
     SCENARIO_ANY_OPTION | SCENARIO_ECN, 0},
    {"syn-proxy", scenario_read_syn_proxy, 0, 0, 0, 0},
    {"second-responder", scenario_read_second_responder, 0, 0, 0, 0},
    {"idle", scenario_read_idle, 0, 0, 0, 0},
};

int scenario_read_router(struct scenario_reader *r, const yaml_node_t *node,
                         struct scenario_element *router)
{
    int error = scenario_mapping(r, node, router_fields, COUNT(router_fields), router);

    if (error == 0 && scenario_key(r, node, "link") && !scenario_key(r, node, "return"))
        router->from = router->to; /* a link is the same both ways unless it says otherwise */
    return error;
}

/* Name and addresses by position, where the scenario gives none: r3, 10.0.3.1, fd00:0:0:3::1. */
static int name_router(struct scenario_reader *r, struct scenario_element *router)
{
    uint8_t high = (uint8_t)(r->routers >> 8), low = (uint8_t)r->routers;
    const uint8_t address4[4] = {10, high, low, 1};
    const uint8_t address6[16] = {0xfd, [6] = high, [7] = low, [15] = 1};
    char name[16];

    if (router->address4.family == 0)
        router->address4 = address_from4(address4);
    if (router->address6.family == 0)
        router->address6 = address_from6(address6);
    if (router->name)
        return 0;
    text_format(name, sizeof(name), "r%zu", r->routers);
    router->name = strdup(name);
    return router->name ? 0 : -ENOMEM;
}

/* --- the sequence of elements -------------------------------------------------------------- */

static void element_release(struct scenario_element *element)
{
    free(element->name);
    free(element->loop_to);
    for (size_t i = 0; i < element->nbranches; i++)
        scenario_branch_release(&element->branches[i]);
    free(element->branches);
}

void scenario_branch_release(struct scenario_branch *branch)
{
    for (size_t i = 0; i < branch->nelements; i++)
        element_release(&branch->elements[i]);
    free(branch->elements);
    *branch = (struct scenario_branch){0};
}

static int append(struct scenario_reader *r, const yaml_node_t *node,
                  struct scenario_branch *branch, struct scenario_element *element)
{
    struct scenario_element *grown;

    if (r->routers > SCENARIO_ELEMENTS_MAX)
        return document_fail(&r->yaml, node, NULL, "too many routers (at most %d)",
                             SCENARIO_ELEMENTS_MAX);
    grown = reallocarray(branch->elements, branch->nelements + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    branch->elements = grown;
    branch->elements[branch->nelements++] = *element;
    return 0;
}

static int append_router(struct scenario_reader *r, const yaml_node_t *node,
                         const yaml_node_t *fields, struct scenario_branch *branch)
{
    struct scenario_element router = r->defaults;
    int error;

    r->routers++;
    error = fields ? scenario_read_router(r, fields, &router) : 0;
    if (error == 0)
        error = name_router(r, &router);
    if (error == 0)
        error = append(r, node, branch, &router);
    if (error < 0)
        element_release(&router);
    return error;
}

static int read_branch(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct scenario_element *ecmp = at;
    struct scenario_branch *grown =
        reallocarray(ecmp->branches, ecmp->nbranches + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    ecmp->branches = grown;
    ecmp->branches[ecmp->nbranches++] = (struct scenario_branch){0};
    return scenario_read_path(r, node, &ecmp->branches[ecmp->nbranches - 1], NULL);
}

static int read_branches(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    struct scenario_element *ecmp = at;
    int error = scenario_sequence(r, node, read_branch, ecmp);

    (void)field;
    if (error == 0 && ecmp->nbranches < 2)
        return document_fail(&r->yaml, node, NULL, "needs at least two branches");
    return error;
}

static const struct scenario_field ecmp_fields[] = {
    {"ecmp", read_branches, 0, 0, 0, 0},
    {"name", scenario_read_string, offsetof(struct scenario_element, name), 1, 32, 0},
    {"per-packet", scenario_read_bool, offsetof(struct scenario_element, per_packet), 0, 0, 0},
};

static int append_ecmp(struct scenario_reader *r, const yaml_node_t *node,
                       struct scenario_branch *branch)
{
    struct scenario_element ecmp = {.kind = SCENARIO_ECMP};
    int error = scenario_mapping(r, node, ecmp_fields, COUNT(ecmp_fields), &ecmp);

    if (error == 0)
        error = append(r, node, branch, &ecmp);
    if (error < 0)
        element_release(&ecmp);
    return error;
}

struct repetition {
    uint32_t count;
    const yaml_node_t *router;
};

static const struct scenario_field repeat_fields[] = {
    {"repeat", NUMBER(struct repetition, count, 1, 250)},
    {"router", scenario_keep_node, offsetof(struct repetition, router), 0, 0, 0},
};

static int append_repeated(struct scenario_reader *r, const yaml_node_t *node,
                           struct scenario_branch *branch)
{
    struct repetition repetition = {0};
    int error = scenario_mapping(r, node, repeat_fields, COUNT(repeat_fields), &repetition);

    for (uint32_t i = 0; error == 0 && i < repetition.count; i++)
        error = append_router(r, node, repetition.router, branch);
    return error;
}

static int read_element(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct scenario_branch *branch = at;

    if (scenario_key(r, node, "ecmp"))
        return append_ecmp(r, node, branch);
    if (scenario_key(r, node, "repeat"))
        return append_repeated(r, node, branch);
    return append_router(r, node, node, branch);
}

int scenario_read_path(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, read_element, at);
}
