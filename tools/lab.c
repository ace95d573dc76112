#include "tools/lab.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/timespan.h"
#include "tools/netdx.h"
#include "tools/scenarios.h"

enum { OPTION_LIST = OPTIONS_LONG_ONLY, OPTION_SHOW, OPTION_CHECK, OPTION_SEED, OPTION_LOG };
enum { OPTION_CAPTURE_CLIENT = OPTION_LOG + 1, OPTION_CAPTURE_SERVER };

struct lab_options {
    bool help, list;
    int verbose;
    const char *show, *check, *log; /* all strings are borrowed from argv */
    const char *capture[2];         /* by enum netsim_side */
    const char *scenario;
    char **command; /* NULL-terminated */
    bool shell;     /* no command was given */
    uint32_t seed;
};

static const struct argp_option lab_rows[] = {
    {"list", OPTION_LIST, NULL, 0, "List the built-in scenarios", 0},
    {"show", OPTION_SHOW, "NAME", 0, "Print a built-in scenario", 0},
    {"check", OPTION_CHECK, "FILE", 0, "Read a scenario file and say what is wrong with it", 0},
    {"seed", OPTION_SEED, "N", 0, "What happens by chance follows from N (1)", 0},
    {"log", OPTION_LOG, "FILE", 0, "Write what happened to each packet, as lines of JSON", 0},
    {"capture-client", OPTION_CAPTURE_CLIENT, "FILE", 0,
     "Write what the client sends and receives (pcapng)", 0},
    {"capture-server", OPTION_CAPTURE_SERVER, "FILE", 0,
     "Write what the server sends and receives (pcapng)", 0},
    {"verbose", 'v', NULL, 0, "Say what the lab does, and how exactly it kept time", 0},
    {"help", 'h', NULL, 0, "Print this help", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int lab_set(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE])
{
    struct lab_options *options = context;

    switch (key) {
    case OPTION_LIST:
        options->list = true;
        break;
    case OPTION_SHOW:
        options->show = value;
        break;
    case OPTION_CHECK:
        options->check = value;
        break;
    case OPTION_SEED:
        return options_number("seed", value, 0, UINT32_MAX, &options->seed, error);
    case OPTION_LOG:
        options->log = value;
        break;
    case OPTION_CAPTURE_CLIENT:
        options->capture[NETSIM_CLIENT] = value;
        break;
    case OPTION_CAPTURE_SERVER:
        options->capture[NETSIM_SERVER] = value;
        break;
    case 'v':
        options->verbose++;
        break;
    case 'h':
        options->help = true;
        break;
    }
    return 0;
}

const struct options lab_command_options = {
    .command = "lab",
    .arguments = "SCENARIO [-- COMMAND...]",
    .summary = "Play a network in private namespaces and run a command in it.",
    .rows = lab_rows,
    .set = lab_set,
};

/* argv as options_parse leaves it: options, "--" where it stood, then the arguments. */
static int lab_arguments(struct lab_options *options, int argc, char **argv, int first,
                         char error[OPTIONS_ERROR_SIZE])
{
    static char shell[] = "/bin/sh";
    static char *shell_argv[] = {shell, NULL};

    if (options->help || options->list || options->show || options->check) {
        if (first == argc)
            return 0;
        options_refuse(error, "unexpected argument", argv[first], "");
        return -EINVAL;
    }
    if (first == argc) {
        snprintf(error, OPTIONS_ERROR_SIZE, "no scenario (netdx lab --list shows them)");
        return -EINVAL;
    }
    options->scenario = argv[first];
    options->shell = first + 1 == argc;
    options->command = options->shell ? shell_argv : argv + first + 1;
    if (!options->shell && strcmp(argv[first - 1], "--")) {
        options_refuse(error, "unexpected argument", argv[first + 1], "(a command follows \"--\")");
        return -EINVAL;
    }
    return 0;
}

static int lab_fail(const char *error)
{
    fprintf(stderr, "netdx lab: %s\n", error);
    return EXIT_UNKNOWN;
}

static int lab_list(void)
{
    char error[LAB_ERROR_SIZE];
    int status = EXIT_FINE;

    for (size_t i = 0; i < nbuiltin_scenarios; i++) {
        struct scenario *scenario = NULL;

        if (lab_load_name(builtin_scenarios[i].name, &scenario, error)) {
            status = lab_fail(error);
            continue;
        }
        printf("%-20s %s\n", builtin_scenarios[i].name, scenario->summary ? scenario->summary : "");
        scenario_free(scenario);
    }
    return status;
}

static int lab_show(const char *name)
{
    const struct builtin_scenario *builtin = lab_load_builtin(name);
    char error[LAB_ERROR_SIZE];

    if (!builtin) {
        options_refuse(error, "unknown scenario", name, "(netdx lab --list shows them)");
        return lab_fail(error);
    }
    fwrite(builtin->yaml, 1, builtin->len, stdout);
    return EXIT_FINE;
}

static int lab_check(const char *path)
{
    struct scenario *scenario = NULL;
    char error[LAB_ERROR_SIZE];

    if (lab_load_file(path, &scenario, error))
        return lab_fail(error);
    scenario_free(scenario);
    return EXIT_FINE;
}

/* All that a running lab holds; every member may be released however far it came. */
struct lab {
    struct lab_place place;
    struct lab_children children;
    struct lab_log log;
    struct lab_capture capture;
    struct lab_run run;
};

static int lab_failed(char error[LAB_ERROR_SIZE], int err, const char *what)
{
    snprintf(error, LAB_ERROR_SIZE, "%s failed: %s", what, strerror(-err));
    return err;
}

static int lab_unwritable(char error[LAB_ERROR_SIZE], int err, const char *what, const char *path)
{
    char complaint[128];

    snprintf(complaint, sizeof(complaint), "cannot be written: %s", strerror(-err));
    options_refuse(error, what, path, complaint);
    return err;
}

/* What is to be written down, before the mounts change. */
static int lab_open_files(struct lab *lab, const struct lab_options *options,
                          char error[LAB_ERROR_SIZE])
{
    int err = options->log ? lab_log_open(&lab->log, options->log) : 0;

    if (err)
        return lab_unwritable(error, err, "log file", options->log);
    lab->log.capture = &lab->capture;
    lab->capture.to_unix_ns = lab_to_unix();
    for (int side = 0; side < 2; side++) {
        if (options->capture[side])
            err = lab_capture_open(&lab->capture, (enum netsim_side)side, options->capture[side]);
        if (err)
            return lab_unwritable(error, err, "capture file", options->capture[side]);
    }
    return 0;
}

/* Everything up to the command, in the order in which a failure costs least. */
static int lab_prepare(struct lab *lab, const struct scenario *scenario,
                       const struct lab_options *options, char error[LAB_ERROR_SIZE])
{
    int err = lab_open_files(lab, options, error);

    if (!err)
        err = lab_place_enter(&lab->place, scenario, error);
    if (err)
        return err;
    err = lab_children_start(&lab->children, &lab->place);
    if (err)
        return lab_failed(error, err, "starting the lab's processes");
    if (setenv("NETDX_LAB", scenario->name ? scenario->name : options->scenario, 1))
        return lab_failed(error, -errno, "setting NETDX_LAB");
    return 0;
}

static int lab_play(struct lab *lab, const struct scenario *scenario,
                    const struct lab_options *options, int *status, char error[LAB_ERROR_SIZE])
{
    struct netsim_options netsim = {.seed = options->seed, .start_ns = lab_now()};
    struct lab_run *run = &lab->run;
    int err = netsim_new(scenario, &netsim, &run->sim);

    if (err)
        return lab_failed(error, err, "making the network");
    if (lab->log.file)
        netsim_set_log(run->sim, lab_log_event, &lab->log);
    run->log = &lab->log;
    run->capture = &lab->capture;
    run->signals = lab->children.signals;
    memcpy(run->tun, lab->place.tun, sizeof(run->tun));
    err = lab_children_command(&lab->children, options->command, options->shell);
    if (err)
        return lab_failed(error, err, "starting the command");
    run->command = lab->children.command;
    err = lab_run(run, status);
    return err ? lab_failed(error, err, "playing the network") : 0;
}

static void lab_say_exactness(struct lab_run *run)
{
    fprintf(stderr, "netdx lab: %" PRIu64 " packets came out, %" PRIu64 " were refused",
            run->packets, run->refused);
    if (run->packets)
        fprintf(stderr, "; late by %.1f us (median), %.1f us (p99), %.1f us (most)",
                quantile_get(&run->late_us, 0.5), quantile_get(&run->late_us, 0.99),
                run->late_us.max);
    fputc('\n', stderr);
}

static int lab_exit_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int lab_stage(const struct scenario *scenario, const struct lab_options *options,
                     char error[LAB_ERROR_SIZE], int *status)
{
    struct lab lab = {.place.tun = {-1, -1}};
    int err = lab_children_init(&lab.children), log_err, capture_err;

    quantile_init(&lab.run.late_us);
    if (err)
        lab_failed(error, err, "preparing signals");
    else
        err = lab_prepare(&lab, scenario, options, error);
    if (!err)
        err = lab_play(&lab, scenario, options, status, error);
    lab_children_release(&lab.children);
    lab_place_release(&lab.place);
    if (!err && options->verbose)
        lab_say_exactness(&lab.run);
    netsim_free(lab.run.sim);
    quantile_release(&lab.run.late_us);
    log_err = lab_log_close(&lab.log);
    if (log_err && !err)
        err = lab_failed(error, log_err, "writing the log");
    capture_err = lab_capture_close(&lab.capture);
    if (capture_err && !err)
        err = lab_failed(error, capture_err, "writing a capture");
    return err;
}

static int lab_perform(const struct lab_options *options)
{
    struct scenario *scenario = NULL;
    char error[LAB_ERROR_SIZE] = "";
    int status = 0;
    int err = lab_load_name(options->scenario, &scenario, error);

    if (err)
        return lab_fail(error);
    if (options->verbose)
        fprintf(stderr, "netdx lab: %s: %s, seed %" PRIu32 "\n", options->scenario,
                scenario->summary ? scenario->summary : "", options->seed);
    lab_kernel_note(&scenario->server, stderr);
    err = lab_stage(scenario, options, error, &status);
    scenario_free(scenario);
    return err ? lab_fail(error) : lab_exit_status(status);
}

int lab_main(int argc, char **argv)
{
    struct lab_options options = {.seed = 1};
    char error[OPTIONS_ERROR_SIZE];
    int first;

    if (options_parse(&lab_command_options, argc, argv, &options, &first, error) ||
        lab_arguments(&options, argc, argv, first, error))
        return lab_fail(error);
    if (options.help)
        options_help(&lab_command_options, stdout);
    else if (options.list)
        return lab_list();
    else if (options.show)
        return lab_show(options.show);
    else if (options.check)
        return lab_check(options.check);
    else
        return lab_perform(&options);
    return EXIT_FINE;
}
