#include "tools/service_options.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/redirect.h"
#include "engine/service_table.h"

#define SERVICE_BACKOFF_NS       (1 * NS_PER_SEC)
#define SERVICE_BODY_MAX         (16 * 1024 * 1024)
#define SERVICE_PARALLEL_DEFAULT 256
#define SERVICE_PARALLEL_MAX     4096
#define SERVICE_DESCRIPTORS      32 /* kept free of the limit */
#define SERVICE_RETRIES_MAX      100
#define SERVICE_TIMEOUT_MAX_NS   (300 * NS_PER_SEC)

static int service_options_refuse(char *error, const char *what, const char *text,
                                  const char *complaint)
{
    options_refuse(error, what, text, complaint);
    return -EINVAL;
}

/* What would break out of its line in a request. */
static int service_options_line(const char *what, const char *value, char *error)
{
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return service_options_refuse(error, what, value, "holds a control character");
    return 0;
}

static int service_options_header(struct service_options *o, const char *value, char *error)
{
    const char *colon = strchr(value, ':');

    if (!colon || colon == value || strcspn(value, " \t") < (size_t)(colon - value))
        return service_options_refuse(error, "header", value, "is not of the form 'Name: value'");
    if (o->nheaders == SERVICE_HEADERS_MAX)
        return service_options_refuse(error, "header", value, "is one too many (32)");
    o->headers[o->nheaders++] = value;
    return service_options_line("header", value, error);
}

static int service_options_word(const char *what, const char *value, const char **out, char *error)
{
    if (!*value || strpbrk(value, " \t"))
        return service_options_refuse(error, what, value, "is empty or holds a blank");
    *out = value;
    return service_options_line(what, value, error);
}

static int service_options_path(const char *value, const char **out, char *error)
{
    if (*value != '/')
        return service_options_refuse(error, "path", value, "does not begin with '/'");
    return service_options_word("path", value, out, error);
}

static int service_options_protocol(struct service_options *o, const char *value, char *error)
{
    char complaint[256] = "is not one of";
    size_t len = strlen(complaint);

    o->service.protocol = value;
    if (service_row_of_name(value))
        return 0;
    for (size_t i = 0; service_row_at(i); i++)
        len += text_format(complaint + len, sizeof(complaint) - len, "%s %s", i ? "," : "",
                           service_row_at(i)->name);
    return service_options_refuse(error, "protocol", value, complaint);
}

static int service_options_timeout(struct service_options *o, const char *value, char *error)
{
    int64_t ns = 0;
    int err = options_duration("timeout", value, NS_PER_MS, SERVICE_TIMEOUT_MAX_NS, &ns, error);

    if (err)
        return err;
    o->service.connect_timeout_ns = o->service.tls_timeout_ns = o->service.answer_timeout_ns = ns;
    return 0;
}

/* The request itself. 1: not one of these. */
static int service_options_request(struct service_options *o, int key, const char *value,
                                   char *error)
{
    static const char *const whens[] = {"auto", "never", "always", NULL};
    int choice = 0, err;
    uint32_t n = 0;

    switch (key) {
    case 'p':
        port_list_release(&o->ports);
        o->ports = (struct port_list){0};
        return port_list_parse("port", value, &o->ports, error);
    case SERVICE_KEY_PROTOCOL:
        return service_options_protocol(o, value, error);
    case SERVICE_KEY_TLS:
        err = options_choice("TLS", value, whens, &choice, error);
        o->service.tls = (enum service_tls)choice;
        return err;
    case SERVICE_KEY_PATH:
        return service_options_path(value, &o->service.path, error);
    case SERVICE_KEY_METHOD:
        return service_options_word("method", value, &o->service.method, error);
    case SERVICE_KEY_HEADER:
        return service_options_header(o, value, error);
    case SERVICE_KEY_HOST:
        return service_options_word("host", value, &o->host, error);
    case SERVICE_KEY_HTTP2:
        if (o->service.http2 == SERVICE_HTTP2_NEVER)
            o->service.http2 = SERVICE_HTTP2_ALPN;
        return 0;
    case SERVICE_KEY_HTTP2_PRIOR:
        o->service.http2 = SERVICE_HTTP2_PRIOR;
        return 0;
    case SERVICE_KEY_USER_AGENT:
        o->service.user_agent = value;
        return service_options_line("user agent", value, error);
    case SERVICE_KEY_BODY_LIMIT:
        err = options_number("body limit", value, 0, SERVICE_BODY_MAX, &n, error);
        o->service.body_limit = n;
        return err;
    case SERVICE_KEY_FOLLOW:
        err = options_number("follow", value, 0, REDIRECT_HOPS_MAX, &n, error);
        o->follow = n;
        return err;
    default:
        return 1;
    }
}

/* TLS and the run. */
static int service_options_run(struct service_options *o, int key, const char *value, char *error)
{
    uint32_t n = 0;
    int err;

    switch (key) {
    case SERVICE_KEY_SNI:
        o->sni = value;
        return service_options_line("SNI", value, error);
    case SERVICE_KEY_CA_FILE:
        o->ca_file = value;
        return 0;
    case SERVICE_KEY_CRL_FILE:
        o->crl_file = value;
        return 0;
    case SERVICE_KEY_DIFFERENTIAL:
        o->differential = true;
        return 0;
    case SERVICE_KEY_QUIC:
        o->quic = QUIC_ALWAYS;
        return 0;
    case SERVICE_KEY_CERT_DAYS:
        err = options_number("days", value, 1, 3650, &n, error);
        o->cert_days = (int)n;
        return err;
    case SERVICE_KEY_TIMEOUT:
        return service_options_timeout(o, value, error);
    case SERVICE_KEY_PARALLEL:
        return options_number("parallel", value, 1, SERVICE_PARALLEL_MAX, &o->parallel, error);
    case SERVICE_KEY_RETRIES:
        return options_number("retries", value, 0, SERVICE_RETRIES_MAX, &o->retries, error);
    case SERVICE_KEY_FINGERPRINTS:
        o->fingerprints = value;
        return 0;
    case SERVICE_KEY_SAVE:
        o->save = value;
        return 0;
    case SERVICE_KEY_SOURCE_PORT:
        return port_list_range("source port", value, &o->first_port, &o->last_port, error);
    case SERVICE_KEY_YES:
        o->yes = true;
        return 0;
    default:
        return 1;
    }
}

int service_options_set(struct service_options *o, int key, const char *value,
                        char error[OPTIONS_ERROR_SIZE])
{
    int err = common_options_set(&o->common, key, value, error);

    if (err == 1)
        err = service_options_request(o, key, value, error);
    return err == 1 ? service_options_run(o, key, value, error) : err;
}

void service_options_init(struct service_options *o, const char *const *formats)
{
    *o = (struct service_options){
        .parallel = SERVICE_PARALLEL_DEFAULT,
        .backoff_ns = SERVICE_BACKOFF_NS,
        .common.formats = formats,
        .common.way = WAY_NONE, /* the kernel's own connections are enough */
        .capture = WAY_NONE,
    };
    service_config_default(&o->service);
}

void service_options_release(struct service_options *o)
{
    port_list_release(&o->ports);
}

/* Each has a descriptor of its own, and some must be left for names and outputs. */
static uint32_t service_options_room(uint32_t parallel)
{
    struct rlimit limit;
    rlim_t room = parallel;

    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < room + SERVICE_DESCRIPTORS)
        room = limit.rlim_cur > 2 * SERVICE_DESCRIPTORS ? limit.rlim_cur - SERVICE_DESCRIPTORS
                                                        : limit.rlim_cur / 2;
    if (room > parallel)
        return parallel;
    return room ? (uint32_t)room : 1;
}

int service_options_parse(const struct options *table, int argc, char **argv, void *context,
                          struct service_options *o, char error[OPTIONS_ERROR_SIZE])
{
    int err = common_options_parse(table, argc, argv, context, &o->common, error);

    if (err || o->common.help || o->common.version)
        return err;
    if (o->nheaders)
        o->service.headers = o->headers;
    if (!o->ports.count)
        err = port_list_parse("port", "443", &o->ports, error);
    o->parallel = service_options_room(o->parallel);
    return err;
}
