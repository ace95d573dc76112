#include "tools/banner_output.h"

#include <errno.h>
#include <stdlib.h>

#include "tools/service_progress.h"

int banner_output_open(struct banner_output *output, const struct service_options *request,
                       struct failure *failure)
{
    *output = (struct banner_output){.request = request};
    return output_open(&output->base, &request->common, failure);
}

void banner_output_release(struct banner_output *output)
{
    for (size_t i = 0; i < BANNER_WINDOW; i++)
        free(output->waiting[i].text);
}

void banner_output_begin(struct banner_output *output, int64_t start_unix_ns)
{
    FILE *file = output->base.file;

    if (output->request->common.format == FORMAT_JSON)
        output_note(&output->base, report_banner_json_begin(file, start_unix_ns));
    else if (output->request->common.format == FORMAT_CSV)
        output_note(&output->base, report_banner_csv_header(file));
}

static int banner_output_render(const struct banner_output *output, FILE *file, bool first,
                                const struct report_banner *banner)
{
    const struct report_banner_text_options options = {
        .color = output->base.color,
        .verbose = output->request->common.verbose > 0,
    };

    switch (output->request->common.format) {
    case FORMAT_JSON:
        return report_banner_json_target(file, banner, first);
    case FORMAT_JSONL:
        return report_banner_event(file, banner);
    case FORMAT_CSV:
        return report_banner_csv(file, banner);
    default:
        return report_banner_text(file, banner, &options);
    }
}

/* Everything whose turn it is. */
static void banner_output_drain(struct banner_output *output)
{
    while (output->waiting[output->next % BANNER_WINDOW].done) {
        size_t i = output->next++ % BANNER_WINDOW;

        if (!output->base.error && fwrite(output->waiting[i].text, 1, output->waiting[i].len,
                                          output->base.file) != output->waiting[i].len)
            output_note(&output->base, errno ? -errno : -EIO);
        free(output->waiting[i].text);
        output->waiting[i].text = NULL;
        output->waiting[i].done = false;
    }
}

void banner_output_report(struct banner_output *output, uint64_t number,
                          const struct report_banner *banner)
{
    size_t i = number % BANNER_WINDOW;
    FILE *text;

    if (report_banner_code(banner))
        output->failed++;
    else
        output->answered++;
    if (output->base.error)
        return;
    service_progress_clear(&output->drawn);
    if (output->request->common.format == FORMAT_JSONL) {
        output_note(&output->base, banner_output_render(output, output->base.file, false, banner));
        output_flush(&output->base);
        return;
    }
    text = open_memstream(&output->waiting[i].text, &output->waiting[i].len);
    if (!text) {
        output_note(&output->base, -ENOMEM);
        return;
    }
    output_note(&output->base, banner_output_render(output, text, number == 0, banner));
    if (fclose(text))
        output_note(&output->base, -ENOMEM);
    output->waiting[i].done = true;
    banner_output_drain(output);
    if (output->base.terminal)
        output_flush(&output->base);
}

void banner_output_end(struct banner_output *output, const struct report_banner_run *run)
{
    FILE *file = output->base.file;

    service_progress_clear(&output->drawn);
    if (output->base.error)
        return;
    if (output->request->common.format == FORMAT_JSON)
        output_note(&output->base, report_banner_json_end(file, run));
    else if (output->request->common.format == FORMAT_JSONL)
        output_note(&output->base, report_banner_summary_event(file, run));
}

void banner_output_failure(struct banner_output *output, const struct failure *failure)
{
    FILE *file = output->base.file;
    int format = output->request->common.format;

    if (format == FORMAT_JSON)
        output_note(&output->base, report_banner_json_error(file, failure->code, failure->message));
    else if (format == FORMAT_JSONL)
        output_note(&output->base,
                    report_banner_failure_event(file, failure->code, failure->message));
}

int64_t banner_output_progress(struct banner_output *output, uint64_t done, uint64_t total,
                               int64_t now_ns)
{
    return service_progress_draw(&output->base, &output->drawn, done, total, now_ns);
}
