/* netdx versions: components by environments, and whether their versions are as they should be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/versions.h"
#include "tools/keeper.h"
#include "tools/netdx.h"
#include "tools/output.h"
#include "tools/service_context.h"
#include "tools/service_progress.h"
#include "tools/service_run.h"
#include "tools/versions_file.h"
#include "tools/versions_request.h"

struct versions {
    struct versions_request request;
    struct output output;
    struct matrix *matrix;            /* owned, as all below */
    struct matrix_baseline *baseline; /* NULL: there is none yet */
    struct keeper keeper;
    struct versions_targets targets;
    struct matrix_seen seen;
    bool drawn; /* a progress bar is on the screen */
};

/* --- while it runs ---------------------------------------------------------------------------- */

static bool versions_was_interrupted(const char *code)
{
    return !strcmp(code, "interrupted") || !strcmp(code, "local.interrupted");
}

/* An address that names its products has answered, whatever else is wrong with it. */
static void versions_explain(struct matrix_member *member, const struct report_banner *report,
                             int status)
{
    const char *code = report_banner_code(report), *detail = report->error_message;

    if (!code || (report->products && report->products->count))
        return;
    if (!detail && report->service)
        detail = report->service->cause.detail;
    text_format(member->code, sizeof(member->code), "%s", code);
    text_format(member->detail, sizeof(member->detail), "%s", detail ? detail : "");
    member->state = status == EXIT_UNKNOWN || versions_was_interrupted(code) ? MATRIX_UNMEASURED
                                                                             : MATRIX_FAILED;
}

/* With --jsonl each member is a line as soon as it is there. */
static int versions_tell(struct versions *v)
{
    if (v->request.options.common.format != FORMAT_JSONL)
        return 0;
    service_progress_clear(&v->drawn);
    output_note(&v->output, report_versions_event(v->output.file, v->matrix,
                                                  &v->seen.members[v->seen.count - 1]));
    output_flush(&v->output);
    return v->output.error;
}

static int versions_report(void *context, uint64_t number, const struct service_job *job)
{
    struct versions *v = context;
    size_t item = (size_t)(service_job_item(job) - v->targets.list.items);
    struct versions_place *place = &v->targets.places[item];
    struct report_banner report;
    struct matrix_member member = {
        .component = place->component,
        .environment = place->environment,
        .target = place->target,
    };
    int err;

    (void)number;
    place->asked = true;
    service_job_report(job, &report);
    member.address = report.address;
    member.port = report.port;
    member.protocol = report.service ? report.service->protocol : NULL;
    versions_explain(&member, &report, service_job_status(job));
    err = matrix_seen_add(&v->seen, &member, report.products);
    return err ? err : versions_tell(v);
}

static int64_t versions_progress(void *context, uint64_t done, uint64_t total, int64_t now_ns)
{
    struct versions *v = context;

    return service_progress_draw(&v->output, &v->drawn, done, total, now_ns);
}

/* --- when it is over -------------------------------------------------------------------------- */

/* Targets, from the `begun`-th on, of which addresses were not even begun. */
static int versions_add_unasked(struct versions *v, size_t begun)
{
    struct matrix_member member = {.state = MATRIX_UNMEASURED, .code = "interrupted"};
    int err = 0;

    for (size_t i = 0; !err && i < v->targets.list.count; i++) {
        const struct versions_place *place = &v->targets.places[i];

        if (place->asked && i < begun)
            continue;
        member.component = place->component;
        member.environment = place->environment;
        member.target = place->target;
        text_format(member.detail, sizeof(member.detail), "%s",
                    place->asked ? "further addresses were not asked" : "the run ended first");
        err = matrix_seen_add(&v->seen, &member, NULL);
    }
    return err;
}

/* What has become of the baseline, in a word; NULL: there is none. -errno in *err. */
static const char *versions_keep(struct versions *v, const struct matrix_result *result,
                                 bool interrupted, int *err)
{
    bool changed = false;
    char *text;

    if (!v->request.baseline)
        return NULL;
    if (interrupted)
        return "not saved";
    text = matrix_baseline_write(result, v->baseline, v->request.accept, &changed);
    *err = text ? 0 : -ENOMEM;
    if (text && changed)
        *err = keeper_write(&v->keeper, text, strlen(text));
    free(text);
    if (*err)
        return "not saved";
    return !changed            ? "compared"
           : !v->baseline      ? "created"
           : v->request.accept ? "updated"
                               : "extended";
}

static int versions_render(struct versions *v, const struct matrix_result *result,
                           const struct report_versions_run *run)
{
    const struct common_options *common = &v->request.options.common;
    const struct report_versions_text_options options = {.color = v->output.color,
                                                         .verbose = common->verbose > 0};
    FILE *file = v->output.file;

    switch (common->format) {
    case FORMAT_JSON:
        return report_versions_json(file, result, run);
    case FORMAT_JSONL:
        return report_versions_summary_event(file, result, run);
    case FORMAT_CSV:
        return report_versions_csv(file, result);
    case FORMAT_MARKDOWN:
        return report_versions_markdown(file, result, run);
    case FORMAT_HTML:
        return report_versions_html(file, result, run);
    default:
        return report_versions_text(file, result, run, &options);
    }
}

static int versions_status(enum matrix_severity severity)
{
    static const int statuses[] = {
        [MATRIX_NOTICE] = EXIT_FINE,
        [MATRIX_WARNING] = EXIT_WARNING,
        [MATRIX_CRITICAL] = EXIT_CRITICAL,
        [MATRIX_UNKNOWN] = EXIT_UNKNOWN,
    };

    return statuses[severity];
}

static int versions_finish(struct versions *v, struct report_versions_run *run, size_t begun)
{
    struct matrix_result *result = NULL;
    int keep_error = 0, status;
    int err = versions_add_unasked(v, begun);

    if (!err)
        err = matrix_judge(v->matrix, &v->seen, v->baseline, &result);
    if (err) {
        output_note(&v->output, err);
        return EXIT_UNKNOWN;
    }
    run->baseline = versions_keep(v, result, run->interrupted, &keep_error);
    if (!v->output.error)
        output_note(&v->output, versions_render(v, result, run));
    if (keep_error)
        fprintf(stderr, "netdx versions: writing the baseline failed: %s\n", strerror(-keep_error));
    status = keep_error ? EXIT_UNKNOWN : versions_status(result->severity);
    matrix_result_free(result);
    return status;
}

static int versions_run(struct versions *v, const struct service_context *context)
{
    const struct service_sink sink = {
        .context = v,
        .report = versions_report,
        .progress = versions_progress,
    };
    struct netio *io = context->session->io;
    struct report_versions_run run = {.start_unix_ns = netio_to_unix(io, netio_now(io)),
                                      .privilege = io->privilege};
    struct service_run_facts facts = {0};
    int status = service_run(context, &sink, &v->targets.list, &facts), judged;

    service_progress_clear(&v->drawn);
    run.elapsed_ns = facts.elapsed_ns;
    run.interrupted = facts.interrupted;
    judged = versions_finish(v, &run, facts.begun);
    return status >= 128 ? status : judged; /* a service's own problems are no matrix's */
}

/* --- before it begins ------------------------------------------------------------------------- */

static void versions_fail(struct versions *v, const struct failure *failure)
{
    int format = v->request.options.common.format;
    FILE *file = v->output.file;

    fprintf(stderr, "netdx versions: %s\n", failure->message);
    if (format == FORMAT_JSON)
        output_note(&v->output, report_versions_json_error(file, failure->code, failure->message));
    else if (format == FORMAT_JSONL)
        output_note(&v->output,
                    report_versions_failure_event(file, failure->code, failure->message));
    else if (format == FORMAT_TEXT && !strcmp(failure->code, "usage"))
        fputs("netdx versions: netdx versions -h lists the options\n", stderr);
}

static int versions_load(struct versions *v, struct failure *failure)
{
    const struct versions_request *r = &v->request;
    char complaint[128];
    int err = versions_file_matrix(r->path, &v->matrix, failure);

    if (!err)
        err = versions_targets_init(&v->targets, v->matrix, r->path, failure);
    if (err || !r->baseline)
        return err;
    err = versions_file_baseline(r->baseline, &v->baseline, failure);
    if (err)
        return err;
    err = keeper_open(r->baseline, &v->keeper);
    if (!err)
        return 0;
    snprintf(complaint, sizeof(complaint), "cannot be written: %s", strerror(-err));
    return failure_refuse(failure, err, "file.open", "baseline", r->baseline, complaint);
}

static int versions_ask(struct versions *v)
{
    struct service_context context = {0};
    struct session session = {0};
    struct failure failure = {0};
    int status;

    if (service_context_open(&context, &session, "versions", &v->request.options, &failure)) {
        status = failure.status;
        versions_fail(v, &failure);
    } else {
        status = versions_run(v, &context);
    }
    service_context_close(&context);
    return status;
}

static int versions_with_request(struct versions *v)
{
    struct failure failure = {0};
    int status = EXIT_UNKNOWN;

    if (versions_load(v, &failure) ||
        output_open(&v->output, &v->request.options.common, &failure)) {
        v->output = output_standard(&v->request.options.common);
        versions_fail(v, &failure);
    } else {
        status = versions_ask(v);
    }
    return output_close(&v->output, "versions", 0, status);
}

static void versions_release(struct versions *v)
{
    keeper_close(&v->keeper);
    versions_targets_release(&v->targets);
    matrix_seen_release(&v->seen);
    matrix_baseline_free(v->baseline);
    matrix_free(v->matrix);
    service_options_release(&v->request.options);
}

int versions_main(int argc, char **argv)
{
    struct failure failure = {.code = "usage", .status = EXIT_UNKNOWN};
    struct versions v = {.keeper = {-1}};
    int status = EXIT_FINE;

    output_seed_json();
    if (versions_request_parse(&v.request, argc, argv, failure.message)) {
        v.output = output_standard(&v.request.options.common);
        versions_fail(&v, &failure);
        status = output_close(&v.output, "versions", 0, EXIT_UNKNOWN);
    } else if (!common_options_answer(&v.request.options.common, &versions_command_options)) {
        status = versions_with_request(&v);
    }
    versions_release(&v);
    return status;
}
