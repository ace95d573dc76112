/*
 * One option table per command feeds parsing, -h, completion and the test that compares help with
 * the manual. The rows are argp's; argp prints the help. Parsing is getopt_long's over the same
 * rows, because argp does not say which option was wrong in a form that JSON can carry.
 */
#ifndef NETDX_TOOLS_OPTIONS_H
#define NETDX_TOOLS_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_ERROR_SIZE 512

/* Exit statuses, the same for every command (Monitoring Plugins Development Guidelines). */
enum { EXIT_FINE = 0, EXIT_WARNING = 1, EXIT_CRITICAL = 2, EXIT_UNKNOWN = 3 };

struct options {
    const char *command;            /* "trace" */
    const char *arguments;          /* "TARGET..." */
    const char *summary;            /* one line, for the help and the list of commands */
    const struct argp_option *rows; /* ends with an all-zero row */
    bool in_order;                  /* the first argument ends the options */
    /* 0, or -EINVAL with a message; `value` is NULL where the row has no argument. */
    int (*set)(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE]);
};

/* Keys of rows that have no short option start here. */
#define OPTIONS_LONG_ONLY 256

/*
 * Calls set() for every option, also behind a wrong one. `first` becomes the index of the first
 * argument; argv is permuted so that arguments come last. -EINVAL with the first message: unknown
 * option, value missing or refused.
 */
int options_parse(const struct options *options, int argc, char **argv, void *context, int *first,
                  char error[OPTIONS_ERROR_SIZE]);

void options_help(const struct options *options, FILE *out);

/* Bash completion for `netdx COMMAND` and `netdx-COMMAND`; `count` tables. */
void options_complete_bash(const struct options *const *tables, size_t count, FILE *out);

/*
 * Values. `what` names them in the message: `port "70000" is out of range (1 to 65535)`.
 * 0, or -EINVAL with the message; the output is set on success only.
 */
int options_number(const char *what, const char *text, uint32_t min, uint32_t max, uint32_t *out,
                   char error[OPTIONS_ERROR_SIZE]);
int options_duration(const char *what, const char *text, int64_t min_ns, int64_t max_ns,
                     int64_t *out_ns, char error[OPTIONS_ERROR_SIZE]);
/* The index of `text` in `choices`, which ends with NULL. */
int options_choice(const char *what, const char *text, const char *const *choices, int *out,
                   char error[OPTIONS_ERROR_SIZE]);

/* `what "text" complaint`, the text escaped and cut to a bearable length. */
void options_refuse(char error[OPTIONS_ERROR_SIZE], const char *what, const char *text,
                    const char *complaint);

#endif
