#include "tools/flows_options.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/tap.h"
#include "tools/netdx.h"

#define FLOWS_TOP_DEFAULT     10
#define FLOWS_TOP_MAX         100000
#define FLOWS_SNAPLEN_DEFAULT 256 /* a cooked header, the longest IPv4 and TCP headers, IPv6's */
#define FLOWS_SNAPLEN_MIN     128
#define FLOWS_SNAPLEN_MAX     262144 /* libpcap's MAXIMUM_SNAPLEN */
#define FLOWS_BUFFER_DEFAULT  16
#define FLOWS_BUFFER_MAX      1024
#define FLOWS_INTERVAL_MAX_NS (24 * 3600 * NS_PER_SEC)

enum {
    KEY_BUFFER = COMMON_KEY_END,
    KEY_INTERVAL,
    KEY_MAX_FLOWS,
    KEY_PROMISCUOUS,
    KEY_SNAPLEN,
    KEY_SORT,
    KEY_TOP,
    KEY_WORKERS,
};

static const struct argp_option flows_rows[] = {
    {NULL, 0, NULL, 0, "Input:", 1},
    {"interface", 'i', "NAME", 0, "Capture there, on several (NAME,NAME) or on all (any)", 0},
    {"read", 'r', "FILE", 0,
     "Read a capture file, packed ones too ('-': standard input); several are merged by time", 0},
    {"promiscuous", KEY_PROMISCUOUS, NULL, 0, "See frames for other machines as well", 0},
    {"snaplen", KEY_SNAPLEN, "BYTES", 0, "Capture this much of each packet (256)", 0},
    {"buffer", KEY_BUFFER, "MIB", 0, "Capture buffer of each worker (16)", 0},
    {"workers", KEY_WORKERS, "N", 0,
     "Threads that share the flows (live: one per processor; files: 1)", 0},
    {NULL, 0, NULL, 0, "Limits:", 2},
    {"count", 'c', "N", 0, "End after so many frames (0: never)", 0},
    COMMON_ROW_DEADLINE,
    {"max-flows", KEY_MAX_FLOWS, "N", 0, "Flows in memory at once (1000000)", 0},
    {NULL, 0, NULL, 0, "What to show:", 3},
    {"top", KEY_TOP, "N", 0, "How many flows (10)", 0},
    {"sort", KEY_SORT, "KEY", 0,
     "worst, retransmissions, loss, stall, rtt, bytes, packets or start (worst)", 0},
    {"interval", KEY_INTERVAL, "TIME", 0, "Print rates this often", 0},
    {NULL, 0, NULL, 0, "Output:", 4},
    {"format", 'f', "FORMAT", 0, "text, json, jsonl or csv (text)", 0},
    {"json", COMMON_KEY_JSON, NULL, 0, "One JSON document", 0},
    {"jsonl", COMMON_KEY_JSONL, NULL, 0, "One JSON line per event, then a summary", 0},
    {"output", 'o', "FILE", 0, "Write the report to a file", 0},
    {"write", COMMON_KEY_WRITE, "FILE", 0, "Save the packets of flows with findings as pcapng", 0},
    {"color", COMMON_KEY_COLOR, "WHEN", 0, "auto, always or never (auto; NO_COLOR is honoured)", 0},
    {"quiet", 'q', NULL, 0, "No notes, no progress", 0},
    {"verbose", 'v', NULL, 0, "Details of all flows shown; say more on standard error", 0},
    {NULL, 0, NULL, 0, "Privileges:", 5},
    {"no-sandbox", COMMON_KEY_NO_SANDBOX, NULL, 0, "Keep privileges and install no sandbox", 0},
    {"sandbox-strict", COMMON_KEY_SANDBOX_STRICT, NULL, 0,
     "Fail where a part of the sandbox is missing", 0},
    {NULL, 0, NULL, 0, "Help:", 6},
    COMMON_ROWS_HELP,
    {0},
};

/* --- input ------------------------------------------------------------------------------------ */

static int flows_options_file(struct flows_options *o, const char *value, char *error)
{
    for (size_t i = 0; i < o->nfiles; i++) {
        if (!strcmp(value, "-") && !strcmp(o->files[i], "-")) {
            options_refuse(error, "file", value, "was given twice");
            return -EINVAL;
        }
    }
    if (o->nfiles == FLOWS_INPUTS_MAX) {
        options_refuse(error, "file", value, "is one more than can be merged (1024)");
        return -EINVAL;
    }
    o->files[o->nfiles++] = value;
    return 0;
}

static int flows_options_no_memory(char *error)
{
    snprintf(error, OPTIONS_ERROR_SIZE, "out of memory");
    return -ENOMEM;
}

static int flows_options_interface(struct flows_options *o, const char *name, size_t len,
                                   char *error)
{
    char *copy = strndup(name, len);

    if (!copy)
        return flows_options_no_memory(error);
    if (!strcmp(copy, "any")) {
        o->any = true;
        free(copy);
        return 0;
    }
    if (!len || o->ninterfaces == TAP_INTERFACES_MAX) {
        options_refuse(error, "interface", copy, len ? "is one more than 16" : "has no name");
        free(copy);
        return -EINVAL;
    }
    o->interfaces[o->ninterfaces++] = copy;
    return 0;
}

static int flows_options_interfaces(struct flows_options *o, const char *value, char *error)
{
    int err;

    if (!o->interfaces && !(o->interfaces = calloc(TAP_INTERFACES_MAX, sizeof(*o->interfaces))))
        return flows_options_no_memory(error);
    for (;;) {
        size_t len = strcspn(value, ",");

        err = flows_options_interface(o, value, len, error);
        if (err || !value[len])
            return err;
        value += len + 1;
    }
}

/* 1: not one of them. */
static int flows_options_input(struct flows_options *o, int key, const char *value, char *error)
{
    switch (key) {
    case 'i':
        return flows_options_interfaces(o, value, error);
    case 'r':
        return flows_options_file(o, value, error);
    case KEY_PROMISCUOUS:
        o->promiscuous = true;
        return 0;
    case KEY_SNAPLEN:
        return options_number("snaplen", value, FLOWS_SNAPLEN_MIN, FLOWS_SNAPLEN_MAX, &o->snaplen,
                              error);
    case KEY_BUFFER:
        return options_number("buffer", value, 1, FLOWS_BUFFER_MAX, &o->buffer_mib, error);
    case KEY_WORKERS:
        return options_number("workers", value, 1, FLOWS_WORKERS_MAX, &o->workers, error);
    default:
        return 1;
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

static int flows_options_sort(struct flows_options *o, const char *value, char *error)
{
    if (!flow_sort_parse(value, &o->config.sort))
        return 0;
    options_refuse(error, "sort key", value,
                   "is not one of worst, retransmissions, loss, stall, rtt, bytes, packets, start");
    return -EINVAL;
}

static int flows_options_set(void *context, int key, const char *value, char *error)
{
    struct flows_options *o = context;
    int err = flows_options_input(o, key, value, error);

    if (err != 1)
        return err;
    switch (key) {
    case 'c':
        return options_number("count", value, 0, UINT32_MAX, &o->count, error);
    case KEY_MAX_FLOWS:
        return options_number("max flows", value, 1, FLOW_MAX_FLOWS_LIMIT, &o->config.max_flows,
                              error);
    case KEY_TOP:
        return options_number("top", value, 0, FLOWS_TOP_MAX, &o->config.top, error);
    case KEY_SORT:
        return flows_options_sort(o, value, error);
    case KEY_INTERVAL:
        return options_duration("interval", value, NS_PER_MS, FLOWS_INTERVAL_MAX_NS,
                                &o->interval_ns, error);
    default:
        err = common_options_set(&o->common, key, value, error);
        return err == 1 ? 0 : err;
    }
}

/* As tcpdump does: the filter may be one argument or many. */
static int flows_options_join(struct flows_options *o)
{
    size_t len = 1;
    char *at;

    for (size_t i = 0; i < o->common.ntargets; i++)
        len += strlen(o->common.targets[i]) + 1;
    o->filter = at = malloc(len);
    if (!at)
        return -ENOMEM;
    for (size_t i = 0; i < o->common.ntargets; i++) {
        at = stpcpy(at, i ? " " : "");
        at = stpcpy(at, o->common.targets[i]);
    }
    *at = '\0';
    return 0;
}

static uint32_t flows_options_processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

    return count < 1 ? 1 : count > FLOWS_WORKERS_MAX ? FLOWS_WORKERS_MAX : (uint32_t)count;
}

static const char *flows_options_problem(const struct flows_options *o)
{
    bool live = o->any || o->ninterfaces;

    if (live && o->nfiles)
        return "--interface and --read exclude each other";
    if (o->any && o->ninterfaces)
        return "interface any holds all the others";
    if (o->any && o->promiscuous)
        return "--promiscuous needs an interface by its name";
    if (o->nfiles && o->promiscuous)
        return "--promiscuous is for live captures";
    if (o->nfiles && o->workers > 1 && (o->count || o->interval_ns || o->common.record))
        return "--count, --interval and --write of a file need its packets in order: one worker";
    return NULL;
}

static bool flows_options_is_same(const char *read, const char *written)
{
    struct stat a, b;

    if (!written || stat(written, &b) || !S_ISREG(b.st_mode))
        return false;
    return !(strcmp(read, "-") ? stat(read, &a) : fstat(STDIN_FILENO, &a)) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Opening a file for writing empties it: before that is when to look. */
static int flows_options_spare_input(const struct flows_options *o, char *error)
{
    const char *written[] = {o->common.output, o->common.record};

    for (size_t i = 0; i < 2 * o->nfiles; i++) {
        if (!flows_options_is_same(o->files[i / 2], written[i % 2]))
            continue;
        options_refuse(error, i % 2 ? "recording" : "output file", written[i % 2],
                       "is a capture file that is to be read");
        return -EINVAL;
    }
    return 0;
}

const struct options flows_command_options = {
    .command = "flows",
    .arguments = "[FILTER...]",
    .summary = "Find retransmissions, resets and stalls in TCP flows, live or from a file.",
    .rows = flows_rows,
    .set = flows_options_set,
};

int flows_options_parse(struct flows_options *options, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE])
{
    static const char *const formats[] = {"text", "json", "jsonl", "csv", NULL};
    const char *problem;
    int err;

    *options = (struct flows_options){.snaplen = FLOWS_SNAPLEN_DEFAULT,
                                      .buffer_mib = FLOWS_BUFFER_DEFAULT,
                                      .common.formats = formats};
    flows_config_default(&options->config);
    options->config.top = FLOWS_TOP_DEFAULT;
    err =
        common_options_parse(&flows_command_options, argc, argv, options, &options->common, error);
    if (options->common.help || options->common.version)
        return 0;
    if (err)
        return err;
    problem = flows_options_problem(options);
    if (!problem && flows_options_join(options))
        problem = "out of memory";
    if (problem)
        snprintf(error, OPTIONS_ERROR_SIZE, "%s", problem);
    options->any = !options->nfiles && !options->ninterfaces;
    if (!options->workers)
        options->workers = options->nfiles ? 1 : flows_options_processors();
    return problem ? -EINVAL : flows_options_spare_input(options, error);
}

void flows_options_release(struct flows_options *options)
{
    for (size_t i = 0; i < options->ninterfaces; i++)
        free(options->interfaces[i]);
    free(options->interfaces);
    free(options->filter);
}
