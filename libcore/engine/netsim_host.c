/* A simple host for runs without a kernel: echo, closed UDP ports, SYN to SYN-ACK or RST. */
#include <string.h>

#include "base/writer.h"
#include "engine/netsim_internal.h"
#include "wire/icmp.h"

enum { SEGMENT_MAX = 65535, TCP_LEAST = 20 };

static bool listens(const struct netsim *sim, bool udp, uint16_t port)
{
    const struct scenario_host *server = &sim->scenario->server;

    for (size_t i = 0; i < server->nservices; i++) {
        bool is_udp = server->services[i].kind == SERVICE_UDP_ECHO;

        if (server->services[i].port == port && is_udp == udp)
            return true;
    }
    return false;
}

static void answer_echo(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    uint8_t segment[SEGMENT_MAX];
    size_t len = packet->len - packet->header_len;
    bool six = packet->version == 6;

    if (len < 8 || packet->bytes[packet->header_len] != (six ? ICMP6_ECHO : ICMP4_ECHO))
        return;
    memcpy(segment, packet->bytes + packet->header_len, len);
    segment[0] = six ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
    netsim_reply(sim, node, packet, NETSIM_TTL, segment, len);
}

static void answer_udp(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    uint8_t segment[SEGMENT_MAX];
    size_t len = packet->len - packet->header_len;
    const uint8_t *udp = packet->bytes + packet->header_len;

    if (len < 8)
        return;
    if (!listens(sim, true, netsim_get16(udp + 2))) {
        netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
        return;
    }
    memcpy(segment, udp, len);
    memcpy(segment, udp + 2, 2);
    memcpy(segment + 2, udp, 2);
    netsim_reply(sim, node, packet, NETSIM_TTL, segment, len);
}

static void answer_syn(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const uint8_t *syn = packet->bytes + packet->header_len;
    bool open;
    uint8_t segment[64];
    struct writer w = writer_init(segment, sizeof(segment));
    uint32_t seq;

    if (packet->len - packet->header_len < TCP_LEAST || (syn[13] & 0x17) != TCP_SYN)
        return;
    open = listens(sim, false, netsim_get16(syn + 2));
    seq = (uint32_t)netsim_get16(syn + 4) << 16 | netsim_get16(syn + 6);
    writer_bytes(&w, syn + 2, 2);
    writer_bytes(&w, syn, 2);
    writer_u32(&w, open ? (uint32_t)random_u64(&sim->random) : 0);
    writer_u32(&w, seq + 1);
    writer_u8(&w, open ? 0x60 : 0x50);
    writer_u8(&w, open ? TCP_SYN | TCP_ACK : TCP_RST | TCP_ACK);
    writer_u16(&w, open ? 64240 : 0);
    writer_u32(&w, 0);
    if (open)
        writer_u32(&w, 0x020405b4); /* MSS 1460 */
    netsim_reply(sim, node, packet, NETSIM_TTL, segment, w.len);
}

void netsim_host_answer(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    if (netsim_is_fragment(packet))
        return; /* this host does not put fragments together */
    switch (packet->protocol) {
    case PROTO_ICMP:
    case PROTO_ICMPV6:
        answer_echo(sim, node, packet);
        break;
    case PROTO_UDP:
        answer_udp(sim, node, packet);
        break;
    case PROTO_TCP:
        answer_syn(sim, node, packet);
        break;
    default:
        break;
    }
}
