/* Captured packets to probes: which one left, which one is answered, and is it ours at all. */
#include "engine/syn_internal.h"
#include "wire/icmp.h"

#define HOLD_NS (200 * NS_PER_MS) /* longer than a path holds packets back */

static bool match_is_type(const struct packet *packet, uint8_t type4, uint8_t type6)
{
    return packet->icmp.type == (packet->ip.version == 6 ? type6 : type4);
}

/* What ends a SYN. Redirects, and what asks for smaller packets, let it go on. */
static bool match_refuses(const struct packet *packet)
{
    if (match_is_type(packet, ICMP4_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED))
        return packet->icmp.code == 0;
    if (match_is_type(packet, ICMP4_UNREACHABLE, ICMP6_UNREACHABLE))
        return packet->ip.version == 6 || packet->icmp.code != ICMP4_FRAGMENTATION_NEEDED;
    return match_is_type(packet, ICMP4_PARAMETER_PROBLEM, ICMP6_PARAMETER_PROBLEM);
}

static bool match_ports(const struct syn *syn, const struct syn_slot *slot, uint16_t source,
                        uint16_t destination)
{
    return source == slot->source_port && destination == syn_target_of(syn, slot)->port;
}

/* Whether a packet between these two addresses is between us and the slot's target. */
static bool match_addresses(const struct syn *syn, const struct syn_slot *slot,
                            const struct address *ours, const struct address *theirs)
{
    const struct syn_target_state *target = syn_target_of(syn, slot);

    return address_equal(ours, &syn->sources[target->source]) &&
           address_equal(theirs, &target->destination);
}

static bool match_port_is_ours(const struct syn *syn, uint16_t port)
{
    return syn_flow_index(syn, port) < syn->config.source_ports;
}

/* Carries our addresses and ports, but no probe's number. */
static void match_stray(const struct syn *syn, const struct address *theirs, uint16_t their_port,
                        const struct address *ours, uint16_t our_port, bool forgotten,
                        struct syn_matched *match)
{
    if (!match_port_is_ours(syn, our_port))
        return;
    size_t index = syn_target_find(syn, theirs, their_port);
    if (index == SIZE_MAX || !address_equal(ours, &syn->sources[syn->targets[index].source]))
        return;
    match->target = index;
    match->kind = forgotten ? SYN_DUPLICATE : SYN_SUSPECT;
}

/* --- our own packets --------------------------------------------------------------------- */

static struct syn_slot *match_own_tcp(const struct syn *syn, const struct packet *packet,
                                      enum syn_kind *kind)
{
    const struct tcp_facts *tcp = &packet->tcp;
    bool reset = tcp->flags & TCP_RST, forgotten;

    if (!reset && (tcp->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
        return NULL;
    struct syn_slot *slot = syn_slot_by_seq(syn, tcp->seq - reset, &forgotten);
    if (!slot || !match_ports(syn, slot, tcp->source_port, tcp->destination_port) ||
        !match_addresses(syn, slot, &packet->ip.source, &packet->ip.destination))
        return NULL;
    *kind = reset ? SYN_KIND_RESET : SYN_KIND_SYN;
    return slot;
}

static struct syn_slot *match_own_echo(const struct syn *syn, const struct packet *packet)
{
    if (!match_is_type(packet, ICMP4_ECHO, ICMP6_ECHO) || packet->icmp.id != syn->icmp_id)
        return NULL;
    struct syn_slot *slot = syn_slot_by_echo(syn, packet->payload, packet->payload_len);
    if (!slot || !match_addresses(syn, slot, &packet->ip.source, &packet->ip.destination))
        return NULL;
    return slot;
}

/* As it leaves, or once more as it comes in on the loopback. */
static struct syn_slot *match_own(const struct syn *syn, const struct packet *packet,
                                  enum syn_kind *kind)
{
    if (packet->layers & LAYER_TCP)
        return match_own_tcp(syn, packet, kind);
    *kind = SYN_KIND_ECHO;
    return packet->layers & LAYER_ICMP ? match_own_echo(syn, packet) : NULL;
}

/* Which copy carries this TSval; without one, the latest. */
static unsigned match_copy_leaving(const struct syn *syn, const struct syn_slot *slot,
                                   const struct tcp_facts *tcp)
{
    for (unsigned copy = 0; tcp->has_timestamps && copy < slot->sends; copy++) {
        if (syn_tsval(syn, slot, copy) == tcp->tsval)
            return copy;
    }
    return slot->sends - 1u;
}

static bool match_stamp_syn(struct syn *syn, struct syn_slot *slot, const struct tcp_facts *tcp,
                            int64_t when_ns)
{
    unsigned copy = match_copy_leaving(syn, slot, tcp);

    if (slot->stamped & 1u << copy || slot->state == SLOT_ANSWERED || slot->state == SLOT_FAILED)
        return false; /* the same packet on another interface */
    slot->stamped |= (uint8_t)(1u << copy);
    if (copy == 0) {
        slot->wait_ns = time_add(slot->wait_ns, when_ns - slot->first_ns);
        slot->first_ns = when_ns;
    }
    if (copy == slot->sends - 1u)
        slot->latest_ns = when_ns;
    syn_slot_left(syn, slot);
    return true;
}

static bool match_stamp_echo(struct syn *syn, struct syn_slot *slot, int64_t when_ns)
{
    if (slot->echo_stamped || slot->echo == ECHO_ANSWERED)
        return false;
    slot->echo_stamped = true;
    slot->echo_ns = when_ns;
    syn_echo_left(syn, slot);
    return true;
}

/*
 * The kernel gives its RST a flow label of its own. Where equal paths are chosen by it (RFC 6438)
 * that RST may never meet the host that waits; the run's own goes the SYN's way.
 */
static bool match_goes_the_way(const struct syn *syn, const struct syn_slot *slot,
                               const struct packet *packet)
{
    return packet->ip.version != 6 || packet->ip.flow_label == syn_flow_label(syn, slot);
}

static enum syn_match match_leaving(struct syn *syn, struct syn_slot *slot, enum syn_kind kind,
                                    const struct packet *packet, int64_t when_ns)
{
    if (kind == SYN_KIND_RESET) {
        slot->reset_seen = slot->reset_seen || match_goes_the_way(syn, slot, packet);
        return SYN_RESET_SENT;
    }
    bool first = kind == SYN_KIND_SYN ? match_stamp_syn(syn, slot, &packet->tcp, when_ns)
                                      : match_stamp_echo(syn, slot, when_ns);
    return first ? SYN_OUTGOING : SYN_FOREIGN;
}

/* --- answers ----------------------------------------------------------------------------- */

/* The next older probe of the same flow; NULL: none is remembered. */
static struct syn_slot *match_sibling(const struct syn *syn, uint32_t *id, uint16_t source_port)
{
    struct syn_slot *slot;

    do {
        *id -= (uint32_t)syn->ntargets; /* every round probes every target once */
        slot = syn_slot_get(syn, *id);
    } while (slot && slot->source_port != source_port);
    return slot;
}

/*
 * The one later probe of the same flow that is under way. NULL: there is none, or several, or the
 * flow's SYNs follow each other so closely that a copy of another one may have come just now.
 */
static struct syn_slot *match_under_way(const struct syn *syn, const struct syn_slot *old)
{
    uint32_t targets = (uint32_t)syn->ntargets, age = (syn->next_id - old->id) & SYN_ID_MASK;
    uint32_t id = old->id + (age - 1) / targets * targets + targets;
    int64_t memory_ns = time_add(syn->config.timeout_ns, HOLD_NS);
    struct syn_slot *slot = match_sibling(syn, &id, old->source_port), *found = NULL;

    for (bool newest = true; slot; slot = match_sibling(syn, &id, old->source_port)) {
        if (slot == old)
            continue;
        if (found && found->first_ns - slot->first_ns > memory_ns)
            break;
        if (newest) {
            if (slot->state != SLOT_FLIGHT || slot->target != old->target)
                return NULL;
            found = slot;
            newest = false;
        } else if (slot->state == SLOT_FLIGHT || found->first_ns - slot->latest_ns < HOLD_NS) {
            return NULL;
        }
    }
    bool later = found && ((found->id - old->id) & SYN_ID_MASK) < age;
    return later ? found : NULL;
}

/*
 * A host that holds an older SYN half-open answers the next one with the old acknowledgement alone
 * (RFC 9293 3.10.7.4). With one probe of the flow under way that is the answer to it.
 */
static void match_challenge(const struct syn *syn, struct syn_matched *match)
{
    struct syn_slot *later = match_under_way(syn, match->slot);

    match->kind = later ? SYN_ANSWER : SYN_DUPLICATE;
    match->bare = true;
    match->target = match->slot->target;
    match->slot = later;
}

static void match_tcp(const struct syn *syn, const struct packet *packet, struct syn_matched *match)
{
    const struct tcp_facts *tcp = &packet->tcp;
    bool forgotten = false;

    if (tcp->flags & TCP_ACK)
        match->slot = syn_slot_by_seq(syn, tcp->ack - 1, &forgotten);
    if (match->slot &&
        (!match_ports(syn, match->slot, tcp->destination_port, tcp->source_port) ||
         !match_addresses(syn, match->slot, &packet->ip.destination, &packet->ip.source)))
        match->slot = NULL;
    match->tcp_flags = tcp->flags;
    if (match->slot) {
        uint16_t control = tcp->flags & (TCP_SYN | TCP_RST);
        match->kind = control == (TCP_SYN | TCP_RST) ? SYN_SUSPECT : SYN_ANSWER;
        match->outcome = control & TCP_RST ? SYN_REFUSED : SYN_OPEN;
        if (control == 0)
            match_challenge(syn, match);
    } else if (tcp->flags & (TCP_SYN | TCP_RST)) {
        match_stray(syn, &packet->ip.source, tcp->source_port, &packet->ip.destination,
                    tcp->destination_port, forgotten, match);
    }
}

/* NAT rewrites addresses and one of the ports of what is quoted, but not the sequence number. */
static void match_error(const struct syn *syn, const struct packet *packet,
                        struct syn_matched *match)
{
    const struct quote *quote = &packet->icmp.quote;
    bool forgotten, reset;

    if (!(packet->layers & LAYER_QUOTE) || !match_refuses(packet) ||
        quote->ip.protocol != PROTO_TCP || !quote->has_ports || !quote->has_tcp_seq)
        return;
    if (syn_slot_by_seq(syn, quote->tcp_seq - 1, &reset))
        return; /* it is about the RST that ended a probe */
    match->slot = syn_slot_by_seq(syn, quote->tcp_seq, &forgotten);
    if (!match->slot) {
        if (!reset)
            match_stray(syn, &quote->ip.destination, quote->destination_port, &quote->ip.source,
                        quote->source_port, forgotten, match);
        return;
    }
    match->kind = SYN_ANSWER;
    match->outcome = SYN_UNREACHABLE;
    if (quote->source_port != match->slot->source_port &&
        quote->destination_port != syn_target_of(syn, match->slot)->port)
        match->kind = SYN_FOREIGN;
    else if (!packet->icmp.checksum_ok)
        match->kind = SYN_SUSPECT;
}

static void match_echo_reply(const struct syn *syn, const struct packet *packet,
                             struct syn_matched *match)
{
    if (!match_is_type(packet, ICMP4_ECHO_REPLY, ICMP6_ECHO_REPLY) ||
        packet->icmp.id != syn->icmp_id || !packet->icmp.checksum_ok)
        return;
    match->slot = syn_slot_by_echo(syn, packet->payload, packet->payload_len);
    if (match->slot &&
        match_addresses(syn, match->slot, &packet->ip.destination, &packet->ip.source))
        match->kind = SYN_REFERENCE;
}

static void match_find(const struct syn *syn, const struct packet *packet,
                       struct syn_matched *match)
{
    *match = (struct syn_matched){.kind = SYN_FOREIGN, .target = SIZE_MAX};
    if (packet->layers & LAYER_TCP)
        match_tcp(syn, packet, match);
    else if ((packet->layers & LAYER_ICMP) && packet->icmp.is_error)
        match_error(syn, packet, match);
    else if (packet->layers & LAYER_ICMP)
        match_echo_reply(syn, packet, match);
    if (match->kind == SYN_ANSWER && match->slot->state == SLOT_FAILED) {
        /* It never left, which our own kernel may say with an ICMP error to itself. */
        const struct syn_target_state *target = syn_target_of(syn, match->slot);
        bool own = address_equal(&packet->ip.source, &syn->sources[target->source]);
        match->kind = own ? SYN_FOREIGN : SYN_SUSPECT;
    }
    if (match->slot)
        match->target = match->slot->target;
}

static void match_describe(const struct syn_slot *slot, struct syn_observation *seen)
{
    seen->target = slot->target;
    seen->probe = slot->probe;
    seen->source_port = slot->source_port;
    seen->sends = slot->sends;
    seen->sent_ns = slot->first_ns;
}

static enum syn_match match_suspect(struct syn *syn, const struct syn_matched *match)
{
    syn->suspects++;
    if (match->target != SIZE_MAX)
        syn->targets[match->target].suspects++;
    return SYN_SUSPECT;
}

static enum syn_match match_duplicate(struct syn *syn, const struct syn_matched *match)
{
    syn->duplicates++;
    syn->targets[match->target].duplicates++;
    return SYN_DUPLICATE;
}

static enum syn_match match_judge(struct syn *syn, const struct packet *packet,
                                  const struct syn_matched *match, int64_t when_ns,
                                  struct syn_observation *seen)
{
    enum syn_match kind = match->kind;

    if (kind == SYN_REFERENCE)
        return syn_answer_echo(syn, match->slot, packet, when_ns, seen);
    if (kind == SYN_ANSWER && match->slot->state != SLOT_ANSWERED)
        return syn_answer_first(syn, packet, match, when_ns, seen);
    if (kind == SYN_ANSWER)
        kind = syn_answer_further(syn, packet, match, when_ns);
    if (kind == SYN_SUSPECT)
        return match_suspect(syn, match);
    if (kind == SYN_DUPLICATE)
        return match_duplicate(syn, match);
    syn_answer_counted(syn, match->slot, kind, when_ns);
    return kind;
}

static void match_observe(const struct packet *packet, const struct syn_matched *match,
                          struct syn_observation *seen)
{
    seen->outcome = match->outcome;
    seen->responder = packet->ip.source;
    seen->reply_ttl = packet->ip.ttl;
    seen->tcp_flags = match->tcp_flags;
    if (packet->layers & LAYER_ICMP) {
        seen->icmp_type = packet->icmp.type;
        seen->icmp_code = packet->icmp.code;
    }
    if (match->slot)
        match_describe(match->slot, seen);
    else if (match->target != SIZE_MAX)
        seen->target = match->target;
}

enum syn_match syn_receive(struct syn *syn, const struct packet *packet,
                           enum packet_direction direction, int64_t when_ns,
                           struct syn_observation *observation)
{
    struct syn_observation ignored;
    struct syn_observation *seen = observation ? observation : &ignored;
    struct syn_matched match;
    enum syn_kind kind;

    *seen = (struct syn_observation){.match = SYN_FOREIGN, .received_ns = when_ns, .rtt_ns = -1};
    if (!(packet->layers & LAYER_IP))
        return SYN_FOREIGN;
    struct syn_slot *own = match_own(syn, packet, &kind);
    if (own && direction != PACKET_INCOMING) {
        seen->match = match_leaving(syn, own, kind, packet, when_ns);
        match_describe(own, seen);
    }
    if (own || direction == PACKET_OUTGOING)
        return seen->match;
    match_find(syn, packet, &match);
    if (match.kind == SYN_FOREIGN) {
        syn->foreign++;
        return SYN_FOREIGN;
    }
    match_observe(packet, &match, seen);
    seen->match = match_judge(syn, packet, &match, when_ns, seen);
    return seen->match;
}

bool syn_given_up(struct syn *syn, struct syn_observation *observation)
{
    if (syn->next_id - syn->told_id > syn->ring_size)
        syn->told_id = syn->next_id - syn->ring_size;
    while (syn->told_id != syn->oldest_id) {
        const struct syn_slot *slot = syn_slot_get(syn, syn->told_id);
        if ((int32_t)(syn->oldest_id - syn->told_id) < 0)
            return false;
        syn->told_id++;
        if (!slot || slot->state != SLOT_GIVEN_UP)
            continue;
        *observation = (struct syn_observation){.outcome = SYN_TIMED_OUT, .rtt_ns = -1};
        match_describe(slot, observation);
        return true;
    }
    return false;
}
