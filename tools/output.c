#include "tools/output.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/timespan.h"

#define OUTPUT_DRAW_INTERVAL_NS (100 * NS_PER_MS)
#define OUTPUT_TERMINAL_LINES   24
#define OUTPUT_TERMINAL_COLUMNS 80
#define OUTPUT_ERASE_BELOW      "\033[J"
#define OUTPUT_PROGRESS_WIDTH   30
#define OUTPUT_PROGRESS_WORDS   38

/* Terminals that are known to understand "cursor up" and "erase below" (ECMA-48). */
static bool output_is_terminal(int fd)
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
static bool output_wants_color(const struct output *output)
{
    const char *no_color = secure_getenv("NO_COLOR");

    if (output->options->color != COLOR_AUTO)
        return output->options->color == COLOR_ALWAYS;
    return !(no_color && *no_color) && output_is_terminal(fileno(output->file));
}

struct output output_standard(const struct common_options *options)
{
    return (struct output){.options = options, .file = stdout};
}

int output_open(struct output *output, const struct common_options *options,
                struct failure *failure)
{
    char complaint[128];

    *output = output_standard(options);
    if (options->output && strcmp(options->output, "-")) {
        FILE *file = fopen(options->output, "we");

        if (!file) {
            int err = -errno;

            snprintf(complaint, sizeof(complaint), "cannot be opened: %s", strerror(-err));
            return failure_refuse(failure, err, "file.open", "output file", options->output,
                                  complaint);
        }
        output->file = file;
        output->owned = true;
    }
    output->color = output_wants_color(output);
    output->terminal = options->format == FORMAT_TEXT && !options->quiet && !output->owned &&
                       output_is_terminal(STDOUT_FILENO);
    output->progress = !options->quiet && isatty(STDERR_FILENO);
    return 0;
}

void output_note(struct output *output, int err)
{
    if (err && !output->error)
        output->error = err;
}

void output_flush(struct output *output)
{
    if (!output->error && fflush(output->file))
        output_note(output, -errno);
}

int output_width(const struct output *output)
{
    int fd = fileno(output->file);
    struct winsize size = {0};

    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size))
        size = (struct winsize){0};
    return size.ws_col;
}

int output_height(const struct output *output)
{
    struct winsize size = {0};

    if (ioctl(fileno(output->file), TIOCGWINSZ, &size) || size.ws_row < 4)
        return OUTPUT_TERMINAL_LINES;
    return size.ws_row;
}

bool output_may_draw(struct output *output, int64_t now_ns)
{
    if (output->error || now_ns < output->next_draw_ns)
        return false;
    output->next_draw_ns = time_add(now_ns, OUTPUT_DRAW_INTERVAL_NS);
    return true;
}

/* The bytes of the first line that fill at most `columns`; colours (ECMA-48 CSI) take up none. */
static size_t output_fitting(const char *line, int columns)
{
    size_t len = 0;

    while (line[len] && line[len] != '\n') {
        if (line[len] == '\033') {
            len += 1 + strcspn(line + len + 1, "m\n");
            len += line[len] == 'm';
            continue;
        }
        if (((unsigned char)line[len] & 0xc0) != 0x80 && columns-- == 0)
            break;
        len++;
    }
    return len;
}

void output_erase(struct output *output)
{
    if (output->drawn)
        fprintf(output->file, "\033[%dA\r" OUTPUT_ERASE_BELOW, output->drawn);
    output->drawn = 0;
}

void output_draw(struct output *output, const char *text)
{
    int width = output_width(output), max = output_height(output) - 1;

    output_erase(output);
    while (*text && output->drawn < max) {
        size_t len = output_fitting(text, width > 0 ? width : OUTPUT_TERMINAL_COLUMNS);
        bool cut = text[len] && text[len] != '\n';

        fprintf(output->file, "%.*s%s\n", (int)len, text, cut && output->color ? "\033[m" : "");
        text += len + strcspn(text + len, "\n");
        text += *text == '\n';
        output->drawn++;
    }
    output_flush(output);
}

void output_progress(uint64_t done, uint64_t total, const char *words)
{
    char bar[OUTPUT_PROGRESS_WIDTH + 1];
    double share = total ? (double)done / (double)total : 0;
    size_t full = (size_t)(share * OUTPUT_PROGRESS_WIDTH);

    memset(bar, ' ', OUTPUT_PROGRESS_WIDTH);
    memset(bar, '#', full < OUTPUT_PROGRESS_WIDTH ? full : OUTPUT_PROGRESS_WIDTH);
    bar[OUTPUT_PROGRESS_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3.0f %% %-*s", bar, 100 * share, OUTPUT_PROGRESS_WORDS, words);
}

void output_progress_end(void)
{
    fprintf(stderr, "\r%*s\r", OUTPUT_PROGRESS_WIDTH + OUTPUT_PROGRESS_WORDS + 9, "");
}

static int output_finish(struct output *output)
{
    output_flush(output);
    if (output->owned && fclose(output->file))
        output_note(output, -errno);
    if (!output->owned && output->error) {
        __fpurge(output->file); /* it has been said; nobody shall try again */
        clearerr(output->file);
    }
    output->owned = false;
    return output->error;
}

int output_close(struct output *output, const char *command, int record_error, int status)
{
    int err = output_finish(output);

    if (err == -EPIPE)
        return 128 + SIGPIPE; /* the reader has left, and does not want to be told */
    if (err)
        fprintf(stderr, "netdx %s: writing the report failed: %s\n", command, strerror(-err));
    else if (record_error)
        fprintf(stderr, "netdx %s: writing the recording failed: %s\n", command,
                strerror(-record_error));
    return err || record_error ? EXIT_UNKNOWN : status;
}

void output_seed_json(void)
{
    size_t seed = 0;

    if (getrandom(&seed, sizeof(seed), 0) < 0)
        seed = (size_t)&seed;
    json_object_seed(seed ? seed : 1);
}
