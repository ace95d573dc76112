#include "tests/fuzz/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A TCP segment behind an IPv4 header that is right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t header[20] = {0x45, [8] = 64, PROTO_TCP, [12] = 10, 0, 0, 1, 10, 0, 0, 2};
    struct packet p;

    if (size > 4096)
        return 0;
    size_t len = sizeof(header) + size;
    uint8_t *bytes = malloc(len);
    if (!bytes)
        return 0;
    memcpy(bytes, header, sizeof(header));
    if (size > 0)
        memcpy(bytes + sizeof(header), data, size);
    bytes[2] = (uint8_t)(len >> 8);
    bytes[3] = (uint8_t)len;
    memset(&p, 0xa5, sizeof(p));
    struct decode result = packet_decode_ip(bytes, len, len, &p);
    facts_check(&p, result, bytes, len);
    if (p.layers & LAYER_TCP)
        facts_must(p.tcp.payload_len == size - p.tcp.header_len);
    free(bytes);
    return 0;
}
