/* Why a run, or one of its targets, could not be measured: for messages, JSON and exit status. */
#ifndef NETDX_TOOLS_FAILURE_H
#define NETDX_TOOLS_FAILURE_H

#include "tools/options.h"

struct failure {
    const char *code;                 /* static, listed in netdx-json(5); NULL: none */
    int status;                       /* exit status */
    char message[OPTIONS_ERROR_SIZE]; /* safe text */
};

/* Status unknown, `what: detail`. Returns `err`, so that it can end a function. */
static inline int failure_set(struct failure *failure, int err, const char *code, const char *what,
                              const char *detail)
{
    failure->code = code;
    failure->status = EXIT_UNKNOWN;
    snprintf(failure->message, sizeof(failure->message), "%s: %s", what, detail);
    return err;
}

/* As options_refuse words it: `what "text" complaint`. */
static inline int failure_refuse(struct failure *failure, int err, const char *code,
                                 const char *what, const char *text, const char *complaint)
{
    failure->code = code;
    failure->status = EXIT_UNKNOWN;
    options_refuse(failure->message, what, text, complaint);
    return err;
}

#endif
