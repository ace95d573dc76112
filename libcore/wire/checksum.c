#include "wire/checksum.h"

#include <string.h>

static uint32_t checksum_fold(uint64_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

/*
 * Words are summed as they lie in memory and swapped once at the end, which RFC 1071 (2)(B)
 * allows; 64 bits hold the carries of any length there is.
 */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t total = 0;
    uint16_t folded;
    uint8_t lane[2];

    for (; len >= 4; at += 4, len -= 4) {
        uint32_t word;
        memcpy(&word, at, 4);
        total += word;
    }
    if (len >= 2) {
        uint16_t word;
        memcpy(&word, at, 2);
        total += word;
        at += 2;
    }
    if (len & 1) {
        uint8_t last[2] = {*at, 0};
        uint16_t word;
        memcpy(&word, last, 2);
        total += word;
    }
    folded = (uint16_t)checksum_fold(total);
    memcpy(lane, &folded, 2);
    return checksum_fold((uint64_t)sum + (uint32_t)(lane[0] << 8 | lane[1]));
}

uint16_t checksum_finish(uint32_t sum)
{
    return (uint16_t)~checksum_fold(sum);
}

uint32_t checksum_pseudo(const struct address *source, const struct address *destination,
                         uint8_t protocol, uint32_t len)
{
    uint32_t sum = checksum_add(0, source->bytes, address_len(source));

    sum = checksum_add(sum, destination->bytes, address_len(destination));
    return checksum_fold((uint64_t)sum + protocol + (len >> 16) + (len & 0xffff));
}

uint16_t checksum_update(uint16_t checksum, uint16_t before, uint16_t after)
{
    return checksum_finish((uint32_t)(uint16_t)~checksum + (uint16_t)~before + after);
}
