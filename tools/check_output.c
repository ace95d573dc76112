#include "tools/check_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/service_progress.h"

int check_output_open(struct check_output *output, const struct common_options *options,
                      struct failure *failure)
{
    *output = (struct check_output){0};
    return output_open(&output->base, options, failure);
}

static void check_line_release(struct check_line *line)
{
    free(line->text);
    free(line->performance);
}

void check_output_release(struct check_output *output)
{
    for (size_t i = 0; i < output->nlines; i++)
        check_line_release(&output->lines[i]);
    check_line_release(&output->alone);
    free(output->lines);
}

/* --- one service -------------------------------------------------------------------------------
 */

static struct check_line *check_output_line(struct check_output *output, uint64_t number)
{
    if (number >= output->size) {
        size_t size = 2 * (size_t)number + 16;
        struct check_line *lines = realloc(output->lines, size * sizeof(*lines));

        if (!lines)
            return NULL;
        memset(lines + output->size, 0, (size - output->size) * sizeof(*lines));
        output->lines = lines;
        output->size = size;
    }
    if (number >= output->nlines)
        output->nlines = (size_t)number + 1;
    return &output->lines[number];
}

static int check_render(int (*render)(FILE *, const struct report_check *, bool),
                        const struct report_check *check, bool flag, char **out)
{
    size_t len;
    FILE *file = open_memstream(out, &len);
    int err;

    if (!file)
        return -ENOMEM;
    err = render(file, check, flag);
    return fclose(file) && !err ? -ENOMEM : err;
}

static int check_output_keep(struct check_output *output, uint64_t number,
                             const struct report_check *check)
{
    struct check_line *line = check_output_line(output, number);
    int err = line ? 0 : -ENOMEM;

    if (!err && output->base.options->format == FORMAT_JSON)
        return check_render(report_check_json_target, check, number == 0, &line->text);
    if (!err)
        err = check_render(report_check_text, check, true, &line->text);
    if (!err)
        err = check_render(report_check_performance, check, true, &line->performance);
    if (!err && number == 0)
        err = check_render(report_check_text, check, false, &output->alone.text);
    if (!err && number == 0)
        err = check_render(report_check_performance, check, false, &output->alone.performance);
    return err;
}

void check_output_report(struct check_output *output, uint64_t number,
                         const struct report_check *check)
{
    enum check_level level = check->verdict->level;

    output->counts[level]++;
    if (level > output->level)
        output->level = level;
    if (output->base.error)
        return;
    service_progress_clear(&output->drawn);
    if (output->base.options->format == FORMAT_JSONL) {
        output_note(&output->base, report_check_event(output->base.file, check));
        output_flush(&output->base);
    } else {
        output_note(&output->base, check_output_keep(output, number, check));
    }
}

/* --- all ---------------------------------------------------------------------------------------
 */

static void check_output_put(struct check_output *output, const char *text)
{
    if (text && fputs(text, output->base.file) == EOF)
        output_note(&output->base, errno ? -errno : -EIO);
}

/* A summary with all there is to plot, then a line each. */
static void check_output_text(struct check_output *output, const struct report_check_run *run)
{
    bool several = output->nlines != 1;

    if (several)
        output_note(&output->base, report_check_summary(output->base.file, run));
    else
        check_output_put(output, output->alone.text);
    check_output_put(output, " |");
    for (size_t i = 0; several && i < output->nlines; i++)
        check_output_put(output, output->lines[i].performance);
    check_output_put(output,
                     output->alone.performance && !several ? output->alone.performance : NULL);
    check_output_put(output, "\n");
    for (size_t i = 0; several && i < output->nlines; i++) {
        check_output_put(output, output->lines[i].text);
        check_output_put(output, "\n");
    }
}

static void check_output_document(struct check_output *output, const struct report_check_run *run)
{
    FILE *file = output->base.file;

    output_note(&output->base, report_check_json_begin(file, run->start_unix_ns));
    for (size_t i = 0; i < output->nlines; i++)
        check_output_put(output, output->lines[i].text);
    output_note(&output->base, report_check_json_end(file, run));
}

void check_output_end(struct check_output *output, struct report_check_run *run)
{
    service_progress_clear(&output->drawn);
    run->level = output->level;
    memcpy(run->counts, output->counts, sizeof(run->counts));
    if (output->base.error)
        return;
    if (output->base.options->format == FORMAT_JSON)
        check_output_document(output, run);
    else if (output->base.options->format == FORMAT_JSONL)
        output_note(&output->base, report_check_summary_event(output->base.file, run));
    else
        check_output_text(output, run);
}

void check_output_failure(struct check_output *output, const struct failure *failure)
{
    FILE *file = output->base.file;
    int format = output->base.options->format;

    if (format == FORMAT_JSON)
        output_note(&output->base, report_check_json_error(file, failure->code, failure->message));
    else if (format == FORMAT_JSONL)
        output_note(&output->base,
                    report_check_failure_event(file, failure->code, failure->message));
    else
        output_note(&output->base, report_check_failure(file, failure->message));
}

int64_t check_output_progress(struct check_output *output, uint64_t done, uint64_t total,
                              int64_t now_ns)
{
    return service_progress_draw(&output->base, &output->drawn, done, total, now_ns);
}
