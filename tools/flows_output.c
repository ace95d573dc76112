#include "tools/flows_output.h"

#include <stdlib.h>

int flows_output_open(struct flows_output *output, const struct flows_options *options,
                      struct failure *failure)
{
    *output = (struct flows_output){.options = options};
    pthread_mutex_init(&output->lock, NULL);
    return output_open(&output->base, &options->common, failure);
}

static bool flows_output_is(const struct flows_output *output, int format)
{
    return output->options->common.format == format && !output->base.error;
}

void flows_output_event(struct flows_output *output, const struct flow_event *event,
                        int64_t unix_offset_ns)
{
    pthread_mutex_lock(&output->lock);
    if (flows_output_is(output, FORMAT_JSONL))
        output_note(&output->base, report_flows_event(output->base.file, event, unix_offset_ns));
    pthread_mutex_unlock(&output->lock);
}

void flows_output_rates(struct flows_output *output, const struct report_rates *rates)
{
    pthread_mutex_lock(&output->lock);
    if (flows_output_is(output, FORMAT_JSONL)) {
        output_note(&output->base, report_rates_event(output->base.file, rates));
    } else if (flows_output_is(output, FORMAT_TEXT)) {
        output_note(&output->base, report_rates_text(output->base.file, rates, !output->headed));
        output->headed = true;
    }
    output_flush(&output->base);
    pthread_mutex_unlock(&output->lock);
}

void flows_output_flush(struct flows_output *output)
{
    pthread_mutex_lock(&output->lock);
    output_flush(&output->base);
    pthread_mutex_unlock(&output->lock);
}

bool flows_output_broken(struct flows_output *output)
{
    pthread_mutex_lock(&output->lock);
    bool broken = output->base.error != 0;
    pthread_mutex_unlock(&output->lock);
    return broken;
}

static struct report_flows_text_options flows_output_text(const struct flows_output *output)
{
    return (struct report_flows_text_options){
        .color = output->base.color,
        .verbose = output->options->common.verbose > 0,
    };
}

void flows_output_live(struct flows_output *output, const struct report_flows *report)
{
    struct report_flows_text_options text = flows_output_text(output);
    char *table = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&table, &len);

    if (!memory)
        return;
    text.live = true;
    report_flows_text(memory, report, &text);
    if (!fclose(memory))
        output_draw(&output->base, table);
    free(table);
}

void flows_output_progress(struct flows_output *output, uint64_t frames, int64_t now_ns)
{
    if (!output->base.progress || !output_may_draw(&output->base, now_ns))
        return;
    fprintf(stderr, "\r%.1f million frames read", (double)frames / 1e6);
    output->progressed = true;
}

/* --- the end ---------------------------------------------------------------------------------- */

void flows_output_report(struct flows_output *output, const struct report_flows *report)
{
    struct report_flows_text_options text = flows_output_text(output);
    FILE *file = output->base.file;
    int err = 0;

    if (output->progressed)
        output_progress_end();
    if (output->base.error)
        return;
    switch (output->options->common.format) {
    case FORMAT_TEXT:
        output_erase(&output->base);
        if (output->headed)
            fputc('\n', file);
        err = report_flows_text(file, report, &text);
        break;
    case FORMAT_JSON:
        err = report_flows_json(file, report);
        break;
    case FORMAT_JSONL:
        err = report_flows_summary(file, report);
        break;
    case FORMAT_CSV:
        err = report_flows_csv_header(file);
        if (!err)
            err = report_flows_csv(file, report);
        break;
    }
    output_note(&output->base, err);
    output_flush(&output->base);
}

void flows_output_failure(struct flows_output *output, const char *code, const char *message)
{
    if (flows_output_is(output, FORMAT_JSON))
        output_note(&output->base, report_flows_json_error(output->base.file, code, message));
    if (flows_output_is(output, FORMAT_JSONL))
        output_note(&output->base, report_flows_failure_event(output->base.file, code, message));
}
