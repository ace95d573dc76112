#include "tools/syn_request.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "base/timespan.h"
#include "tools/netdx.h"
#include "tools/threshold.h"

#define SYN_PORT_DEFAULT     "443"
#define SYN_PORTS_DEFAULT    16 /* source ports: enough to meet every member of most balancers */
#define SYN_INTERVAL_NS      (100 * NS_PER_MS)
#define SYN_INTERVAL_USER_NS (200 * NS_PER_MS)
#define SYN_TIMEOUT_MAX_NS   (60 * NS_PER_SEC)
#define SYN_TTL              64
#define SYN_RATE_MAX         10000000
#define SYN_RATE_USER_MAX    100 /* who is not root does not flood */

enum {
    KEY_CRIT = COMMON_KEY_END,
    KEY_DSCP,
    KEY_ECN,
    KEY_INTERVAL,
    KEY_NO_REFERENCE,
    KEY_OPTIONS,
    KEY_RATE,
    KEY_REPEATS,
    KEY_SOURCE_PORT,
    KEY_SWEEP,
    KEY_SYN_PROFILE,
    KEY_TIMEOUT,
    KEY_TTL,
    KEY_WARN,
    KEY_YES,
};

static const struct argp_option syn_rows[] = {
    {NULL, 0, NULL, 0, "Targets:", 1},
    {"port", 'p', "LIST", 0, "Ports of targets that name none, like 80,443,8000-8010 (443)", 0},
    COMMON_ROW_TARGETS,
    {"sweep", KEY_SWEEP, NULL, 0, "One SYN to each of very many targets, in random order", 0},
    {"yes", KEY_YES, NULL, 0, "Yes, a network of more than 4096 addresses and ports", 0},
    {NULL, 0, NULL, 0, "SYNs:", 2},
    {"source-port", KEY_SOURCE_PORT, "N[-M]", 0, "Source port, or a range to walk through (16)", 0},
    {"options", KEY_OPTIONS, "SET", 0, "TCP options: linux, bare or full (linux)", 0},
    {"ecn", KEY_ECN, "KIND", 0, "Ask for ECN: classic or accurate", 0},
    {"syn-profile", KEY_SYN_PROFILE, NULL, 0,
     "Every second SYN without timestamps: shows SYN cookies", 0},
    {"no-reference", KEY_NO_REFERENCE, NULL, 0, "Send no ICMP echo request beside each SYN", 0},
    {"ttl", KEY_TTL, "TTL", 0, "TTL of the SYNs (64)", 0},
    {"dscp", KEY_DSCP, "N", 0, "DSCP of the SYNs (0)", 0},
    {NULL, 0, NULL, 0, "Pace:", 3},
    {"count", 'c', "N", 0, "SYNs per target (10; 0: until stopped)", 0},
    {"interval", KEY_INTERVAL, "TIME", 0, "From SYN to SYN of a target (100ms)", 0},
    {"rate", KEY_RATE, "N", 0, "SYNs a second at most, over all targets (0: as fast as it goes)",
     0},
    {"timeout", KEY_TIMEOUT, "TIME", 0, "The longest wait for an answer (3s)", 0},
    {"repeats", KEY_REPEATS, "N", 0, "Send an unanswered SYN again, after 1 s, 2 s, ... (1)", 0},
    COMMON_ROW_DEADLINE,
    {"warn", KEY_WARN, "LIMITS", 0, "Status 1 from this median or loss on, like 100ms,5%", 0},
    {"crit", KEY_CRIT, "LIMITS", 0, "Status 2 from this median or loss on, like 500ms,20%", 0},
    {NULL, 0, NULL, 0, "Way out:", 4},
    COMMON_ROWS_WAY_OUT,
    {"numeric", 'n', NULL, 0, "Show addresses only", 0},
    COMMON_ROW_SERVERS,
    {NULL, 0, NULL, 0, "Output:", 5},
    COMMON_ROWS_FORMAT("text, json, jsonl or csv"),
    COMMON_ROWS_OUTPUT,
    {"verbose", 'v', NULL, 0, "A line for every answer, and for every SYN without one", 0},
    {NULL, 0, NULL, 0, "Privileges:", 6},
    COMMON_ROWS_PRIVILEGE,
    {NULL, 0, NULL, 0, "Help:", 7},
    COMMON_ROWS_HELP,
    {0},
};

static int syn_request_source_port(struct syn_config *config, const char *value, char *error)
{
    uint16_t first, last;
    int err = port_list_range("source port", value, &first, &last, error);

    if (!err && last - first >= SYN_PORTS_MAX) {
        options_refuse(error, "source port range", value, "holds more than 16384 ports");
        err = -EINVAL;
    }
    if (!err) {
        config->source_port = first;
        config->source_ports = (uint16_t)(last - first + 1);
    }
    return err;
}

static int syn_request_ports(struct syn_request *o, const char *value, char *error)
{
    struct port_list ports;
    int err = port_list_parse("port", value, &ports, error);

    if (err)
        return err;
    port_list_release(&o->ports);
    o->ports = ports;
    return 0;
}

static int syn_request_set_of_options(struct syn_request *o, const char *value, char *error)
{
    static const char *const sets[] = {"linux", "bare", "full", NULL};
    int choice = 0, err = options_choice("set of options", value, sets, &choice, error);

    if (!err)
        o->config.options = (enum syn_options)choice;
    o->raw_wanted = true;
    return err;
}

static int syn_request_ecn(struct syn_request *o, const char *value, char *error)
{
    static const char *const kinds[] = {"classic", "accurate", NULL};
    int choice = 0, err = options_choice("kind of ECN", value, kinds, &choice, error);

    if (!err)
        o->config.ecn = choice ? SYN_ECN_ACCURATE : SYN_ECN_CLASSIC;
    o->raw_wanted = true;
    return err;
}

/* Options about the SYNs themselves and where they go. 1: not one of them. */
static int syn_request_probe(struct syn_request *o, int key, const char *value, char *error)
{
    struct syn_config *config = &o->config;
    uint32_t n = 0;
    int err = 0;

    switch (key) {
    case 'p':
        return syn_request_ports(o, value, error);
    case KEY_SOURCE_PORT:
        return syn_request_source_port(config, value, error);
    case KEY_OPTIONS:
        return syn_request_set_of_options(o, value, error);
    case KEY_ECN:
        return syn_request_ecn(o, value, error);
    case KEY_SYN_PROFILE:
        o->raw_wanted = config->compare = true;
        return 0;
    case KEY_NO_REFERENCE:
        config->reference = false;
        return 0;
    case KEY_TTL:
        err = options_number("TTL", value, 1, 255, &n, error);
        config->ttl = (uint8_t)n;
        return err;
    case KEY_DSCP:
        err = options_number("DSCP", value, 0, 63, &n, error);
        config->dscp = (uint8_t)n;
        return err;
    case KEY_SWEEP:
        o->sweep = true;
        return 0;
    case KEY_YES:
        o->yes = true;
        return 0;
    default:
        return 1;
    }
}

static int syn_request_rate(struct syn_request *o, const char *value, char *error)
{
    bool root = !geteuid();
    uint32_t rate = 0;
    int err = options_number("rate", value, root ? 0 : 1, root ? SYN_RATE_MAX : SYN_RATE_USER_MAX,
                             &rate, error);

    o->config.rate_pps = rate;
    return err;
}

/* Options about the pace and what is held against it. 1: not one of them. */
static int syn_request_pace(struct syn_request *o, int key, const char *value, char *error)
{
    struct syn_config *config = &o->config;

    switch (key) {
    case 'c':
        o->count_chosen = true;
        return options_number("count", value, 0, SYN_COUNT_MAX, &config->count, error);
    case KEY_INTERVAL:
        return common_options_interval(value, &config->interval_ns, error);
    case KEY_RATE:
        return syn_request_rate(o, value, error);
    case KEY_TIMEOUT:
        return options_duration("timeout", value, NS_PER_MS, SYN_TIMEOUT_MAX_NS,
                                &config->timeout_ns, error);
    case KEY_REPEATS:
        o->repeats_chosen = true;
        return options_number("repeats", value, 0, SYN_REPEATS_MAX, &config->repeats, error);
    case KEY_WARN:
        return threshold_parse("warning threshold", value, &config->warn_ms, &config->warn_loss,
                               error);
    case KEY_CRIT:
        return threshold_parse("critical threshold", value, &config->crit_ms, &config->crit_loss,
                               error);
    default:
        return 1;
    }
}

static int syn_request_set(void *context, int key, const char *value, char *error)
{
    struct syn_request *o = context;
    int err = common_options_set(&o->common, key, value, error);

    if (err == 1)
        err = syn_request_probe(o, key, value, error);
    if (err == 1)
        err = syn_request_pace(o, key, value, error);
    return err;
}

/* What single options cannot know: whether they go together. */
static int syn_request_check(const struct syn_request *o, char *error)
{
    const struct syn_config *config = &o->config;
    const char *problem = common_options_problem(&o->common);

    if (problem)
        ;
    else if (config->crit_ms < config->warn_ms || config->crit_loss < config->warn_loss)
        problem = "the critical threshold is below the warning one";
    else if (o->raw_wanted && o->common.way == WAY_NONE)
        problem = "--options, --ecn and --syn-profile need --privilege raw";
    else if (config->compare && config->options == SYN_OPTIONS_BARE)
        problem = "--syn-profile compares timestamps, which --options bare leaves out";
    else if (o->sweep && o->common.way == WAY_NONE)
        problem = "--sweep needs --privilege raw";
    if (problem)
        snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
    return problem ? -EINVAL : 0;
}

const struct options syn_command_options = {
    .command = "syn",
    .arguments = "TARGET[:PORT,...]...",
    .summary = "Time TCP handshakes: half-open SYNs, and what their answers give away.",
    .rows = syn_rows,
    .set = syn_request_set,
};

static void syn_request_default(struct syn_request *request)
{
    static const char *const formats[] = {"text", "json", "jsonl", "csv", NULL};

    *request = (struct syn_request){.common.formats = formats};
    syn_config_default(&request->config);
    request->config.interval_ns = geteuid() ? SYN_INTERVAL_USER_NS : SYN_INTERVAL_NS;
    request->config.source_ports = SYN_PORTS_DEFAULT;
    request->config.reference = true;
    request->config.ttl = SYN_TTL;
}

int syn_request_parse(struct syn_request *request, int argc, char **argv,
                      char error[OPTIONS_ERROR_SIZE])
{
    int err;

    syn_request_default(request);
    err = common_options_parse(&syn_command_options, argc, argv, request, &request->common, error);
    if (request->common.help || request->common.version)
        return 0;
    if (!err && !request->ports.count)
        err = port_list_parse("port", SYN_PORT_DEFAULT, &request->ports, error);
    return err ? err : syn_request_check(request, error);
}

void syn_request_release(struct syn_request *request)
{
    port_list_release(&request->ports);
}
