/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3). */
#ifndef NETDX_WIRE_CHECKSUM_H
#define NETDX_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

/* Ones' complement sum to be continued; start with 0, only the last part may be odd. */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t len);
uint16_t checksum_finish(uint32_t sum); /* host order, to be written big-endian */

/* Pseudo-header sum for TCP, UDP and ICMPv6 (RFC 9293 3.1, RFC 8200 8.1). */
uint32_t checksum_pseudo(const struct address *source, const struct address *destination,
                         uint8_t protocol, uint32_t len);

/* The checksum after one 16-bit field changed from `before` to `after`. */
uint16_t checksum_update(uint16_t checksum, uint16_t before, uint16_t after);

#endif
