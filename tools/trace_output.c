#include "tools/trace_output.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_TERMINAL_COLUMNS 80

int trace_output_open(struct trace_output *output, const struct trace_options *options, bool many,
                      struct failure *failure)
{
    *output = (struct trace_output){.options = options, .many = many};
    int err = output_open(&output->base, &options->common, failure);

    output->live = !err && output->base.terminal && !many;
    return err;
}

void trace_output_begin(struct trace_output *output, int64_t start_unix_ns)
{
    if (output->options->common.format == FORMAT_CSV)
        output_note(&output->base, report_trace_csv_header(output->base.file));
    if (output->options->common.format == FORMAT_JSON && output->many)
        output_note(&output->base, report_trace_json_begin(output->base.file, start_unix_ns));
}

static struct report_text_options trace_output_text(const struct trace_output *output)
{
    const struct trace_options *o = output->options;

    return (struct report_text_options){
        .columns = o->columns,
        .color = output->base.color,
        .numeric = o->common.numeric,
        .wide = o->wide,
        .width = output_width(&output->base),
        .asn = o->asn,
    };
}

static int trace_output_as_text(struct trace_output *output, const struct report_trace *report)
{
    struct report_text_options text = trace_output_text(output);

    output_erase(&output->base);
    if (output->reported && report->result)
        fputc('\n', output->base.file);
    return report_trace_text(output->base.file, report, &text);
}

static int trace_output_as_json(struct trace_output *output, const struct report_trace *report)
{
    if (output->many)
        return report_trace_json_target(output->base.file, report, !output->reported);
    return report_trace_json(output->base.file, report);
}

void trace_output_report(struct trace_output *output, const struct report_trace *report)
{
    int err = 0;

    if (output->base.error)
        return;
    switch (output->options->common.format) {
    case FORMAT_TEXT:
        err = trace_output_as_text(output, report);
        break;
    case FORMAT_JSON:
        err = trace_output_as_json(output, report);
        break;
    case FORMAT_JSONL:
        err = report_trace_summary(output->base.file, report);
        break;
    case FORMAT_CSV:
        err = report_trace_csv(output->base.file, report);
        break;
    case TRACE_MTR_JSON:
        err = report_trace_mtr_json(output->base.file, report, output->options->asn);
        break;
    }
    output_note(&output->base, err);
    output->reported++;
    output_flush(&output->base);
}

void trace_output_event(struct trace_output *output, const char *target,
                        const struct trace_observation *observation, int64_t unix_offset_ns)
{
    if (output->options->common.format == FORMAT_JSONL && !output->base.error)
        output_note(&output->base, report_trace_observation(output->base.file, target, observation,
                                                            unix_offset_ns));
}

void trace_output_failure(struct trace_output *output, const char *code, const char *message)
{
    int format = output->options->common.format;

    if (output->base.error)
        return;
    if (format == FORMAT_JSON || format == TRACE_MTR_JSON)
        output_note(&output->base, report_trace_json_error(output->base.file, code, message));
    if (format == FORMAT_JSONL)
        output_note(&output->base, report_trace_failure_event(output->base.file, code, message));
}

void trace_output_live(struct trace_output *output, const struct report_trace *report)
{
    struct report_text_options text = trace_output_text(output);
    char *table = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&table, &len);

    if (!memory)
        return;
    text.live = true;
    text.wide = false; /* a line that wraps would be two to go up */
    text.width = text.width ? text.width : TRACE_TERMINAL_COLUMNS;
    report_trace_text(memory, report, &text);
    if (!fclose(memory))
        output_draw(&output->base, table);
    free(table);
}

void trace_output_progress(struct trace_output *output, size_t total, int64_t now_ns)
{
    if (!output->base.progress || !output->many || !output_may_draw(&output->base, now_ns))
        return;
    fprintf(stderr, "\r%zu of %zu targets traced", output->reported, total);
    if (output->reported == total)
        fputc('\n', stderr);
}

void trace_output_end(struct trace_output *output, int64_t elapsed_ns, bool interrupted)
{
    if (output->options->common.format == FORMAT_JSON && output->many && !output->base.error)
        output_note(&output->base,
                    report_trace_json_end(output->base.file, elapsed_ns, interrupted, NULL, NULL));
}
