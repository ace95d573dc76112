/*
 * One connection of a service probe as its packets show it: how long the SYN took, what was sent
 * again, and whose the RST is that ended it. What the kernel's TCP_INFO cannot say.
 *
 * Segments of this connection alone go in, in the order of their capture; the flow engine judges
 * them (flow.h). A short connection costs nothing but the segments that wait here until somebody
 * asks.
 */
#ifndef NETDX_ENGINE_SERVICE_WIRE_H
#define NETDX_ENGINE_SERVICE_WIRE_H

#include "base/cause.h"
#include "engine/flow.h"

#define SERVICE_WIRE_SEGMENTS 48 /* kept before an engine is made for them */
#define SERVICE_WIRE_SYNS     8  /* of which the times are remembered: Linux sends 7 */

/* Where in the service's work the RST fell. */
enum service_wire_during {
    SERVICE_DURING_CONNECT,
    SERVICE_DURING_TLS,
    SERVICE_DURING_REQUEST,
    SERVICE_DURING_RESPONSE,
    SERVICE_DURING_AFTER, /* there was nothing left that it could break */
};

const char *service_during_name(enum service_wire_during during); /* "connect", "tls" ... */

struct service_wire {    /* for the caller to hold; release what was initialised */
    struct flows *flows; /* owned; NULL: not needed so far */
    bool no_memory;
    uint16_t port; /* the client's */
    uint64_t frames;
    struct {
        int64_t when_ns;
        uint32_t tsval;
    } syns[SERVICE_WIRE_SYNS];
    size_t nsyns;
    bool stamped;          /* they carry timestamps */
    int64_t syn_rtt_ns;    /* -1: unknown */
    uint32_t isn;          /* the client's */
    uint32_t ends[2];      /* behind each side's FIN, by enum flow_side */
    bool fin[2], acked[2]; /* each side's FIN was seen, and acknowledged */
    bool answered, data, reset, reset_knows, aborted;
    int64_t reset_ns;
    size_t nsegments;
    struct segment segments[SERVICE_WIRE_SEGMENTS]; /* the last member: it is not cleared */
};

/* `port` is the client's own, which tells the directions apart. */
void service_wire_init(struct service_wire *wire, uint16_t port);
void service_wire_release(struct service_wire *wire);

/* `when_ns` and the addresses of the caller's; `frame` is counted here. */
void service_wire_receive(struct service_wire *wire, const struct segment *segment);

/* Both sides have closed, or one has reset: nothing more is to come of this connection. */
bool service_wire_is_over(const struct service_wire *wire);

struct service_wire_facts {
    uint16_t port;                 /* the client's */
    bool seen;                     /* a packet at all */
    bool answered;                 /* a SYN-ACK came, whether or not the kernel took it */
    int64_t syn_rtt_ns;            /* of the SYN that was answered (RFC 6298 3); -1: unknown */
    uint64_t retransmissions;      /* segments sent again by this side, SYNs included */
    uint64_t peer_retransmissions; /* and by the other, SYN-ACKs included */
    bool has_reset;                /* by the other side, or in its name: */
    struct flow_reset reset;
    bool reset_knows; /* whoever sent it knew of our data: it acknowledges some, or is forged */
    int64_t reset_ns; /* when */
    enum service_wire_during during; /* by service_wire_combine */
};

void service_wire_facts(struct service_wire *wire, struct service_wire_facts *facts);

/*
 * What both say together: the RST's place in the service's work, and a more exact code where the
 * wire knows more than the socket. A SYN-ACK that came but was not taken is tcp.local_drop; a RST
 * that knows of the request came after it, acknowledged or not.
 */
void service_wire_combine(struct service_wire_facts *facts, struct cause *cause,
                          enum cause_phase answer_phase);

#endif
