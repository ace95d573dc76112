#include <stdlib.h>
#include <string.h>

#include "io/asn_origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct address prefix;
    unsigned bits = 0;
    uint32_t number;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (asn_origin_parse(text, &number, &prefix, &bits) &&
        (number == 0 || (prefix.family && bits > 8 * address_len(&prefix))))
        abort();
    free(text);
    return 0;
}
