/* Banners from a stream, one a line, to products, one line of JSON each. */
#ifndef NETDX_TOOLS_IDENTIFY_H
#define NETDX_TOOLS_IDENTIFY_H

#include "engine/version_expect.h"
#include "engine/version_fingerprint.h"
#include "tools/options.h"

#define IDENTIFY_EXPECTATIONS_MAX 16
#define IDENTIFY_LINE_MAX         65536 /* bytes of a line that are looked at */

struct identify_options {
    enum version_kind kind;
    bool escaped;                              /* lines are written as text_escape writes */
    struct version_fingerprints *fingerprints; /* owned by the caller; NULL: none */
    size_t nexpectations;
    const char *expectations[IDENTIFY_EXPECTATIONS_MAX]; /* borrowed, as written */
    struct version_expectation parsed[IDENTIFY_EXPECTATIONS_MAX];
};

/* Adds one of --expect. -EINVAL with a message that names the column. */
int identify_expect(struct identify_options *options, const char *text,
                    char error[OPTIONS_ERROR_SIZE]);

/*
 * Reads `in` until its end or a signal. Returns the exit status: of the worst expectation, unknown
 * with a message on standard error when reading or writing failed, 128 + n after a signal.
 */
int identify_run(const struct identify_options *options, int in, FILE *out, const char *command);

#endif
