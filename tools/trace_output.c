#include "tools/trace_output.h"

#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/timespan.h"

#define TRACE_LIVE_INTERVAL_NS (100 * NS_PER_MS)
#define TRACE_TERMINAL_LINES   24
#define TRACE_TERMINAL_COLUMNS 80

#define TERMINAL_ERASE_BELOW "\033[J"

/* Terminals that are known to understand "cursor up" and "erase below" (ECMA-48). */
static bool trace_output_terminal(int fd)
{
    static const char *const known[] = {
        "xterm",     "screen", "tmux",  "rxvt",    "linux", "vt1",   "vt2",     "ansi", "cygwin",
        "alacritty", "foot",   "kitty", "konsole", "st",    "gnome", "wezterm", "eterm"};
    const char *term = secure_getenv("TERM");

    if (!term || !isatty(fd))
        return false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strncmp(term, known[i], strlen(known[i])))
            return true;
    return false;
}

/* https://no-color.org: any value but the empty one. */
static bool trace_output_color(const struct trace_output *output)
{
    const char *no_color = secure_getenv("NO_COLOR");

    if (output->options->color != TRACE_COLOR_AUTO)
        return output->options->color == TRACE_COLOR_ALWAYS;
    return !(no_color && *no_color) && trace_output_terminal(fileno(output->file));
}

int trace_output_open(struct trace_output *output, const struct trace_options *options, bool many,
                      char error[OPTIONS_ERROR_SIZE])
{
    bool text = options->format == TRACE_TEXT;
    int err;

    *output = (struct trace_output){.options = options, .file = stdout, .many = many};
    if (options->output && strcmp(options->output, "-")) {
        output->file = fopen(options->output, "we");
        if (!output->file) {
            err = -errno;
            output->file = stdout;
            options_refuse(error, "output file", options->output, "cannot be opened: ");
            strncat(error, strerror(-err), OPTIONS_ERROR_SIZE - strlen(error) - 1);
            return err;
        }
        output->owned = true;
    }
    output->color = trace_output_color(output);
    output->live =
        text && !many && !options->quiet && !output->owned && trace_output_terminal(STDOUT_FILENO);
    output->progress = !output->live && !options->quiet && isatty(STDERR_FILENO);
    return 0;
}

static void trace_output_note(struct trace_output *output, int err)
{
    if (err && !output->error)
        output->error = err;
}

void trace_output_flush(struct trace_output *output)
{
    if (!output->error && fflush(output->file))
        trace_output_note(output, -errno);
}

void trace_output_begin(struct trace_output *output, int64_t start_unix_ns)
{
    if (output->options->format == TRACE_CSV)
        trace_output_note(output, report_trace_csv_header(output->file));
    if (output->options->format == TRACE_JSON && output->many)
        trace_output_note(output, report_trace_json_begin(output->file, start_unix_ns));
}

static struct report_text_options trace_output_text(const struct trace_output *output)
{
    const struct trace_options *o = output->options;
    int fd = fileno(output->file);
    struct winsize size = {0};

    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size))
        size = (struct winsize){0};
    return (struct report_text_options){
        .columns = o->columns,
        .color = output->color,
        .numeric = o->numeric,
        .wide = o->wide,
        .width = size.ws_col,
        .asn = o->asn,
    };
}

static void trace_output_erase(struct trace_output *output)
{
    if (output->live_lines)
        fprintf(output->file, "\033[%dA\r" TERMINAL_ERASE_BELOW, output->live_lines);
    output->live_lines = 0;
}

static int trace_output_as_text(struct trace_output *output, const struct report_trace *report)
{
    struct report_text_options text = trace_output_text(output);

    trace_output_erase(output);
    if (output->reported && report->result)
        fputc('\n', output->file);
    return report_trace_text(output->file, report, &text);
}

static int trace_output_as_json(struct trace_output *output, const struct report_trace *report)
{
    if (output->many)
        return report_trace_json_target(output->file, report, !output->reported);
    return report_trace_json(output->file, report);
}

void trace_output_report(struct trace_output *output, const struct report_trace *report)
{
    int err = 0;

    if (output->error)
        return;
    switch (output->options->format) {
    case TRACE_TEXT:
        err = trace_output_as_text(output, report);
        break;
    case TRACE_JSON:
        err = trace_output_as_json(output, report);
        break;
    case TRACE_JSONL:
        err = report_trace_summary(output->file, report);
        break;
    case TRACE_CSV:
        err = report_trace_csv(output->file, report);
        break;
    case TRACE_MTR_JSON:
        err = report_trace_mtr_json(output->file, report, output->options->asn);
        break;
    }
    trace_output_note(output, err);
    output->reported++;
    trace_output_flush(output);
}

void trace_output_event(struct trace_output *output, const char *target,
                        const struct trace_observation *observation, int64_t unix_offset_ns)
{
    if (output->options->format == TRACE_JSONL && !output->error)
        trace_output_note(
            output, report_trace_observation(output->file, target, observation, unix_offset_ns));
}

void trace_output_failure(struct trace_output *output, const char *code, const char *message)
{
    int format = output->options->format;

    if (output->error)
        return;
    if (format == TRACE_JSON || format == TRACE_MTR_JSON)
        trace_output_note(output, report_trace_json_error(output->file, code, message));
    if (format == TRACE_JSONL)
        trace_output_note(output, report_trace_failure_event(output->file, code, message));
}

bool trace_output_wants_live(const struct trace_output *output, int64_t now_ns)
{
    return output->live && !output->error && now_ns >= output->live_next_ns;
}

/* Copies at most `max` lines and says how many. */
static int trace_output_lines(FILE *out, const char *text, int max)
{
    int lines = 0;

    while (*text && lines < max) {
        size_t len = strcspn(text, "\n");

        fprintf(out, "%.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
        lines++;
    }
    return lines;
}

/* The height is asked anew each time: windows are resized. */
static int trace_output_height(const struct trace_output *output)
{
    struct winsize size = {0};

    if (ioctl(fileno(output->file), TIOCGWINSZ, &size) || size.ws_row < 4)
        return TRACE_TERMINAL_LINES;
    return size.ws_row;
}

void trace_output_live(struct trace_output *output, const struct report_trace *report,
                       int64_t now_ns)
{
    struct report_text_options text = trace_output_text(output);
    char *table = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&table, &len);

    output->live_next_ns = time_add(now_ns, TRACE_LIVE_INTERVAL_NS);
    if (!memory)
        return;
    text.live = true;
    text.wide = false; /* a line that wraps would be two to go up */
    text.width = text.width ? text.width : TRACE_TERMINAL_COLUMNS;
    report_trace_text(memory, report, &text);
    if (!fclose(memory)) {
        trace_output_erase(output);
        output->live_lines =
            trace_output_lines(output->file, table, trace_output_height(output) - 1);
        trace_output_flush(output);
    }
    free(table);
}

void trace_output_progress(struct trace_output *output, size_t total, int64_t now_ns)
{
    if (!output->progress || !output->many || now_ns < output->live_next_ns)
        return;
    output->live_next_ns = time_add(now_ns, TRACE_LIVE_INTERVAL_NS);
    fprintf(stderr, "\r%zu of %zu targets traced", output->reported, total);
    if (output->reported == total)
        fputc('\n', stderr);
}

int trace_output_close(struct trace_output *output, int64_t elapsed_ns, bool interrupted,
                       const char *error_code, const char *error_message)
{
    if (output->options->format == TRACE_JSON && output->many && !output->error)
        trace_output_note(output, report_trace_json_end(output->file, elapsed_ns, interrupted,
                                                        error_code, error_message));
    trace_output_flush(output);
    if (output->owned && fclose(output->file))
        trace_output_note(output, -errno);
    if (!output->owned && output->error) {
        __fpurge(output->file); /* it has been said; nobody shall try again */
        clearerr(output->file);
    }
    output->owned = false;
    return output->error;
}
