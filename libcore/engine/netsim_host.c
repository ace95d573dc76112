/* A simple host for runs without a kernel: echo, closed ports, and TCP's handshake. */
#include <string.h>

#include "engine/netsim_internal.h"
#include "wire/icmp.h"

enum { SEGMENT_MAX = 65535 };

const struct scenario_service *netsim_host_service(const struct netsim *sim, bool udp,
                                                   uint16_t port)
{
    const struct scenario_host *server = &sim->scenario->server;

    for (size_t i = 0; i < server->nservices; i++) {
        enum scenario_service_kind kind = server->services[i].kind;
        bool is_udp = kind == SERVICE_UDP_ECHO || kind == SERVICE_DNS || kind == SERVICE_QUIC;

        if (server->services[i].port == port && is_udp == udp)
            return &server->services[i];
    }
    return NULL;
}

/* Services are the server's; routers have none. */
static const struct scenario_service *service_at(const struct netsim *sim, size_t node, bool udp,
                                                 uint16_t port)
{
    return node == sim->nnodes - 1 ? netsim_host_service(sim, udp, port) : NULL;
}

static void reply(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                  const uint8_t *segment, size_t len)
{
    struct netsim_answer answer = netsim_answer_to(packet, NETSIM_TTL, NETSIM_ENTERED);

    netsim_answer(sim, node, &answer, packet, segment, len);
}

static void answer_echo(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    uint8_t segment[SEGMENT_MAX];
    size_t len = packet->len - packet->header_len;
    bool six = packet->version == 6;

    if (node == sim->nnodes - 1 && sim->scenario->server.echo_silent)
        return;
    if (len < 8 || packet->bytes[packet->header_len] != (six ? ICMP6_ECHO : ICMP4_ECHO))
        return;
    memcpy(segment, packet->bytes + packet->header_len, len);
    segment[0] = six ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
    reply(sim, node, packet, segment, len);
}

static void answer_udp(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    uint8_t segment[SEGMENT_MAX];
    size_t len = packet->len - packet->header_len;
    const uint8_t *udp = packet->bytes + packet->header_len;

    if (len < 8)
        return;
    if (!service_at(sim, node, true, netsim_get16(udp + 2))) {
        netsim_icmp_error(sim, node, packet, ICMP4_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
        return;
    }
    memcpy(segment, udp, len);
    memcpy(segment, udp + 2, 2);
    memcpy(segment + 2, udp, 2);
    reply(sim, node, packet, segment, len);
}

static void answer_tcp(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    const struct scenario_service *service;
    struct netsim_tcp tcp;

    if (!netsim_tcp_read(packet, &tcp))
        return;
    service = service_at(sim, node, false, tcp.destination_port);
    if (service)
        netsim_syn_receive(sim, node, service, packet, &tcp);
    else
        netsim_tcp_refuse(sim, node, packet, &tcp);
}

void netsim_host_reset(struct netsim *sim, size_t node, const struct netsim_transit *packet)
{
    struct netsim_tcp tcp;

    if (netsim_tcp_read(packet, &tcp))
        netsim_tcp_refuse(sim, node, packet, &tcp);
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
        answer_tcp(sim, node, packet);
        break;
    default:
        break;
    }
}
