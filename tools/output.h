/*
 * Where a report goes: its stream, the first error of writing it, and what may be drawn on the
 * terminal meanwhile.
 */
#ifndef NETDX_TOOLS_OUTPUT_H
#define NETDX_TOOLS_OUTPUT_H

#include "tools/common_options.h"
#include "tools/failure.h"

struct output {
    const struct common_options *options;
    FILE *file; /* stdout, or owned when `owned` */
    bool owned; /* a file of --output */
    bool color;
    bool terminal; /* text on a terminal that understands "cursor up" and "erase below" */
    bool progress; /* there is a terminal for progress, and nothing else is drawn on it */
    int error;     /* the first -errno of a write; nothing is written after it */
    int64_t next_draw_ns;
    int drawn; /* lines on the screen that are drawn over next time */
};

/* A stream that is standard output, for documents about wrong options. */
struct output output_standard(const struct common_options *options);

/* 0, or -errno with *failure filled in when the file cannot be opened. */
int output_open(struct output *output, const struct common_options *options,
                struct failure *failure);

void output_note(struct output *output, int err); /* remembers the first -errno */
void output_flush(struct output *output);

/* Terminal size; asked anew each time, because windows are resized. 0: no terminal. */
int output_width(const struct output *output);
int output_height(const struct output *output);

/* Whether something may be drawn again; it is at most ten times a second. */
bool output_may_draw(struct output *output, int64_t now_ns);

/*
 * Draws `text` over what was drawn before: at most a screenful, lines cut to the terminal's width,
 * as one that wraps would be two to go up.
 */
void output_draw(struct output *output, const char *text);
void output_erase(struct output *output); /* what is drawn */

/* "\r[#####     ]  50 % WORDS" on standard error; the caller asks output_may_draw. */
void output_progress(uint64_t done, uint64_t total, const char *words);
/* Takes the line back. */
void output_progress_end(void);

/*
 * Closes the file and says on standard error what could not be written; `record_error` is the
 * recording's. The exit status: `status`, or that of the failing output.
 */
int output_close(struct output *output, const char *command, int record_error, int status);

/* jansson would open /dev/urandom, which the sandbox forbids by the time it is used. */
void output_seed_json(void);

#endif
