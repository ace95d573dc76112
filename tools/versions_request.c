#include "tools/versions_request.h"

#include <errno.h>

#include "base/timespan.h"
#include "tools/netdx.h"

#define VERSIONS_BACKOFF_NS NS_PER_SEC /* before the first further try */

enum {
    KEY_ACCEPT = SERVICE_KEY_END,
    KEY_BASELINE,
};

static const struct argp_option versions_rows[] = {
    {NULL, 0, NULL, 0, "Baseline:", 1},
    {"baseline", KEY_BASELINE, "FILE", 0, "Compare with what FILE says was seen; create it", 0},
    {"accept", KEY_ACCEPT, NULL, 0, "Put what is seen now into the baseline", 0},
    {NULL, 0, NULL, 0, "Request:", 2},
    SERVICE_ROWS_REQUEST,
    {NULL, 0, NULL, 0, "Run:", 3},
    SERVICE_ROW_TIMEOUT,
    {"retries", SERVICE_KEY_RETRIES, "N", 0, "Further tries of what fails (0)", 0},
    COMMON_ROW_DEADLINE,
    {"parallel", SERVICE_KEY_PARALLEL, "N", 0, "Services asked at once (256)", 0},
    {"yes", SERVICE_KEY_YES, NULL, 0, "Ask more than 4,096 services of one network", 0},
    {NULL, 0, NULL, 0, "Way out:", 4},
    COMMON_ROWS_WAY_OUT,
    {NULL, 0, NULL, 0, "Names:", 5},
    COMMON_ROW_SERVERS,
    {NULL, 0, NULL, 0, "Versions:", 6},
    SERVICE_ROW_FINGERPRINTS,
    {NULL, 0, NULL, 0, "Output:", 7},
    COMMON_ROWS_FORMAT("text, json, jsonl, csv, markdown or html"),
    {"output", 'o', "FILE", 0, "Write the report to a file", 0},
    {"color", COMMON_KEY_COLOR, "WHEN", 0, "auto, always or never (auto; NO_COLOR is honoured)", 0},
    {"quiet", 'q', NULL, 0, "No notes, no progress", 0},
    {"verbose", 'v', NULL, 0, "Every address with what it said", 0},
    {NULL, 0, NULL, 0, "Privileges:", 8},
    {"no-sandbox", COMMON_KEY_NO_SANDBOX, NULL, 0, "Keep privileges and install no sandbox", 0},
    {"sandbox-strict", COMMON_KEY_SANDBOX_STRICT, NULL, 0,
     "Fail where a part of the sandbox is missing", 0},
    {NULL, 0, NULL, 0, "Help:", 9},
    COMMON_ROWS_HELP,
    {0},
};

static int versions_set(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE])
{
    struct versions_request *r = context;
    int err = service_options_set(&r->options, key, value, error);

    if (err != 1)
        return err;
    if (key == KEY_BASELINE)
        r->baseline = value;
    else if (key == KEY_ACCEPT)
        r->accept = true;
    return 0;
}

const struct options versions_command_options = {
    .command = "versions",
    .arguments = "MATRIX.yaml",
    .summary = "Compare the versions of components between environments, and with rules.",
    .rows = versions_rows,
    .set = versions_set,
};

/* What does not go together, or NULL. */
static const char *versions_problem(const struct versions_request *r)
{
    const struct common_options *common = &r->options.common;

    if (common->ntargets != 1)
        return common->ntargets ? "one matrix at a time" : "no matrix given";
    if (r->accept && !r->baseline)
        return "--accept needs --baseline";
    return NULL;
}

int versions_request_parse(struct versions_request *request, int argc, char **argv,
                           char error[OPTIONS_ERROR_SIZE])
{
    static const char *const formats[] = {"text", "json", "jsonl", "csv", "markdown", "html", NULL};
    const char *problem;
    int err;

    *request = (struct versions_request){0};
    service_options_init(&request->options, formats);
    request->options.backoff_ns = VERSIONS_BACKOFF_NS;
    err = service_options_parse(&versions_command_options, argc, argv, request, &request->options,
                                error);
    if (err || request->options.common.help || request->options.common.version)
        return err;
    problem = versions_problem(request);
    if (problem) {
        snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
        return -EINVAL;
    }
    request->path = request->options.common.targets[0];
    return 0;
}
