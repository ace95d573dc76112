#include "tools/syn_output.h"

#include "base/timespan.h"

#define SYN_LINE_SIZE 4096

int syn_output_open(struct syn_output *output, const struct syn_request *request,
                    struct failure *failure)
{
    *output = (struct syn_output){.request = request};
    return output_open(&output->base, &request->common, failure);
}

void syn_output_failure(struct syn_output *output, const struct failure *failure)
{
    struct output *base = &output->base;

    if (base->error)
        return;
    if (base->options->format == FORMAT_JSON)
        output_note(base, report_syn_json_error(base->file, failure->code, failure->message));
    if (base->options->format == FORMAT_JSONL)
        output_note(base, report_syn_failure_event(base->file, failure->code, failure->message));
}

static int syn_output_line(struct syn_output *output, const struct syn_observation *observation,
                           const struct syn_target *target, const char *host, bool given_up)
{
    char line[SYN_LINE_SIZE];

    if (!report_syn_line(line, sizeof(line), observation, target,
                         output->request->common.numeric ? NULL : host, given_up))
        return 0;
    fprintf(output->base.file, "%s\n", line);
    return 0;
}

void syn_output_event(struct syn_output *output, const struct syn_observation *observation,
                      const struct syn_target *target, const char *host, int64_t unix_offset_ns,
                      bool given_up)
{
    struct output *base = &output->base;
    int err = 0;

    if (base->error)
        return;
    if (base->options->format == FORMAT_JSONL && given_up)
        err = report_syn_given_up_event(base->file, observation, target, host, unix_offset_ns);
    else if (base->options->format == FORMAT_JSONL)
        err = report_syn_event(base->file, observation, target, host, unix_offset_ns);
    else if (base->options->format == FORMAT_TEXT && base->options->verbose)
        err = syn_output_line(output, observation, target, host, given_up);
    output_note(base, err);
}

static int syn_output_each(struct syn_output *output, const struct report_syn_target *targets,
                           size_t count)
{
    FILE *file = output->base.file;
    int err = 0;

    for (size_t i = 0; i < count && !err; i++) {
        if (output->base.options->format == FORMAT_JSON)
            err = report_syn_json_target(file, &targets[i], i == 0);
        else if (output->base.options->format == FORMAT_JSONL)
            err = report_syn_target_event(file, &targets[i]);
        else
            err = report_syn_csv(file, &targets[i]);
    }
    return err;
}

static int syn_output_text(struct syn_output *output, const struct report_syn *run,
                           const struct report_syn_target *targets, size_t count)
{
    const struct report_syn_text_options text = {.color = output->base.color,
                                                 .numeric = output->request->common.numeric,
                                                 .synack = output->request->common.verbose > 0};

    return report_syn_text(output->base.file, run, targets, count, &text);
}

void syn_output_report(struct syn_output *output, const struct report_syn *run,
                       const struct report_syn_target *targets, size_t count)
{
    struct output *base = &output->base;
    int err = 0;

    if (output->drawn)
        output_progress_end();
    output->drawn = false;
    if (base->error)
        return;
    if (base->options->format == FORMAT_TEXT)
        err = syn_output_text(output, run, targets, count);
    else if (base->options->format == FORMAT_JSON)
        err = report_syn_json_begin(base->file, run->start_unix_ns);
    else if (base->options->format == FORMAT_CSV)
        err = report_syn_csv_header(base->file);
    if (!err && base->options->format != FORMAT_TEXT)
        err = syn_output_each(output, targets, count);
    if (!err && base->options->format == FORMAT_JSON)
        err = report_syn_json_end(base->file, run);
    if (!err && base->options->format == FORMAT_JSONL)
        err = report_syn_summary_event(base->file, run);
    output_note(base, err);
    output_flush(base);
}

void syn_output_progress(struct syn_output *output, uint64_t done, uint64_t total, int64_t now_ns)
{
    char words[64];

    if (!output->base.progress || output->base.options->verbose || !total ||
        !output_may_draw(&output->base, now_ns))
        return;
    snprintf(words, sizeof(words), "%llu of %llu SYNs", (unsigned long long)done,
             (unsigned long long)total);
    output_progress(done, total, words);
    output->drawn = true;
}
