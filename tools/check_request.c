#include "tools/check_request.h"

#include <errno.h>

#include "base/timespan.h"
#include "tools/netdx.h"

#define CHECK_RETRIES_DEFAULT   3
#define CHECK_CERT_DAYS_DEFAULT 7
#define CHECK_LIMIT_MAX_NS      (3600 * NS_PER_SEC)

enum {
    KEY_BACKOFF = SERVICE_KEY_END,
    KEY_CRIT,
    KEY_DISTRUST,
    KEY_EXPECT,
    KEY_STATUS,
    KEY_WARN,
};

static const struct argp_option check_rows[] = {
    {NULL, 0, NULL, 0, "What is fine:", 1},
    {"expect", KEY_EXPECT, "EXPECTATION", 0,
     "A product in this version, 'nginx>=1.23.3'; may be repeated", 0},
    {"status", KEY_STATUS, "LIST", 0, "HTTP: these statuses (200-399)", 0},
    {"cert-days", SERVICE_KEY_CERT_DAYS, "N", 0,
     "TLS: a certificate that is good for as many days (7)", 0},
    {"distrust", KEY_DISTRUST, "LEVEL", 0,
     "TLS: what a certificate is that nobody would trust: ok, warning or critical (critical)", 0},
    {"warn", KEY_WARN, "TIME", 0, "An answer that takes this long is a warning", 0},
    {"crit", KEY_CRIT, "TIME", 0, "An answer that takes this long is critical", 0},
    {NULL, 0, NULL, 0, "Request:", 2},
    SERVICE_ROWS_REQUEST,
    {NULL, 0, NULL, 0, "Run:", 3},
    SERVICE_ROW_TIMEOUT,
    {"retries", SERVICE_KEY_RETRIES, "N", 0, "Further tries of what fails (3)", 0},
    {"backoff", KEY_BACKOFF, "TIME", 0, "Wait before the first of them, then twice as long (1s)",
     0},
    SERVICE_ROWS_RUN,
    {NULL, 0, NULL, 0, "Way out:", 4},
    COMMON_ROWS_WAY_OUT,
    {NULL, 0, NULL, 0, "Names:", 5},
    COMMON_ROW_SERVERS,
    {NULL, 0, NULL, 0, "Versions:", 6},
    SERVICE_ROW_FINGERPRINTS,
    {NULL, 0, NULL, 0, "Output:", 7},
    {"format", 'f', "FORMAT", 0, "text, json or jsonl (text)", 0},
    {"json", COMMON_KEY_JSON, NULL, 0, "One JSON document", 0},
    {"jsonl", COMMON_KEY_JSONL, NULL, 0, "One JSON line per service, then a summary", 0},
    {"output", 'o', "FILE", 0, "Write the report to a file", 0},
    {"quiet", 'q', NULL, 0, "No notes, no progress", 0},
    {"verbose", 'v', NULL, 0, "Say what of the environment is not used", 0},
    {NULL, 0, NULL, 0, "Privileges:", 8},
    {"no-sandbox", COMMON_KEY_NO_SANDBOX, NULL, 0, "Keep privileges and install no sandbox", 0},
    {"sandbox-strict", COMMON_KEY_SANDBOX_STRICT, NULL, 0,
     "Fail where a part of the sandbox is missing", 0},
    {NULL, 0, NULL, 0, "Help:", 9},
    COMMON_ROWS_HELP,
    {0},
};

static int check_expect(struct check_limits *limits, const char *value, char *error)
{
    struct version_expect_error where;
    char complaint[128];

    if (limits->nexpectations == CHECK_EXPECTATIONS_MAX) {
        options_refuse(error, "expectation", value, "is one too many (16)");
        return -EINVAL;
    }
    if (version_expect_parse(value, &limits->expectations[limits->nexpectations], &where)) {
        snprintf(complaint, sizeof(complaint), "column %zu: %s", where.column, where.message);
        options_refuse(error, "expectation", value, complaint);
        return -EINVAL;
    }
    limits->texts[limits->nexpectations++] = value;
    return 0;
}

static int check_statuses(struct check_limits *limits, const char *value, char *error)
{
    if (!check_statuses_parse(value, limits->statuses))
        return 0;
    options_refuse(error, "status", value, "is not a list of statuses from 100 to 599 (200-399)");
    return -EINVAL;
}

static int check_distrust(struct check_limits *limits, const char *value, char *error)
{
    static const char *const levels[] = {"ok", "warning", "critical", NULL};
    int choice = 0, err = options_choice("level", value, levels, &choice, error);

    limits->distrust = (enum check_level)choice;
    return err;
}

static int check_set(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE])
{
    struct check_request *r = context;
    int err = service_options_set(&r->options, key, value, error);

    if (err != 1)
        return err;
    switch (key) {
    case KEY_BACKOFF:
        return options_duration("back-off", value, 0, CHECK_LIMIT_MAX_NS, &r->options.backoff_ns,
                                error);
    case KEY_CRIT:
        return options_duration("critical time", value, NS_PER_US, CHECK_LIMIT_MAX_NS,
                                &r->limits.crit_ns, error);
    case KEY_WARN:
        return options_duration("warning time", value, NS_PER_US, CHECK_LIMIT_MAX_NS,
                                &r->limits.warn_ns, error);
    case KEY_DISTRUST:
        return check_distrust(&r->limits, value, error);
    case KEY_EXPECT:
        return check_expect(&r->limits, value, error);
    case KEY_STATUS:
        return check_statuses(&r->limits, value, error);
    default:
        return 0;
    }
}

const struct options check_command_options = {
    .command = "check",
    .arguments = "TARGET...",
    .summary = "Check services as a monitoring plugin: one line, an exit status, performance data.",
    .rows = check_rows,
    .set = check_set,
};

static const char *check_problem(const struct check_request *r)
{
    if (r->limits.warn_ns && r->limits.crit_ns && r->limits.warn_ns > r->limits.crit_ns)
        return "--warn is longer than --crit";
    return common_options_problem(&r->options.common);
}

int check_request_parse(struct check_request *request, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE])
{
    static const char *const formats[] = {"text", "json", "jsonl", NULL};
    const char *problem;
    int err;

    *request = (struct check_request){.limits = {.distrust = CHECK_CRITICAL}};
    check_statuses_parse("200-399", request->limits.statuses);
    service_options_init(&request->options, formats);
    request->options.retries = CHECK_RETRIES_DEFAULT;
    request->options.cert_days = CHECK_CERT_DAYS_DEFAULT;
    err = service_options_parse(&check_command_options, argc, argv, request, &request->options,
                                error);
    if (err || request->options.common.help || request->options.common.version)
        return err;
    problem = check_problem(request);
    if (!problem)
        return 0;
    snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
    return -EINVAL;
}
