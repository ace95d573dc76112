#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses has a text that reads back as the same and is its own canonical form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char out[ADDRESS_TEXT_SIZE], again[ADDRESS_TEXT_SIZE];
    struct address a, b;

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (address_parse(text, &a) == 0) {
        address_format(&a, out);
        if (address_parse(out, &b) != 0 || !address_equal(&a, &b) ||
            address_hash(&a, 1) != address_hash(&b, 1))
            abort();
        address_format(&b, again);
        if (strcmp(out, again) != 0 || address_is_unspecified(&a) != address_is_unspecified(&b) ||
            address_is_loopback(&a) + address_is_multicast(&a) + address_is_link_local(&a) +
                    address_is_unspecified(&a) + address_is_mapped4(&a) >
                1)
            abort();
    }
    free(text);
    return 0;
}
