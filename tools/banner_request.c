#include "tools/banner_request.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/redirect.h"
#include "engine/service_table.h"
#include "tools/netdx.h"

#define BANNER_PARALLEL_DEFAULT 256
#define BANNER_PARALLEL_MAX     4096
#define BANNER_TIMEOUT_MAX_NS   (300 * NS_PER_SEC)
#define BANNER_BODY_MAX         (16 * 1024 * 1024)

enum {
    KEY_BODY_LIMIT = COMMON_KEY_END,
    KEY_CA_FILE,
    KEY_CERT_DAYS,
    KEY_CRL_FILE,
    KEY_ESCAPED,
    KEY_FINGERPRINTS,
    KEY_FOLLOW,
    KEY_HEADER,
    KEY_HOST,
    KEY_IDENTIFY,
    KEY_METHOD,
    KEY_PARALLEL,
    KEY_PATH,
    KEY_PROTOCOL,
    KEY_SNI,
    KEY_TIMEOUT,
    KEY_TLS,
    KEY_USER_AGENT,
    KEY_YES,
};

static const struct argp_option banner_rows[] = {
    {NULL, 0, NULL, 0, "Request:", 1},
    {"port", 'p', "LIST", 0, "Ports of targets that name none (443)", 0},
    {"protocol", KEY_PROTOCOL, "NAME", 0, "This protocol must answer, whatever the port", 0},
    {"tls", KEY_TLS, "WHEN", 0, "auto, never or always (auto: by port, and by what answers)", 0},
    {"path", KEY_PATH, "PATH", 0, "HTTP: ask for this path (/)", 0},
    {"method", KEY_METHOD, "NAME", 0, "HTTP: this method alone (HEAD, then GET)", 0},
    {"header", KEY_HEADER, "LINE", 0, "HTTP: a further header, 'Name: value'; may be repeated", 0},
    {"host", KEY_HOST, "NAME", 0, "HTTP: the Host header (the target's)", 0},
    {"user-agent", KEY_USER_AGENT, "TEXT", 0, "HTTP: the User-Agent header", 0},
    {"body-limit", KEY_BODY_LIMIT, "BYTES", 0, "HTTP: read this much of the body (0)", 0},
    {"follow", KEY_FOLLOW, "N", 0, "HTTP: follow this many redirects (0)", 0},
    {"sni", KEY_SNI, "NAME", 0, "TLS: the server name (the target's); '' sends none", 0},
    {"ca-file", KEY_CA_FILE, "FILE", 0, "TLS: trust these (SSL_CERT_FILE, or the system's)", 0},
    {"crl-file", KEY_CRL_FILE, "FILE", 0, "TLS: a list of revoked certificates", 0},
    {"cert-days", KEY_CERT_DAYS, "N", 0, "TLS: warn when fewer days are left (7)", 0},
    {NULL, 0, NULL, 0, "Run:", 2},
    {"timeout", KEY_TIMEOUT, "TIME", 0, "The longest wait in each phase (5s)", 0},
    COMMON_ROW_DEADLINE,
    {"parallel", KEY_PARALLEL, "N", 0, "Services asked at once (256)", 0},
    COMMON_ROW_TARGETS,
    {"yes", KEY_YES, NULL, 0, "Ask more than 4,096 services of one network", 0},
    {NULL, 0, NULL, 0, "Way out:", 3},
    COMMON_ROWS_WAY_OUT,
    {NULL, 0, NULL, 0, "Names:", 4},
    COMMON_ROW_SERVERS,
    {NULL, 0, NULL, 0, "Versions:", 5},
    {"fingerprints", KEY_FINGERPRINTS, "DIR", 0, "Prefer what the Recog fingerprints in DIR say",
     0},
    {"identify", KEY_IDENTIFY, "KIND", 0, "Ask nobody: read banners of this kind, one a line", 0},
    {"escaped", KEY_ESCAPED, NULL, 0, "With --identify: \\xNN and \\\\ stand for bytes", 0},
    {NULL, 0, NULL, 0, "Output:", 6},
    COMMON_ROWS_FORMAT("text, json, jsonl or csv"),
    {"output", 'o', "FILE", 0, "Write the report to a file", 0},
    {"color", COMMON_KEY_COLOR, "WHEN", 0, "auto, always or never (auto; NO_COLOR is honoured)", 0},
    {"quiet", 'q', NULL, 0, "No notes, no progress", 0},
    {"verbose", 'v', NULL, 0, "Headers, certificate and timings too", 0},
    {NULL, 0, NULL, 0, "Privileges:", 7},
    {"no-sandbox", COMMON_KEY_NO_SANDBOX, NULL, 0, "Keep privileges and install no sandbox", 0},
    {"sandbox-strict", COMMON_KEY_SANDBOX_STRICT, NULL, 0,
     "Fail where a part of the sandbox is missing", 0},
    {NULL, 0, NULL, 0, "Help:", 8},
    COMMON_ROWS_HELP,
    {0},
};

static int banner_refuse(char *error, const char *what, const char *text, const char *complaint)
{
    options_refuse(error, what, text, complaint);
    return -EINVAL;
}

/* What would break out of its line in a request. */
static int banner_line(const char *what, const char *value, char *error)
{
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return banner_refuse(error, what, value, "holds a control character");
    return 0;
}

static int banner_header(struct banner_request *r, const char *value, char *error)
{
    const char *colon = strchr(value, ':');

    if (!colon || colon == value || strcspn(value, " \t") < (size_t)(colon - value))
        return banner_refuse(error, "header", value, "is not of the form 'Name: value'");
    if (r->nheaders == BANNER_HEADERS_MAX)
        return banner_refuse(error, "header", value, "is one too many (32)");
    r->headers[r->nheaders++] = value;
    return banner_line("header", value, error);
}

static int banner_word(const char *what, const char *value, const char **out, char *error)
{
    if (!*value || strpbrk(value, " \t"))
        return banner_refuse(error, what, value, "is empty or holds a blank");
    *out = value;
    return banner_line(what, value, error);
}

static int banner_path(const char *value, const char **out, char *error)
{
    if (*value != '/')
        return banner_refuse(error, "path", value, "does not begin with '/'");
    return banner_word("path", value, out, error);
}

static int banner_protocol(struct banner_request *r, const char *value, char *error)
{
    char complaint[256] = "is not one of";
    size_t len = strlen(complaint);

    r->service.protocol = value;
    if (service_row_of_name(value))
        return 0;
    for (size_t i = 0; service_row_at(i); i++)
        len += text_format(complaint + len, sizeof(complaint) - len, "%s %s", i ? "," : "",
                           service_row_at(i)->name);
    return banner_refuse(error, "protocol", value, complaint);
}

static int banner_timeout(struct banner_request *r, const char *value, char *error)
{
    int64_t ns = 0;
    int err = options_duration("timeout", value, NS_PER_MS, BANNER_TIMEOUT_MAX_NS, &ns, error);

    if (err)
        return err;
    r->service.connect_timeout_ns = r->service.tls_timeout_ns = r->service.answer_timeout_ns = ns;
    return 0;
}

/* The request itself. 1: not one of these. */
static int banner_set_request(struct banner_request *r, int key, const char *value, char *error)
{
    static const char *const whens[] = {"auto", "never", "always", NULL};
    int choice = 0, err;
    uint32_t n = 0;

    switch (key) {
    case 'p':
        port_list_release(&r->ports);
        r->ports = (struct port_list){0};
        return port_list_parse("port", value, &r->ports, error);
    case KEY_PROTOCOL:
        return banner_protocol(r, value, error);
    case KEY_TLS:
        err = options_choice("TLS", value, whens, &choice, error);
        r->service.tls = (enum service_tls)choice;
        return err;
    case KEY_PATH:
        return banner_path(value, &r->service.path, error);
    case KEY_METHOD:
        return banner_word("method", value, &r->service.method, error);
    case KEY_HEADER:
        return banner_header(r, value, error);
    case KEY_HOST:
        return banner_word("host", value, &r->host, error);
    case KEY_USER_AGENT:
        r->service.user_agent = value;
        return banner_line("user agent", value, error);
    case KEY_BODY_LIMIT:
        err = options_number("body limit", value, 0, BANNER_BODY_MAX, &n, error);
        r->service.body_limit = n;
        return err;
    case KEY_FOLLOW:
        err = options_number("follow", value, 0, REDIRECT_HOPS_MAX, &n, error);
        r->follow = n;
        return err;
    default:
        return 1;
    }
}

static int banner_identify(struct banner_request *r, const char *value, char *error)
{
    int kind = 0, err = options_choice("kind", value, version_kind_names, &kind, error);

    r->identifies = true;
    r->identify.kind = (enum version_kind)kind;
    return err;
}

/* TLS and the run. */
static int banner_set_run(struct banner_request *r, int key, const char *value, char *error)
{
    uint32_t n = 0;
    int err;

    switch (key) {
    case KEY_SNI:
        r->sni = value;
        return banner_line("SNI", value, error);
    case KEY_CA_FILE:
        r->ca_file = value;
        return 0;
    case KEY_CRL_FILE:
        r->crl_file = value;
        return 0;
    case KEY_CERT_DAYS:
        err = options_number("days", value, 1, 3650, &n, error);
        r->cert_days = (int)n;
        return err;
    case KEY_TIMEOUT:
        return banner_timeout(r, value, error);
    case KEY_PARALLEL:
        return options_number("parallel", value, 1, BANNER_PARALLEL_MAX, &r->parallel, error);
    case KEY_FINGERPRINTS:
        r->fingerprints = value;
        return 0;
    case KEY_IDENTIFY:
        return banner_identify(r, value, error);
    case KEY_ESCAPED:
        r->identify.escaped = true;
        return 0;
    case KEY_YES:
        r->yes = true;
        return 0;
    default:
        return 1;
    }
}

static int banner_set(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE])
{
    struct banner_request *r = context;
    int err = common_options_set(&r->common, key, value, error);

    if (err == 1)
        err = banner_set_request(r, key, value, error);
    if (err == 1)
        err = banner_set_run(r, key, value, error);
    return err == 1 ? 0 : err;
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
    if (r->identify.escaped && !r->identifies)
        return "--escaped needs --identify";
    if (!r->identifies)
        return common_options_problem(&r->common);
    if (r->common.ntargets || r->common.targets_file)
        return "--identify reads banners and asks no target";
    if (r->common.output)
        return "--identify prints to standard output alone";
    return NULL;
}

int banner_request_parse(struct banner_request *request, int argc, char **argv,
                         char error[OPTIONS_ERROR_SIZE])
{
    static const char *const formats[] = {"text", "json", "jsonl", "csv", NULL};
    const char *problem;
    int err;

    *request = (struct banner_request){.parallel = BANNER_PARALLEL_DEFAULT};
    request->common.formats = formats;
    service_config_default(&request->service);
    err =
        common_options_parse(&banner_command_options, argc, argv, request, &request->common, error);
    if (err || request->common.help || request->common.version)
        return err;
    if (request->nheaders)
        request->service.headers = request->headers;
    if (!request->ports.count)
        err = port_list_parse("port", "443", &request->ports, error);
    problem = banner_problem(request);
    if (problem) {
        snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
        err = -EINVAL;
    }
    return err;
}

void banner_request_release(struct banner_request *request)
{
    port_list_release(&request->ports);
}
