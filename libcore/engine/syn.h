/*
 * SYN-handshake timing on nothing but time and packets (half-open: SYN out, SYN-ACK, RST or ICMP
 * back, never an ACK).
 *
 * A run says what it wants (syn_next: send this probe, wait until then, done), is told what was
 * sent and captured (syn_sent, syn_receive), and gives facts (syn_result). Each probe is one SYN
 * with an ISN of its own; an answer belongs to the probe whose addresses, ports *and* ISN it
 * acknowledges. What is sent again keeps the ISN, as a kernel does, and gets its own TSval: the
 * answer's TSecr tells which copy it answers, and without timestamps an answer after a repetition
 * gives no RTT (Karn's algorithm, RFC 6298 (3)). An RTT is the difference of two capture stamps.
 *
 * The kernel resets a half-open connection by itself (no socket expects the SYN-ACK). Where no
 * RST is seen to leave, or with IPv6 none with the SYN's flow label, the run sends its own.
 *
 * With `reference`, an ICMP echo request goes along with each probe: its answer shows the host's
 * own distance (TTL), time and loss, which the SYN's answers are held against.
 */
#ifndef NETDX_ENGINE_SYN_H
#define NETDX_ENGINE_SYN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/interval.h"
#include "base/quantile.h"
#include "base/stats.h"
#include "wire/address.h"
#include "wire/packet.h"
#include "wire/probe.h"

/* What a SYN carries. */
enum syn_options {
    SYN_OPTIONS_LINUX, /* MSS, SACK, timestamps, window scale, in Linux' order */
    SYN_OPTIONS_BARE,  /* MSS alone */
    SYN_OPTIONS_FULL,  /* Linux' and a Fast Open cookie request */
};

enum syn_ecn { SYN_ECN_OFF, SYN_ECN_CLASSIC /* ECE, CWR: RFC 3168 6.1.1 */, SYN_ECN_ACCURATE };

#define SYN_COUNT_MAX   1000000
#define SYN_TARGETS_MAX 16777216
#define SYN_REPEATS_MAX 6
#define SYN_PORTS_MAX   16384 /* of the source port range */

struct syn_target { /* one address and port */
    struct address source, destination;
    uint16_t port;
};

struct syn_config {
    uint32_t count;      /* probes per target; 0: until stopped */
    int64_t interval_ns; /* between the probes of one target */
    double rate_pps;     /* over all targets, repetitions included; 0: no limit */
    int64_t timeout_ns;  /* the longest a probe is waited for, repetitions included */
    unsigned repeats;    /* how often an unanswered SYN is sent again ... */
    int64_t repeat_ns;   /* ... after this long, doubled each time (RFC 6298 (5.5): 1 s) */
    /*
     * The range of source ports that probes walk through. 0, 0: from the seed, as many as keep the
     * probes of one target from meeting each other's half-open connections. A port alone is used
     * again and again: where it comes round sooner than the timeout, a probe may meet what an
     * earlier one left behind.
     */
    uint16_t source_port, source_ports;
    enum syn_options options;
    enum syn_ecn ecn;
    bool compare;           /* every second probe, and of a port, without timestamps: SYN cookies */
    bool reference;         /* an echo request beside each probe */
    uint8_t ttl, dscp;      /* ttl 0: 64 */
    uint16_t mss;           /* bytes; 0: of link_mtu */
    uint16_t link_mtu;      /* bytes; 0: 1500 */
    int64_t reset_after_ns; /* a SYN-ACK whose RST is not seen to leave by then is reset by the
                               run itself; TIME_NEVER: never */
    double warn_ms, crit_ms, warn_loss, crit_loss; /* shares 0 to 1; NAN: no threshold */
    uint64_t seed;
};

void syn_config_default(struct syn_config *config);

struct syn; /* opaque */

/* `targets` is copied. 0, -ENOMEM, or -EINVAL with a static reason in *why (may be NULL). */
int syn_new(const struct syn_config *config, const struct syn_target *targets, size_t ntargets,
            int64_t now_ns, struct syn **out, const char **why);
void syn_free(struct syn *syn);

enum syn_step { SYN_SEND, SYN_WAIT, SYN_DONE };

/* As trace_next: the probe is registered before it is handed out. */
enum syn_step syn_next(struct syn *syn, int64_t now_ns, struct probe *probe, uint32_t *id,
                       int64_t *wake_ns);
/* 0 or -errno. -EAGAIN, -ENOBUFS: offered again after a pause; others are counted by errno. */
void syn_sent(struct syn *syn, uint32_t id, int error, int64_t now_ns);

enum syn_match {
    SYN_FOREIGN,    /* not ours */
    SYN_OUTGOING,   /* our own SYN, or echo request, leaving: its exact send time */
    SYN_RESET_SENT, /* the kernel's or our own RST leaving */
    SYN_ANSWER,     /* the first answer to a probe */
    SYN_LATE,       /* the first answer, after the deadline: takes the loss back, gives no RTT
                       to the statistics of answers in time */
    SYN_AGAIN,      /* a SYN-ACK sent once more by the same host (same ISN) */
    SYN_SECOND,     /* a further answer that contradicts the first: two machines answer */
    SYN_DUPLICATE,  /* a copy made by the network */
    SYN_REFERENCE,  /* an echo reply */
    SYN_SUSPECT,    /* our ports, but an acknowledgement nobody asked for */
};

enum syn_outcome {
    SYN_PENDING,
    SYN_OPEN,
    SYN_REFUSED,
    SYN_TIMED_OUT,
    SYN_UNREACHABLE, /* ICMP: type, code, and who said it */
    SYN_SEND_FAILED,
};

const char *syn_outcome_name(enum syn_outcome outcome); /* "open", "refused", "timed_out" ... */

/*
 * What one captured packet was to the run, for -v and --jsonl. A probe's fate is told by its first
 * answer or by syn_given_up; SYN_LATE and SYN_SECOND revise it.
 */
struct syn_observation {
    enum syn_match match;
    enum syn_outcome outcome;
    size_t target;  /* index */
    uint32_t probe; /* number within the target, from 0 */
    uint16_t source_port;
    unsigned sends; /* so far; 0: which probe it was is not known any more */
    struct address responder;
    int64_t sent_ns, received_ns;
    int64_t rtt_ns; /* -1: none, or which copy was answered is not known */
    bool repeated;  /* it is a repetition that is answered, as far as is known */
    bool late, middlebox;
    uint8_t reply_ttl, icmp_type, icmp_code;
    uint16_t tcp_flags; /* of TCP answers */
};

enum syn_match syn_receive(struct syn *syn, const struct packet *packet,
                           enum packet_direction direction, int64_t when_ns,
                           struct syn_observation *observation);

/* The next probe that was given up since the last call (`match` says nothing); false: none. */
bool syn_given_up(struct syn *syn, struct syn_observation *observation);

void syn_shift(struct syn *syn, int64_t paused_ns); /* as trace_shift */
void syn_stop(struct syn *syn);                     /* what is in flight counts as pending */

/* What SYN-ACKs gave away; `samples` 0: there was none. */
struct syn_ack_facts {
    uint64_t samples;
    uint8_t ttl;          /* as received, of the latest */
    uint8_t hops;         /* initial TTL guessed (32, 64, 128, 255) minus ttl */
    uint16_t window, mss; /* bytes, unscaled; mss 0: no option */
    int wscale;           /* -1: no option */
    bool sack, timestamps, fast_open;
    uint16_t flags; /* enum tcp_flag */
    uint8_t nkinds, kinds[TCP_OPTION_KINDS_MAX];
    char ja4ts[64]; /* window_kinds_mss_wscale_gaps: FoxIO's JA4TS shape */
};

enum syn_finding_kind {
    SYN_FINDING_TIMED_OUT,      /* tcp.timed_out: nothing answers */
    SYN_FINDING_REFUSED,        /* tcp.refused: the host itself refuses */
    SYN_FINDING_UNREACHABLE,    /* tcp.unreachable: `address` says icmp_type/icmp_code */
    SYN_FINDING_PORT_REJECTED,  /* fw.port_rejected: a device refuses in the host's name */
    SYN_FINDING_LOSS,           /* path.loss: `loss_pct`, share of SYNs (repetitions left out)
                                   that were not answered */
    SYN_FINDING_BACKLOG,        /* tcp.backlog_overflow: answered only when repeated */
    SYN_FINDING_COOKIES,        /* tcp.syn_cookies */
    SYN_FINDING_PROXY,          /* tcp.syn_proxy */
    SYN_FINDING_TWO_RESPONDERS, /* tcp.two_responders: two ISNs for one SYN */
    SYN_FINDING_TTL_MISMATCH,   /* tcp.ttl_mismatch: SYN-ACK from another distance than the host */
    SYN_FINDING_OPTIONS_STRIPPED,  /* tcp.options_stripped: `value`, enum probe_tcp_option */
    SYN_FINDING_MSS_CLAMPED,       /* tcp.mss_clamped: `value` bytes, below the link's */
    SYN_FINDING_SMALL_WINDOW,      /* tcp.small_window: below one MSS */
    SYN_FINDING_ECN_REFUSED,       /* tcp.ecn_refused: not negotiated, or bleached on the way */
    SYN_FINDING_FAST_OPEN_IGNORED, /* tcp.fast_open_ignored */
    SYN_FINDING_SLOW_FLOWS,        /* path.ecmp_skew: `flows` of `flows_total` are `ms` slower */
    SYN_FINDING_DEAD_FLOWS,        /* route.ecmp_bad_member: `flows` of `flows_total` die always */
    SYN_FINDING_RETRANSMITTED,     /* tcp.synack_retransmitted: `count` */
    SYN_FINDING_SUSPECT,           /* forged or mangled answers: `count` */
    SYN_FINDING_SEND_ERRORS,       /* `error`, `count` */
    SYN_FINDING_TOO_FEW,           /* too few probes to tell */
    SYN_FINDING_THRESHOLD,         /* --warn or --crit is exceeded: median `ms`, or `loss_pct` (the
                                      other one is NAN); severity SYN_WARNING or SYN_CRITICAL */
};

enum syn_severity { SYN_NOTE, SYN_NOTICE, SYN_WARNING, SYN_CRITICAL };

struct syn_finding {
    enum syn_finding_kind kind;
    enum syn_severity severity;
    double confidence; /* 0 to 1 */
    struct address address;
    uint8_t icmp_type, icmp_code;
    double loss_pct, ms;
    struct interval loss;
    uint32_t value, flows, flows_total;
    uint64_t count;
    int error; /* positive errno */
};

const char *syn_finding_id(enum syn_finding_kind kind);

/*
 * By source port, when ports rotate and there are at most SYN_FLOWS_MAX of them over all targets;
 * more leave no flows.
 */
#define SYN_FLOWS_MAX 65536

struct syn_flow {
    uint16_t source_port;
    uint32_t sent, answered, repeated;
    double rtt_min_ms, rtt_median_ms; /* NAN: no sample */
    unsigned cluster;                 /* 0: the fastest group */
};

struct syn_target_result {
    struct syn_target target;
    uint64_t sent, answered, pending, send_errors; /* probes, repetitions not counted */
    uint64_t open, refused, timed_out, unreachable;
    uint64_t repeats_sent, answered_when_repeated, late, duplicates, suspects;
    uint64_t retransmitted_answers, second_answers, middlebox_answers;
    enum syn_outcome outcome; /* what most probes met */
    double loss_pct;          /* of sent - pending; NAN when that is 0 */
    struct interval loss;     /* Wilson, 95 %, as shares */
    struct stats rtt_ms;      /* answers in time, first copies or proven ones */
    struct quantile rtt_ms_quantiles;
    struct stats reference_ms; /* echo */
    uint64_t reference_sent, reference_answered;
    struct syn_ack_facts synack;
    size_t nflows;
    struct syn_flow *flows;
    size_t nfindings; /* most severe first */
    struct syn_finding *findings;
};

struct syn_result {
    struct syn_config config;
    bool interrupted;
    uint64_t sent, answered, pending, foreign, suspects, send_errors; /* as the targets' */
    uint64_t open, refused, timed_out, unreachable;
    uint64_t repeats_sent, late, duplicates;
    uint64_t pauses; /* packets the kernel had no room for; they were tried again */
    size_t ntargets;
    struct syn_target_result *targets; /* NULL from syn_totals */
};

/* A snapshot, valid on its own; may be taken at any time. 0 or -ENOMEM. */
int syn_result(const struct syn *syn, struct syn_result *result);
void syn_result_release(struct syn_result *result);

/*
 * The same in pieces, for many targets: a target's result is several times what the run itself
 * keeps of it. Nothing of the totals needs to be released.
 */
void syn_totals(const struct syn *syn, struct syn_result *totals);
int syn_target_result(const struct syn *syn, size_t index, struct syn_target_result *result);
void syn_target_result_release(struct syn_target_result *result);

#endif
