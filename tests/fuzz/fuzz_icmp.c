#include "tests/fuzz/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An ICMP message (first byte even) or an ICMPv6 one behind an IP header that is right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t header4[20] = {0x45, [8] = 64, PROTO_ICMP, [12] = 10, 0, 7,
                                        1,    10,       0,          0,         2};
    static const uint8_t header6[40] = {
        0x60, [6] = PROTO_ICMPV6, 64, 0xfd, [23] = 1, 0xfd, [39] = 2};
    struct packet p;

    if (size < 1 || size > 4096)
        return 0;
    bool six = data[0] & 1;
    size_t header = six ? sizeof(header6) : sizeof(header4), len = header + size - 1;
    uint8_t *bytes = malloc(len);
    if (!bytes)
        return 0;
    memcpy(bytes, six ? header6 : header4, header);
    memcpy(bytes + header, data + 1, size - 1);
    size_t declared = six ? len - header : len;
    bytes[six ? 4 : 2] = (uint8_t)(declared >> 8);
    bytes[six ? 5 : 3] = (uint8_t)declared;
    memset(&p, 0xa5, sizeof(p));
    struct decode result = packet_decode_ip(bytes, len, len, &p);
    facts_check(&p, result, bytes, len);
    facts_must(p.layers & LAYER_IP || size == 1);
    free(bytes);
    return 0;
}
