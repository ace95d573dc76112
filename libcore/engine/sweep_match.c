#include "engine/sweep_internal.h"
#include "wire/icmp.h"

/* What a packet claims to answer, and whether it proves it. */
struct match {
    struct sweep_probe probe; /* where to, as claimed; the rest is what we would send there */
    uint16_t source_port;     /* as claimed */
    uint64_t index;
    enum sweep_answer answer;
    bool proven;
};

/* False: not from a target, or not to our source ports. */
static bool match_find(const struct sweep *sweep, struct match *match, const struct address *to,
                       uint16_t source_port)
{
    const struct sweep_span *span = sweep_space_find(&sweep->space, &match->probe.destination,
                                                     match->probe.port, &match->index);

    if (!span || (to && !address_equal(to, &span->source)) ||
        (uint16_t)(source_port - sweep->source_port) >= sweep->source_ports)
        return false;
    match->source_port = source_port;
    sweep_identify(sweep, &match->probe);
    return true;
}

/*
 * A SYN-ACK acknowledges ISN + 1, and so does a RST (RFC 9293 3.10.7.1); the RST of some
 * middleboxes takes the ISN itself, which is as hard to guess. A SYN alone is our own on the
 * loopback, or somebody's who connects to us.
 */
static bool match_tcp(const struct sweep *sweep, const struct packet *packet, struct match *match)
{
    const struct tcp_facts *tcp = &packet->tcp;
    unsigned kind = tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST);

    match->probe.destination = packet->ip.source;
    match->probe.port = tcp->source_port;
    if (kind == TCP_SYN ||
        !match_find(sweep, match, &packet->ip.destination, tcp->destination_port))
        return false;
    uint32_t beyond = tcp->ack - match->probe.seq;
    match->answer = kind & TCP_RST ? SWEEP_REFUSED : SWEEP_OPEN;
    match->proven = match->source_port == match->probe.source_port &&
                    (kind & TCP_RST ? beyond <= 1 : kind == (TCP_SYN | TCP_ACK) && beyond == 1);
    return true;
}

/* Errors that end an attempt to connect: "fragmentation needed" and redirects do not. */
static bool match_is_final(const struct packet *packet)
{
    const struct icmp_facts *icmp = &packet->icmp;

    if (packet->ip.version == 4)
        return (icmp->type == ICMP4_UNREACHABLE && icmp->code != ICMP4_FRAGMENTATION_NEEDED) ||
               icmp->type == ICMP4_TIME_EXCEEDED || icmp->type == ICMP4_PARAMETER_PROBLEM;
    return icmp->type == ICMP6_UNREACHABLE || icmp->type == ICMP6_TIME_EXCEEDED ||
           icmp->type == ICMP6_PARAMETER_PROBLEM;
}

/* Eight bytes of TCP are quoted always (RFC 792): the ports and the sequence number. */
static bool match_icmp(const struct sweep *sweep, const struct packet *packet, struct match *match)
{
    const struct quote *quote = &packet->icmp.quote;

    if (!(packet->layers & LAYER_QUOTE) || !match_is_final(packet) ||
        quote->ip.protocol != PROTO_TCP || !quote->has_tcp_seq)
        return false;
    match->probe.destination = quote->ip.destination;
    match->probe.port = quote->destination_port;
    if (!match_find(sweep, match, NULL, quote->source_port))
        return false;
    match->answer = SWEEP_UNREACHABLE;
    match->proven = match->source_port == match->probe.source_port &&
                    quote->tcp_seq == match->probe.seq && packet->icmp.checksum_ok;
    return true;
}

static void match_describe(const struct packet *packet, const struct match *match,
                           struct sweep_observation *seen)
{
    seen->address = match->probe.destination;
    seen->port = match->probe.port;
    seen->responder = packet->ip.source;
    seen->ttl = packet->ip.ttl;
    if (packet->layers & LAYER_ICMP) {
        seen->icmp_type = packet->icmp.type;
        seen->icmp_code = packet->icmp.code;
    }
}

/* The first answer of a target is the one that counts. */
static enum sweep_answer match_count(struct sweep *sweep, const struct match *match)
{
    uint8_t *answers = &sweep->answers[match->index / 4];
    unsigned shift = match->index % 4 * 2;

    if (!match->proven || !(sweep->asked[match->index / 8] >> match->index % 8 & 1)) {
        sweep->counts.suspects++;
        return SWEEP_SUSPECT;
    }
    if (*answers >> shift & 3) {
        sweep->counts.repeated++;
        return SWEEP_REPEATED;
    }
    *answers |= (uint8_t)(match->answer << shift);
    sweep->counts.open += match->answer == SWEEP_OPEN;
    sweep->counts.refused += match->answer == SWEEP_REFUSED;
    sweep->counts.unreachable += match->answer == SWEEP_UNREACHABLE;
    return match->answer;
}

enum sweep_answer sweep_receive(struct sweep *sweep, const struct packet *packet,
                                struct sweep_observation *observation)
{
    struct match match = {0};
    bool ours = false;

    *observation = (struct sweep_observation){.answer = SWEEP_FOREIGN};
    if (packet->layers & LAYER_TCP)
        ours = match_tcp(sweep, packet, &match);
    else if (packet->layers & LAYER_ICMP)
        ours = match_icmp(sweep, packet, &match);
    if (!ours) {
        sweep->counts.foreign++;
        return SWEEP_FOREIGN;
    }
    match_describe(packet, &match, observation);
    observation->answer = match_count(sweep, &match);
    return observation->answer;
}
