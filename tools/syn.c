/* netdx syn: TCP handshakes timed, and what SYN-ACKs give away. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/timespan.h"
#include "tools/filter.h"
#include "tools/netdx.h"
#include "tools/syn_many.h"
#include "tools/syn_ranges.h"
#include "tools/syn_run.h"
#include "tools/syn_sweep.h"

/* Source ports of timed SYNs: below them the kernel chooses its own (ip_local_port_range). */
#define SYN_SOURCE_PORT_FIRST 61000
#define SYN_SOURCE_PORTS      4000

/* One range for all targets, so that one filter holds them. A sweep chooses its own. */
static void syn_choose_source_ports(struct syn_config *config)
{
    uint16_t random = 0;

    if (config->source_port)
        return;
    if (getrandom(&random, sizeof(random), 0) < 0)
        random = 0;
    config->source_port =
        (uint16_t)(SYN_SOURCE_PORT_FIRST + random % (SYN_SOURCE_PORTS - config->source_ports));
}

static void syn_filter(const struct syn_request *request, char out[FILTER_SIZE])
{
    const struct syn_config *config = &request->config;
    char icmp[512];

    filter_icmp(request->common.family, config->reference, icmp, sizeof(icmp));
    snprintf(out, FILTER_SIZE, "%s or (tcp portrange %u-%u)", icmp, config->source_port,
             config->source_port + config->source_ports - 1u);
}

static void syn_fail(struct syn_output *output, const struct failure *failure)
{
    fprintf(stderr, "netdx syn: %s\n", failure->message);
    syn_output_failure(output, failure);
}

/* Ordinary sockets send what the kernel likes, and see neither SYN-ACK nor reset. */
static void syn_without_raw(const struct syn_request *request, struct syn_config *config)
{
    config->reference = false;
    config->compare = false;
    config->options = SYN_OPTIONS_LINUX;
    config->ecn = SYN_ECN_OFF;
    config->reset_after_ns = TIME_NEVER;
    if (request->raw_wanted && !request->common.quiet)
        fputs("netdx syn: note: --options, --ecn and --syn-profile need CAP_NET_RAW and are left "
              "out\n",
              stderr);
}

static int syn_time(struct session *session, struct syn_output *output,
                    const struct syn_request *request, const struct target_list *list,
                    struct failure *failure)
{
    struct syn_config config = request->config;
    char filter[FILTER_SIZE];
    int err = session_open(session, "syn", &request->common, NULL, failure);

    syn_filter(request, filter);
    if (!err)
        err = session_seal(session, filter, failure);
    if (err)
        return failure->status;
    if (!session->raw)
        syn_without_raw(request, &config);
    return syn_run(session, output, &config, list);
}

static int syn_sweep(struct session *session, struct syn_output *output,
                     const struct syn_request *request, const struct target_list *list,
                     struct failure *failure)
{
    struct raw_options capture = {0};
    int err;

    if ((request->count_chosen || request->raw_wanted) && !request->common.quiet)
        fputs("netdx syn: note: so many targets are swept, with one bare SYN each\n", stderr);
    syn_sweep_raw_options(request->config.rate_pps, &capture);
    err = session_open(session, "syn", &request->common, &capture, failure);
    if (!err)
        err = session_seal(session, NULL, failure);
    if (err)
        return failure->status;
    return syn_many_run(session, output, &request->config, list);
}

static int syn_with_output(struct syn_request *request, const struct target_list *list,
                           const struct syn_plan *plan, struct syn_output *output)
{
    struct failure failure = {0};
    struct session session = {0};
    int status;

    if (plan->sweep) {
        request->common.way = WAY_RAW;
        status = syn_sweep(&session, output, request, list, &failure);
    } else {
        syn_choose_source_ports(&request->config);
        status = syn_time(&session, output, request, list, &failure);
    }
    if (failure.code)
        syn_fail(output, &failure);
    status = output_close(&output->base, "syn", session_record_error(&session), status);
    session_close(&session);
    return status;
}

static int syn_usage(const struct syn_request *request, const struct failure *failure)
{
    struct syn_output output = {.request = request, .base = output_standard(&request->common)};

    syn_fail(&output, failure);
    if (request->common.format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx syn: netdx syn -h lists the options\n", stderr);
    return EXIT_UNKNOWN;
}

static int syn_with_request(struct syn_request *request)
{
    struct failure failure = {0};
    struct target_list list = {0};
    struct syn_output output;
    struct syn_plan plan;
    int status;

    if (target_list_collect(&list, &request->common, &failure) ||
        syn_plan_make(request, &list, &plan, &failure) ||
        syn_output_open(&output, request, &failure))
        status = syn_usage(request, &failure);
    else
        status = syn_with_output(request, &list, &plan, &output);
    target_list_release(&list);
    return status;
}

int syn_main(int argc, char **argv)
{
    struct failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct syn_request request;
    int status = EXIT_FINE;

    output_seed_json();
    if (syn_request_parse(&request, argc, argv, failure.message))
        status = syn_usage(&request, &failure);
    else if (!common_options_answer(&request.common, &syn_command_options))
        status = syn_with_request(&request);
    syn_request_release(&request);
    return status;
}
