#include "wire/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int address_parse(const char *text, struct address *out)
{
    uint8_t bytes[16];

    /* inet_pton is as strict as wanted: four decimal parts, no leading zeros, no zone. */
    if (inet_pton(AF_INET, text, bytes) == 1)
        *out = address_from4(bytes);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *out = address_from6(bytes);
    else
        return -EINVAL;
    return 0;
}

void address_format(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
    out[0] = '\0';
    if (a->family == 4)
        inet_ntop(AF_INET, a->bytes, out, ADDRESS_TEXT_SIZE);
    else if (a->family == 6)
        inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_SIZE);
}

size_t address_len(const struct address *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

int address_compare(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, address_len(a));
}

bool address_equal(const struct address *a, const struct address *b)
{
    return address_compare(a, b) == 0;
}

/* The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit in moves every bit out. */
static uint64_t address_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t address_hash(const struct address *a, uint64_t key)
{
    uint64_t halves[2] = {0, 0};

    memcpy(halves, a->bytes, address_len(a));
    return address_mix(address_mix(address_mix(key + a->family) ^ halves[0]) ^ halves[1]);
}

static bool address_has_prefix(const struct address *a, uint8_t family, const uint8_t *prefix,
                               size_t len)
{
    return a->family == family && memcmp(a->bytes, prefix, len) == 0;
}

bool address_is_link_local(const struct address *a)
{
    if (a->family == 4)
        return a->bytes[0] == 169 && a->bytes[1] == 254;
    return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool address_is_loopback(const struct address *a)
{
    static const uint8_t one[16] = {[15] = 1};

    return (a->family == 4 && a->bytes[0] == 127) || address_has_prefix(a, 6, one, 16);
}

bool address_is_multicast(const struct address *a)
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255};

    if (a->family == 4)
        return a->bytes[0] >> 4 == 14 || memcmp(a->bytes, broadcast, 4) == 0;
    return a->family == 6 && a->bytes[0] == 0xff;
}

bool address_is_unspecified(const struct address *a)
{
    static const uint8_t zero[16];

    return a->family != 0 && memcmp(a->bytes, zero, address_len(a)) == 0;
}

bool address_is_mapped4(const struct address *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return address_has_prefix(a, 6, mapped, sizeof(mapped));
}
