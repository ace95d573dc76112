/*
 * A scenario: the network that the lab plays, what stands behind it, what happens when, and what
 * the commands are expected to find. Read from YAML by scenario_parse; netdx-scenario(5) is the
 * manual of the format. Pure: the text is in memory, errors carry line and field.
 */
#ifndef NETDX_ENGINE_SCENARIO_H
#define NETDX_ENGINE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/document.h"
#include "wire/address.h"
#include "wire/packet.h"

/* One direction of a link. Shares are 0 to 1. */
struct scenario_link {
    int64_t delay_ns;  /* propagation, one way */
    int64_t jitter_ns; /* standard deviation of a normal added delay, never reorders */
    double loss;       /* independent; with burst > 1 the long-run share of a Gilbert model */
    double burst;      /* mean length of a loss burst in packets; 1: independent */
    double duplicate;
    double reorder; /* share of packets held back by reorder_delay_ns */
    int64_t reorder_delay_ns;
    double corrupt;         /* share of packets with one payload bit flipped */
    uint64_t rate_bps;      /* 0: unlimited */
    uint32_t queue_packets; /* at rate_bps */
    uint16_t mtu;           /* bytes; 0: 1500 */
};

enum scenario_tcp_option { /* bits of a set */
                           SCENARIO_MSS = 1,
                           SCENARIO_SACK = 2,
                           SCENARIO_TIMESTAMPS = 4,
                           SCENARIO_WSCALE = 8,
                           SCENARIO_FAST_OPEN = 16,
                           SCENARIO_ECN = 32, /* of the header, but negotiated like an option */
};

enum scenario_ecn { ECN_CLASSIC, ECN_ACCURATE, ECN_IGNORED };
enum scenario_ip_id { IP_ID_ZERO, IP_ID_COUNTER, IP_ID_RANDOM, IP_ID_COPIED };
enum scenario_backlog { BACKLOG_ROOM, BACKLOG_BUSY, BACKLOG_FULL };

/* How a service's TCP answers a SYN. What is zero is as Linux has it. */
struct scenario_handshake {
    uint16_t mss;                  /* bytes; 0: what the last link's MTU leaves */
    uint16_t window;               /* bytes, unscaled; 0: as many segments as 65535 holds */
    uint8_t ttl;                   /* when it leaves; 0: 64 */
    uint8_t synack_retries;        /* SYN-ACKs after the first, 1, 3, 7, 15 ... s after it */
    unsigned without;              /* enum scenario_tcp_option: what it does not know */
    enum scenario_ecn ecn;         /* RFC 3168, RFC 9768, or none */
    enum scenario_ip_id ip_id;     /* IPv4 identification of SYN-ACKs */
    enum scenario_backlog backlog; /* busy: the first SYN of a flow finds it full */
    bool syn_cookies;
    bool fast_open; /* RFC 7413: gives cookies, takes data with them */
};

enum scenario_filter_action {
    FILTER_DROP,
    FILTER_REJECT,         /* ICMP admin-prohibited */
    FILTER_RESET,          /* a forged RST instead of the packet */
    FILTER_RESET_AND_PASS, /* the packet goes on as well: a race */
};

enum scenario_reset_to { RESET_CLIENT, RESET_SERVER, RESET_BOTH };

/* RSTs in the name of one end to the other. */
struct scenario_reset {
    enum scenario_reset_to to;
    uint8_t ttl;               /* when it leaves; 0: 64 */
    enum scenario_ip_id ip_id; /* copied: from the packet that it is made because of */
    uint8_t count;             /* RSTs at once */
    uint32_t step_bytes;       /* by which the sequence number of each is above the one before */
    int32_t offset_bytes;      /* of the first from the number that the receiver waits for */
    int64_t delay_ns;
};

struct scenario_filter {
    enum scenario_filter_action action;
    uint8_t reject_code;   /* of ICMP unreachable; netsim translates it for ICMPv6 */
    uint8_t protocol;      /* IANA number; 0: any */
    uint16_t port;         /* destination port towards the server; 0: any */
    double flow_share;     /* share of flows it applies to, by flow hash; 1: all */
    bool established_only; /* not the SYN: a forged RST into live flows */
    bool data_only;        /* segments with data alone */
    bool once;             /* for one packet of a flow */
    uint64_t after_bytes;  /* when the client has acknowledged that much of the server's */
    struct scenario_reset reset;
};

/* As netfilter's SYNPROXY: answers SYNs itself and connects to the server later. */
struct scenario_syn_proxy {
    uint16_t port; /* 0: there is none */
    uint8_t ttl;   /* of its SYN-ACKs when they leave; 0: 64 */
    uint16_t mss;
    uint8_t wscale;
    unsigned without; /* enum scenario_tcp_option: what it does not do */
};

/* Another machine with the server's address, which sees the SYNs as well. */
struct scenario_second_responder {
    bool present;
    uint16_t port; /* 0: any */
    int64_t delay_ns;
    struct scenario_handshake handshake;
};

enum scenario_idle_action { IDLE_DROP, IDLE_RESET, IDLE_RESET_BOTH };

/* Forgets TCP flows that are idle; then their packets are those of no flow. */
struct scenario_idle {
    int64_t after_ns; /* 0: never */
    enum scenario_idle_action action;
    uint8_t ttl; /* of its RSTs when they leave; 0: 64 */
};

enum scenario_kind { SCENARIO_ROUTER, SCENARIO_ECMP };

#define SCENARIO_FILTERS_MAX 8

struct scenario_element {
    enum scenario_kind kind;
    char *name; /* owned; unique in the scenario */
    /* SCENARIO_ROUTER */
    struct address address4, address6;
    struct scenario_link to, from; /* the link before it: towards the server, and back */
    bool silent;                   /* never answers with ICMP */
    double icmp_rate;              /* answers a second, token bucket; 0: unlimited */
    uint32_t icmp_burst;           /* bucket size */
    int64_t icmp_delay_ns;         /* slow path: added to its own answers only */
    uint16_t icmp_quote_len;       /* bytes of the packet quoted; 0: 548, 28: RFC 792's least */
    bool icmp_no_length;           /* extensions at the old fixed offset, without RFC 4884 length */
    size_t nmpls;
    struct mpls_entry mpls[ICMP_MPLS_MAX];
    bool interface_info;           /* RFC 5837: incoming interface with index, address, name, MTU */
    bool mtu_silent;               /* too big packets vanish without ICMP */
    bool blackhole;                /* forwards nothing towards the server */
    bool unreachable;              /* no route: ICMP net unreachable / no route */
    uint8_t unreachable_code;      /* with `unreachable` */
    char *loop_to;                 /* owned; sends server-bound packets back to that router */
    bool nat;                      /* masquerades as its own address */
    uint32_t nat_table_max;        /* flows; 0: unlimited */
    bool dnat;                     /* answers as the server: server address rewritten behind it */
    bool ttl_hidden;               /* does not decrement TTL (a bridge, an MPLS pipe) */
    int rewrite_dscp, rewrite_ecn; /* -1: leave */
    uint16_t clamp_mss;            /* 0: leave */
    uint32_t flow_hash;            /* another one spreads flows over equal paths anew */
    unsigned strip_options;        /* enum scenario_tcp_option: off SYNs towards the server */
    struct scenario_syn_proxy syn_proxy;
    struct scenario_second_responder second;
    struct scenario_idle idle;
    size_t nfilters;
    struct scenario_filter filters[SCENARIO_FILTERS_MAX];
    /* SCENARIO_ECMP */
    bool per_packet; /* else by flow */
    size_t nbranches;
    struct scenario_branch *branches; /* owned */
};

struct scenario_branch {
    size_t nelements;
    struct scenario_element *elements; /* owned; ECMP inside ECMP is allowed */
};

enum scenario_service_kind {
    SERVICE_HTTP,
    SERVICE_TCP_ECHO,
    SERVICE_TCP_SINK,
    SERVICE_UDP_ECHO,
    SERVICE_SCRIPT,
    SERVICE_DNS,
    SERVICE_QUIC, /* its version negotiation alone */
};

enum scenario_service_reset { /* when a connection is reset; by the host itself */
                              SERVICE_NO_RESET,
                              SERVICE_RESET_ON_ACCEPT,
                              SERVICE_RESET_AFTER_REQUEST,
                              SERVICE_RESET_MID_RESPONSE,
                              SERVICE_RESET_UNREAD, /* by closing with data that was never read */
                              SERVICE_RESET_AFTER_CLOSE, /* by closing before the client does: what
                                                            it still sends is reset */
};

enum scenario_wait { WAIT_NOT, WAIT_ANY, WAIT_REQUEST }; /* for any bytes, for an HTTP request */

enum scenario_end {
    END_NOT,
    END_CLOSE,
    END_CUT, /* TLS: without close_notify */
    END_RESET,
    END_HOLD, /* open and silent */
};

/* What a script does, in this order: waits, pauses, sends, ends. */
struct scenario_step {
    enum scenario_wait wait;
    int64_t pause_ns;
    uint8_t *bytes; /* owned, may be NULL */
    size_t len;
    uint64_t times;  /* they are sent so often */
    int64_t drip_ns; /* pause after each of them; 0: all at once */
    enum scenario_end end;
};

enum scenario_certificate {
    CERTIFICATE_GOOD, /* of the lab's authority, by an intermediate that is sent along */
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_EXPIRING,
    CERTIFICATE_WRONG_NAME,
    CERTIFICATE_SELF_SIGNED,
    CERTIFICATE_SELF_SIGNED_IN_CHAIN, /* of another authority, which is sent along */
    CERTIFICATE_UNTRUSTED,            /* of another authority, which is not */
    CERTIFICATE_INCOMPLETE_CHAIN,
    CERTIFICATE_REVOKED, /* as a stapled OCSP answer says */
    CERTIFICATE_WEAK_KEY,
    CERTIFICATE_WEAK_SIGNATURE,
    CERTIFICATE_MANY_NAMES, /* 10,000 */
};

struct scenario_tls {
    bool present;
    enum scenario_certificate certificate;
    int version; /* 10 to 13: the highest spoken; 0: 13 */
    bool client_certificate;
    bool h2; /* ALPN chooses HTTP/2 where it is offered */
};

#define SCENARIO_DNS_SILENT (-1)

struct scenario_service {
    enum scenario_service_kind kind;
    uint16_t port;
    int status;       /* HTTP: 200 */
    char *server;     /* HTTP: Server header; owned; NULL: "netdx-lab" */
    char *body;       /* owned; NULL: a short page */
    int64_t delay_ns; /* before the answer */
    /* What the lab's services do; the simulated host does not go that far. */
    uint64_t size_bytes; /* HTTP: of a body made up; 0: `body` */
    enum scenario_service_reset reset;
    int64_t drip_ns; /* HTTP: pause after each byte of the body; 0: all at once */
    bool stalls;
    uint64_t stall_bytes;    /* HTTP: with `stalls`, nothing of the body follows these */
    uint32_t receive_buffer; /* bytes; 0: the kernel's choice */
    uint64_t pause_bytes;    /* sink: reads that much, then nothing for pause_ns */
    int64_t pause_ns;
    size_t nsteps;
    struct scenario_step *steps; /* script: owned */
    struct scenario_tls tls;     /* script: around all of it */
    int rcode;                   /* DNS: of answers without a record; SCENARIO_DNS_SILENT: none */
    struct scenario_handshake handshake;
};

/* A setting of the kernel that plays a host in the lab: "net.ipv4.tcp_sack", "0". */
struct scenario_sysctl {
    char *name, *value; /* owned */
};

struct scenario_host {
    struct address address4, address6;
    char *name; /* owned: "server.lab" */
    size_t nservices;
    struct scenario_service *services; /* owned */
    bool dead;                         /* does not exist: nothing answers for its addresses */
    size_t nsysctls;
    struct scenario_sysctl *sysctls; /* owned */
    bool echo_silent;                /* does not answer ICMP echo requests */
};

/*
 * At `at_ns` the router becomes what `values` says: all its fields, earlier events included. Its
 * name, loop_to and branches are the element's own, borrowed, but for a loop_to that the event
 * names itself.
 */
struct scenario_event {
    int64_t at_ns;                          /* after the start; events are in this order */
    const struct scenario_element *element; /* borrowed */
    struct scenario_element values;
    char *loop_to; /* owned, may be NULL */
};

/* Who reset whom, and when, in the words of netdx flows; what is NULL is not compared. */
struct scenario_reset_truth {
    char *phase, *by, *origin; /* owned */
    bool forged_given, forged;
};

/* What a command is expected to find, for tests and drills. */
struct scenario_expectation {
    char *command;   /* owned: "trace" */
    char *run;       /* owned, may be NULL: shell command that makes the traffic to be looked at */
    char *arguments; /* owned, may be NULL: "-T -p 80" */
    char *capture;   /* owned, may be NULL: "server"; else it is the client's that is looked at */
    char *target;    /* owned, may be NULL: the server */
    char *end;       /* owned, may be NULL: "reached" */
    char *code;      /* owned, may be NULL: of a failure; "none" */
    size_t nfindings;
    char **findings; /* owned: ids; an empty list says "none" */
    struct scenario_reset_truth reset;
};

struct scenario {
    char *name, *summary; /* owned */
    struct scenario_host client, server;
    struct scenario_branch path; /* from the client's first router to the server's last */
    struct scenario_link last_to, last_from; /* from the last router to the server */
    size_t nevents;
    struct scenario_event *events; /* sorted by time */
    size_t nexpectations;
    struct scenario_expectation *expectations;
};

/* Reads YAML. 0, -EINVAL with *error filled in, or -ENOMEM. *out is owned by the caller. */
int scenario_parse(const char *yaml, size_t len, struct scenario **out,
                   struct document_error *error);
void scenario_free(struct scenario *scenario); /* NULL is fine */

/* The element of that name at any depth, or NULL. */
struct scenario_element *scenario_find(const struct scenario *scenario, const char *name);

#endif
