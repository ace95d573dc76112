/*
 * QUIC's version negotiation: a long-header packet of a version that nobody has, and the answer
 * that every QUIC server gives to it (RFC 8999 6; RFC 9000 5.2.2, 6, 14.1, 15, 17.2.1). It tells
 * that QUIC is alive on a UDP port, and which versions, without a handshake.
 */
#ifndef NETDX_WIRE_QUIC_H
#define NETDX_WIRE_QUIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/decode.h"

#define QUIC_PROBE_SIZE   1200 /* smaller ones may be dropped: RFC 9000 14.1 */
#define QUIC_ID_SIZE      8
#define QUIC_VERSIONS_MAX 32         /* kept; all are counted */
#define QUIC_VERSION_NONE 0x1a2a3a4a /* of the pattern 0x?a?a?a?a, reserved for this (15) */

struct quic_ids { /* connection IDs, random; the answer has them the other way round */
    uint8_t destination[QUIC_ID_SIZE], source[QUIC_ID_SIZE];
};

void quic_probe(const struct quic_ids *ids, uint8_t out[QUIC_PROBE_SIZE]);

struct quic_negotiation {
    size_t count; /* versions in the answer */
    size_t kept;
    uint32_t versions[QUIC_VERSIONS_MAX];
};

/*
 * OK: the answer to the probe with these IDs. UNKNOWN: another packet than Version Negotiation.
 * BAD: other IDs, so that somebody answers who did not see the probe, or a list that is none.
 */
struct decode quic_decode_negotiation(const uint8_t *bytes, size_t len, const struct quic_ids *ids,
                                      struct quic_negotiation *out);

#define QUIC_VERSION_TEXT_SIZE 16
/* "1", "2" (RFC 9369), "draft-29", "Q046", "reserved", or the number as "0xabcdef01". */
void quic_version_format(uint32_t version, char out[QUIC_VERSION_TEXT_SIZE]);

#endif
