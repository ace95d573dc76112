#include "tests/fuzz/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the link type, the second how many bytes the capture lacks. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum link_type types[] = {
        LINK_NULL, LINK_ETHERNET, LINK_RAW,        LINK_LOOP,           LINK_LINUX_SLL,
        LINK_IPV4, LINK_IPV6,     LINK_LINUX_SLL2, (enum link_type)147,
    };
    struct packet p;

    if (size < 2)
        return 0;
    enum link_type type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
    size_t missing = data[1];
    memset(&p, 0xa5, sizeof(p));
    struct decode result = packet_decode(type, data + 2, size - 2, size - 2 + missing, &p);
    facts_check(&p, result, data + 2, size - 2);
    return 0;
}
