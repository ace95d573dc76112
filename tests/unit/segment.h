/* TCP segments as bytes, from the IP header on; shares nothing with wire/. */
#ifndef NETDX_TESTS_UNIT_SEGMENT_H
#define NETDX_TESTS_UNIT_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#define SEGMENT_MAX 128

size_t segment_from_hex(const char *text, uint8_t bytes[SEGMENT_MAX]);
size_t segment_header_len(const uint8_t *packet); /* of IP */
uint32_t segment_get32(const uint8_t *at);
/* RFC 1071 over pseudo-header and segment: 0xffff when the checksum in it is right. */
unsigned segment_sum(const uint8_t *packet, size_t len);
/* The place of an option of this kind; NULL: there is none. */
uint8_t *segment_option(uint8_t *packet, unsigned kind);

#endif
