/* netdx banner: what a service says of itself, or the exact kind of failure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/banner_run.h"
#include "tools/fingerprints.h"
#include "tools/netdx.h"

static void banner_fail(struct banner_output *output, const struct failure *failure)
{
    fprintf(stderr, "netdx banner: %s\n", failure->message);
    banner_output_failure(output, failure);
}

/* Everything that is read from files, before the privileges go. */
static int banner_load(struct banner_context *context, struct failure *failure)
{
    const struct banner_request *r = context->request;
    const struct tls_context_options options = {.ca_file = r->ca_file, .crl_file = r->crl_file};
    char error[IO_ERROR_SIZE];
    int err = tls_context_new(&options, &context->tls, error);

    if (err)
        return failure_set(failure, err, "file.open", "cannot set up TLS", error);
    if (r->fingerprints)
        err =
            fingerprints_load(r->fingerprints, "banner", &context->fingerprints, failure->message);
    if (err) {
        failure->code = "file.open";
        failure->status = EXIT_UNKNOWN;
    }
    return err;
}

/* Answers are to come from the targets themselves. */
static void banner_note_proxies(const struct banner_request *request)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};

    for (size_t i = 0; request->common.verbose && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = secure_getenv(names[i]);

        if (value && *value)
            fprintf(stderr, "netdx banner: note: the proxy in %s is not used\n", names[i]);
    }
}

static int banner_ask(struct banner_context *context, struct banner_output *output,
                      const struct target_list *list, struct failure *failure)
{
    struct common_options common = context->request->common;
    struct session session = {0};
    int status, err;

    common.way = WAY_NONE; /* the kernel's own connections are enough */
    err = session_open(&session, "banner", &common, NULL, failure);
    context->session = &session;
    banner_note_proxies(context->request);
    if (!err)
        err = banner_load(context, failure);
    if (!err)
        err = session_seal(&session, NULL, failure);
    status = err ? failure->status : banner_run(context, output, list);
    session_close(&session);
    return status;
}

static int banner_with_output(const struct banner_request *request, const struct target_list *list,
                              struct banner_output *output)
{
    struct banner_context context = {.request = request};
    struct failure failure = {0};
    int status = banner_ask(&context, output, list, &failure);

    if (failure.code)
        banner_fail(output, &failure);
    tls_context_free(context.tls);
    version_fingerprints_free(context.fingerprints);
    status = output_close(&output->base, "banner", 0, status);
    banner_output_release(output);
    return status;
}

static int banner_usage(const struct banner_request *request, const struct failure *failure)
{
    struct banner_output *output = calloc(1, sizeof(*output));

    if (!output)
        return EXIT_UNKNOWN;
    output->request = request;
    output->base = output_standard(&request->common);
    banner_fail(output, failure);
    if (request->common.format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx banner: netdx banner -h lists the options\n", stderr);
    free(output);
    return EXIT_UNKNOWN;
}

static int banner_with_request(struct banner_request *request)
{
    struct banner_output *output = calloc(1, sizeof(*output));
    struct failure failure = {0};
    struct target_list list = {0};
    int status;

    if (!output)
        return EXIT_UNKNOWN;
    if (target_list_collect(&list, &request->common, &failure) ||
        banner_output_open(output, request, &failure))
        status = banner_usage(request, &failure);
    else
        status = banner_with_output(request, &list, output);
    target_list_release(&list);
    free(output);
    return status;
}

/* As `netdx version identify` does it. */
static int banner_identify_main(struct banner_request *request)
{
    struct failure failure = {.code = "file.open", .status = EXIT_UNKNOWN};
    int status;

    if (request->fingerprints &&
        fingerprints_load(request->fingerprints, "banner", &request->identify.fingerprints,
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
    else if (common_options_answer(&request.common, &banner_command_options))
        status = EXIT_FINE;
    else if (request.identifies)
        status = banner_identify_main(&request);
    else
        status = banner_with_request(&request);
    banner_request_release(&request);
    return status;
}
