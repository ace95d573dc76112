/*
 * The simulator's parts: time and forwarding (netsim.c), the graph of nodes, links, what devices do
 * on the way, ICMP, NAT, the server host.
 */
#ifndef NETDX_ENGINE_NETSIM_INTERNAL_H
#define NETDX_ENGINE_NETSIM_INTERNAL_H

#include "base/random.h"
#include "base/writer.h"
#include "engine/netsim.h"

/* uthash's own hash falls through its cases without saying so, which clang warns of. */
#define HASH_FUNCTION(key, len, hash) ((hash) = netsim_key_hash(key))
#include <uthash.h>

enum { NETSIM_PACKETS_MAX = 200000, NETSIM_MTU_DEFAULT = 1500, NETSIM_TCP_LEAST = 20 };
enum { NETSIM_HOST_CLIENT = 0 }; /* its node */

/* A packet under way. The header fields were checked when it entered. */
struct netsim_transit {
    uint64_t id;
    unsigned copy;
    int64_t entered_ns;
    enum netsim_side heading;
    bool starts_here;          /* made by the node it waits at: forwarded as it is */
    uint8_t version, protocol; /* the first next header for IPv6 */
    size_t header_len, len;    /* bytes */
    uint8_t bytes[];
};

/* What one direction of a link remembers. */
struct netsim_lane {
    bool in_burst;       /* the Gilbert model's bad state */
    int64_t last_out_ns; /* jitter never reorders */
    int64_t busy_ns;     /* the sender is busy until then */
};

struct netsim_nat; /* netsim_nat.c */

#define NETSIM_FLOW_KEY 37 /* family, client and server address, their ports */

enum netsim_proxy_state { PROXY_NONE, PROXY_ASKED, PROXY_CONNECTING, PROXY_OPEN };

/* A TCP flow that a node remembers. It has at most one timer. */
struct netsim_flow {
    uint8_t key[NETSIM_FLOW_KEY];
    bool timed; /* its timer runs, and will free it when it is gone */
    bool gone;  /* no longer in the table */
    /* of the server's host */
    struct netsim_transit *syn; /* owned: what a repeated SYN-ACK answers; NULL: none was sent */
    uint32_t client_seq, isn;   /* of the SYN, of our SYN-ACK */
    unsigned repeats;
    int64_t challenged_ns; /* no challenge ACK before that */
    bool established;
    /* of devices */
    int64_t seen_ns;                   /* its last packet */
    uint32_t client_next, server_next; /* sequence numbers that the ends wait for */
    uint32_t first_ack;                /* of the client */
    bool acked;                        /* first_ack is set */
    unsigned fired;                    /* bits: filters that act once and have acted */
    /* of a SYN proxy; client_seq, isn and syn as for the host */
    enum netsim_proxy_state proxy;
    uint32_t seq_offset, clock_offset; /* the proxy's numbers less the server's */
    uint32_t clock;                    /* TSval of its SYN-ACK */
    uint16_t client_window;
    uint8_t server_wscale;
    bool scaled;
    UT_hash_handle hh;
};

struct netsim_node {
    const struct scenario_element *now; /* its state; changes with events; NULL for hosts */
    const struct scenario_element *element;
    struct scenario_link to, from; /* of the hosts only; routers have them in `now` */
    struct netsim_lane to_lane, from_lane;
    size_t nnext, nprevious;
    size_t *next, *previous; /* owned: node indices towards server and client */
    bool per_packet;         /* the choice of next is not by flow */
    uint64_t salt;           /* of its flow hash */
    double tokens;           /* ICMP bucket */
    int64_t tokens_ns;
    bool behind_dnat;       /* its errors carry the server's address */
    struct netsim_nat *nat; /* owned, NULL until used */
    struct netsim_flow *flows; /* owned: a uthash table */
};

/* In the heap: a packet arrives at a node, a router's state changes, a flow's timer goes off. */
struct netsim_due {
    int64_t when_ns;
    uint64_t order; /* first come first served at equal times */
    size_t node;
    struct netsim_transit *packet; /* owned */
    const struct scenario_event *change;
    struct netsim_flow *flow;      /* owned when it is gone */
};

struct netsim {
    const struct scenario *scenario; /* borrowed */
    struct netsim_options options;
    struct random random;
    uint64_t secret; /* of sequence numbers and cookies */
    uint16_t ip_id;  /* of hosts that count */
    int64_t now_ns;
    uint64_t next_id, order;
    size_t nnodes; /* node 0 is the client, node nnodes - 1 the server */
    struct netsim_node *nodes;
    size_t ndue, capacity;
    struct netsim_due *due;           /* binary heap */
    struct netsim_transit *delivered; /* owned: lent out by the last netsim_receive */
    netsim_event_fn *log;
    void *log_context;
    int error; /* -ENOMEM met while forwarding */
};

uint16_t netsim_get16(const uint8_t *at);
void netsim_put16(uint8_t *at, uint16_t value);

/* Says what happened to `packet` at `node`. */
void netsim_say(struct netsim *sim, enum netsim_action action, size_t node,
                const struct netsim_transit *packet, uint64_t other);

/* A new packet from `bytes`, its header checked; NULL when it is no IP packet or memory is out. */
struct netsim_transit *netsim_packet(struct netsim *sim, const uint8_t *bytes, size_t len);

/* Address in a packet's header. */
struct address netsim_source(const struct netsim_transit *packet);
struct address netsim_destination(const struct netsim_transit *packet);

/* Takes `packet` over: it arrives at `node` at that time. */
void netsim_schedule(struct netsim *sim, int64_t when_ns, size_t node,
                     struct netsim_transit *packet);

/* Takes `packet` over: from `node` onwards to its heading. */
void netsim_forward(struct netsim *sim, size_t node, struct netsim_transit *packet);

/* Takes `packet` over: across the link between two neighbouring nodes, with all its effects. */
void netsim_cross(struct netsim *sim, size_t from, size_t to, struct netsim_transit *packet);
uint16_t netsim_link_mtu(const struct netsim *sim, size_t from, size_t to,
                         const struct netsim_transit *packet);

/* Takes `packet` over, cuts it to `mtu` (at least 68) and sends the pieces across the link. */
void netsim_fragment(struct netsim *sim, size_t from, size_t to, struct netsim_transit *packet,
                     uint16_t mtu);
bool netsim_may_fragment(const struct netsim_transit *packet);
bool netsim_is_fragment(const struct netsim_transit *packet);

/* Makes the nodes of the scenario's path. 0, -ENOMEM. */
int netsim_build(struct netsim *sim);

/* False when a filter of `node` took the packet, which stays the caller's. */
bool netsim_filter(struct netsim *sim, size_t node, const struct netsim_transit *packet);
/* The same for what remembers flows or answers for the server. */
bool netsim_flows_pass(struct netsim *sim, size_t node, const struct netsim_transit *packet);
bool netsim_proxy_pass(struct netsim *sim, size_t node, struct netsim_transit *packet);
/* Both ways for the MSS, else towards the server. */
void netsim_rewrite(const struct scenario_element *router, struct netsim_transit *packet);

/* A hash of the flow: addresses, protocol, ports, or ICMP type, code, checksum and identifier. */
uint64_t netsim_flow_hash(const struct netsim_transit *packet, uint64_t salt);

/*
 * ICMP error about `packet` (kept) from `node`, by the rules of RFC 1122 3.2.2 and RFC 4443 2.4.
 * Types and codes are ICMP's and translated for ICMPv6.
 */
void netsim_icmp_error(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                       uint8_t type, uint8_t code, uint16_t mtu);

/* Recomputes the IPv4 header checksum, or the transport checksum of a whole packet. */
void netsim_fix_ip(struct netsim_transit *packet);
void netsim_fix_transport(struct netsim_transit *packet);

/* --- answers --------------------------------------------------------------------------------- */

enum { NETSIM_TTL = 64 }; /* of what hosts and routers send themselves */

struct netsim_answer { /* what the header of an answer says, and what the log calls it */
    struct address source, destination;
    enum netsim_side heading;
    uint8_t protocol, ttl, tos;
    uint16_t id; /* IPv4 */
    bool df;
    int64_t delay_ns;
    enum netsim_action action;
};

/* Back to where `packet` came from, in the name of whom it was sent to. */
struct netsim_answer netsim_answer_to(const struct netsim_transit *packet, uint8_t ttl,
                                      enum netsim_action action);

/* A new packet of `node`, made because of `cause`. */
void netsim_answer(struct netsim *sim, size_t node, const struct netsim_answer *answer,
                   const struct netsim_transit *cause, const uint8_t *segment, size_t len);

/* --- TCP ------------------------------------------------------------------------------------- */

struct netsim_tcp { /* a segment's header, read or to be written */
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint16_t flags; /* enum tcp_flag */
    uint16_t window;
    size_t payload;   /* bytes; read only */
    unsigned options; /* enum scenario_tcp_option: those below that are there */
    uint16_t mss;
    uint8_t wscale;
    uint32_t tsval, tsecr;
    uint8_t cookie[16], cookie_len; /* of fast open */
};

/* False when `packet` is no whole TCP segment. */
bool netsim_tcp_read(const struct netsim_transit *packet, struct netsim_tcp *tcp);
/* The header, with options in the order and with the padding that Linux has; checksum zero. */
void netsim_tcp_write(struct writer *w, const struct netsim_tcp *tcp);
void netsim_tcp_answer(struct netsim *sim, size_t node, const struct netsim_answer *answer,
                       const struct netsim_transit *cause, const struct netsim_tcp *tcp);
/* The RST for a segment that belongs to no connection (RFC 9293 3.10.7.1); none for a RST. */
void netsim_tcp_refuse(struct netsim *sim, size_t node, const struct netsim_transit *packet,
                       const struct netsim_tcp *tcp);

unsigned netsim_key_hash(const void *key);
/* A number that follows from a flow's addresses and ports, and from the run's seed. */
uint64_t netsim_flow_secret(const struct netsim *sim, const struct netsim_transit *packet,
                            uint64_t salt);
/* NULL: unknown, or memory is out. The oldest of too many are forgotten. */
struct netsim_flow *netsim_flow_find(const struct netsim *sim, size_t node,
                                     const struct netsim_transit *packet);
struct netsim_flow *netsim_flow_add(struct netsim *sim, size_t node,
                                    const struct netsim_transit *packet);
void netsim_flow_drop(struct netsim *sim, size_t node, struct netsim_flow *flow);
void netsim_flow_free(struct netsim_flow *flow);
void netsim_flows_free(struct netsim_node *node);
void netsim_flow_wake(struct netsim *sim, size_t node, struct netsim_flow *flow, int64_t when_ns);

/* --- hosts ----------------------------------------------------------------------------------- */

/* What a host at `node` with the packet's destination address answers; keeps `packet`. */
void netsim_host_answer(struct netsim *sim, size_t node, const struct netsim_transit *packet);
const struct scenario_service *netsim_host_service(const struct netsim *sim, bool udp,
                                                   uint16_t port); /* NULL: closed */
/* What the client's kernel answers that knows of no connection. */
void netsim_host_reset(struct netsim *sim, size_t node, const struct netsim_transit *packet);

/* A SYN to a service, or what follows it. */
void netsim_syn_receive(struct netsim *sim, size_t node, const struct scenario_service *service,
                        const struct netsim_transit *packet, const struct netsim_tcp *tcp);
void netsim_syn_wake(struct netsim *sim, size_t node, struct netsim_flow *flow);
void netsim_idle_wake(struct netsim *sim, size_t node, struct netsim_flow *flow);

struct netsim_machine { /* whose TCP answers */
    const struct scenario_handshake *handshake;
    uint64_t salt; /* of its sequence numbers and clock */
    int64_t delay_ns;
    enum netsim_action action;
};
uint32_t netsim_syn_isn(const struct netsim *sim, const struct netsim_machine *machine,
                        const struct netsim_transit *packet);
uint32_t netsim_syn_cookie(const struct netsim *sim, const struct netsim_machine *machine,
                           const struct netsim_transit *packet, uint32_t seq);
/* syncookies.c: the low six bits of a cookie's clock, which say the options of `answer`. */
unsigned netsim_syn_bits(const struct netsim_tcp *syn, const struct netsim_tcp *answer);
/* `first`: not a repeated one. */
void netsim_syn_ack(struct netsim *sim, size_t node, const struct netsim_machine *machine,
                    const struct netsim_transit *packet, uint32_t isn, bool first);
uint16_t netsim_choose_id(struct netsim *sim, enum scenario_ip_id kind,
                          const struct netsim_transit *packet);
/* A copy for later; NULL when memory is out. */
struct netsim_transit *netsim_keep(struct netsim *sim, const struct netsim_transit *packet);

/* Masquerades; false when the table is full. Inbound gives the client's address back. */
bool netsim_nat_out(struct netsim *sim, size_t node, struct netsim_transit *packet);
void netsim_nat_in(struct netsim *sim, size_t node, struct netsim_transit *packet);
void netsim_nat_free(struct netsim_nat *nat);

#endif
