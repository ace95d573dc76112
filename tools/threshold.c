#include "tools/threshold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"

#define THRESHOLD_PART_SIZE 32

/* "5%": plain digits, so that no locale and no hexadecimal gets in. */
static int threshold_share(const char *part, double *share)
{
    size_t len = strlen(part);
    char *end;
    double value;

    if (len < 2 || strspn(part, "0123456789.") != len - 1)
        return -EINVAL;
    value = strtod(part, &end);
    if (*end != '%' || value > 100)
        return -EINVAL;
    *share = value / 100;
    return 0;
}

static int threshold_part(const char *part, double *ms, double *loss)
{
    int64_t ns;

    if (strchr(part, '%'))
        return threshold_share(part, loss);
    if (timespan_parse(part, &ns))
        return -EINVAL;
    *ms = ns_to_ms(ns);
    return 0;
}

int threshold_parse(const char *what, const char *text, double *ms, double *loss,
                    char error[OPTIONS_ERROR_SIZE])
{
    const char *rest = text;
    char part[THRESHOLD_PART_SIZE];

    for (;;) {
        size_t len = strcspn(rest, ",");

        snprintf(part, sizeof(part), "%.*s", (int)(len < sizeof(part) ? len : 0), rest);
        if (threshold_part(part, ms, loss))
            break;
        if (!rest[len])
            return 0;
        rest += len + 1;
    }
    options_refuse(error, what, text, "is not a time, a loss or both (like 100ms,5%)");
    return -EINVAL;
}
