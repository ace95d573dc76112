/* netdx banner: what a service says of itself, or the exact kind of failure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/banner_output.h"
#include "tools/banner_request.h"
#include "tools/fingerprints.h"
#include "tools/netdx.h"
#include "tools/service_context.h"
#include "tools/service_run.h"

#define BANNER_FEW 16

static void banner_fail(struct banner_output *output, const struct failure *failure)
{
    fprintf(stderr, "netdx banner: %s\n", failure->message);
    banner_output_failure(output, failure);
}

static int banner_report(void *context, uint64_t number, const struct service_job *job)
{
    struct banner_output *output = context;
    struct report_banner report;

    service_job_report(job, &report);
    banner_output_report(output, number, &report);
    return output->base.error;
}

static uint64_t banner_room(void *context)
{
    const struct banner_output *output = context;

    if (output->request->common.format == FORMAT_JSONL)
        return UINT64_MAX; /* a line waits for none before it */
    return output->next + BANNER_WINDOW;
}

static int64_t banner_progress(void *context, uint64_t done, uint64_t total, int64_t now_ns)
{
    return banner_output_progress(context, done, total, now_ns);
}

static int banner_run(const struct service_context *context, struct banner_output *output,
                      const struct target_list *list)
{
    const struct service_sink sink = {
        .context = output,
        .report = banner_report,
        /* Lines of JSON wait for nothing. */
        .room = context->request->common.format == FORMAT_JSONL ? NULL : banner_room,
        .progress = banner_progress,
    };
    int64_t start_unix_ns = netio_to_unix(context->session->io, netio_now(context->session->io));
    struct service_capture_counts counts = {0};
    struct service_run_facts facts = {0};
    int status;

    banner_output_begin(output, start_unix_ns);
    status = service_run(context, &sink, list, &facts);
    bool captures = service_capture_counts(context->wire, &counts);
    banner_output_end(output, &(struct report_banner_run){
                                  .start_unix_ns = start_unix_ns,
                                  .elapsed_ns = facts.elapsed_ns,
                                  .privilege = service_capture_privilege(context->wire),
                                  .captures = captures,
                                  .capture_dropped = counts.dropped,
                                  .interrupted = facts.interrupted,
                                  .answered = output->answered,
                                  .failed = output->failed,
                              });
    return status;
}

/* What is missing of what was captured. Returns the exit status, which a file cut short changes. */
static int banner_end_capture(const struct service_context *context, int status)
{
    const struct service_options *o = context->request;
    struct service_capture_counts counts;
    int err = service_capture_save_error(context->wire);

    if (service_capture_counts(context->wire, &counts) && !o->common.quiet) {
        if (counts.dropped)
            fprintf(stderr,
                    "netdx banner: note: the capture lost %llu packets: what the wire shows may "
                    "be incomplete\n",
                    (unsigned long long)counts.dropped);
        if (counts.cut)
            fprintf(stderr,
                    "netdx banner: note: only the latest packets of %llu failing connections "
                    "were saved\n",
                    (unsigned long long)counts.cut);
    }
    if (!err)
        return status;
    fprintf(stderr, "netdx banner: capture file \"%s\" cannot be written: %s\n", o->save,
            strerror(-err));
    return status < EXIT_UNKNOWN ? EXIT_UNKNOWN : status;
}

static int banner_with_output(const struct service_options *request, const struct target_list *list,
                              struct banner_output *output)
{
    struct service_context context = {0};
    struct session session = {0};
    struct failure failure = {0};
    int status;

    if (service_context_open(&context, &session, "banner", request, &failure)) {
        status = failure.status;
        banner_fail(output, &failure);
    } else {
        status = banner_end_capture(&context, banner_run(&context, output, list));
    }
    service_context_close(&context);
    status = output_close(&output->base, "banner", 0, status);
    banner_output_release(output);
    return status;
}

static int banner_usage(const struct banner_request *request, const struct failure *failure)
{
    struct banner_output *output = calloc(1, sizeof(*output));

    if (!output)
        return EXIT_UNKNOWN;
    output->request = &request->options;
    output->base = output_standard(&request->options.common);
    banner_fail(output, failure);
    if (request->options.common.format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx banner: netdx banner -h lists the options\n", stderr);
    free(output);
    return EXIT_UNKNOWN;
}

/* What a quick start counts for more in than speed: no network, and few names. */
static bool banner_is_few(const struct service_options *options, const struct target_list *list)
{
    if (list->count * options->ports.count > BANNER_FEW)
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (strchr(list->items[i].text, '/') && !strstr(list->items[i].text, "://"))
            return false;
    return true;
}

static int banner_with_request(struct banner_request *request)
{
    struct banner_output *output = calloc(1, sizeof(*output));
    struct failure failure = {0};
    struct target_list list = {0};
    int status;

    if (!output)
        return EXIT_UNKNOWN;
    int err = target_list_collect(&list, &request->options.common, &failure);

    request->options.few = banner_is_few(&request->options, &list);
    if (err || banner_output_open(output, &request->options, &failure))
        status = banner_usage(request, &failure);
    else
        status = banner_with_output(&request->options, &list, output);
    target_list_release(&list);
    free(output);
    return status;
}

/* As `netdx version identify` does it. */
static int banner_identify_main(struct banner_request *request)
{
    struct failure failure = {.code = "file.open", .status = EXIT_UNKNOWN};
    int status;

    if (request->options.fingerprints &&
        fingerprints_load(request->options.fingerprints, "banner", &request->identify.fingerprints,
                          failure.message))
        return banner_usage(request, &failure);
    status = identify_run(&request->identify, STDIN_FILENO, stdout, "banner");
    version_fingerprints_free(request->identify.fingerprints);
    return status;
}

int banner_main(int argc, char **argv)
{
    struct failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct banner_request request;
    int status;

    output_seed_json();
    if (banner_request_parse(&request, argc, argv, failure.message))
        status = banner_usage(&request, &failure);
    else if (common_options_answer(&request.options.common, &banner_command_options))
        status = EXIT_FINE;
    else if (request.identifies)
        status = banner_identify_main(&request);
    else
        status = banner_with_request(&request);
    service_options_release(&request.options);
    return status;
}
