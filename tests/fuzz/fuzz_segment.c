#include "tests/fuzz/facts.h"
#include "tests/helpers/segment_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The lean decoder and the full one read every frame alike. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum link_type types[] = {LINK_ETHERNET,   LINK_RAW,  LINK_LINUX_SLL,
                                           LINK_LINUX_SLL2, LINK_NULL, LINK_IPV4};

    if (size < 2 || size > 4096)
        return 0;
    size_t len = size - 2;
    uint8_t *bytes = malloc(len ? len : 1); /* of its own size, for the sanitizer */
    if (!bytes)
        return 0;
    memcpy(bytes, data + 2, len);
    facts_must(segment_same(types[data[0] % 6], bytes, len, len + data[1]));
    free(bytes);
    return 0;
}
