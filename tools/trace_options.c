#include "tools/trace_options.h"

#include <errno.h>
#include <string.h>

#include "base/timespan.h"
#include "report/trace.h"
#include "tools/netdx.h"

#define TRACE_PARALLEL_DEFAULT 64
#define TRACE_TIMEOUT_MAX_NS   (60 * NS_PER_SEC)
#define TRACE_SIZE_MIN         28 /* an IPv4 header and eight bytes */

enum {
    KEY_ASN = COMMON_KEY_END,
    KEY_COLUMNS,
    KEY_DF,
    KEY_DSCP,
    KEY_ECN,
    KEY_FIRST_TTL,
    KEY_GAP_LIMIT,
    KEY_ICMP,
    KEY_INTERVAL,
    KEY_MTU,
    KEY_MULTIPATH,
    KEY_PARALLEL,
    KEY_SIZE,
    KEY_SOURCE_PORT,
    KEY_TIMEOUT,
    KEY_WIDE,
};

static const struct argp_option trace_rows[] = {
    {NULL, 0, NULL, 0, "Probes:", 1},
    {"icmp", KEY_ICMP, NULL, 0, "Send ICMP echo requests (the default)", 0},
    {"udp", 'U', NULL, 0, "Send UDP datagrams", 0},
    {"tcp", 'T', NULL, 0, "Send TCP SYN segments", 0},
    {"port", 'p', "PORT", 0, "Destination port (UDP 33434, TCP 443)", 0},
    {"source-port", KEY_SOURCE_PORT, "PORT", 0, "Source port", 0},
    {"first-ttl", KEY_FIRST_TTL, "TTL", 0, "Start at this TTL (1)", 0},
    {"max-ttl", 'm', "TTL", 0, "Search up to this TTL (30)", 0},
    {"gap-limit", KEY_GAP_LIMIT, "N", 0, "End behind this many silent hops in a row (0: never)", 0},
    {"size", KEY_SIZE, "BYTES", 0, "Size of the whole IP packet (60, IPv6 80)", 0},
    {"dscp", KEY_DSCP, "N", 0, "DSCP of the probes (0)", 0},
    {"ecn", KEY_ECN, "N", 0, "ECN bits of the probes (0)", 0},
    {"df", KEY_DF, NULL, 0, "Set do-not-fragment", 0},
    {"mtu", KEY_MTU, NULL, 0, "Find the path MTU and the hop that narrows it", 0},
    {"multipath", KEY_MULTIPATH, "PERCENT", OPTION_ARG_OPTIONAL,
     "Find all equal paths, with 95 or 99 % confidence (95)", 0},
    {NULL, 0, NULL, 0, "Rounds:", 2},
    {"count", 'c', "N", 0, "Rounds (10; 0: until stopped)", 0},
    {"interval", KEY_INTERVAL, "TIME", 0, "From round to round (500ms)", 0},
    {"timeout", KEY_TIMEOUT, "TIME", 0, "The longest wait for an answer (2s)", 0},
    COMMON_ROW_DEADLINE,
    {"parallel", KEY_PARALLEL, "N", 0, "Targets traced at once (64)", 0},
    COMMON_ROW_TARGETS,
    {NULL, 0, NULL, 0, "Way out:", 3},
    COMMON_ROWS_WAY_OUT,
    {NULL, 0, NULL, 0, "Names:", 4},
    {"numeric", 'n', NULL, 0, "Look up no names of hops", 0},
    {"asn", KEY_ASN, "FILE", OPTION_ARG_OPTIONAL,
     "Show AS numbers, asked of DNS or read from a MaxMind file", 0},
    COMMON_ROW_SERVERS,
    {NULL, 0, NULL, 0, "Output:", 5},
    COMMON_ROWS_FORMAT("text, json, jsonl, csv or mtr-json"),
    {"columns", KEY_COLUMNS, "LIST", 0, "Columns of the table, by name or mtr's letter", 0},
    {"wide", KEY_WIDE, NULL, 0, "Cut nothing to the terminal's width", 0},
    COMMON_ROWS_OUTPUT,
    {"verbose", 'v', NULL, 0, "Say more on standard error", 0},
    {NULL, 0, NULL, 0, "Privileges:", 6},
    COMMON_ROWS_PRIVILEGE,
    {NULL, 0, NULL, 0, "Help:", 7},
    COMMON_ROWS_HELP,
    {0},
};

static int trace_options_multipath(struct trace_config *config, const char *value, char *error)
{
    static const char *const choices[] = {"95", "99", NULL};
    int choice = 0;
    int err = value ? options_choice("multipath confidence", value, choices, &choice, error) : 0;

    if (!err)
        config->multipath_percent = choice ? 99 : 95;
    return err;
}

/* Options about the probes themselves. 1: not one of them. */
static int trace_options_probe(struct trace_options *o, int key, const char *value, char *error)
{
    struct trace_config *config = &o->config;
    uint32_t n = 0;
    int err = 0;

    switch (key) {
    case KEY_ICMP:
    case 'U':
    case 'T':
        config->protocol = key == 'U' ? PROBE_UDP : key == 'T' ? PROBE_TCP : PROBE_ICMP;
        o->protocol_chosen = true;
        return 0;
    case 'p':
        err = options_number("port", value, 1, UINT16_MAX, &n, error);
        config->destination_port = (uint16_t)n;
        return err;
    case KEY_SOURCE_PORT:
        err = options_number("source port", value, 1, UINT16_MAX, &n, error);
        config->source_port = (uint16_t)n;
        return err;
    case KEY_FIRST_TTL:
        err = options_number("first TTL", value, 1, TRACE_TTL_MAX, &n, error);
        config->first_ttl = (uint8_t)n;
        return err;
    case 'm':
        err = options_number("max TTL", value, 1, TRACE_TTL_MAX, &n, error);
        config->max_ttl = (uint8_t)n;
        return err;
    case KEY_GAP_LIMIT:
        err = options_number("gap limit", value, 0, TRACE_TTL_MAX, &n, error);
        config->gap_limit = (uint8_t)n;
        return err;
    case KEY_SIZE:
        err = options_number("size", value, TRACE_SIZE_MIN, PROBE_PAYLOAD_MAX, &n, error);
        config->size = (uint16_t)n;
        return err;
    case KEY_DSCP:
        err = options_number("DSCP", value, 0, 63, &n, error);
        config->dscp = (uint8_t)n;
        return err;
    case KEY_ECN:
        err = options_number("ECN", value, 0, 3, &n, error);
        config->ecn = (uint8_t)n;
        return err;
    case KEY_DF:
        config->df = true;
        return 0;
    case KEY_MTU:
        config->find_mtu = true;
        return 0;
    case KEY_MULTIPATH:
        return trace_options_multipath(config, value, error);
    default:
        return 1;
    }
}

static int trace_options_columns(struct trace_options *o, const char *value, char *error)
{
    const char *bad;
    size_t len;
    char name[64];

    if (!report_columns_check(value, &bad, &len)) {
        o->columns = value;
        return 0;
    }
    snprintf(name, sizeof(name), "%.*s", (int)len, bad);
    options_refuse(error, "column", name, "is unknown (netdx-trace(1) lists them)");
    return -EINVAL;
}

/* Options about the run and its report. 1: not one of them. */
static int trace_options_run(struct trace_options *o, int key, const char *value, char *error)
{
    switch (key) {
    case 'c':
        return options_number("count", value, 0, 1000000000, &o->config.rounds, error);
    case KEY_INTERVAL:
        return common_options_interval(value, &o->config.interval_ns, error);
    case KEY_TIMEOUT:
        return options_duration("timeout", value, NS_PER_MS, TRACE_TIMEOUT_MAX_NS,
                                &o->config.timeout_ns, error);
    case KEY_PARALLEL:
        return options_number("parallel", value, 1, 1024, &o->parallel, error);
    case KEY_ASN:
        o->asn = true;
        o->asn_database = value;
        return 0;
    case KEY_COLUMNS:
        return trace_options_columns(o, value, error);
    case KEY_WIDE:
        o->wide = true;
        return 0;
    default:
        return 1;
    }
}

static int trace_options_set(void *context, int key, const char *value, char *error)
{
    struct trace_options *o = context;
    int err = common_options_set(&o->common, key, value, error);

    if (err == 1)
        err = trace_options_probe(o, key, value, error);
    if (err == 1)
        err = trace_options_run(o, key, value, error);
    return err;
}

/* What single options cannot know: whether they go together. */
static int trace_options_check(const struct trace_options *o, char *error)
{
    const struct trace_config *config = &o->config;
    const char *problem = common_options_problem(&o->common);

    if (config->first_ttl > config->max_ttl) {
        snprintf(error, OPTIONS_ERROR_SIZE, "first TTL %u is above max TTL %u", config->first_ttl,
                 config->max_ttl);
        return -EINVAL;
    }
    if (problem)
        ;
    else if (config->destination_port && config->protocol == PROBE_ICMP)
        problem = "a port needs --udp or --tcp";
    else if (config->source_port && config->protocol == PROBE_ICMP)
        problem = "a source port needs --udp or --tcp";
    else if (config->find_mtu && config->multipath_percent)
        problem = "--mtu and --multipath exclude each other";
    else if (o->common.format == TRACE_MTR_JSON &&
             (o->common.ntargets > 1 || o->common.targets_file))
        problem = "format mtr-json holds one target only";
    if (problem)
        snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
    return problem ? -EINVAL : 0;
}

const struct options trace_command_options = {
    .command = "trace",
    .arguments = "TARGET...",
    .summary = "Trace the path to targets: hops, loss, round-trip times.",
    .rows = trace_rows,
    .set = trace_options_set,
};

int trace_options_parse(struct trace_options *options, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE])
{
    static const char *const formats[] = {"text", "json", "jsonl", "csv", "mtr-json", NULL};
    int err;

    *options =
        (struct trace_options){.common.formats = formats, .parallel = TRACE_PARALLEL_DEFAULT};
    trace_config_default(&options->config);
    err =
        common_options_parse(&trace_command_options, argc, argv, options, &options->common, error);
    if (options->common.help || options->common.version)
        return 0;
    return err ? err : trace_options_check(options, error);
}
