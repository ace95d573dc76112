/* An IPv4 or IPv6 address as a value. Canonical text is RFC 5952; no look-ups happen here. */
#ifndef NETDX_WIRE_ADDRESS_H
#define NETDX_WIRE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct address {
    uint8_t family;    /* 4, 6, or 0 for none */
    uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
    uint32_t scope;    /* interface index of a link-local IPv6 address, else 0 */
};

#define ADDRESS_TEXT_SIZE 64

static inline struct address address_from4(const uint8_t bytes[4])
{
    struct address a = {.family = 4};

    memcpy(a.bytes, bytes, 4);
    return a;
}

static inline struct address address_from6(const uint8_t bytes[16])
{
    struct address a = {.family = 6};

    memcpy(a.bytes, bytes, 16);
    return a;
}

/*
 * Strict: dotted quad with four decimal parts, or RFC 4291 text. `0x7f.1`, `1.2.3`, leading zeros
 * and zone suffixes are -EINVAL (the zone is resolved by who knows the interfaces).
 */
int address_parse(const char *text, struct address *out);
void address_format(const struct address *a, char out[ADDRESS_TEXT_SIZE]); /* "" for none */

bool address_equal(const struct address *a, const struct address *b); /* scope ignored */
int address_compare(const struct address *a, const struct address *b);
uint64_t address_hash(const struct address *a, uint64_t key);
size_t address_len(const struct address *a); /* 4, 16 or 0 bytes */

bool address_is_link_local(const struct address *a);
bool address_is_loopback(const struct address *a);
bool address_is_multicast(const struct address *a); /* IPv4 limited broadcast included */
bool address_is_unspecified(const struct address *a);
bool address_is_mapped4(const struct address *a); /* ::ffff:0:0/96 */

#endif
