#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses is never negative, and its shortest form reads back as the same. */
static void fuzz_text(const char *text)
{
    char out[TIMESPAN_TEXT_SIZE];
    int64_t ns, back;

    if (timespan_parse(text, &ns) == 0) {
        timespan_format(ns, out);
        if (ns < 0 || timespan_parse(out, &back) != 0 || back != ns)
            abort();
    }
}

/* Any number of nanoseconds has a form that reads back, a date of full length and a sum. */
static void fuzz_number(int64_t ns)
{
    char out[TIMESPAN_TEXT_SIZE], date[TIME_RFC3339_SIZE];
    int64_t back;

    timespan_format(ns, out);
    if ((ns < 0) != (out[0] == '-'))
        abort();
    if (ns != INT64_MIN && (timespan_parse(out + (ns < 0), &back) || back != (ns < 0 ? -ns : ns)))
        abort();
    time_format_rfc3339(ns, date);
    if (strlen(date) != strlen("2026-01-02T03:04:05.678901234Z"))
        abort();
    if (time_add(ns, NS_PER_SEC) <= ns && ns != TIME_NEVER)
        abort();
    if (time_add(ns, -NS_PER_SEC) >= ns && ns != INT64_MIN)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    int64_t ns = 0;

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    memcpy(&ns, text, size < sizeof(ns) ? size : sizeof(ns));
    fuzz_text(text);
    fuzz_number(ns);
    free(text);
    return 0;
}
