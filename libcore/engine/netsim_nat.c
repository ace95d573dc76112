/* Masquerading (RFC 3022) with the translation of quoted packets (RFC 5508 4.2). */
#include <stdlib.h>
#include <string.h>

#include "engine/netsim_internal.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

enum { FIRST_PORT = 20000, TABLE_MAX = 40000 };

struct mapping { /* the index is the outer port minus FIRST_PORT */
    struct address inner;
    uint16_t inner_port;
    uint8_t protocol;
};

struct netsim_nat {
    size_t count, capacity;
    struct mapping *mappings; /* owned */
};

void netsim_nat_free(struct netsim_nat *nat)
{
    if (!nat)
        return;
    free(nat->mappings);
    free(nat);
}

/* Where the port that stands for the client is: ICMP's is the echo identifier. */
static size_t port_offset(uint8_t protocol, bool outgoing)
{
    if (protocol == PROTO_ICMP || protocol == PROTO_ICMPV6)
        return 4;
    return outgoing ? 0 : 2;
}

static bool is_tracked(uint8_t protocol)
{
    return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_ICMP ||
           protocol == PROTO_ICMPV6;
}

static void put_source(uint8_t *ip, const struct address *address)
{
    memcpy(ip + (address->family == 6 ? 8 : 12), address->bytes, address_len(address));
}

static void put_destination(uint8_t *ip, const struct address *address)
{
    memcpy(ip + (address->family == 6 ? 24 : 16), address->bytes, address_len(address));
}

static struct mapping *find(struct netsim_nat *nat, const struct address *inner, uint16_t port,
                            uint8_t protocol)
{
    for (size_t i = 0; i < nat->count; i++)
        if (nat->mappings[i].inner_port == port && nat->mappings[i].protocol == protocol &&
            address_equal(&nat->mappings[i].inner, inner))
            return &nat->mappings[i];
    return NULL;
}

static struct mapping *add(struct netsim_nat *nat, size_t limit)
{
    if (nat->count >= limit)
        return NULL;
    if (nat->count == nat->capacity) {
        size_t capacity = nat->capacity ? nat->capacity * 2 : 16;
        struct mapping *grown = reallocarray(nat->mappings, capacity, sizeof(*grown));

        if (!grown)
            return NULL;
        nat->mappings = grown;
        nat->capacity = capacity;
    }
    return &nat->mappings[nat->count++];
}

bool netsim_nat_out(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    struct netsim_node *at = &sim->nodes[node];
    size_t limit = at->now->nat_table_max ? at->now->nat_table_max : TABLE_MAX;
    uint8_t *port = packet->bytes + packet->header_len + port_offset(packet->protocol, true);
    struct address inner = netsim_source(packet);
    struct mapping *mapping;

    if (!is_tracked(packet->protocol) || packet->len < packet->header_len + 8)
        return true;
    if (!at->nat && !(at->nat = calloc(1, sizeof(*at->nat))))
        return false;
    mapping = find(at->nat, &inner, netsim_get16(port), packet->protocol);
    if (!mapping) {
        mapping = add(at->nat, limit);
        if (!mapping)
            return false;
        *mapping = (struct mapping){inner, netsim_get16(port), packet->protocol};
    }
    put_source(packet->bytes, packet->version == 6 ? &at->now->address6 : &at->now->address4);
    netsim_put16(port, (uint16_t)(FIRST_PORT + (mapping - at->nat->mappings)));
    netsim_fix_transport(packet);
    netsim_fix_ip(packet);
    return true;
}

static const struct mapping *lookup(const struct netsim_nat *nat, uint16_t port, uint8_t protocol)
{
    size_t index = (size_t)(port - FIRST_PORT);

    if (port < FIRST_PORT || index >= nat->count || nat->mappings[index].protocol != protocol)
        return NULL;
    return &nat->mappings[index];
}

static bool is_error(const struct netsim_transit *packet)
{
    uint8_t type = packet->bytes[packet->header_len];

    if (packet->protocol == PROTO_ICMPV6)
        return type < ICMP6_ECHO;
    return packet->protocol == PROTO_ICMP && type != ICMP4_ECHO && type != ICMP4_ECHO_REPLY;
}

/* One 16-bit field of the quoted transport header, its checksum kept right where it is quoted. */
static void patch_quoted(uint8_t *segment, size_t len, uint8_t protocol, uint16_t before,
                         uint16_t after)
{
    size_t at = protocol == PROTO_TCP ? 16 : protocol == PROTO_UDP ? 6 : 2;

    if (len >= at + 2)
        netsim_put16(segment + at, checksum_update(netsim_get16(segment + at), before, after));
}

/* Gives the quoted packet the client's address and port back, checksums included. */
static const struct mapping *restore_quote(const struct netsim_nat *nat, uint8_t *quote, size_t len)
{
    bool six = len >= 40 && quote[0] >> 4 == 6;
    size_t header = six ? 40 : (quote[0] & 0x0f) * 4u, source_at = six ? 8 : 12;
    uint8_t protocol = six ? quote[6] : quote[9];
    const struct mapping *mapping;
    uint8_t *port;

    if (len < header + 8 || header < 20 || !is_tracked(protocol))
        return NULL;
    port = quote + header + port_offset(protocol, true);
    mapping = lookup(nat, netsim_get16(port), protocol);
    if (!mapping)
        return NULL;
    if (protocol != PROTO_ICMP) /* the pseudo-header changes too */
        for (size_t i = 0; i < address_len(&mapping->inner); i += 2)
            patch_quoted(quote + header, len - header, protocol,
                         netsim_get16(quote + source_at + i),
                         netsim_get16(mapping->inner.bytes + i));
    patch_quoted(quote + header, len - header, protocol, netsim_get16(port), mapping->inner_port);
    netsim_put16(port, mapping->inner_port);
    put_source(quote, &mapping->inner);
    if (!six) {
        netsim_put16(quote + 10, 0);
        netsim_put16(quote + 10, checksum_finish(checksum_add(0, quote, header)));
    }
    return mapping;
}

void netsim_nat_in(struct netsim *sim, size_t node, struct netsim_transit *packet)
{
    struct netsim_nat *nat = sim->nodes[node].nat;
    uint8_t *segment = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len;
    const struct mapping *mapping;

    if (!nat || !is_tracked(packet->protocol) || len < 8)
        return;
    if (is_error(packet)) {
        mapping = len >= 8 + 20 ? restore_quote(nat, segment + 8, len - 8) : NULL;
    } else {
        uint8_t *port = segment + port_offset(packet->protocol, false);

        mapping = lookup(nat, netsim_get16(port), packet->protocol);
        if (mapping)
            netsim_put16(port, mapping->inner_port);
    }
    if (!mapping)
        return;
    put_destination(packet->bytes, &mapping->inner);
    netsim_fix_transport(packet);
    netsim_fix_ip(packet);
}
