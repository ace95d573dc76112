/* What routers do to the packets that they forward: filters, forged answers, rewriting. */
#include <string.h>

#include "engine/netsim_internal.h"
#include "wire/icmp.h"

static bool filter_matches(const struct netsim_node *at, const struct scenario_filter *filter,
                           const struct netsim_transit *packet)
{
    const uint8_t *segment = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len;
    bool icmp = packet->protocol == PROTO_ICMPV6 && filter->protocol == PROTO_ICMP;

    if (filter->protocol && filter->protocol != packet->protocol && !icmp)
        return false;
    if (filter->port && (len < 4 || netsim_get16(segment + 2) != filter->port))
        return false;
    if (filter->established_only &&
        (packet->protocol != PROTO_TCP || len < NETSIM_TCP_LEAST || segment[13] & TCP_SYN))
        return false;
    if (filter->flow_share < 1)
        return (double)(netsim_flow_hash(packet, at->salt ^ 1) >> 11) / 9007199254740992.0 <
               filter->flow_share;
    return true;
}

/* A RST in the server's name, its sequence number taken from our acknowledgement. */
static void forge_reset(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                        uint8_t ttl)
{
    struct netsim_answer answer = netsim_answer_to(packet, ttl ? ttl : NETSIM_TTL, NETSIM_FORGED);
    struct netsim_tcp tcp, reset;

    if (!netsim_tcp_read(packet, &tcp))
        return;
    reset = (struct netsim_tcp){.source_port = tcp.destination_port,
                                .destination_port = tcp.source_port,
                                .seq = tcp.ack,
                                .ack = tcp.seq + 1,
                                .flags = TCP_RST | TCP_ACK};
    netsim_tcp_answer(sim, node, &answer, packet, &reset);
}

/* False when a filter took the packet. */
bool netsim_filter(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const struct netsim_node *at = &sim->nodes[node];

    if (packet->heading != NETSIM_SERVER)
        return true;
    for (size_t i = 0; i < at->now->nfilters; i++) {
        const struct scenario_filter *filter = &at->now->filters[i];

        if (!filter_matches(at, filter, packet))
            continue;
        netsim_say(sim, NETSIM_FILTERED, node, packet, 0);
        if (filter->action == FILTER_REJECT)
            netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, ICMP4_ADMIN_PROHIBITED, 0);
        else if (filter->action == FILTER_RESET)
            forge_reset(sim, node, packet, filter->reset_ttl);
        return false;
    }
    return true;
}

static void clamp_mss(struct netsim_transit *packet, uint16_t mss)
{
    uint8_t *tcp = packet->bytes + packet->header_len;
    size_t len = packet->len - packet->header_len, end;

    if (packet->protocol != PROTO_TCP || len < NETSIM_TCP_LEAST || !(tcp[13] & TCP_SYN))
        return;
    end = (tcp[12] >> 4) * 4u;
    for (size_t i = NETSIM_TCP_LEAST; i < end && i + 4 <= len;) {
        if (tcp[i] == 0)
            return;
        if (tcp[i] == 2 && netsim_get16(tcp + i + 2) > mss) {
            netsim_put16(tcp + i + 2, mss);
            netsim_fix_transport(packet);
        }
        i += tcp[i] == 1 || tcp[i + 1] < 2 ? 1 : tcp[i + 1];
    }
}

void netsim_rewrite(const struct scenario_element *router, struct netsim_transit *packet)
{
    unsigned octet;

    if (router->clamp_mss)
        clamp_mss(packet, router->clamp_mss);
    if (router->rewrite_dscp < 0 && router->rewrite_ecn < 0)
        return;
    octet = packet->version == 6 ? netsim_get16(packet->bytes) >> 4 & 0xff : packet->bytes[1];
    if (router->rewrite_dscp >= 0)
        octet = (octet & 3) | (unsigned)router->rewrite_dscp << 2;
    if (router->rewrite_ecn >= 0)
        octet = (octet & 0xfc) | (unsigned)router->rewrite_ecn;
    if (packet->version == 6)
        netsim_put16(packet->bytes,
                     (uint16_t)((netsim_get16(packet->bytes) & 0xf00f) | octet << 4));
    else
        packet->bytes[1] = (uint8_t)octet;
    netsim_fix_ip(packet);
}
