#include "tools/banner_request.h"

#include <errno.h>

#include "tools/netdx.h"

enum {
    KEY_ESCAPED = SERVICE_KEY_END,
    KEY_IDENTIFY,
};

static const struct argp_option banner_rows[] = {
    {NULL, 0, NULL, 0, "Request:", 1},
    SERVICE_ROWS_REQUEST,
    SERVICE_ROWS_HTTP2,
    SERVICE_ROW_QUIC,
    SERVICE_ROW_CERT_DAYS,
    {NULL, 0, NULL, 0, "Run:", 2},
    SERVICE_ROW_TIMEOUT,
    SERVICE_ROW_DIFFERENTIAL,
    SERVICE_ROWS_RUN,
    {NULL, 0, NULL, 0, "Way out:", 3},
    COMMON_ROWS_WAY_OUT,
    SERVICE_ROW_SOURCE_PORT,
    {NULL, 0, NULL, 0, "Names:", 4},
    COMMON_ROW_SERVERS,
    {NULL, 0, NULL, 0, "Versions:", 5},
    SERVICE_ROW_FINGERPRINTS,
    {"identify", KEY_IDENTIFY, "KIND", 0, "Ask nobody: read banners of this kind, one a line", 0},
    {"escaped", KEY_ESCAPED, NULL, 0, "With --identify: \\xNN and \\\\ stand for bytes", 0},
    {NULL, 0, NULL, 0, "Output:", 6},
    COMMON_ROWS_FORMAT("text, json, jsonl or csv"),
    {"output", 'o', "FILE", 0, "Write the report to a file", 0},
    SERVICE_ROW_SAVE,
    {"color", COMMON_KEY_COLOR, "WHEN", 0, "auto, always or never (auto; NO_COLOR is honoured)", 0},
    {"quiet", 'q', NULL, 0, "No notes, no progress", 0},
    {"verbose", 'v', NULL, 0, "Headers, certificate and timings too", 0},
    {NULL, 0, NULL, 0, "Privileges:", 7},
    COMMON_ROWS_PRIVILEGE,
    {NULL, 0, NULL, 0, "Help:", 8},
    COMMON_ROWS_HELP,
    {0},
};

static int banner_identify(struct banner_request *r, const char *value, char *error)
{
    int kind = 0, err = options_choice("kind", value, version_kind_names, &kind, error);

    r->identifies = true;
    r->identify.kind = (enum version_kind)kind;
    return err;
}

static int banner_set(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE])
{
    struct banner_request *r = context;
    int err = service_options_set(&r->options, key, value, error);

    if (err != 1)
        return err;
    if (key == KEY_IDENTIFY)
        return banner_identify(r, value, error);
    if (key == KEY_ESCAPED)
        r->identify.escaped = true;
    return 0;
}

const struct options banner_command_options = {
    .command = "banner",
    .arguments = "TARGET...\n--identify KIND",
    .summary = "Ask services who they are: banners, versions, certificates, or what fails.",
    .rows = banner_rows,
    .set = banner_set,
};

/* What does not go together, or NULL. */
static const char *banner_problem(const struct banner_request *r)
{
    const struct common_options *common = &r->options.common;

    if (r->options.save && r->options.capture == WAY_NONE)
        return "--save needs a capture, which --privilege none forbids";
    if (r->identify.escaped && !r->identifies)
        return "--escaped needs --identify";
    if (!r->identifies)
        return common_options_problem(common);
    if (common->ntargets || common->targets_file)
        return "--identify reads banners and asks no target";
    if (common->output)
        return "--identify prints to standard output alone";
    return NULL;
}

int banner_request_parse(struct banner_request *request, int argc, char **argv,
                         char error[OPTIONS_ERROR_SIZE])
{
    static const char *const formats[] = {"text", "json", "jsonl", "csv", NULL};
    const char *problem;
    int err;

    *request = (struct banner_request){0};
    service_options_init(&request->options, formats);
    request->options.quic = QUIC_PROMISED;
    request->options.common.way = WAY_AUTO;
    err = service_options_parse(&banner_command_options, argc, argv, request, &request->options,
                                error);
    request->options.capture = request->options.common.way;
    request->options.common.way = WAY_NONE; /* the wire stands beside the kernel's connections */
    if (err || request->options.common.help || request->options.common.version)
        return err;
    problem = banner_problem(request);
    if (!problem)
        return 0;
    snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
    return -EINVAL;
}
