/*
 * TCP flows seen from one place: what was re-sent and why, where it was lost, who reset whom, and
 * what a flow waited for. Packets with times go in, events and facts come out. No socket, no
 * clock, no output.
 *
 * The tap is where the packets were captured. It sees what has passed it, so a loss is *before*
 * the tap (the first copy never came by) or *behind* it (it came by and was sent again). Direction
 * is named by its sender: FLOW_CLIENT opened the connection, FLOW_SERVER is the other one. Without
 * the handshake the side with the smaller port is taken for the server.
 *
 * A verdict may be revised when later packets prove it wrong: the event is followed by a revision
 * that names the frame it corrects, and the counts are those of the final verdicts.
 *
 * Memory is bounded: a table of at most `max_flows` flows, a log of the last `max_ranges` segments
 * sent, shared by all, and pools for what only flows in trouble need. Flows leave when they are
 * idle, some time after their end, or, when the table is full, the one idle for longest first.
 *
 * Times are the caller's; they may jump or run backwards, which costs accuracy and nothing else.
 * Sources: RFC 9293 (TCP), 7323 (timestamps), 2018 and 2883 (SACK, DSACK), 6298 (RTO), 8985
 * (RACK-TLP), 3522 (Eifel), 5961 (RSTs), 3168 and 9768 (ECN).
 */
#ifndef NETDX_ENGINE_FLOW_H
#define NETDX_ENGINE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/packet.h"
#include "wire/segment.h"

#define FLOW_MAX_FLOWS_LIMIT  16777216
#define FLOW_MAX_RANGES_LIMIT 67108864

enum flow_side { FLOW_CLIENT = 0, FLOW_SERVER = 1 };

/* What puts a flow before others. Ties go to the earlier flow. */
enum flow_sort {
    FLOW_SORT_WORST, /* severity of what was found, then retransmissions, then stall */
    FLOW_SORT_RETRANSMISSIONS,
    FLOW_SORT_LOSS,  /* share of segments re-sent */
    FLOW_SORT_STALL, /* longest stall */
    FLOW_SORT_RTT,
    FLOW_SORT_BYTES,
    FLOW_SORT_PACKETS,
    FLOW_SORT_START,
};

const char *flow_sort_name(enum flow_sort sort);             /* "worst", "retransmissions", ... */
int flow_sort_parse(const char *name, enum flow_sort *sort); /* 0 or -EINVAL */

/* --- events ------------------------------------------------------------------------------ */

enum flow_event_kind {
    FLOW_EVENT_RETRANSMISSION, /* data or a FIN sent again: `retransmission` */
    FLOW_EVENT_SYN_RETRANSMISSION,
    FLOW_EVENT_SYNACK_RETRANSMISSION,
    FLOW_EVENT_DUPLICATE,    /* one packet seen twice: made by the network */
    FLOW_EVENT_REORDERING,   /* late, but sent once */
    FLOW_EVENT_DUP_ACK,      /* third of a row: `count`; all are counted in the facts */
    FLOW_EVENT_ZERO_WINDOW,  /* told when it is over: `length_ns`; `frame` began it */
    FLOW_EVENT_WINDOW_PROBE, /* of a zero window */
    FLOW_EVENT_WINDOW_FULL,  /* the segment fills the receiver's window */
    FLOW_EVENT_KEEP_ALIVE,
    FLOW_EVENT_CAPTURE_GAP, /* acknowledged, but never captured: `bytes` from `seq` */
    FLOW_EVENT_RESET,       /* `reset`; with `revises` another opinion of an earlier one */
    FLOW_EVENT_SPURIOUS,    /* revision: the retransmission in frame `revises` was needless */
    FLOW_EVENT_END,         /* the flow left the table: `facts` */
};

const char *flow_event_name(enum flow_event_kind kind); /* "retransmission", as in --jsonl */

enum flow_trigger {
    FLOW_TRIGGER_UNKNOWN,
    FLOW_TRIGGER_TIMEOUT,    /* RFC 6298: the timer ran out, or recovery after it */
    FLOW_TRIGGER_FAST,       /* RFC 5681, 6675, 8985: acknowledgements tell that it is missing */
    FLOW_TRIGGER_TAIL_PROBE, /* RFC 8985 (7) */
};

const char *flow_trigger_name(enum flow_trigger trigger); /* "timeout", "tail_probe" */

enum flow_lost {
    FLOW_LOST_UNKNOWN,
    FLOW_LOST_BEFORE_TAP, /* the first copy never came by */
    FLOW_LOST_BEHIND_TAP, /* both copies came by */
};

const char *flow_lost_name(enum flow_lost lost); /* "before_tap", "behind_tap", "unknown" */

/* By what a retransmission proved needless. */
enum flow_spurious {
    FLOW_SPURIOUS_DSACK,    /* RFC 2883: the receiver had it already */
    FLOW_SPURIOUS_EIFEL,    /* RFC 3522: the acknowledgement echoes the first copy */
    FLOW_SPURIOUS_ORIGINAL, /* the first copy came by later */
    FLOW_SPURIOUS_FRTO,     /* RFC 5682: after a timeout, what was sent before it arrives */
};

const char *flow_spurious_name(enum flow_spurious spurious); /* "dsack", "frto", ... */

enum flow_reset_phase {
    FLOW_RESET_UNKNOWN,            /* the flow's beginning was not seen */
    FLOW_RESET_REFUSED,            /* the answer to a SYN */
    FLOW_RESET_AFTER_SYN,          /* by the client that sent the SYN, or after a SYN-ACK */
    FLOW_RESET_AFTER_ACCEPT,       /* handshake done, no data yet */
    FLOW_RESET_AFTER_REQUEST,      /* the first data was sent, no answer came */
    FLOW_RESET_MID_RESPONSE,       /* data has gone both ways */
    FLOW_RESET_AFTER_FIN,          /* the resetter had closed its side, or the peer had */
    FLOW_RESET_AFTER_CLOSE_UNREAD, /* closed while data of the peer was unread (RFC 1122 4.2.2.13)
                                    */
};

const char *flow_reset_phase_name(enum flow_reset_phase phase); /* "refused", "mid_response" */

enum flow_reset_origin {
    FLOW_ORIGIN_UNKNOWN,
    FLOW_ORIGIN_HOST,   /* looks like the host's other packets */
    FLOW_ORIGIN_DEVICE, /* does not: something on the path sent it in the host's name */
};

const char *flow_reset_origin_name(enum flow_reset_origin origin); /* "host", "device", "unknown" */

/* Bits of `reasons`; flow_reason_text() has the words, flow_reason_name() the JSON names. */
enum flow_reason {
    FLOW_REASON_SEQ_EXACT = 1 << 0,     /* sequence number is the one expected (RFC 5961 3.2) */
    FLOW_REASON_SEQ_IN_WINDOW = 1 << 1, /* within the window, but not the one expected */
    FLOW_REASON_SEQ_OUT = 1 << 2,       /* outside of the window: to be ignored */
    FLOW_REASON_ACK_BEYOND = 1 << 3,    /* acknowledges what was never sent */
    FLOW_REASON_TTL_SAME = 1 << 4,      /* as the host's other packets */
    FLOW_REASON_TTL_DIFFERS = 1 << 5,
    FLOW_REASON_TTL_AS_SYNACK = 1 << 6,    /* as the SYN-ACK's, which differs from the data's */
    FLOW_REASON_ID_IN_LINE = 1 << 7,       /* IP-ID continues the host's counter */
    FLOW_REASON_ID_OUT_OF_LINE = 1 << 8,   /* far from the host's counter */
    FLOW_REASON_ID_COPIED = 1 << 9,        /* the one of the packet it answers */
    FLOW_REASON_OPTIONS_AS_FLOW = 1 << 10, /* timestamps that continue the host's */
    FLOW_REASON_OPTIONS_ODD = 1 << 11,     /* timestamps or options that the host's have not */
    FLOW_REASON_SEVERAL_RISING = 1 << 12,  /* several RSTs with rising sequence numbers */
    FLOW_REASON_HOST_GOES_ON = 1 << 13,    /* the "resetter" sends on afterwards */
    FLOW_REASON_TOO_SOON = 1 << 14,        /* faster than the host can answer */
    FLOW_REASON_IDLE_BEFORE = 1 << 15,     /* the flow was idle: a device may have forgotten it */
    FLOW_REASON_ANSWERS_PEER = 1 << 16, /* carries the acknowledgement number of what it answers */
    FLOW_REASON_FEW_PACKETS = 1 << 17,  /* too few packets of the host to compare with */
    FLOW_REASONS = 18,
};

const char *flow_reason_name(enum flow_reason reason); /* one bit: "ttl_differs" */
const char *flow_reason_text(enum flow_reason reason); /* "TTL differs from the host's other ..." */

struct flow_retransmission {
    enum flow_trigger trigger;
    enum flow_lost lost;
    uint8_t backoff;  /* timer: 1, 2, 3 ... since the last progress; 0: recovery after it */
    bool fin;         /* carries a FIN */
    int64_t since_ns; /* since the previous copy, or since the hole was seen; -1: unknown */
};

struct flow_reset {
    enum flow_reset_phase phase;
    enum flow_side by; /* in whose name */
    enum flow_reset_origin origin;
    bool forged;
    double confidence;         /* in `forged` as it is, 0.5 to 1 */
    uint32_t reasons;          /* enum flow_reason */
    uint8_t ttl, ttl_expected; /* 0: not known */
    uint32_t count;            /* RSTs of this side so far */
    uint64_t frame;            /* of the first */
};

/* Who talks to whom. */
struct flow_key {
    struct address address[2]; /* by enum flow_side */
    uint16_t port[2];
};

struct flow_facts;

struct flow_event {
    enum flow_event_kind kind;
    int64_t when_ns;
    uint64_t frame;   /* of the packet that tells; 0 for FLOW_EVENT_END */
    uint64_t flow_id; /* 1, 2, 3 ... in the order of first packets; never reused */
    struct flow_key key;
    enum flow_side sender; /* of the packet; of the bytes, where it is about earlier ones */
    uint32_t seq;          /* first byte concerned */
    uint32_t bytes;        /* concerned: of a retransmission, those that were sent before */
    uint64_t revises;      /* frame of the event that this one corrects; 0: none */
    union {
        struct flow_retransmission retransmission; /* SYN and SYN-ACK too */
        struct flow_reset reset;
        enum flow_spurious spurious;
        int64_t length_ns;              /* ZERO_WINDOW */
        uint32_t count;                 /* DUP_ACK */
        const struct flow_facts *facts; /* END; valid during the call */
    };
};

typedef void flow_event_fn(void *context, const struct flow_event *event);

/* --- facts of a flow --------------------------------------------------------------------- */

/* Round trips between the tap and one side, that side's own delay included. */
struct flow_rtt {
    uint32_t samples;                    /* acknowledged segments and echoed timestamps */
    int64_t min_ns, smoothed_ns, max_ns; /* -1 without samples */
};

enum flow_stall_cause {
    FLOW_STALL_NONE,
    FLOW_STALL_HANDSHAKE,   /* SYN or SYN-ACK lost */
    FLOW_STALL_TIMEOUT,     /* loss, repaired by the retransmission timer */
    FLOW_STALL_TAIL_PROBE,  /* loss at the end, repaired by a tail loss probe */
    FLOW_STALL_RECOVERY,    /* loss, repaired by fast retransmission */
    FLOW_STALL_ZERO_WINDOW, /* the receiver's application does not read */
    FLOW_STALL_WINDOW_FULL, /* the receiver's window is full */
    FLOW_STALL_ACK,         /* the receiver was slow to acknowledge */
    FLOW_STALL_ANSWER,      /* the peer had a request and was slow to answer */
    FLOW_STALL_SENDER,      /* the sender had nothing to send */
    FLOW_STALL_CAPTURE,     /* packets are missing from the capture */
};

const char *flow_stall_cause_name(enum flow_stall_cause cause); /* "timeout", "zero_window" */

struct flow_stall {
    enum flow_stall_cause cause;
    enum flow_side side; /* the sender that was waiting or had nothing, for ACK and WINDOWs the
                            receiver, for ANSWER who answered late */
    int64_t length_ns;
    int64_t start_ns;
    uint64_t frame; /* that ended it */
};

enum flow_ecn {
    FLOW_ECN_UNKNOWN,  /* no handshake seen */
    FLOW_ECN_NONE,     /* not asked for */
    FLOW_ECN_REFUSED,  /* asked for, not agreed to (or bleached on the way) */
    FLOW_ECN_CLASSIC,  /* RFC 3168 */
    FLOW_ECN_ACCURATE, /* RFC 9768 */
};

const char *flow_ecn_name(enum flow_ecn ecn); /* "none", "refused", "classic", "accurate" */

enum flow_end {
    FLOW_END_OPEN,     /* still open when the capture ended */
    FLOW_END_FIN,      /* both sides closed */
    FLOW_END_HALF_FIN, /* one side closed, then nothing */
    FLOW_END_RESET,
    FLOW_END_IDLE,
    FLOW_END_SYN,     /* a SYN that nobody answered */
    FLOW_END_REUSED,  /* a new connection with the same ports took its place */
    FLOW_END_EVICTED, /* the table was full */
};

const char *flow_end_name(enum flow_end end); /* "open", "fin", "reset", "idle", "no_answer" */

/* Counts of what one side sent. */
struct flow_counts {
    uint64_t packets;
    uint64_t segments;        /* that carried data, SYN or FIN, each time they were seen; a TSO
                                 super-packet counts for what it becomes, where the MSS is known */
    uint64_t bytes;           /* of payload: unique and re-sent ones that were captured */
    uint64_t unique_bytes;    /* of the stream, each once */
    uint64_t retransmissions; /* all triggers, FINs too; without SYNs and SYN-ACKs */
    uint64_t retransmitted_bytes;
    uint64_t timeout, fast, tail_probe, unknown; /* by trigger; they add up to retransmissions */
    uint64_t timer;            /* of `timeout`: those that the timer itself sent (backoff > 0) */
    uint64_t spurious;         /* of retransmissions: proven needless */
    uint64_t spurious_timeout; /* of `timer`: proven needless */
    uint64_t lost_before, lost_behind, lost_unknown; /* they add up to retransmissions */
    uint64_t syn_retransmissions;                    /* SYN or SYN-ACK */
    uint64_t duplicates;
    uint64_t tap_copies; /* of the same packet on another interface; not counted elsewhere */
    uint64_t reordered;
    uint64_t dup_acks;
    uint64_t sacks, dsacks; /* acknowledgements with SACK blocks; those with a DSACK, while the
                               sender was still there */
    uint64_t zero_windows;
    int64_t zero_window_ns; /* longest */
    uint64_t window_probes, window_full, small_windows, keep_alives;
    uint64_t capture_gaps, capture_gap_bytes;
    uint64_t resets;
    uint64_t ce_marks, ece; /* ECN: congestion seen on packets, and echoed */
    uint64_t fragments;
};

struct flow_side_facts { /* of what this side sent, or is */
    struct flow_counts counts;
    struct flow_rtt rtt; /* between the tap and this side */
    uint32_t isn;        /* valid with has_syn */
    bool has_syn;        /* its SYN or SYN-ACK was seen */
    bool isn_reused;     /* the previous connection of these ports had the same */
    bool sack_permitted, timestamps;
    bool fin;
    uint16_t mss;       /* as offered; 0: not seen */
    int wscale;         /* as offered, -1: not offered or not seen */
    uint8_t ttl;        /* of its latest ordinary packet */
    int64_t window;     /* latest offered, in bytes; -1: the scale is not known */
    uint32_t unheard;   /* of retransmissions: into silence, after the flow was idle */
    double loss_pct;    /* retransmissions that were not needless, of segments; NAN: none sent */
    double goodput_bps; /* unique bytes in bits over its time of sending; NAN: unknown */
};

enum flow_severity { FLOW_FINE, FLOW_NOTICE, FLOW_WARNING, FLOW_CRITICAL };

struct flow_facts {
    uint64_t flow_id;
    struct flow_key key;
    bool client_known;    /* by a SYN or SYN-ACK, else guessed from the ports */
    bool complete;        /* seen from its SYN on */
    bool unheard_synacks; /* SYN-ACKs went on after the client had answered */
    int64_t start_ns, last_ns;
    enum flow_end end;
    enum flow_side ended_by; /* FIN: who closed first; RESET: in whose name */
    int64_t handshake_client_ns, handshake_server_ns; /* tap to that side and back; -1: unknown */
    enum flow_ecn ecn;
    uint16_t vlan;
    struct flow_side_facts side[2];
    bool has_reset;
    struct flow_reset reset;     /* the first one, as finally judged */
    struct flow_stall stall;     /* the longest */
    uint32_t findings;           /* bits 1 << enum flow_finding_kind */
    enum flow_severity severity; /* the worst of them */
};

/* --- the engine -------------------------------------------------------------------------- */

struct flows_config {
    uint32_t max_flows;   /* 1 to FLOW_MAX_FLOWS_LIMIT; 1,000,000 by default */
    uint32_t max_ranges;  /* segments remembered, 32 bytes each; 64 to FLOW_MAX_RANGES_LIMIT;
                             262,144 by default */
    uint32_t top;         /* ended flows whose facts are kept for the result; 100 by default */
    enum flow_sort sort;  /* which */
    int64_t idle_ns;      /* without a packet, until a flow is closed: 10 minutes by default */
    int64_t syn_ns;       /* the same while nobody has answered the SYN: 90 s */
    int64_t linger_ns;    /* the same after FIN or RST, for what still comes: 60 s */
    uint64_t seed;        /* of the hash: unpredictable where packets may be hostile */
    flow_event_fn *event; /* NULL: facts only */
    void *context;
};

void flows_config_default(struct flows_config *config);

struct flows; /* opaque */

/* 0, -ENOMEM, or -EINVAL with a static reason in *why (may be NULL). */
int flows_new(const struct flows_config *config, struct flows **out, const char **why);
void flows_free(struct flows *flows);

/*
 * Segments in the order of their capture, as many as there are: FLOWS_BATCH at a time hide the cost
 * of memory. Returns nothing: what cannot be had because memory ran
 * out is counted in the summary.
 */
#define FLOWS_BATCH 128
void flows_receive(struct flows *flows, const struct segment *segments, size_t count);

/* What was captured and is no TCP segment, for the summary: the kind segment_decode gave. */
void flows_count_other(struct flows *flows, enum segment_kind kind);

/* One decoded packet of any kind: both of the above. */
void flows_receive_packet(struct flows *flows, const struct packet *packet, struct decode result,
                          enum packet_direction direction, uint32_t ifindex, int64_t when_ns,
                          uint64_t frame);

/*
 * Quiet interfaces: lets time pass without a packet, so that idle flows leave. The clock must be
 * that of the packets.
 */
void flows_tick(struct flows *flows, int64_t now_ns);

/* No more packets: every flow ends, those that were open as FLOW_END_OPEN. Only once. */
void flows_finish(struct flows *flows);

/* Facts of a flow that is in the table, e.g. within an event. False: no such flow any more. */
bool flows_facts(const struct flows *flows, uint64_t flow_id, struct flow_facts *facts);

/*
 * Takes over what another engine, of the same configuration, found in other flows (a worker's
 * share of one capture): summary, hosts, ended flows. `from` must be finished; it stays to be
 * freed. 0 or -ENOMEM.
 */
int flows_merge(struct flows *into, const struct flows *from);

/* --- results ----------------------------------------------------------------------------- */

struct flows_summary {
    uint64_t packets; /* TCP segments received by the engine, tap copies included */
    uint64_t bytes;   /* of payload */
    uint64_t fragments, other, truncated, bad; /* frames that are none (flows_count_other) */
    uint64_t flows;                            /* seen in all */
    uint64_t flows_open;                       /* in the table now */
    uint64_t ends[8];                          /* by enum flow_end */
    uint64_t evicted;          /* closed because the table was full: facts are cut short */
    uint64_t no_memory;        /* segments and facts given up because memory ran out */
    uint64_t time_steps;       /* absurd steps of the packets' clock */
    uint64_t ranges_forgotten; /* evidence pushed out of the log before it was needed */
    uint64_t forged_resets;    /* flows with a reset that was judged forged */
    uint64_t isn_reuses;
    int64_t start_ns, last_ns; /* of packets */
    struct flow_counts counts; /* both directions of all flows */
};

/* Per address: what it sent in all its flows, and how they ended. */
struct flow_host {
    struct address address;
    uint64_t flows;
    struct flow_counts counts;
    uint64_t unanswered; /* connections to it whose SYN nobody answered */
    uint64_t resets[8];  /* flows reset in its name, by enum flow_reset_phase; without: */
    uint64_t forged;     /* those judged forged, and those that a device forgot while idle */
    uint64_t unheard;    /* of retransmissions: as in struct flow_side_facts */
};

/* Ids as in the fault catalogue. Which flows or hosts have it, and how bad it is. */
enum flow_finding_kind {
    FLOW_FINDING_RETRANSMISSIONS,     /* tcp.retransmissions: over 1 % of segments re-sent */
    FLOW_FINDING_ZERO_WINDOW,         /* tcp.zero_window: the receiver stops reading */
    FLOW_FINDING_SMALL_WINDOW,        /* tcp.small_window: under one MSS while data is sent */
    FLOW_FINDING_RST_INJECTED,        /* fw.rst_injected */
    FLOW_FINDING_REFUSED,             /* tcp.refused */
    FLOW_FINDING_TIMED_OUT,           /* tcp.timed_out: SYNs without an answer */
    FLOW_FINDING_RESET_ON_ACCEPT,     /* tcp.reset_on_accept */
    FLOW_FINDING_RESET_AFTER_REQUEST, /* tcp.reset_after_request */
    FLOW_FINDING_RESET_MID_RESPONSE,  /* tcp.reset_mid_response */
    FLOW_FINDING_RESET_AFTER_CLOSE,   /* tcp.reset_after_close: data met a closed socket */
    FLOW_FINDING_IDLE_DROP,           /* fw.idle_drop: reset or silence after the flow was idle */
    FLOW_FINDING_BACKLOG_OVERFLOW,    /* tcp.backlog_overflow: SYN-ACK sent again after our ACK */
    FLOW_FINDING_REORDERING,          /* path.reordering */
    FLOW_FINDING_DUPLICATION,         /* path.duplication */
    FLOW_FINDING_STALL,               /* tcp.stall: one second or more, not the application's */
    FLOW_FINDING_CAPTURE_GAPS,        /* local.capture_drops: bytes missing in the capture */
    FLOW_FINDING_ISN_REUSE,           /* tcp.isn_reuse */
    FLOW_FINDING_EVICTED,             /* flows.table_full */
    FLOW_FINDINGS,
};

const char *flow_finding_id(enum flow_finding_kind kind);
enum flow_severity flow_finding_severity(enum flow_finding_kind kind);
const char *flow_severity_name(enum flow_severity severity); /* "fine", "notice", ... */

struct flow_finding {
    enum flow_finding_kind kind;
    enum flow_severity severity;
    bool has_address;
    struct address address; /* whose segments, whose window, in whose name the RSTs */
    uint64_t flows;         /* concerned */
    uint64_t count;         /* retransmissions that were needed, resets, windows ... */
    double share_pct;       /* of the segments or flows of that host; NAN: no share */
    enum flow_lost lost;    /* where most of it was lost */
    int64_t worst_ns;       /* the longest stall or zero window; else -1 */
    uint64_t example;       /* flow_id of the worst flow; 0: none kept */
};

struct flows_result {
    struct flows_summary summary;
    size_t nflows; /* by config.sort, worst first; at most config.top, open ones included */
    struct flow_facts *flows;
    size_t nhosts; /* those with most retransmissions and resets first; at most config.top */
    struct flow_host *hosts;
    size_t nfindings; /* most severe first */
    struct flow_finding *findings;
};

void flows_summary(const struct flows *flows, struct flows_summary *summary); /* cheap */

/* A snapshot, valid on its own; may be taken at any time, looks at every flow. 0 or -ENOMEM. */
int flows_result(const struct flows *flows, struct flows_result *result);
void flows_result_release(struct flows_result *result);

/* Bytes of memory that the engine holds, all tables included: for tests and the bench. */
size_t flows_memory(const struct flows *flows);

#endif
