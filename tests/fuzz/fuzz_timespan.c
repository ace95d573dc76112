#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses is never negative, and its shortest form reads back as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char out[TIMESPAN_TEXT_SIZE];
    int64_t ns, back;

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (timespan_parse(text, &ns) == 0) {
        timespan_format(ns, out);
        if (ns < 0 || timespan_parse(out, &back) != 0 || back != ns)
            abort();
    }
    free(text);
    return 0;
}
