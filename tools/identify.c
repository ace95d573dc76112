#include "tools/identify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "report/version.h"

#define IDENTIFY_READ_SIZE 65536

struct identify {
    const struct identify_options *options;
    FILE *out;
    int status;
    int error; /* -errno of a write */
    size_t number, len;
    bool cut;
    sigset_t unblocked; /* the mask of before, under which it waits */
    char line[IDENTIFY_LINE_MAX];
    char bytes[IDENTIFY_READ_SIZE];
    struct version_list list;
};

static volatile sig_atomic_t identify_signal;

static void identify_on_signal(int number)
{
    identify_signal = number;
}

int identify_expect(struct identify_options *options, const char *text,
                    char error[OPTIONS_ERROR_SIZE])
{
    struct version_expect_error where;
    char complaint[160];

    if (options->nexpectations == IDENTIFY_EXPECTATIONS_MAX) {
        options_refuse(error, "expectation", text, "is one too many (16)");
        return -EINVAL;
    }
    if (version_expect_parse(text, &options->parsed[options->nexpectations], &where)) {
        snprintf(complaint, sizeof(complaint), "column %zu: %s", where.column, where.message);
        options_refuse(error, "expectation", text, complaint);
        return -EINVAL;
    }
    options->expectations[options->nexpectations++] = text;
    return 0;
}

static int identify_status(const struct version_verdict *verdict)
{
    if (verdict->result == VERSION_OPEN)
        return EXIT_UNKNOWN;
    if (verdict->result == VERSION_MET)
        return EXIT_FINE;
    return verdict->may_be_patched ? EXIT_WARNING : EXIT_CRITICAL;
}

static void identify_judge(struct identify *run, struct version_verdict *verdicts)
{
    for (size_t i = 0; i < run->options->nexpectations; i++) {
        verdicts[i] = version_expect_judge_all(&run->options->parsed[i], &run->list);
        if (identify_status(&verdicts[i]) > run->status)
            run->status = identify_status(&verdicts[i]);
    }
}

static void identify_line(struct identify *run)
{
    const struct identify_options *options = run->options;
    struct version_verdict verdicts[IDENTIFY_EXPECTATIONS_MAX];
    struct report_version_line line = {.number = ++run->number,
                                       .cut = run->cut,
                                       .list = &run->list,
                                       .nverdicts = options->nexpectations,
                                       .expectations = options->expectations,
                                       .verdicts = verdicts};

    if (run->len && run->line[run->len - 1] == '\r')
        run->len--;
    if (options->escaped)
        run->len = text_unescape(run->line, run->line, run->len);
    run->list.count = run->list.dropped = 0;
    line.result = version_identify_with(options->fingerprints, options->kind, run->line, run->len,
                                        &run->list);
    identify_judge(run, verdicts);
    if (!run->error)
        run->error = report_version_line(run->out, &line);
    run->len = 0;
    run->cut = false;
}

static void identify_keep(struct identify *run, const char *bytes, size_t len)
{
    size_t room = sizeof(run->line) - run->len;

    run->cut |= len > room;
    if (len > room)
        len = room;
    memcpy(run->line + run->len, bytes, len);
    run->len += len;
}

static void identify_bytes(struct identify *run, size_t len)
{
    const char *at = run->bytes, *end = run->bytes + len;

    while (at < end && !run->error) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        identify_keep(run, at, (size_t)((newline ? newline : end) - at));
        if (newline)
            identify_line(run);
        at = newline ? newline + 1 : end;
    }
}

/* Bytes read, 0 at the end; -EINTR after a signal. What is known is written before it waits. */
static ssize_t identify_read(struct identify *run, int in)
{
    struct pollfd ready = {.fd = in, .events = POLLIN};
    ssize_t n;

    if (fflush(run->out))
        run->error = -errno;
    if (run->error)
        return 0;
    if (ppoll(&ready, 1, NULL, &run->unblocked) < 0)
        return -errno;
    n = read(in, run->bytes, sizeof(run->bytes));
    return n < 0 ? -errno : n;
}

static int identify_all(struct identify *run, int in)
{
    ssize_t n = 0;

    while (!run->error && !identify_signal) {
        n = identify_read(run, in);
        if (n == 0 || (n < 0 && n != -EINTR))
            break;
        if (n > 0)
            identify_bytes(run, (size_t)n);
    }
    if (!n && (run->len || run->cut))
        identify_line(run);
    if (!run->error && fflush(run->out))
        run->error = -errno;
    return n < 0 && n != -EINTR ? (int)n : 0;
}

/* Signals are let in while it waits only: no line is lost, and none printed by half. */
static void identify_catch(struct identify *run)
{
    struct sigaction action = {.sa_handler = identify_on_signal};
    sigset_t stops;

    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    identify_signal = 0;
    sigprocmask(SIG_BLOCK, &stops, &run->unblocked);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int identify_run(const struct identify_options *options, int in, FILE *out, const char *command)
{
    struct identify *run = calloc(1, sizeof(*run));
    int status = EXIT_UNKNOWN, err;

    if (!run) {
        fprintf(stderr, "netdx %s: out of memory\n", command);
        return status;
    }
    run->options = options;
    run->out = out;
    identify_catch(run);
    err = identify_all(run, in);
    if (err)
        fprintf(stderr, "netdx %s: reading banners failed: %s\n", command, strerror(-err));
    else if (run->error)
        fprintf(stderr, "netdx %s: writing failed: %s\n", command, strerror(-run->error));
    else
        status = identify_signal ? 128 + identify_signal : run->status;
    free(run);
    return status;
}
