/* What routers do to flows: filters and what they forge, SYN proxies, second machines, idle flows.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "engine/scenario_internal.h"
#include "wire/icmp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NUMBER(type, member, low, high)                                                            \
    .read = scenario_read_number, .offset = offsetof(type, member), .least = (low),                \
    .most = (high), .size = sizeof(((type *)0)->member)

#define DELAY_MAX_NS (3600.0 * 1e9)
#define IDLE_MAX_NS  (86400.0 * 1e9)

/* --- filters ---------------------------------------------------------------------- */

static int read_action(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"drop", FILTER_DROP},
                                                 {"reject", FILTER_REJECT},
                                                 {"reset", FILTER_RESET},
                                                 {"reset-and-pass", FILTER_RESET_AND_PASS}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_filter_action *)at = (enum scenario_filter_action)value;
    return error;
}

static int read_reject(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"net", ICMP4_NET_UNREACHABLE},
                                                 {"host", ICMP4_HOST_UNREACHABLE},
                                                 {"protocol", ICMP4_PROTOCOL_UNREACHABLE},
                                                 {"port", ICMP4_PORT_UNREACHABLE},
                                                 {"admin", ICMP4_ADMIN_PROHIBITED}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(uint8_t *)at = (uint8_t)value;
    return error;
}

static int read_protocol(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"any", 0}, {"icmp", PROTO_ICMP}, {"tcp", PROTO_TCP}, {"udp", PROTO_UDP}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(uint8_t *)at = (uint8_t)value;
    return error;
}

static int read_reset_to(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"client", RESET_CLIENT}, {"server", RESET_SERVER}, {"both", RESET_BOTH}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_reset_to *)at = (enum scenario_reset_to)value;
    return error;
}

static int read_offset(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    int value = 0;

    if (scenario_read_signed(r, node, &value, field) < 0)
        return -EINVAL;
    *(int32_t *)at = value;
    return 0;
}

#define FILTER(member) offsetof(struct scenario_filter, member)

static const struct scenario_field filter_fields[] = {
    {"action", read_action, FILTER(action), 0, 0, 0},
    {"reject-with", read_reject, FILTER(reject_code), 0, 0, 0},
    {"protocol", read_protocol, FILTER(protocol), 0, 0, 0},
    {"port", NUMBER(struct scenario_filter, port, 1, 65535)},
    {"flows", scenario_read_share, FILTER(flow_share), 0, 100, 0},
    {"established", scenario_read_bool, FILTER(established_only), 0, 0, 0},
    {"data", scenario_read_bool, FILTER(data_only), 0, 0, 0},
    {"once", scenario_read_bool, FILTER(once), 0, 0, 0},
    {"after", scenario_read_bytes, FILTER(after_bytes), 0, 1e9, 0},
    {"reset-to", read_reset_to, FILTER(reset.to), 0, 0, 0},
    {"reset-ttl", NUMBER(struct scenario_filter, reset.ttl, 1, 255)},
    {"reset-id", scenario_read_ip_id, FILTER(reset.ip_id), 0, 0, 0},
    {"reset-count", NUMBER(struct scenario_filter, reset.count, 1, 16)},
    {"reset-step", NUMBER(struct scenario_filter, reset.step_bytes, 0, 1000000)},
    {"reset-offset", read_offset, FILTER(reset.offset_bytes), -1e9, 1e9, 0},
    {"reset-delay", scenario_read_duration, FILTER(reset.delay_ns), 0, DELAY_MAX_NS, 0},
};

static int read_filter(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct scenario_element *router = at;
    struct scenario_filter filter = {
        .flow_share = 1, .reset.count = 1, .reject_code = ICMP4_ADMIN_PROHIBITED};

    if (router->nfilters == SCENARIO_FILTERS_MAX)
        return document_fail(&r->yaml, node, NULL, "too many filters (at most %d)",
                             SCENARIO_FILTERS_MAX);
    if (scenario_mapping(r, node, filter_fields, COUNT(filter_fields), &filter) < 0)
        return -EINVAL;
    router->filters[router->nfilters++] = filter;
    return 0;
}

int scenario_read_filters(struct scenario_reader *r, const yaml_node_t *node, void *at,
                          const struct scenario_field *field)
{
    struct scenario_element *router = at;

    (void)field;
    router->nfilters = 0;
    return scenario_sequence(r, node, read_filter, router);
}

/* The word "no" takes a device away, for events; else it is a map of fields. */
static bool is_no(struct scenario_reader *r, const yaml_node_t *node, int *error)
{
    const char *text;

    if (node->type == YAML_MAPPING_NODE)
        return false;
    text = document_text(&r->yaml, node);
    *error = text ? 0 : -EINVAL;
    if (text && strcmp(text, "no") != 0)
        *error = document_fail(&r->yaml, node, text, "is neither \"no\" nor a mapping of fields");
    return true;
}

/* --- who answers for the server ------------------------------------------------------- */

static const struct scenario_field proxy_fields[] = {
    {"port", NUMBER(struct scenario_syn_proxy, port, 1, 65535)},
    {"ttl", NUMBER(struct scenario_syn_proxy, ttl, 1, 255)},
    {"mss", NUMBER(struct scenario_syn_proxy, mss, 88, 65495)},
    {"wscale", NUMBER(struct scenario_syn_proxy, wscale, 0, 14)}, /* RFC 7323 2.3 */
    {"without", scenario_read_options, offsetof(struct scenario_syn_proxy, without), 0,
     SCENARIO_ANY_OPTION, 0},
};

int scenario_read_syn_proxy(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    struct scenario_element *router = at;
    struct scenario_syn_proxy proxy = {.port = 80, .mss = 1460, .wscale = 7};
    int error = 0;

    (void)field;
    if (is_no(r, node, &error)) {
        router->syn_proxy = (struct scenario_syn_proxy){0};
        return error;
    }
    if (scenario_mapping(r, node, proxy_fields, COUNT(proxy_fields), &proxy) < 0)
        return -EINVAL;
    router->syn_proxy = proxy;
    return 0;
}

static const struct scenario_field second_fields[] = {
    {"port", NUMBER(struct scenario_second_responder, port, 1, 65535)},
    {"ttl", NUMBER(struct scenario_second_responder, handshake.ttl, 1, 255)},
    {"mss", NUMBER(struct scenario_second_responder, handshake.mss, 88, 65495)},
    {"window", NUMBER(struct scenario_second_responder, handshake.window, 1, 65535)},
    {"without", scenario_read_options,
     offsetof(struct scenario_second_responder, handshake.without), 0, SCENARIO_ANY_OPTION, 0},
    {"delay", scenario_read_duration, offsetof(struct scenario_second_responder, delay_ns), 0,
     DELAY_MAX_NS, 0},
};

int scenario_read_second_responder(struct scenario_reader *r, const yaml_node_t *node, void *at,
                                   const struct scenario_field *field)
{
    struct scenario_element *router = at;
    struct scenario_second_responder second = {.present = true};
    int error = 0;

    (void)field;
    if (is_no(r, node, &error)) {
        router->second = (struct scenario_second_responder){0};
        return error;
    }
    if (scenario_mapping(r, node, second_fields, COUNT(second_fields), &second) < 0)
        return -EINVAL;
    router->second = second;
    return 0;
}

/* --- idle flows ------------------------------------------------------------------------- */

static int read_idle_action(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"drop", IDLE_DROP}, {"reset", IDLE_RESET}, {"reset-both", IDLE_RESET_BOTH}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_idle_action *)at = (enum scenario_idle_action)value;
    return error;
}

static const struct scenario_field idle_fields[] = {
    {"after", scenario_read_duration, offsetof(struct scenario_idle, after_ns), 1e6, IDLE_MAX_NS,
     0},
    {"action", read_idle_action, offsetof(struct scenario_idle, action), 0, 0, 0},
    {"ttl", NUMBER(struct scenario_idle, ttl, 1, 255)},
};

int scenario_read_idle(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    struct scenario_element *router = at;
    struct scenario_idle idle = {0};
    int error = 0;

    (void)field;
    if (is_no(r, node, &error)) {
        router->idle = (struct scenario_idle){0};
        return error;
    }
    if (scenario_mapping(r, node, idle_fields, COUNT(idle_fields), &idle) < 0)
        return -EINVAL;
    if (idle.after_ns == 0)
        return document_fail(&r->yaml, node, NULL, "needs \"after\"");
    router->idle = idle;
    return 0;
}
