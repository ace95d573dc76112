/*
 * Probes into bytes, through libnet (LIBNET_NONE: no privilege, no device). The only user of it.
 * Building costs allocation inside libnet, so hot loops build one template and patch copies.
 */
#ifndef NETDX_WIRE_CRAFT_H
#define NETDX_WIRE_CRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/probe.h"

#define CRAFT_PACKET_MAX 65535

struct craft; /* opaque: libnet's context */

int craft_new(struct craft **out);    /* 0, -ENOMEM */
void craft_free(struct craft *craft); /* NULL is fine */

/*
 * Writes the whole IP packet, checksums filled in, to `out` and its length to `len`.
 * -EINVAL: families differ or a field is out of its range; -EMSGSIZE: does not fit `size`.
 */
int craft_probe(struct craft *craft, const struct probe *probe, uint8_t *out, size_t size,
                size_t *len);

/* What libnet said about the last failure; static or owned by `craft`. */
const char *craft_error(const struct craft *craft);

/*
 * Patches of a built packet; each keeps the checksums it touches right (RFC 1624).
 * -EINVAL when the packet is not what the patch is for.
 */
int craft_patch_ttl(uint8_t *packet, size_t len, uint8_t ttl);
int craft_patch_ip_id(uint8_t *packet, size_t len, uint16_t id);
int craft_patch_source(uint8_t *packet, size_t len, const struct address *source);
int craft_patch_destination(uint8_t *packet, size_t len, const struct address *destination);
int craft_patch_ports(uint8_t *packet, size_t len, uint16_t source, uint16_t destination);
int craft_patch_tcp_seq(uint8_t *packet, size_t len, uint32_t seq);
int craft_patch_icmp_seq(uint8_t *packet, size_t len, uint16_t seq);

#endif
