/* netdx check: services as a monitoring system wants to know them. */
#include <string.h>

#include "base/timespan.h"
#include "tools/check_output.h"
#include "tools/check_request.h"
#include "tools/netdx.h"
#include "tools/service_context.h"
#include "tools/service_run.h"

struct check {
    const struct check_request *request;
    struct check_output output;
    struct session session;
};

static int64_t check_unix_ns(const struct check *c)
{
    return netio_to_unix(c->session.io, netio_now(c->session.io));
}

static enum check_level check_level_of(int status)
{
    return status >= EXIT_FINE && status <= EXIT_UNKNOWN ? (enum check_level)status : CHECK_UNKNOWN;
}

static void check_judge_job(const struct check *c, const struct service_job *job,
                            struct report_banner *banner, struct check_verdict *verdict)
{
    service_job_report(job, banner);
    check_judge(&c->request->limits,
                &(struct check_facts){
                    .service = banner->service,
                    .tls = banner->tls,
                    .products = banner->products,
                    .error_code = banner->error_code,
                    .error_message = banner->error_message,
                    .error_level = check_level_of(service_job_status(job)),
                    .redirect_code = banner->redirect_code,
                    .unix_seconds = check_unix_ns(c) / NS_PER_SEC,
                },
                verdict);
}

/* What may be over by the next try: a version or a certificate is not. */
static bool check_fails(const struct service_job *job, const void *judge)
{
    const struct check *c = judge;
    struct report_banner banner;
    const struct http_facts *http;

    service_job_report(job, &banner);
    if (banner.error_code || banner.redirect_code || !banner.service || *banner.service->cause.code)
        return true;
    if (!banner.service->has_http)
        return false;
    http = &banner.service->http;
    return http->status >= 500 && http->status <= CHECK_STATUS_MAX &&
           !c->request->limits.statuses[http->status];
}

static int check_report(void *context, uint64_t number, const struct service_job *job)
{
    struct check *c = context;
    struct report_banner banner;
    struct check_verdict verdict;
    const struct report_check report = {
        .banner = &banner,
        .verdict = &verdict,
        .limits = &c->request->limits,
        .cert_days = c->request->options.cert_days,
        .tries = service_job_tries(job),
    };

    check_judge_job(c, job, &banner, &verdict);
    check_output_report(&c->output, number, &report);
    return c->output.base.error;
}

static int64_t check_progress(void *context, uint64_t done, uint64_t total, int64_t now_ns)
{
    struct check *c = context;

    return check_output_progress(&c->output, done, total, now_ns);
}

/* The worst of all; what the deadline left unasked has failed as well. */
static int check_run(struct check *c, const struct service_context *context,
                     const struct target_list *list)
{
    const struct service_sink sink = {
        .context = c, .report = check_report, .progress = check_progress};
    struct report_check_run run = {.start_unix_ns = check_unix_ns(c),
                                   .privilege = c->session.io->privilege};
    struct service_run_facts facts = {0};
    int status = service_run(context, &sink, list, &facts);

    run.elapsed_ns = facts.elapsed_ns;
    run.interrupted = facts.interrupted;
    if (facts.interrupted && c->output.level < CHECK_CRITICAL)
        c->output.level = CHECK_CRITICAL;
    check_output_end(&c->output, &run);
    return status > EXIT_UNKNOWN ? status : (int)run.level;
}

static void check_fail(struct check_output *output, const struct failure *failure)
{
    fprintf(stderr, "netdx check: %s\n", failure->message);
    check_output_failure(output, failure);
}

static int check_with_output(struct check *c, const struct target_list *list)
{
    struct service_context context = {0};
    struct failure failure = {0};
    int status;

    if (service_context_open(&context, &c->session, "check", &c->request->options, &failure)) {
        status = failure.status;
        check_fail(&c->output, &failure);
    } else {
        context.fails = check_fails;
        context.judge = c;
        status = check_run(c, &context, list);
    }
    service_context_close(&context);
    status = output_close(&c->output.base, "check", 0, status);
    check_output_release(&c->output);
    return status;
}

static int check_usage(const struct check_request *request, const struct failure *failure)
{
    struct check_output output = {.base = output_standard(&request->options.common)};

    check_fail(&output, failure);
    if (request->options.common.format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx check: netdx check -h lists the options\n", stderr);
    return EXIT_UNKNOWN;
}

static int check_with_request(const struct check_request *request)
{
    struct check check = {.request = request};
    struct failure failure = {0};
    struct target_list list = {0};
    int status;

    if (target_list_collect(&list, &request->options.common, &failure) ||
        check_output_open(&check.output, &request->options.common, &failure))
        status = check_usage(request, &failure);
    else
        status = check_with_output(&check, &list);
    target_list_release(&list);
    return status;
}

int check_main(int argc, char **argv)
{
    struct failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct check_request request;
    int status;

    output_seed_json();
    if (check_request_parse(&request, argc, argv, failure.message))
        status = check_usage(&request, &failure);
    else if (common_options_answer(&request.options.common, &check_command_options))
        status = EXIT_FINE;
    else
        status = check_with_request(&request);
    service_options_release(&request.options);
    return status;
}
