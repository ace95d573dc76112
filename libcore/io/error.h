/* The words of a failed opening, for the user: what could not be done, and why. */
#ifndef NETDX_IO_ERROR_H
#define NETDX_IO_ERROR_H

#include <stdio.h>

#define IO_ERROR_SIZE 256

/* "WHAT: WHY"; returns `code`. */
static inline int io_fail(char error[IO_ERROR_SIZE], int code, const char *what, const char *why)
{
    snprintf(error, IO_ERROR_SIZE, "%s: %s", what, why);
    return code;
}

#endif
