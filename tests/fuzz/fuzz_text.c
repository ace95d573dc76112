#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was escaped whole reads back; text that nobody escaped only gets shorter, also in place. */
static void check_unescape(const char *escaped, size_t escaped_len, const uint8_t *data,
                           size_t size)
{
    uint8_t *back = malloc(escaped_len + size + 1);

    if (!back)
        return;
    if (text_unescape(back, escaped, escaped_len) != size ||
        (size > 0 && memcmp(back, data, size) != 0))
        abort();
    if (size > 0)
        memcpy(back, data, size);
    if (text_unescape(back, (const char *)back, size) > size)
        abort();
    free(back);
}

/* Whatever comes in: the result has the size announced, holds no control, and only if nothing had
 * to change is it the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *out = malloc(TEXT_ESCAPED_SIZE(size));

    if (!out)
        return 0;
    size_t len = text_escape(out, TEXT_ESCAPED_SIZE(size), data, size);
    if (len != strlen(out))
        abort();
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)out[i] < 0x20 || out[i] == 0x7f)
            abort();
    }
    if (text_is_safe(data, size) != (len == size && memcmp(out, data, size) == 0))
        abort();
    if (text_columns(out) > len)
        abort();
    check_unescape(out, len, data, size);
    if (size > 0)
        text_escape(out, size, data, size);
    free(out);
    return 0;
}
