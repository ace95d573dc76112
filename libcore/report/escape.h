/* Internal to report/: text from outside on its way to any output. */
#ifndef NETDX_REPORT_ESCAPE_H
#define NETDX_REPORT_ESCAPE_H

#include <string.h>

#include "base/text.h"

#define REPORT_TEXT_SIZE TEXT_ESCAPED_SIZE(1024) /* longer than any DNS name */

static inline void report_escape(char out[REPORT_TEXT_SIZE], const char *raw)
{
    text_escape(out, REPORT_TEXT_SIZE, raw, strlen(raw));
}

#endif
