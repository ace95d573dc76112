/*
 * The simulated network: packets in, packets out, in virtual time. Pure: no socket, no clock.
 *
 * A network is one path of elements between a client side and a server side. Routers act on real
 * bytes: they decrement TTL, answer with ICMP errors, fragment or refuse, rewrite, filter, drop.
 * Between two routers is a link with its delay, jitter, loss, duplication and reordering. An ECMP
 * element splits the path into branches by a hash of the flow (addresses, protocol, ports; for
 * ICMP type, code, identifier and checksum as routers that look deeper do). All of it works for
 * IPv4 and IPv6. The same seed and the same input give the same output, byte by byte.
 *
 * Behind the sides are either kernels (the lab's TUN devices: netsim_send and netsim_receive on
 * NETSIM_CLIENT and NETSIM_SERVER) or, where `simulate_server` is set, a simulated host for tests
 * in virtual time: echo, closed ports, and a TCP that answers SYNs as Linux does, repeats SYN-ACKs
 * until it sees a RST or an ACK, and has the faults that the scenario gives its services. What
 * comes after the handshake is the kernels' to play.
 */
#ifndef NETDX_ENGINE_NETSIM_H
#define NETDX_ENGINE_NETSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/scenario.h"

enum netsim_side { NETSIM_CLIENT, NETSIM_SERVER };

struct netsim; /* opaque */

struct netsim_options {
    uint64_t seed;
    bool simulate_server; /* answer for the server's addresses in netsim itself */
    bool client_resets;   /* the client's kernel answers TCP that it does not know with RSTs */
    int64_t start_ns;
};

struct netsim_packet {
    int64_t when_ns;       /* when it comes out */
    enum netsim_side side; /* where it comes out */
    const uint8_t *bytes;  /* from the IP header; borrowed, valid until the next call */
    size_t len;
    uint64_t id; /* of the ground-truth log; copies share their original's */
};

/* What happened to a packet, for the ground-truth log. */
enum netsim_action {
    NETSIM_ENTERED,    /* came in at a side, or was made by the node that has this address */
    NETSIM_DELIVERED,  /* came out at a side */
    NETSIM_LOST,       /* by a link's loss */
    NETSIM_QUEUE_FULL, /* by a link's rate and queue */
    NETSIM_FILTERED,   /* dropped or rejected by a filter */
    NETSIM_TTL_EXPIRED,
    NETSIM_NO_ROUTE,
    NETSIM_TOO_BIG,
    NETSIM_BLACKHOLED,
    NETSIM_NAT_FULL,
    NETSIM_DUPLICATED, /* `id` of the copy is the original's; `copy` counts from 1 */
    NETSIM_REORDERED,  /* held back, so that later packets overtake it */
    NETSIM_CORRUPTED,
    NETSIM_ICMP_SENT,    /* an ICMP error about `id` left this node; its own id is `other` */
    NETSIM_ICMP_LIMITED, /* it would have, but for its rate limit or silence */
    NETSIM_REWRITTEN,    /* NAT, DSCP, ECN, MSS */
    NETSIM_FORGED,       /* a device sent a packet in another's name, its own id is `other` */
    NETSIM_FRAGMENTED,   /* a further fragment came to be; `copy` counts from 1 */
    NETSIM_BACKLOG_FULL, /* the server's accept queue had no room for this SYN */
    NETSIM_CHANGED,      /* a timed change of the scenario took place */
};

const char *netsim_action_name(enum netsim_action action); /* "lost", "ttl_expired", ... */

struct netsim_event {
    enum netsim_action action;
    int64_t when_ns;
    uint64_t id, other;
    enum netsim_side side; /* direction: the side it is heading for */
    const char *node;      /* element's name or "" ; owned by the scenario */
    bool at_host;          /* it is at one of the ends, not at a router */
    unsigned copy;
    int64_t delay_ns;     /* with ENTERED: 0; DELIVERED: time since it entered */
    const uint8_t *bytes; /* the packet, valid during the call */
    size_t len;
};

typedef void netsim_event_fn(void *context, const struct netsim_event *event);

/* `scenario` is borrowed and must outlive the simulator. 0, -ENOMEM, -EINVAL. */
int netsim_new(const struct scenario *scenario, const struct netsim_options *options,
               struct netsim **out);
void netsim_free(struct netsim *sim);

/* The log goes to `log`; NULL for none. */
void netsim_set_log(struct netsim *sim, netsim_event_fn *log, void *context);

/* A packet enters at a side, at `now_ns`. 0, -EINVAL (not an IP packet), -ENOMEM. */
int netsim_send(struct netsim *sim, enum netsim_side side, const uint8_t *bytes, size_t len,
                int64_t now_ns);

/* The time of the next thing that will happen, TIME_NEVER when nothing will. */
int64_t netsim_next_ns(const struct netsim *sim);

/*
 * Moves time to `now_ns` and gives the next packet due at a side by then. 1 and *packet, or 0
 * when none is due. Call until it gives 0.
 */
int netsim_receive(struct netsim *sim, int64_t now_ns, struct netsim_packet *packet);

#endif
