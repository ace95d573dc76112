/*
 * Path tracing on nothing but time and packets.
 *
 * A trace says what it wants (trace_next: send this probe, wait until then, done), is told what
 * was sent and captured (trace_sent, trace_receive), and gives facts (trace_result). All TTLs of
 * a round go out in one burst; the path length is learnt from the first answer of the target;
 * waiting is bounded by what has been seen. No socket, no clock, no output.
 *
 * Accounting: `sent` counts probes that left; `received` the answered ones; `pending` those whose
 * deadline has not passed; nothing pending is lost. Time-outs belong to the TTL, never to a
 * responder. Local send errors are counted apart.
 */
#ifndef NETDX_ENGINE_TRACE_H
#define NETDX_ENGINE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/interval.h"
#include "base/quantile.h"
#include "base/stats.h"
#include "wire/address.h"
#include "wire/packet.h"
#include "wire/probe.h"

#define TRACE_TTL_MAX 255

struct trace_config {
    struct address source, destination;
    enum probe_protocol protocol;
    uint8_t first_ttl, max_ttl; /* 1 to 255, first <= max */
    uint8_t gap_limit;          /* silent hops in a row that end the search; 0: none */
    uint32_t rounds;            /* 0: until stopped */
    int64_t interval_ns;        /* between the starts of rounds */
    int64_t send_gap_ns;        /* between probes of one burst */
    int64_t timeout_ns;         /* the longest a probe is waited for */
    uint16_t size;              /* whole IP packet, bytes; 0: 60 (IPv6: 80), a SYN without data */
    uint8_t dscp, ecn;
    bool df;
    uint16_t source_port;       /* 0: chosen from the seed; constant within a flow */
    uint16_t destination_port;  /* UDP 33434, TCP 443 by default (0) */
    bool identity_by_port;      /* UDP: identity in the destination port, where the checksum
                                   cannot carry it (unprivileged sockets) */
    bool find_mtu;              /* path MTU search with the hop that narrows it */
    uint16_t link_mtu;          /* bytes; start of the search, 0: 1500 */
    unsigned multipath_percent; /* 0: one flow; 95 or 99: MDA at that confidence */
    uint64_t seed;              /* identifiers, sequence numbers, flows */
};

void trace_config_default(struct trace_config *config);

struct trace; /* opaque */

/* 0, -ENOMEM, or -EINVAL with a static reason in *why (may be NULL). */
int trace_new(const struct trace_config *config, int64_t now_ns, struct trace **out,
              const char **why);
void trace_free(struct trace *trace);

enum trace_step { TRACE_SEND, TRACE_WAIT, TRACE_DONE };

/*
 * What to do now. TRACE_SEND: craft *probe, send it and report with trace_sent under *id.
 * TRACE_WAIT: nothing before *wake_ns unless something is received. TRACE_DONE: finished.
 * The probe is registered before it is handed out: an answer may come before trace_sent.
 */
enum trace_step trace_next(struct trace *trace, int64_t now_ns, struct probe *probe, uint32_t *id,
                           int64_t *wake_ns);

/*
 * The send's fate: 0, or -errno. -EAGAIN and -ENOBUFS: not sent, trace_next will offer it again
 * after a pause; others are counted by errno and never as loss.
 */
void trace_sent(struct trace *trace, uint32_t id, int error, int64_t now_ns);

enum trace_match {
    TRACE_FOREIGN,   /* not ours */
    TRACE_OUTGOING,  /* our own probe leaving: its exact send time */
    TRACE_ANSWER,    /* the first answer to a probe */
    TRACE_LATE,      /* the first answer, after the deadline: takes the loss back */
    TRACE_DUPLICATE, /* a further answer to an answered probe */
    TRACE_SUSPECT,   /* carries our identifiers but contradicts what was sent: forged or mangled */
};

/* What one captured packet was to this trace, for --jsonl and logs. */
struct trace_observation {
    enum trace_match match;
    uint32_t id; /* of the probe */
    uint8_t ttl;
    uint32_t round;
    uint32_t flow;
    struct address responder;
    int64_t sent_ns, received_ns; /* received_ns with answers only */
    int64_t rtt_ns;               /* answers only */
    uint8_t icmp_type, icmp_code; /* ICMP answers */
    uint16_t tcp_flags;           /* TCP answers */
    bool from_target;             /* the answer proves that the target was reached */
};

enum trace_match trace_receive(struct trace *trace, const struct packet *packet,
                               enum packet_direction direction, int64_t when_ns,
                               struct trace_observation *observation);

/*
 * Whose trace could this packet be part of: the quoted packet's destination, the destination of
 * our own probe leaving, or the source of a direct answer. False: nobody's. A quote whose
 * destination was rewritten on the way names a stranger: who finds no trace for the address
 * offers the packet to all of them.
 */
bool trace_target_of(const struct packet *packet, enum packet_direction direction,
                     struct address *target);

/* The time spent stopped (SIGSTOP) or asleep is not loss: shifts every deadline. */
void trace_shift(struct trace *trace, int64_t paused_ns);

/* Ends the trace early: nothing more is sent; what is in flight counts as pending. */
void trace_stop(struct trace *trace);

enum trace_end {
    TRACE_END_NONE, /* still running */
    TRACE_END_REACHED,
    TRACE_END_UNREACHABLE, /* somebody said so: address, type, code */
    TRACE_END_LOOP,
    TRACE_END_GAP_LIMIT,
    TRACE_END_TTL_LIMIT,
    TRACE_END_INTERRUPTED,
    TRACE_END_SEND_FAILED, /* no probe could be sent: `error` */
};

const char *trace_end_name(enum trace_end end); /* "reached", "gap_limit", ... */

enum trace_loss_verdict {
    TRACE_LOSS_NONE,         /* none seen */
    TRACE_LOSS_TOO_FEW,      /* too few probes to tell */
    TRACE_LOSS_REAL,         /* persists to every later answering hop and the destination */
    TRACE_LOSS_RATE_LIMITED, /* the router answers seldom; nothing is lost behind it */
    TRACE_LOSS_SILENT,       /* never answered, though later hops do */
    TRACE_LOSS_DEAD,         /* never answered, and nothing behind it either */
};

const char *trace_loss_verdict_name(enum trace_loss_verdict verdict);

enum trace_change_kind { /* a field of our probe that arrived changed, first seen at this hop */
                         TRACE_CHANGED_SOURCE,
                         TRACE_CHANGED_DESTINATION,
                         TRACE_CHANGED_SOURCE_PORT,
                         TRACE_CHANGED_DESTINATION_PORT,
                         TRACE_CHANGED_DSCP,
                         TRACE_CHANGED_ECN,
                         TRACE_CHANGED_TTL,
                         TRACE_CHANGED_MSS,
                         TRACE_CHANGED_IP_ID,
                         TRACE_CHANGED_LENGTH,
};

const char *trace_change_name(enum trace_change_kind kind);

struct trace_change {
    enum trace_change_kind kind;
    bool is_address;
    struct address address_before, address_after; /* SOURCE, DESTINATION */
    uint32_t before, after;                       /* the others */
};

#define TRACE_CHANGES_MAX 8

struct trace_responder {
    struct address address;
    uint64_t received;
    struct stats rtt_ms; /* last, min, max, mean, standard deviation, jitter */
    struct quantile rtt_ms_quantiles;
    uint8_t icmp_type, icmp_code; /* of the latest ICMP answer */
    bool is_icmp, is_target;
    uint8_t reply_ttl;                 /* TTL its latest answer arrived with */
    struct icmp_extensions extensions; /* of the latest answer that had any */
    size_t nchanges;
    struct trace_change changes[TRACE_CHANGES_MAX];
};

/* The counts are of the rounds, that is of one flow; responders also answer multipath's others. */
struct trace_hop {
    uint8_t ttl;
    uint64_t sent, received, pending, send_errors, duplicates, late, suspects;
    double loss_pct;      /* of sent - pending; NAN when that is 0 */
    struct interval loss; /* Wilson, 95 %, as shares */
    enum trace_loss_verdict verdict;
    size_t nresponders; /* in order of first answer */
    struct trace_responder *responders;
    struct stats rtt_ms; /* over all responders */
    struct quantile rtt_ms_quantiles;
};

/* What the trace has to say, as facts; report/ has the words. */
enum trace_finding_kind {
    TRACE_FINDING_LOSS,          /* path.loss: real loss from hop `ttl` on */
    TRACE_FINDING_RATE_LIMITED,  /* hop `ttl` limits its ICMP answers; no loss behind it */
    TRACE_FINDING_SILENT,        /* hops `ttl` to `ttl_last` never answer, later ones do */
    TRACE_FINDING_BLACKHOLE,     /* route.blackhole: nothing answers behind hop `ttl` */
    TRACE_FINDING_LOOP,          /* route.loop: the same routers from `ttl` to `ttl_last` */
    TRACE_FINDING_UNREACHABLE,   /* route.unreachable, tcp.unreachable ...: `address` says type/code
                                  */
    TRACE_FINDING_FLAP,          /* route.flap: responder at `ttl` changed within one flow */
    TRACE_FINDING_LATENCY_STEP,  /* path.latency_step: `ms` added at `ttl`, persists */
    TRACE_FINDING_JITTER,        /* path.jitter: from hop `ttl` on */
    TRACE_FINDING_REWRITTEN,     /* a field changed at hop `ttl`: `change` */
    TRACE_FINDING_MTU_REDUCED,   /* mtu.reduced: `mtu` at hop `ttl`, signalled; `count` of the
                                    rounds' own probes were too big (0: a search found it) */
    TRACE_FINDING_MTU_BLACKHOLE, /* mtu.blackhole: packets over `mtu` vanish behind hop `ttl` */
    TRACE_FINDING_DUPLICATION,   /* path.duplication */
    TRACE_FINDING_REORDERING,    /* path.reordering */
    TRACE_FINDING_ECMP,          /* several equal paths (multipath) or several responders */
    TRACE_FINDING_ECMP_BAD_MEMBER, /* route.ecmp_bad_member: flows through `address` die */
    TRACE_FINDING_TARGET_MOVED,    /* an intermediate answer came from the target (DNAT) */
    TRACE_FINDING_SUSPECT,         /* forged or mangled answers: `count` */
    TRACE_FINDING_SEND_ERRORS,     /* our own sends failed: `error`, `count` */
    TRACE_FINDING_TOO_FEW,         /* too few probes to tell loss from chance */
    TRACE_FINDING_CAPTURE_DROPS,   /* filled in by the tool: capture drops, `count` */
};

enum trace_severity { TRACE_NOTE, TRACE_NOTICE, TRACE_WARNING, TRACE_CRITICAL };

struct trace_finding {
    enum trace_finding_kind kind;
    enum trace_severity severity;
    uint8_t ttl, ttl_last;
    struct address address;
    uint8_t icmp_type, icmp_code;
    double loss_pct;
    struct interval loss;
    double ms;
    uint32_t mtu;
    int error; /* positive errno */
    uint64_t count;
    struct trace_change change;
};

const char *trace_finding_id(enum trace_finding_kind kind); /* "path.loss", "icmp.rate_limited" */

/* Multipath: one flow's way, and the links between responders that were seen. */
struct trace_path {
    uint32_t flow;
    uint16_t source_port, destination_port;
    bool reached;
    size_t nhops;         /* index 0 is first_ttl */
    struct address *hops; /* family 0 where the flow was not answered */
};

struct trace_link {
    uint8_t ttl;             /* of `from` */
    struct address from, to; /* links are sorted by TTL, then by these */
    uint32_t flows;
};

struct trace_result {
    struct trace_config config;
    enum trace_end end;
    uint8_t end_ttl;
    struct address end_address;
    uint8_t end_icmp_type, end_icmp_code;
    int end_error;
    bool interrupted;
    bool reached;
    uint8_t path_len;        /* TTL at which the target answers; 0: unknown */
    uint32_t rounds;         /* begun */
    uint64_t sent, received; /* of the hops shown: every probe is in exactly one of these three */
    uint64_t beyond;         /* sent past the end of the path while its length was unknown */
    uint64_t searches;       /* sent for the path MTU and for other flows (multipath) */
    uint64_t foreign, suspects, duplicates, late, send_errors, reordered;
    size_t nhops; /* from first_ttl to path_len, or the last worth showing */
    struct trace_hop *hops;
    uint32_t path_mtu;    /* bytes; 0: not searched or not found */
    uint8_t path_mtu_ttl; /* hop that narrowed it */
    size_t npaths;
    struct trace_path *paths;
    size_t nlinks;
    struct trace_link *links;
    size_t nfindings; /* most severe first */
    struct trace_finding *findings;
};

/* A snapshot, valid on its own; may be taken at any time. 0 or -ENOMEM. */
int trace_result(const struct trace *trace, int64_t now_ns, struct trace_result *result);
void trace_result_release(struct trace_result *result);

#endif
