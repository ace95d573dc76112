#include "tools/common_options.h"

#include <errno.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/route.h"

#define COMMON_INTERVAL_MIN_NS  (1 * NS_PER_MS)
#define COMMON_INTERVAL_USER_NS (200 * NS_PER_MS) /* who is not root does not flood */
#define COMMON_INTERVAL_MAX_NS  (3600 * NS_PER_SEC)
#define COMMON_DEADLINE_MAX_NS  (366 * 24 * 3600 * NS_PER_SEC)

static int common_options_source(struct address *source, const char *value, char *error)
{
    int err = route_parse_address(value, source);

    if (err == -ENODEV)
        options_refuse(error, "source address", value, "names an interface that does not exist");
    else if (err)
        options_refuse(error, "source address", value, "is neither an IPv4 nor an IPv6 address");
    return err ? -EINVAL : 0;
}

/* Options with a value. 1: not one of them. */
static int common_options_value(struct common_options *o, int key, const char *value, char *error)
{
    static const char *const colors[] = {"auto", "always", "never", NULL};
    static const char *const ways[] = {"auto", "raw", "none", NULL};

    switch (key) {
    case 'w':
        return options_duration("deadline", value, NS_PER_MS, COMMON_DEADLINE_MAX_NS,
                                &o->deadline_ns, error);
    case 'f':
        return options_choice("format", value, o->formats, &o->format, error);
    case COMMON_KEY_COLOR:
        return options_choice("color", value, colors, &o->color, error);
    case COMMON_KEY_PRIVILEGE:
        return options_choice("privilege", value, ways, &o->way, error);
    case 'i':
        o->interface = value;
        return 0;
    case COMMON_KEY_SOURCE:
        o->source = value;
        return common_options_source(&o->source_address, value, error);
    case COMMON_KEY_SERVERS:
        o->servers = value;
        return 0;
    case COMMON_KEY_TARGETS:
        o->targets_file = value;
        return 0;
    case 'o':
        o->output = value;
        return 0;
    case COMMON_KEY_WRITE:
        o->record = value;
        return 0;
    default:
        return 1;
    }
}

static int common_options_switch(struct common_options *o, int key)
{
    switch (key) {
    case '4':
    case '6':
        o->family = key - '0';
        break;
    case 'n':
        o->numeric = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    case 'v':
        o->verbose++;
        break;
    case 'h':
        o->help = true;
        break;
    case 'V':
        o->version = true;
        break;
    case COMMON_KEY_JSON:
        o->format = FORMAT_JSON;
        break;
    case COMMON_KEY_JSONL:
        o->format = FORMAT_JSONL;
        break;
    case COMMON_KEY_NO_SANDBOX:
        o->sandbox = SANDBOX_OFF;
        break;
    case COMMON_KEY_SANDBOX_STRICT:
        o->sandbox = SANDBOX_STRICT;
        break;
    default:
        return 1;
    }
    return 0;
}

int common_options_set(struct common_options *o, int key, const char *value,
                       char error[OPTIONS_ERROR_SIZE])
{
    int err = common_options_value(o, key, value, error);

    return err == 1 ? common_options_switch(o, key) : err;
}

int common_options_interval(const char *value, int64_t *out_ns, char error[OPTIONS_ERROR_SIZE])
{
    int64_t least = geteuid() ? COMMON_INTERVAL_USER_NS : COMMON_INTERVAL_MIN_NS, wanted;
    int err = options_duration("interval", value, least, COMMON_INTERVAL_MAX_NS, out_ns, error);

    if (err && !timespan_parse(value, &wanted) && wanted >= COMMON_INTERVAL_MIN_NS &&
        wanted < least)
        options_refuse(error, "interval", value, "is under 200ms, which only root may ask for");
    return err;
}

int common_options_parse(const struct options *table, int argc, char **argv, void *context,
                         struct common_options *o, char error[OPTIONS_ERROR_SIZE])
{
    int first, err = options_parse(table, argc, argv, context, &first, error);

    o->targets = argv + first;
    o->ntargets = (size_t)(argc - first);
    return err;
}

const char *common_options_problem(const struct common_options *o)
{
    if (!o->ntargets && !o->targets_file)
        return "no target given";
    if (o->record && o->way == WAY_NONE)
        return "recording needs --privilege raw";
    return NULL;
}

bool common_options_answer(const struct common_options *o, const struct options *table)
{
    if (o->help)
        options_help(table, stdout);
    else if (o->version)
        printf("netdx %s " NETDX_VERSION "\n", table->command);
    return o->help || o->version;
}
