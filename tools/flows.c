/* netdx flows: retransmissions, resets and stalls in live traffic or a capture file. */
#include <errno.h>
#include <string.h>

#include "tools/flows_run.h"
#include "tools/netdx.h"

#define FLOWS_SAVE_BYTES ((size_t)128 << 20) /* of packets whose flows have not ended */

static void flows_fail(struct flows_output *output, const struct failure *failure)
{
    fprintf(stderr, "netdx flows: %s\n", failure->message);
    flows_output_failure(output, failure->code, failure->message);
}

static int flows_open_save(struct flows_run *run, struct failure *failure)
{
    const char *path = run->options->common.record;
    char complaint[128];
    int err = path ? flows_save_new(path, FLOWS_SAVE_BYTES, &run->save) : 0;

    if (!err)
        return 0;
    snprintf(complaint, sizeof(complaint), "cannot be written: %s", strerror(-err));
    return failure_refuse(failure, err, "file.open", "recording", path, complaint);
}

static int flows_drop(const struct flows_options *options, struct failure *failure)
{
    struct privilege_state p;
    int err = privilege_drop(options->common.sandbox, &p);

    if (err)
        return failure_set(failure, err, "sandbox", "cannot give privileges away", strerror(-err));
    if (options->common.verbose > 1)
        fprintf(stderr,
                "netdx flows: no_new_privs %d, bounding set empty %d, user switched %d, "
                "capabilities empty %d, landlock %d, seccomp %d\n",
                p.no_new_privs, p.bounding_dropped, p.user_switched, p.capabilities_empty,
                p.landlock, p.seccomp);
    return 0;
}

/* What needs privilege or a file, then the way down, and only then the first byte. */
static int flows_open(struct flows_run *run, struct failure *failure)
{
    int err = loop_new(&run->loop);

    if (!err)
        err = loop_catch_signals(run->loop);
    if (err)
        return failure_set(failure, err, "memory", "cannot start", strerror(-err));
    err = flows_input_open(run->input, run->options, failure);
    if (!err)
        err = flows_open_save(run, failure);
    if (!err)
        err = flows_drop(run->options, failure);
    if (!err)
        err = flows_input_start(run->input, failure);
    return err;
}

static int flows_with_output(const struct flows_options *options, struct flows_output *output)
{
    struct failure failure = {0};
    struct flows_input input = {.stop_fd = -1};
    struct flows_run run = {.options = options, .input = &input, .output = output};
    int status, saved = 0;

    if (flows_open(&run, &failure)) {
        flows_fail(output, &failure);
        status = failure.status;
    } else {
        status = flows_run(&run);
        saved = run.save ? flows_save_finish(run.save) : 0;
    }
    status = output_close(&output->base, "flows", saved, status);
    if (run.hangs)
        return status;
    flows_save_free(run.save);
    flows_input_close(&input);
    loop_free(run.loop);
    return status;
}

static int flows_usage(const struct flows_options *options, const struct failure *failure)
{
    struct flows_output output = {.options = options, .base = output_standard(&options->common)};

    pthread_mutex_init(&output.lock, NULL);
    flows_fail(&output, failure);
    if (options->common.format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx flows: netdx flows -h lists the options\n", stderr);
    return EXIT_UNKNOWN;
}

int flows_main(int argc, char **argv)
{
    struct failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct flows_options options;
    struct flows_output output;
    int status = EXIT_FINE;

    output_seed_json();
    if (flows_options_parse(&options, argc, argv, failure.message))
        status = flows_usage(&options, &failure);
    else if (common_options_answer(&options.common, &flows_command_options))
        status = EXIT_FINE;
    else if (flows_output_open(&output, &options, &failure))
        status = flows_usage(&options, &failure);
    else
        status = flows_with_output(&options, &output);
    flows_options_release(&options);
    return status;
}
