#include "tests/fuzz/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An IP packet that is all here; what a cut of it shows is no more than the whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet whole, cut;

    memset(&whole, 0xa5, sizeof(whole));
    memset(&cut, 0xa5, sizeof(cut));
    struct decode result = packet_decode_ip(data, size, size, &whole);
    facts_check(&whole, result, data, size);
    result = packet_decode_ip(data, size / 2, size, &cut);
    facts_check(&cut, result, data, size / 2);
    facts_must((cut.layers & ~whole.layers) == 0);
    return 0;
}
