/* netdx trace: the path to targets, its loss and round-trip times. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "io/record.h"
#include "tools/netdx.h"
#include "tools/trace_run.h"

/* Source ports of the traces: below them the kernel chooses its own (ip_local_port_range). */
#define TRACE_SOURCE_PORT_FIRST 61000
#define TRACE_SOURCE_PORTS      3000

#define TRACE_TARGETS_MAX 1000000

struct trace_targets {
    char **text; /* argv's first, then borrowed from `file` */
    size_t count, size;
    char *file; /* owned: what was read, lines terminated */
};

static int trace_targets_add(struct trace_targets *targets, char *text)
{
    if (targets->count == targets->size) {
        size_t size = targets->size ? 2 * targets->size : 16;
        char **grown = reallocarray(targets->text, size, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        targets->text = grown;
        targets->size = size;
    }
    if (targets->count == TRACE_TARGETS_MAX)
        return -E2BIG;
    targets->text[targets->count++] = text;
    return 0;
}

/* One target a line; blanks around it and what follows '#' do not count. */
static int trace_targets_split(struct trace_targets *targets)
{
    char *next = targets->file, *line;
    int err = 0;

    while (!err && (line = strsep(&next, "\n"))) {
        line += strspn(line, " \t\r");
        line[strcspn(line, " \t\r#")] = '\0';
        if (*line)
            err = trace_targets_add(targets, line);
    }
    return err;
}

static int trace_targets_read(struct trace_targets *targets, const char *path)
{
    FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
    size_t size = 0;
    ssize_t len;
    int err = 0;

    if (!in)
        return -errno;
    errno = 0;
    len = getdelim(&targets->file, &size, '\0', in);
    if (len < 0 && ferror(in))
        err = -(errno ? errno : EIO);
    else if (len > 0 && !targets->file[len - 1])
        err = -EILSEQ; /* a NUL byte: this is no text */
    if (in != stdin)
        fclose(in);
    return err || len < 0 ? err : trace_targets_split(targets);
}

static int trace_targets_fail(struct trace_failure *failure, const char *path, int err)
{
    char complaint[128];

    snprintf(complaint, sizeof(complaint), "cannot be read: %s",
             err == -EILSEQ ? "it holds a NUL byte" : strerror(-err));
    options_refuse(failure->message, "list of targets", path, err ? complaint : "is empty");
    failure->code = err ? "file.open" : "usage";
    failure->status = EXIT_UNKNOWN;
    return err ? err : -EINVAL;
}

static int trace_targets_collect(struct trace_targets *targets, const struct trace_options *options,
                                 struct trace_failure *failure)
{
    int err = 0;

    for (size_t i = 0; i < options->ntargets && !err; i++)
        err = trace_targets_add(targets, options->targets[i]);
    if (!err && options->targets_file)
        err = trace_targets_read(targets, options->targets_file);
    if (!err && targets->count)
        return 0;
    return trace_targets_fail(failure, options->targets_file ? options->targets_file : "", err);
}

static void trace_targets_release(struct trace_targets *targets)
{
    free(targets->text);
    free(targets->file);
}

/* One port for all traces, so that one filter holds them; multipath counts up from it. */
static void trace_choose_source_port(struct trace_config *config)
{
    uint16_t random = 0;

    if (config->source_port || config->protocol == PROBE_ICMP)
        return;
    if (getrandom(&random, sizeof(random), 0) < 0)
        random = 0;
    config->source_port = (uint16_t)(TRACE_SOURCE_PORT_FIRST + random % TRACE_SOURCE_PORTS);
}

/* jansson would open /dev/urandom, which the sandbox forbids by then. */
static void trace_seed_json(void)
{
    size_t seed = 0;

    if (getrandom(&seed, sizeof(seed), 0) < 0)
        seed = (size_t)&seed;
    json_object_seed(seed ? seed : 1);
}

static void trace_fail(struct trace_output *output, const struct trace_failure *failure)
{
    fprintf(stderr, "netdx trace: %s\n", failure->message);
    trace_output_failure(output, failure->code, failure->message);
}

/* What was promised and could not be written is an error, except to a reader who has left. */
static int trace_finish(struct trace_output *output, struct trace_session *session, int status,
                        int64_t elapsed_ns)
{
    int recorded = session->recording ? record_error(session->io) : 0;
    bool interrupted = status > 128;
    int err = trace_output_close(output, elapsed_ns, interrupted, NULL, NULL);

    if (err == -EPIPE)
        return 128 + SIGPIPE;
    if (err) {
        fprintf(stderr, "netdx trace: writing the report failed: %s\n", strerror(-err));
        return EXIT_UNKNOWN;
    }
    if (recorded) {
        fprintf(stderr, "netdx trace: writing the recording failed: %s\n", strerror(-recorded));
        return EXIT_UNKNOWN;
    }
    return status;
}

static int trace_with_output(struct trace_options *options, struct trace_targets *targets,
                             struct trace_output *output)
{
    struct trace_failure failure = {0};
    struct trace_session session = {0};
    int64_t elapsed_ns = 0;
    int status;

    trace_choose_source_port(&options->config);
    if (trace_session_open(&session, options, &failure)) {
        trace_fail(output, &failure);
        output->many = false; /* the document has been written */
        status = failure.status;
    } else {
        int64_t start_ns = netio_now(session.io);

        status = trace_run(&session, output, targets->text, targets->count);
        if (status < 0) {
            status = EXIT_UNKNOWN;
            failure = (struct trace_failure){"memory", EXIT_UNKNOWN, "out of memory"};
            trace_fail(output, &failure);
            output->many = false;
        }
        elapsed_ns = netio_now(session.io) - start_ns;
    }
    status = trace_finish(output, &session, status, elapsed_ns);
    trace_session_close(&session);
    return status;
}

static int trace_usage(const struct trace_options *options, const struct trace_failure *failure)
{
    struct trace_output output = {.options = options, .file = stdout};

    trace_fail(&output, failure);
    if (options->format == TRACE_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx trace: netdx trace -h lists the options\n", stderr);
    return EXIT_UNKNOWN;
}

int trace_main(int argc, char **argv)
{
    struct trace_failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct trace_targets targets = {0};
    struct trace_options options;
    struct trace_output output;
    int status;

    trace_seed_json();
    if (trace_options_parse(&options, argc, argv, failure.message))
        return trace_usage(&options, &failure);
    if (options.help)
        options_help(&trace_command_options, stdout);
    if (options.version && !options.help)
        puts("netdx trace " NETDX_VERSION);
    if (options.help || options.version)
        return EXIT_FINE;
    if (trace_targets_collect(&targets, &options, &failure)) {
        status = trace_usage(&options, &failure);
    } else if (trace_output_open(&output, &options, targets.count > 1, failure.message)) {
        failure.code = "file.open";
        status = trace_usage(&options, &failure);
    } else {
        status = trace_with_output(&options, &targets, &output);
    }
    trace_targets_release(&targets);
    return status;
}
