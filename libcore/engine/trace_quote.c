/*
 * Quoted packets: is it our probe, and what did the path change in it? NAT rewrites addresses,
 * ports, identifiers and checksums, so no single field decides. Our identity must show in fields
 * that a stranger could not have guessed; what contradicts it otherwise makes the quote suspect.
 */
#include "engine/trace_internal.h"

struct quote_evidence {
    struct trace_slot *slot; /* NULL: no probe of that identity is remembered */
    bool ours;               /* fields that only we send are there */
    bool confirmed;          /* a second, independent field agrees */
    bool checkable;          /* there was a second field to look at */
};

static uint8_t quote_protocol(const struct trace *trace)
{
    switch (trace->config.protocol) {
    case PROBE_UDP:
        return PROTO_UDP;
    case PROBE_TCP:
        return PROTO_TCP;
    case PROBE_ICMP:
        break;
    }
    return trace->config.destination.family == 6 ? PROTO_ICMPV6 : PROTO_ICMP;
}

static bool quote_id_agrees(const struct trace *trace, const struct quote *quote,
                            const struct trace_slot *slot)
{
    return quote->ip.version == 4 && quote->ip.id == trace_token(trace, slot->id);
}

static struct trace_slot *quote_by_ip_id(const struct trace *trace, const struct quote *quote)
{
    return quote->ip.version == 4 ? trace_slot_by_token(trace, (uint16_t)quote->ip.id) : NULL;
}

static struct quote_evidence quote_icmp(const struct trace *trace, const struct quote *quote)
{
    struct quote_evidence found = {0};
    uint8_t echo = quote->ip.version == 6 ? 128 : 8;

    if (!quote->has_echo || quote->icmp_type != echo)
        return found;
    found.slot = trace_slot_by_token(trace, quote->icmp_seq);
    found.ours = quote->icmp_id == trace->icmp_id;
    if (!found.slot)
        return found;
    bool same_id = quote_id_agrees(trace, quote, found.slot);
    bool same_checksum = quote->icmp_checksum == trace_slot_checksum(trace, found.slot);
    if (!found.ours) /* NAT gives echo requests an identifier of its own */
        found.ours = same_id && address_equal(&quote->ip.destination, &trace->config.destination);
    found.checkable = true;
    found.confirmed = same_id || same_checksum;
    return found;
}

static bool quote_ports_agree(const struct trace *trace, const struct quote *quote,
                              const struct trace_slot *slot)
{
    return quote->source_port == trace_flow_source_port(trace, slot->flow) &&
           quote->destination_port == trace_slot_destination_port(trace, slot);
}

static bool quote_a_port_agrees(const struct trace *trace, const struct quote *quote,
                                const struct trace_slot *slot)
{
    return quote->source_port == trace_flow_source_port(trace, slot->flow) ||
           quote->destination_port == trace_slot_destination_port(trace, slot);
}

static struct quote_evidence quote_udp(const struct trace *trace, const struct quote *quote)
{
    struct quote_evidence found = {0};
    bool by_port = trace->config.identity_by_port;

    if (!quote->has_ports)
        return found;
    if (by_port)
        found.slot = trace_slot_by_port(trace, quote->destination_port);
    else if (quote->has_udp)
        found.slot = trace_slot_by_token(trace, quote->udp.checksum);
    if (found.slot && quote_a_port_agrees(trace, quote, found.slot)) {
        found.ours = true;
        found.confirmed = quote_ports_agree(trace, quote, found.slot) ||
                          quote_id_agrees(trace, quote, found.slot);
        found.checkable = true;
        return found;
    }
    /* NAT adjusts the checksum with what it rewrites; the identification stays. */
    found.slot = quote_by_ip_id(trace, quote);
    found.ours = found.slot && quote_a_port_agrees(trace, quote, found.slot);
    if (!found.slot)
        found.ours = quote->source_port == trace->source_port &&
                     quote->destination_port == trace->destination_port;
    else if (quote->has_udp && quote_ports_agree(trace, quote, found.slot))
        found.checkable = true; /* same ports, other checksum: only an address can explain it */
    return found;
}

static struct quote_evidence quote_tcp(const struct trace *trace, const struct quote *quote)
{
    struct quote_evidence found = {0};

    if (!quote->has_ports)
        return found;
    if (quote->has_tcp_seq)
        found.slot = trace_slot_by_tcp_seq(trace, quote->tcp_seq);
    else
        found.slot = quote_by_ip_id(trace, quote);
    if (found.slot) {
        found.ours = quote_a_port_agrees(trace, quote, found.slot);
        found.confirmed = quote->has_tcp_seq;
    } else {
        found.ours = quote->source_port == trace->source_port &&
                     quote->destination_port == trace->destination_port;
    }
    return found;
}

enum trace_quote trace_quote_match(const struct trace *trace, const struct quote *quote,
                                   struct trace_slot **slot)
{
    struct quote_evidence found;
    bool same_destination = address_equal(&quote->ip.destination, &trace->config.destination);
    bool same_source = address_equal(&quote->ip.source, &trace->config.source);

    *slot = NULL;
    if (quote->ip.protocol != quote_protocol(trace))
        return QUOTE_FOREIGN;
    if (trace->config.protocol == PROBE_ICMP)
        found = quote_icmp(trace, quote);
    else if (trace->config.protocol == PROBE_UDP)
        found = quote_udp(trace, quote);
    else
        found = quote_tcp(trace, quote);
    if (!found.ours)
        return QUOTE_FOREIGN;
    *slot = found.slot;
    if (!found.slot)
        return same_destination ? QUOTE_SUSPECT : QUOTE_FOREIGN;
    bool explained = !found.checkable || found.confirmed || !same_source;
    if (same_destination)
        return explained ? QUOTE_OURS : QUOTE_SUSPECT;
    return found.confirmed ? QUOTE_OURS : QUOTE_SUSPECT;
}

struct change_list {
    struct trace_change *changes;
    size_t count;
};

static void quote_change(struct change_list *list, enum trace_change_kind kind, uint32_t before,
                         uint32_t after)
{
    if (before != after && list->count < TRACE_CHANGES_MAX)
        list->changes[list->count++] =
            (struct trace_change){.kind = kind, .before = before, .after = after};
}

static void quote_change_address(struct change_list *list, enum trace_change_kind kind,
                                 const struct address *before, const struct address *after)
{
    if (address_equal(before, after) || list->count == TRACE_CHANGES_MAX)
        return;
    list->changes[list->count++] = (struct trace_change){
        .kind = kind, .is_address = true, .address_before = *before, .address_after = *after};
}

/* Some stacks quote the identification in their own byte order: no router on the way did that. */
static bool quote_id_swapped(uint16_t token, uint32_t id)
{
    return id == (uint32_t)((token & 0xff) << 8 | token >> 8);
}

static void quote_ip_changes(const struct trace *trace, const struct trace_slot *slot,
                             const struct ip_facts *ip, struct change_list *list)
{
    const struct trace_config *config = &trace->config;
    uint16_t token = trace_token(trace, slot->id);

    quote_change_address(list, TRACE_CHANGED_SOURCE, &config->source, &ip->source);
    quote_change_address(list, TRACE_CHANGED_DESTINATION, &config->destination, &ip->destination);
    quote_change(list, TRACE_CHANGED_DSCP, config->dscp, ip->dscp);
    quote_change(list, TRACE_CHANGED_ECN, config->ecn, ip->ecn);
    if (ip->version == 4 && !config->identity_by_port && !quote_id_swapped(token, ip->id))
        quote_change(list, TRACE_CHANGED_IP_ID, token, ip->id);
    quote_change(list, TRACE_CHANGED_LENGTH, slot->size, ip->total_len);
}

size_t trace_quote_changes(const struct trace *trace, const struct trace_slot *slot,
                           const struct quote *quote, bool is_exceeded,
                           struct trace_change changes[TRACE_CHANGES_MAX])
{
    struct change_list list = {.changes = changes};

    quote_ip_changes(trace, slot, &quote->ip, &list);
    /* A quote with the TTL it was sent with is our own copy, which a kernel gave back. */
    if (is_exceeded && quote->ip.ttl > 1 && quote->ip.ttl != slot->ttl)
        quote_change(&list, TRACE_CHANGED_TTL, 1, quote->ip.ttl);
    if (quote->has_echo) {
        quote_change(&list, TRACE_CHANGED_SOURCE_PORT, trace->icmp_id, quote->icmp_id);
    } else if (quote->has_ports) {
        quote_change(&list, TRACE_CHANGED_SOURCE_PORT, trace_flow_source_port(trace, slot->flow),
                     quote->source_port);
        quote_change(&list, TRACE_CHANGED_DESTINATION_PORT,
                     trace_slot_destination_port(trace, slot), quote->destination_port);
    }
    if (quote->has_tcp && quote->tcp.has_mss && slot->purpose != TRACE_FOR_MTU)
        quote_change(&list, TRACE_CHANGED_MSS, trace->config.destination.family == 6 ? 1440 : 1460,
                     quote->tcp.mss);
    return list.count;
}
