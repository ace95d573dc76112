/* libnet first: macros of its headers have the names of our fields and must be gone before ours. */
#include <libnet.h>
#undef ETHERTYPE_ARP
#undef ETHERTYPE_IPV6
#undef ICMP6_ECHO
#undef ICMP6_ECHO_REPLY
#undef ICMP6_PACKET_TOO_BIG
#undef ICMP6_TIME_EXCEEDED
#undef icmp_id
#undef icmp_seq

#include "wire/craft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/writer.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/packet.h"

#define IPV4_HEADER_LEN     20
#define IPV6_HEADER_LEN     40
#define TCP_HEADER_LEN      20
#define TCP_OPTIONS_MAX     40
#define TCP_FLAGS_MAX       0x1ff
#define TCP_WSCALE_MAX      14 /* RFC 7323 2.3 */
#define DATAGRAM_HEADER_LEN 8  /* UDP, and ICMP echo */
#define FIT_LEN             2  /* bytes before the payload that make the checksum as wanted */
#define IPV4_DF             0x4000

struct craft {
    libnet_t *libnet; /* owned */
    const char *error;
    uint8_t payload[CRAFT_PACKET_MAX];
};

/* Where everything goes in the packet of one probe. */
struct craft_plan {
    uint8_t protocol; /* IANA number */
    uint8_t options[TCP_OPTIONS_MAX];
    size_t options_len;
    size_t ip_len, transport_len, total_len;
    size_t payload_len; /* all that follows the transport header */
    size_t fit_len;     /* FIT_LEN when the checksum is given, else 0 */
};

int craft_new(struct craft **out)
{
    char message[LIBNET_ERRBUF_SIZE];
    struct craft *craft = calloc(1, sizeof(*craft));

    if (!craft)
        return -ENOMEM;
    craft->libnet = libnet_init(LIBNET_NONE, NULL, message);
    if (!craft->libnet) {
        free(craft);
        return -ENOMEM; /* without a device to open nothing else can fail */
    }
    craft->error = "";
    *out = craft;
    return 0;
}

void craft_free(struct craft *craft)
{
    if (!craft)
        return;
    libnet_destroy(craft->libnet);
    free(craft);
}

const char *craft_error(const struct craft *craft)
{
    return craft->error;
}

/* The order and the padding of Linux, so that our SYN does not look like nobody's. */
static size_t craft_tcp_options(const struct probe *probe, uint8_t *out)
{
    struct writer w = writer_init(out, TCP_OPTIONS_MAX);
    bool sack = probe->tcp_options & PROBE_TCP_SACK;
    bool timestamps = probe->tcp_options & PROBE_TCP_TIMESTAMPS;

    if (probe->tcp_options & PROBE_TCP_MSS) {
        writer_u16(&w, 0x0204);
        writer_u16(&w, probe->tcp_mss);
    }
    if (sack || timestamps)
        writer_u16(&w, sack ? 0x0402 : 0x0101);
    if (timestamps) {
        writer_u16(&w, 0x080a);
        writer_u32(&w, probe->tcp_tsval);
        writer_u32(&w, probe->tcp_tsecr);
    } else if (sack) {
        writer_u16(&w, 0x0101);
    }
    if (probe->tcp_options & PROBE_TCP_WSCALE) {
        writer_u16(&w, 0x0103);
        writer_u8(&w, 3);
        writer_u8(&w, probe->tcp_wscale);
    }
    if (probe->tcp_options & PROBE_TCP_FAST_OPEN)
        writer_u32(&w, 0x22020101);
    return w.len;
}

static bool craft_in_range(const struct probe *p)
{
    uint8_t family = p->source.family;

    return family == p->destination.family && (family == 4 || family == 6) && p->dscp < 64 &&
           p->ecn < 4 && p->flow_label <= 0xfffff && p->tcp_flags <= TCP_FLAGS_MAX &&
           p->tcp_wscale <= TCP_WSCALE_MAX && p->payload_len <= PROBE_PAYLOAD_MAX;
}

static int craft_plan_protocol(const struct probe *probe, struct craft_plan *plan)
{
    switch (probe->protocol) {
    case PROBE_ICMP:
        plan->protocol = probe->source.family == 4 ? PROTO_ICMP : PROTO_ICMPV6;
        break;
    case PROBE_UDP:
        plan->protocol = PROTO_UDP;
        break;
    case PROBE_TCP:
        plan->protocol = PROTO_TCP;
        plan->options_len = craft_tcp_options(probe, plan->options);
        plan->transport_len = TCP_HEADER_LEN + plan->options_len;
        return 0;
    default:
        return -EINVAL;
    }
    plan->transport_len = DATAGRAM_HEADER_LEN;
    plan->fit_len = probe->fixed_checksum ? FIT_LEN : 0;
    return 0;
}

static int craft_plan(struct craft *craft, const struct probe *probe, struct craft_plan *plan)
{
    *plan = (struct craft_plan){0};
    if (!craft_in_range(probe) || craft_plan_protocol(probe, plan) < 0) {
        craft->error = "a probe field is out of its range";
        return -EINVAL;
    }
    plan->ip_len = probe->source.family == 4 ? IPV4_HEADER_LEN : IPV6_HEADER_LEN;
    size_t least = plan->ip_len + plan->transport_len + plan->fit_len;
    plan->total_len = probe->size > least ? probe->size : least;
    plan->payload_len = plan->total_len - plan->ip_len - plan->transport_len;
    if (probe->payload_len > plan->total_len - least) {
        craft->error = "the payload is longer than the packet";
        return -EINVAL;
    }
    return 0;
}

static void craft_payload(struct craft *craft, const struct probe *probe,
                          const struct craft_plan *plan)
{
    memset(craft->payload, 0, plan->payload_len);
    if (probe->payload)
        memcpy(craft->payload + plan->fit_len, probe->payload, probe->payload_len);
}

static int craft_build_tcp(struct craft *craft, const struct probe *probe,
                           const struct craft_plan *plan)
{
    if (plan->options_len > 0 &&
        libnet_build_tcp_options(plan->options, (uint32_t)plan->options_len, craft->libnet, 0) < 0)
        return -1;
    return libnet_build_tcp(probe->source_port, probe->destination_port, probe->tcp_seq,
                            probe->tcp_ack, (uint8_t)probe->tcp_flags, probe->tcp_window, 0, 0,
                            (uint16_t)(plan->transport_len + plan->payload_len),
                            plan->payload_len ? craft->payload : NULL, (uint32_t)plan->payload_len,
                            craft->libnet, 0);
}

static int craft_build_transport(struct craft *craft, const struct probe *probe,
                                 const struct craft_plan *plan)
{
    uint8_t *payload = plan->payload_len ? craft->payload : NULL;
    uint32_t payload_len = (uint32_t)plan->payload_len;

    switch (plan->protocol) {
    case PROTO_TCP:
        return craft_build_tcp(craft, probe, plan);
    case PROTO_UDP:
        return libnet_build_udp(probe->source_port, probe->destination_port,
                                (uint16_t)(plan->transport_len + payload_len), 0, payload,
                                payload_len, craft->libnet, 0);
    case PROTO_ICMP:
        return libnet_build_icmpv4_echo(ICMP4_ECHO, 0, 0, probe->icmp_id, probe->icmp_seq, payload,
                                        payload_len, craft->libnet, 0);
    default:
        return libnet_build_icmpv6_echo(ICMP6_ECHO, 0, 0, probe->icmp_id, probe->icmp_seq, payload,
                                        payload_len, craft->libnet, 0);
    }
}

static int craft_build_ip(struct craft *craft, const struct probe *probe,
                          const struct craft_plan *plan)
{
    uint8_t traffic_class = (uint8_t)(probe->dscp << 2 | probe->ecn);
    struct libnet_in6_addr source6, destination6;
    uint32_t source4, destination4;

    if (probe->source.family == 6) {
        memcpy(&source6, probe->source.bytes, 16);
        memcpy(&destination6, probe->destination.bytes, 16);
        return libnet_build_ipv6(traffic_class, probe->flow_label,
                                 (uint16_t)(plan->total_len - plan->ip_len), plan->protocol,
                                 probe->ttl, source6, destination6, NULL, 0, craft->libnet, 0);
    }
    memcpy(&source4, probe->source.bytes, 4);
    memcpy(&destination4, probe->destination.bytes, 4);
    return libnet_build_ipv4((uint16_t)plan->total_len, traffic_class, probe->ip_id,
                             probe->df ? IPV4_DF : 0, probe->ttl, plan->protocol, 0, source4,
                             destination4, NULL, 0, craft->libnet, 0);
}

/* Ends libnet's part: what it holds for this packet is freed, whatever came of it. */
static int craft_assemble(struct craft *craft, const struct probe *probe,
                          const struct craft_plan *plan, uint8_t *out)
{
    uint8_t *packet = NULL;
    uint32_t len = 0;
    int result = -EINVAL;

    if (craft_build_transport(craft, probe, plan) >= 0 && craft_build_ip(craft, probe, plan) >= 0 &&
        libnet_pblock_coalesce(craft->libnet, &packet, &len) >= 0)
        result = 0;
    else
        craft->error = libnet_geterror(craft->libnet);
    if (result == 0 && len != plan->total_len) {
        craft->error = "the packet is not as long as planned";
        result = -EINVAL;
    }
    if (result == 0)
        memcpy(out, packet, len);
    if (packet)
        libnet_adv_free_packet(craft->libnet, packet);
    libnet_clear_packet(craft->libnet);
    return result;
}

static uint16_t craft_get_u16(const uint8_t *packet, size_t at)
{
    return (uint16_t)(packet[at] << 8 | packet[at + 1]);
}

static void craft_put_u16(uint8_t *packet, size_t at, uint16_t value)
{
    packet[at] = (uint8_t)(value >> 8);
    packet[at + 1] = (uint8_t)value;
}

/* Sets 16 bits at an even offset and what they do to the checksum at `sum_at` (RFC 1624). */
static void craft_replace(uint8_t *packet, size_t at, uint16_t value, size_t sum_at)
{
    uint16_t before = craft_get_u16(packet, at);

    craft_put_u16(packet, at, value);
    craft_put_u16(packet, sum_at, checksum_update(craft_get_u16(packet, sum_at), before, value));
}

static size_t craft_checksum_offset(uint8_t protocol)
{
    return protocol == PROTO_TCP ? 16 : protocol == PROTO_UDP ? 6 : 2;
}

/* Two bytes take up the difference between the checksum there is and the one wanted. */
static void craft_fit(uint8_t *packet, const struct craft_plan *plan, uint16_t wanted)
{
    size_t sum_at = plan->ip_len + craft_checksum_offset(plan->protocol);
    uint32_t sum = (uint32_t)craft_get_u16(packet, sum_at) + (uint16_t)~wanted;

    craft_put_u16(packet, plan->ip_len + plan->transport_len, (uint16_t)~checksum_finish(sum));
    craft_put_u16(packet, sum_at, wanted);
}

/* What libnet 1.1.6 leaves open or gets wrong. */
static void craft_finish(uint8_t *packet, const struct probe *probe, const struct craft_plan *plan)
{
    size_t transport = plan->ip_len, sum_at = transport + craft_checksum_offset(plan->protocol);

    /* Its control argument has eight bits: the ninth flag is added here. */
    if (plan->protocol == PROTO_TCP && (probe->tcp_flags & TCP_AE))
        craft_replace(packet, transport + 12, craft_get_u16(packet, transport + 12) | TCP_AE,
                      sum_at);
    /* Its IPv6 builder puts the label's lowest octet into the middle one, too. */
    if (probe->source.family == 6)
        craft_put_u16(packet, 2, (uint16_t)probe->flow_label);
    /* It sums ICMPv6's protocol number and length in 16 bits and drops the carry. */
    if (plan->protocol == PROTO_ICMPV6 && PROTO_ICMPV6 + plan->total_len - transport > UINT16_MAX)
        craft_put_u16(packet, sum_at, checksum_update(craft_get_u16(packet, sum_at), 0, 1));
    /* It sends a computed 0, which would mean "no checksum" (RFC 768). */
    if (plan->protocol == PROTO_UDP && craft_get_u16(packet, sum_at) == 0)
        craft_put_u16(packet, sum_at, 0xffff);
    if (plan->fit_len > 0)
        craft_fit(packet, plan, probe->fixed_checksum);
}

int craft_probe(struct craft *craft, const struct probe *probe, uint8_t *out, size_t size,
                size_t *len)
{
    struct craft_plan plan;
    int result = craft_plan(craft, probe, &plan);

    if (result < 0)
        return result;
    if (plan.total_len > size || plan.total_len > CRAFT_PACKET_MAX) {
        craft->error = "the packet does not fit";
        return -EMSGSIZE;
    }
    craft_payload(craft, probe, &plan);
    result = craft_assemble(craft, probe, &plan, out);
    if (result < 0)
        return result;
    craft_finish(out, probe, &plan);
    *len = plan.total_len;
    return 0;
}

/* A built packet as far as the patches need to know it: no IPv4 options, no extension headers. */
struct craft_view {
    uint8_t version, protocol;
    size_t ip_len;
    size_t sum_at; /* the transport's checksum, 0 when none is to be kept */
};

static int craft_view_ip(const uint8_t *packet, size_t len, struct craft_view *view)
{
    if (len >= IPV4_HEADER_LEN && packet[0] == 0x45)
        *view = (struct craft_view){4, packet[9], IPV4_HEADER_LEN, 0};
    else if (len >= IPV6_HEADER_LEN && packet[0] >> 4 == 6)
        *view = (struct craft_view){6, packet[6], IPV6_HEADER_LEN, 0};
    else
        return -EINVAL;
    return 0;
}

static int craft_view_transport(const uint8_t *packet, size_t len, struct craft_view *view)
{
    size_t need = DATAGRAM_HEADER_LEN;

    if (craft_view_ip(packet, len, view) < 0)
        return -EINVAL;
    if (view->version == 4 && (craft_get_u16(packet, 6) & 0x1fff) != 0)
        return -EINVAL; /* a later fragment */
    if (view->protocol == PROTO_TCP)
        need = TCP_HEADER_LEN;
    else if (view->protocol != PROTO_UDP &&
             view->protocol != (view->version == 4 ? PROTO_ICMP : PROTO_ICMPV6))
        return -EINVAL;
    if (len - view->ip_len < need)
        return -EINVAL;
    view->sum_at = view->ip_len + craft_checksum_offset(view->protocol);
    if (view->protocol == PROTO_UDP && craft_get_u16(packet, view->sum_at) == 0)
        view->sum_at = 0; /* RFC 768: there is none */
    return 0;
}

static void craft_view_sum(uint8_t *packet, const struct craft_view *view, uint16_t before,
                           uint16_t after)
{
    if (view->sum_at == 0)
        return;
    uint16_t sum = checksum_update(craft_get_u16(packet, view->sum_at), before, after);
    if (view->protocol == PROTO_UDP && sum == 0)
        sum = 0xffff;
    craft_put_u16(packet, view->sum_at, sum);
}

static void craft_view_replace(uint8_t *packet, const struct craft_view *view, size_t at,
                               uint16_t value)
{
    uint16_t before = craft_get_u16(packet, at);

    craft_put_u16(packet, at, value);
    craft_view_sum(packet, view, before, value);
}

int craft_patch_ttl(uint8_t *packet, size_t len, uint8_t ttl)
{
    struct craft_view view;

    if (craft_view_ip(packet, len, &view) < 0)
        return -EINVAL;
    if (view.version == 6)
        packet[7] = ttl;
    else
        craft_replace(packet, 8, (uint16_t)(ttl << 8 | view.protocol), 10);
    return 0;
}

int craft_patch_ip_id(uint8_t *packet, size_t len, uint16_t id)
{
    struct craft_view view;

    if (craft_view_ip(packet, len, &view) < 0 || view.version != 4)
        return -EINVAL;
    craft_replace(packet, 4, id, 10);
    return 0;
}

/* Where the source address lies; the destination follows it. */
static size_t craft_address_at(uint8_t version)
{
    return version == 4 ? 12 : 8;
}

static int craft_patch_address(uint8_t *packet, size_t len, bool is_destination,
                               const struct address *address)
{
    struct craft_view view;

    if (craft_view_transport(packet, len, &view) < 0 || view.version != address->family)
        return -EINVAL;
    if (view.protocol == PROTO_ICMP)
        view.sum_at = 0; /* no pseudo-header */
    size_t address_bytes = address_len(address);
    size_t at = craft_address_at(view.version) + (is_destination ? address_bytes : 0);
    for (size_t i = 0; i < address_bytes; i += 2) {
        uint16_t word = craft_get_u16(address->bytes, i);

        if (view.version == 4) {
            craft_view_sum(packet, &view, craft_get_u16(packet, at + i), word);
            craft_replace(packet, at + i, word, 10);
        } else {
            craft_view_replace(packet, &view, at + i, word);
        }
    }
    return 0;
}

int craft_patch_source(uint8_t *packet, size_t len, const struct address *source)
{
    return craft_patch_address(packet, len, false, source);
}

int craft_patch_destination(uint8_t *packet, size_t len, const struct address *destination)
{
    return craft_patch_address(packet, len, true, destination);
}

int craft_patch_ports(uint8_t *packet, size_t len, uint16_t source, uint16_t destination)
{
    struct craft_view view;

    if (craft_view_transport(packet, len, &view) < 0 ||
        (view.protocol != PROTO_TCP && view.protocol != PROTO_UDP))
        return -EINVAL;
    craft_view_replace(packet, &view, view.ip_len, source);
    craft_view_replace(packet, &view, view.ip_len + 2, destination);
    return 0;
}

int craft_patch_tcp_seq(uint8_t *packet, size_t len, uint32_t seq)
{
    struct craft_view view;

    if (craft_view_transport(packet, len, &view) < 0 || view.protocol != PROTO_TCP)
        return -EINVAL;
    craft_view_replace(packet, &view, view.ip_len + 4, (uint16_t)(seq >> 16));
    craft_view_replace(packet, &view, view.ip_len + 6, (uint16_t)seq);
    return 0;
}

int craft_patch_icmp_seq(uint8_t *packet, size_t len, uint16_t seq)
{
    struct craft_view view;

    if (craft_view_transport(packet, len, &view) < 0 ||
        (view.protocol != PROTO_ICMP && view.protocol != PROTO_ICMPV6))
        return -EINVAL;
    craft_view_replace(packet, &view, view.ip_len + 6, seq);
    return 0;
}
