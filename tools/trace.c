/* netdx trace: the path to targets, its loss and round-trip times. */
#include <string.h>
#include <sys/random.h>

#include "tools/netdx.h"
#include "tools/trace_run.h"

/* Source ports of the traces: below them the kernel chooses its own (ip_local_port_range). */
#define TRACE_SOURCE_PORT_FIRST 61000
#define TRACE_SOURCE_PORTS      3000

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

static void trace_fail(struct trace_output *output, const struct failure *failure)
{
    fprintf(stderr, "netdx trace: %s\n", failure->message);
    trace_output_failure(output, failure->code, failure->message);
}

static int trace_with_output(struct trace_options *options, const struct target_list *targets,
                             struct trace_output *output)
{
    struct failure failure = {0};
    struct trace_session session = {0};
    int status;

    trace_choose_source_port(&options->config);
    if (trace_session_open(&session, options, &failure)) {
        trace_fail(output, &failure);
        status = failure.status;
    } else {
        int64_t start_ns = netio_now(session.base.io);

        status = trace_run(&session, output, targets);
        if (status == -ENOMEM) {
            failure_set(&failure, status, "memory", "cannot start", "out of memory");
            trace_fail(output, &failure);
            status = EXIT_UNKNOWN;
        } else {
            trace_output_end(output, netio_now(session.base.io) - start_ns, status > 128);
        }
    }
    status = output_close(&output->base, "trace", session_record_error(&session.base), status);
    trace_session_close(&session);
    return status;
}

static int trace_usage(const struct trace_options *options, const struct failure *failure)
{
    struct trace_output output = {.options = options, .base = output_standard(&options->common)};

    trace_fail(&output, failure);
    if (options->common.format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx trace: netdx trace -h lists the options\n", stderr);
    return EXIT_UNKNOWN;
}

int trace_main(int argc, char **argv)
{
    struct failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct target_list targets = {0};
    struct trace_options options;
    struct trace_output output;
    int status;

    output_seed_json();
    if (trace_options_parse(&options, argc, argv, failure.message))
        return trace_usage(&options, &failure);
    if (common_options_answer(&options.common, &trace_command_options))
        return EXIT_FINE;
    if (target_list_collect(&targets, &options.common, &failure) ||
        trace_output_open(&output, &options, targets.count > 1, &failure))
        status = trace_usage(&options, &failure);
    else
        status = trace_with_output(&options, &targets, &output);
    target_list_release(&targets);
    return status;
}
