/* From where on a result is a warning or critical: "100ms,5%". */
#ifndef NETDX_TOOLS_THRESHOLD_H
#define NETDX_TOOLS_THRESHOLD_H

#include "tools/options.h"

/*
 * A duration, a share of loss, or both. `ms` and `loss` (0 to 1) are set for what is given.
 * 0, or -EINVAL with a message.
 */
int threshold_parse(const char *what, const char *text, double *ms, double *loss,
                    char error[OPTIONS_ERROR_SIZE]);

#endif
