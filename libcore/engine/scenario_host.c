/* The hosts of a scenario: addresses, and the services with what they make of a client. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/scenario_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { SYNACK_RETRIES = 5 }; /* Linux: net.ipv4.tcp_synack_retries */

#define SERVICE(name, function, member, low, high)                                                 \
    {                                                                                              \
        name, function, offsetof(struct scenario_service, member), low, high,                      \
            sizeof(((struct scenario_service *)0)->member)                                         \
    }

/* --- what a service's TCP answers ---------------------------------------------------------- */

static int read_ecn(struct scenario_reader *r, const yaml_node_t *node, void *at,
                    const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"classic", ECN_CLASSIC}, {"accurate", ECN_ACCURATE}, {"ignored", ECN_IGNORED}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_ecn *)at = (enum scenario_ecn)value;
    return error;
}

static int read_backlog(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"room", BACKLOG_ROOM}, {"busy", BACKLOG_BUSY}, {"full", BACKLOG_FULL}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_backlog *)at = (enum scenario_backlog)value;
    return error;
}

/* --- what a service does with a connection ------------------------------------------------------
 */

static int read_reset(struct scenario_reader *r, const yaml_node_t *node, void *at,
                      const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"on-accept", SERVICE_RESET_ON_ACCEPT},
                                                 {"after-request", SERVICE_RESET_AFTER_REQUEST},
                                                 {"mid-response", SERVICE_RESET_MID_RESPONSE},
                                                 {"unread", SERVICE_RESET_UNREAD},
                                                 {"after-close", SERVICE_RESET_AFTER_CLOSE}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_service_reset *)at = (enum scenario_service_reset)value;
    return error;
}

static int read_stall(struct scenario_reader *r, const yaml_node_t *node, void *at,
                      const struct scenario_field *field)
{
    struct scenario_service *service = at;

    service->stalls = true;
    return scenario_read_bytes(r, node, &service->stall_bytes, field);
}

static const struct scenario_field pause_fields[] = {
    SERVICE("after", scenario_read_bytes, pause_bytes, 0, 1e12),
    SERVICE("for", scenario_read_duration, pause_ns, 0, 3600.0 * 1e9),
};

static int read_pause(struct scenario_reader *r, const yaml_node_t *node, void *at,
                      const struct scenario_field *field)
{
    (void)field;
    return scenario_mapping(r, node, pause_fields, COUNT(pause_fields), at);
}

static int read_answer(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    static const struct scenario_word words[] = {/* RFC 1035 4.1.1 */
                                                 {"nodata", 0},
                                                 {"servfail", 2},
                                                 {"nxdomain", 3},
                                                 {"refused", 5},
                                                 {"silent", SCENARIO_DNS_SILENT}};

    (void)field;
    return scenario_read_word(r, node, words, COUNT(words), at);
}

/* --- services ---------------------------------------------------------------------------- */

static const struct scenario_field service_fields[] = {
    SERVICE("port", scenario_read_number, port, 1, 65535),
    SERVICE("status", scenario_read_signed, status, 100, 599),
    SERVICE("server", scenario_read_string, server, 0, 256),
    SERVICE("body", scenario_read_string, body, 0, 65536),
    SERVICE("delay", scenario_read_duration, delay_ns, 0, 3600.0 * 1e9),
    SERVICE("size", scenario_read_bytes, size_bytes, 1, 1e10),
    SERVICE("reset", read_reset, reset, 0, 0),
    SERVICE("drip", scenario_read_duration, drip_ns, 0, 60.0 * 1e9),
    {"stall", read_stall, 0, 0, 1e10, 0},
    SERVICE("receive-buffer", scenario_read_number, receive_buffer, 1, 100000000),
    {"pause", read_pause, 0, 0, 0, 0},
    {"steps", scenario_read_steps, 0, 0, 0, 0},
    SERVICE("tls", scenario_read_tls, tls, 0, 0),
    SERVICE("answer", read_answer, rcode, 0, 0),
    SERVICE("mss", scenario_read_number, handshake.mss, 88, 65495),
    SERVICE("window", scenario_read_number, handshake.window, 1, 65535),
    SERVICE("ttl", scenario_read_number, handshake.ttl, 1, 255),
    SERVICE("synack-retries", scenario_read_number, handshake.synack_retries, 0, 8),
    SERVICE("without", scenario_read_options, handshake.without, 0, SCENARIO_ANY_OPTION),
    SERVICE("ecn", read_ecn, handshake.ecn, 0, 0),
    SERVICE("ip-id", scenario_read_ip_id, handshake.ip_id, 0, 0),
    SERVICE("backlog", read_backlog, handshake.backlog, 0, 0),
    SERVICE("syn-cookies", scenario_read_bool, handshake.syn_cookies, 0, 0),
    SERVICE("fast-open", scenario_read_bool, handshake.fast_open, 0, 0),
};

static int read_service_as(struct scenario_reader *r, const yaml_node_t *node,
                           struct scenario_host *host, enum scenario_service_kind kind,
                           uint16_t port)
{
    struct scenario_service *grown =
        reallocarray(host->services, host->nservices + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    host->services = grown;
    host->services[host->nservices] = (struct scenario_service){
        .kind = kind, .port = port, .status = 200, .handshake.synack_retries = SYNACK_RETRIES};
    return scenario_mapping(r, node, service_fields, COUNT(service_fields),
                            &host->services[host->nservices++]);
}

static int read_http(struct scenario_reader *r, const yaml_node_t *node, void *at,
                     const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_HTTP, 80);
}

static int read_tcp_echo(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_TCP_ECHO, 7);
}

static int read_tcp_sink(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_TCP_SINK, 9);
}

static int read_udp_echo(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_UDP_ECHO, 7);
}

static int read_script(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_SCRIPT, 80);
}

static int read_dns(struct scenario_reader *r, const yaml_node_t *node, void *at,
                    const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_DNS, 53);
}

static int read_quic(struct scenario_reader *r, const yaml_node_t *node, void *at,
                     const struct scenario_field *field)
{
    (void)field;
    return read_service_as(r, node, at, SERVICE_QUIC, 443);
}

static const struct scenario_field service_kinds[] = {
    {"http", read_http, 0, 0, 0, 0},         {"tcp-echo", read_tcp_echo, 0, 0, 0, 0},
    {"tcp-sink", read_tcp_sink, 0, 0, 0, 0}, {"udp-echo", read_udp_echo, 0, 0, 0, 0},
    {"script", read_script, 0, 0, 0, 0},     {"dns", read_dns, 0, 0, 0, 0},
    {"quic", read_quic, 0, 0, 0, 0},
};

static int read_service(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    return scenario_mapping(r, node, service_kinds, COUNT(service_kinds), at);
}

static int read_services(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, read_service, at);
}

static int read_last_link(struct scenario_reader *r, const yaml_node_t *node, void *at,
                          const struct scenario_field *field)
{
    int error = scenario_read_link(r, node, &r->scenario->last_to, field);

    (void)at;
    r->scenario->last_from = r->scenario->last_to;
    return error;
}

/* --- hosts -------------------------------------------------------------------------------- */

/* What namespaces have of their own, and a TCP connection depends on. */
static const char *const sysctl_names[] = {
    "net.core.somaxconn",
    "net.ipv4.icmp_echo_ignore_all",
    "net.ipv4.ip_default_ttl",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_comp_sack_delay_ns",
    "net.ipv4.tcp_comp_sack_nr",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_dsack",
    "net.ipv4.tcp_early_retrans",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_fastopen",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_frto",
    "net.ipv4.tcp_invalid_ratelimit",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_reordering",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_moderate_rcvbuf",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_orphan_retries",
    "net.ipv4.tcp_recovery",
    "net.ipv4.tcp_reordering",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_rto_max_ms",
    "net.ipv4.tcp_rto_min_us",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_shrink_window",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_thin_linear_timeouts",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_wmem",
    "net.ipv6.icmp.echo_ignore_all",
};

static bool is_sysctl(const char *name)
{
    for (size_t i = 0; i < COUNT(sysctl_names); i++)
        if (strcmp(sysctl_names[i], name) == 0)
            return true;
    return false;
}

/* Numbers, names, and lists of them: nothing that the file system might take for a path. */
static bool is_sysctl_value(const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_- ";

    return *value && strlen(value) <= 64 && value[strspn(value, allowed)] == '\0';
}

static int add_sysctl(struct scenario_host *host, const char *name, const char *value)
{
    struct scenario_sysctl *grown = reallocarray(host->sysctls, host->nsysctls + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    host->sysctls = grown;
    grown = &grown[host->nsysctls++];
    *grown = (struct scenario_sysctl){strdup(name), strdup(value)};
    return grown->name && grown->value ? 0 : -ENOMEM;
}

static int read_sysctl(struct scenario_reader *r, const yaml_node_pair_t *pair,
                       struct scenario_host *host)
{
    const yaml_node_t *key = document_node(&r->yaml, pair->key),
                      *node = document_node(&r->yaml, pair->value);
    const char *name = document_text(&r->yaml, key),
               *value = name ? document_text(&r->yaml, node) : NULL;

    if (!value)
        return -EINVAL;
    if (!is_sysctl(name))
        return document_fail(&r->yaml, key, name, "is no kernel setting known here");
    for (size_t i = 0; i < host->nsysctls; i++)
        if (strcmp(host->sysctls[i].name, name) == 0)
            return document_fail(&r->yaml, key, name, "is given twice");
    if (!is_sysctl_value(value))
        return document_fail(&r->yaml, node, value, "is no value of a kernel setting");
    return add_sysctl(host, name, value);
}

static int read_kernel(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    int error = 0;

    (void)field;
    if (node->type != YAML_MAPPING_NODE)
        return document_fail(&r->yaml, node, NULL, "must be a mapping of settings");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         error == 0 && pair < node->data.mapping.pairs.top; pair++)
        error = read_sysctl(r, pair, at);
    return error;
}

static int read_echo(struct scenario_reader *r, const yaml_node_t *node, void *at,
                     const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"silent", true}, {"answers", false}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(bool *)at = value;
    return error;
}

static const struct scenario_field host_fields[] = {
    {"addresses", scenario_read_addresses, offsetof(struct scenario_host, address4), 0, 0, 0},
    {"name", scenario_read_string, offsetof(struct scenario_host, name), 1, 64, 0},
    {"services", read_services, 0, 0, 0, 0},
    {"dead", scenario_read_bool, offsetof(struct scenario_host, dead), 0, 0, 0},
    {"kernel", read_kernel, 0, 0, 0, 0},
    {"echo", read_echo, offsetof(struct scenario_host, echo_silent), 0, 0, 0},
    {"link", read_last_link, 0, 0, 0, 0}, /* the server's: from the last router */
};

int scenario_read_host(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    (void)field;
    return scenario_mapping(r, node, host_fields, COUNT(host_fields), at);
}

static int name_host(struct scenario_host *host, const char *name, const uint8_t address4[4],
                     const uint8_t address6[16])
{
    if (host->address4.family == 0)
        host->address4 = address_from4(address4);
    if (host->address6.family == 0)
        host->address6 = address_from6(address6);
    if (!host->name)
        host->name = strdup(name);
    return host->name ? 0 : -ENOMEM;
}

int scenario_name_hosts(struct scenario *scenario)
{
    static const uint8_t client4[4] = {10, 0, 0, 2}, server4[4] = {10, 99, 0, 2};
    static const uint8_t client6[16] = {0xfd, [15] = 2}, server6[16] = {0xfd, [7] = 0x99, [15] = 2};
    int error = name_host(&scenario->client, "client.lab", client4, client6);

    return error < 0 ? error : name_host(&scenario->server, "server.lab", server4, server6);
}

void scenario_host_release(struct scenario_host *host)
{
    for (size_t i = 0; i < host->nservices; i++) {
        free(host->services[i].server);
        free(host->services[i].body);
        scenario_steps_release(&host->services[i]);
    }
    for (size_t i = 0; i < host->nsysctls; i++) {
        free(host->sysctls[i].name);
        free(host->sysctls[i].value);
    }
    free(host->sysctls);
    free(host->services);
    free(host->name);
}
