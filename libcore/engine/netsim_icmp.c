/* ICMP errors of routers: RFC 792, RFC 4443, with RFC 4884 extensions, RFC 4950 and RFC 5837. */
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "base/writer.h"
#include "engine/netsim_internal.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

enum { QUOTE_DEFAULT = 548, QUOTE_LEAST = 128, ICMP_SPACE = 1500 };
enum { RFC4884_VERSION = 0x20, CLASS_MPLS = 1, CLASS_INTERFACE = 2 };

static bool deserves_error(const struct netsim_transit *packet)
{
    struct address destination = netsim_destination(packet), source = netsim_source(packet);
    const uint8_t *segment = packet->bytes + packet->header_len;

    if (address_is_multicast(&destination) || address_is_unspecified(&source))
        return false;
    if (packet->version == 4 && (netsim_get16(packet->bytes + 6) & 0x1fff) != 0)
        return false; /* a later fragment */
    if (packet->len == packet->header_len)
        return true;
    if (packet->protocol == PROTO_ICMP)
        return segment[0] == ICMP4_ECHO || segment[0] == ICMP4_ECHO_REPLY || segment[0] > 12;
    if (packet->protocol == PROTO_ICMPV6)
        return segment[0] >= ICMP6_ECHO;
    return true;
}

/* A token bucket of icmp_burst, filled at icmp_rate. */
static bool take_token(const struct netsim *sim, struct netsim_node *node)
{
    double burst = node->now->icmp_burst ? node->now->icmp_burst : 1;

    if (node->now->icmp_rate <= 0)
        return true;
    if (node->tokens_ns == INT64_MIN)
        node->tokens = burst;
    else
        node->tokens += (double)(sim->now_ns - node->tokens_ns) / 1e9 * node->now->icmp_rate;
    node->tokens_ns = sim->now_ns;
    if (node->tokens > burst)
        node->tokens = burst;
    if (node->tokens < 1)
        return false;
    node->tokens -= 1;
    return true;
}

static void put_mpls(struct writer *w, const struct scenario_element *router)
{
    writer_u16(w, (uint16_t)(4 + 4 * router->nmpls));
    writer_u8(w, CLASS_MPLS);
    writer_u8(w, 1); /* incoming label stack */
    for (size_t i = 0; i < router->nmpls; i++) {
        const struct mpls_entry *e = &router->mpls[i];

        writer_u32(w, e->label << 12 | (uint32_t)e->tc << 9 | (e->bottom ? 0x100u : 0) | e->ttl);
    }
}

/* The incoming interface with index, address, name and MTU: C-Type 00 00 1111. */
static void put_interface(struct writer *w, const struct scenario_element *router, uint8_t version)
{
    const struct address *address = version == 6 ? &router->address6 : &router->address4;
    size_t name_len = strlen(router->name), padded = (1 + name_len + 3) / 4 * 4;

    writer_u16(w, (uint16_t)(4 + 4 + 4 + address_len(address) + padded + 4));
    writer_u8(w, CLASS_INTERFACE);
    writer_u8(w, 0x0f);
    writer_u32(w, 1);
    writer_u16(w, version == 6 ? 2 : 1);
    writer_u16(w, 0);
    writer_bytes(w, address->bytes, address_len(address));
    writer_u8(w, (uint8_t)padded);
    writer_bytes(w, router->name, name_len);
    writer_zero(w, padded - 1 - name_len);
    writer_u32(w, router->to.mtu ? router->to.mtu : NETSIM_MTU_DEFAULT);
}

static void put_extensions(struct writer *w, const struct scenario_element *router, uint8_t version)
{
    size_t start = w->len;

    writer_u8(w, RFC4884_VERSION);
    writer_u8(w, 0);
    writer_u16(w, 0);
    if (router->nmpls > 0)
        put_mpls(w, router);
    if (router->interface_info)
        put_interface(w, router, version);
    writer_patch_u16(w, start + 2,
                     checksum_finish(checksum_add(0, w->bytes + start, w->len - start)));
}

/* Codes of ICMP unreachable in ICMPv6's words (RFC 7915 4.2). */
static uint8_t unreachable6(uint8_t code)
{
    switch (code) {
    case ICMP4_HOST_UNREACHABLE:
        return ICMP6_ADDRESS_UNREACHABLE;
    case ICMP4_PORT_UNREACHABLE:
        return ICMP6_PORT_UNREACHABLE;
    case ICMP4_NET_PROHIBITED:
    case ICMP4_HOST_PROHIBITED:
    case ICMP4_ADMIN_PROHIBITED:
        return ICMP6_ADMIN_PROHIBITED;
    default:
        return ICMP6_NO_ROUTE;
    }
}

static void translate(uint8_t *type, uint8_t *code)
{
    if (*type == ICMP4_UNREACHABLE && *code == ICMP4_FRAGMENTATION_NEEDED) {
        *type = ICMP6_PACKET_TOO_BIG;
        *code = 0;
    } else if (*type == ICMP4_UNREACHABLE) {
        *type = ICMP6_UNREACHABLE;
        *code = unreachable6(*code);
    } else {
        *type = ICMP6_TIME_EXCEEDED;
    }
}

/* The message without its checksum. The second word: length (RFC 4884) and MTU where they go. */
static void put_message(struct writer *w, const struct scenario_element *router,
                        const struct netsim_transit *packet, uint8_t type, uint8_t code,
                        uint16_t mtu)
{
    bool extended = router && (router->nmpls > 0 || router->interface_info);
    size_t limit = router && router->icmp_quote_len ? router->icmp_quote_len : QUOTE_DEFAULT;
    size_t unit = packet->version == 6 ? 8 : 4, quoted, padded;
    uint8_t declared;

    extended = extended && mtu == 0;
    if (packet->version == 6 && limit == QUOTE_DEFAULT)
        limit = 1232; /* RFC 4443 2.4 (c): as much as the minimum MTU allows */
    if (extended && limit > QUOTE_LEAST)
        limit = QUOTE_LEAST;
    quoted = packet->len < limit ? packet->len : limit;
    padded = extended ? QUOTE_LEAST : quoted;
    declared = extended && !router->icmp_no_length ? (uint8_t)(padded / unit) : 0;
    writer_u8(w, type);
    writer_u8(w, code);
    writer_u16(w, 0);
    writer_u8(w, packet->version == 6 ? declared : 0);
    writer_u8(w, packet->version == 6 ? 0 : declared);
    writer_u16(w, mtu);
    writer_bytes(w, packet->bytes, quoted);
    writer_zero(w, padded - quoted);
    if (extended)
        put_extensions(w, router, packet->version);
}

void netsim_icmp_error(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                       uint8_t type, uint8_t code, uint16_t mtu)
{
    struct netsim_node *at = &sim->nodes[node];
    const struct scenario_host *server = &sim->scenario->server;
    uint8_t bytes[ICMP_SPACE];
    struct writer w = writer_init(bytes, sizeof(bytes));
    struct netsim_answer answer = netsim_answer_to(packet, NETSIM_TTL, NETSIM_ICMP_SENT);

    if (!deserves_error(packet))
        return;
    if (at->now && (at->now->silent || !take_token(sim, at))) {
        netsim_say(sim, NETSIM_ICMP_LIMITED, node, packet, 0);
        return;
    }
    if (at->behind_dnat)
        answer.source = packet->version == 6 ? server->address6 : server->address4;
    else if (at->now)
        answer.source = packet->version == 6 ? at->now->address6 : at->now->address4;
    if (packet->version == 6)
        translate(&type, &code);
    put_message(&w, at->now, packet, type, code, mtu);
    answer.protocol = packet->version == 6 ? PROTO_ICMPV6 : PROTO_ICMP;
    if (!w.failed)
        netsim_answer(sim, node, &answer, packet, bytes, w.len);
}
