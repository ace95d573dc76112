/* What the parts of the trace engine share. Nobody else includes it. */
#ifndef NETDX_ENGINE_TRACE_INTERNAL_H
#define NETDX_ENGINE_TRACE_INTERNAL_H

#include "base/timespan.h"
#include "engine/mda.h"
#include "engine/refusal.h"
#include "engine/trace.h"

#define TRACE_RING_MIN 64
/* Far below the 16-bit identity space, so that no two look alike. */
#define TRACE_RING_MAX       16384
#define TRACE_RESPONDERS_MAX 128 /* at one TTL; more is an attack */
#define TRACE_NONCE_LEN      16

enum trace_purpose {
    TRACE_FOR_ROUND,
    TRACE_FOR_VERIFY, /* is the hop below the first answer of the target the target too? */
    TRACE_FOR_SCOUT,  /* does the target answer farther away than we look? */
    TRACE_FOR_MTU,
    TRACE_FOR_MULTIPATH,
};

enum trace_slot_state {
    SLOT_FREE,
    SLOT_OFFERED, /* handed out by trace_next, its fate is not known yet */
    SLOT_AGAIN,   /* the kernel had no room; to be offered again */
    SLOT_FLIGHT,
    SLOT_ANSWERED,
    SLOT_FAILED, /* never left */
};

/* A probe, from before it is handed out until its place in the ring is needed. */
struct trace_slot {
    uint32_t id, round, flow, epoch;
    int64_t sent_ns; /* the exact one once the capture has shown it leaving */
    int64_t wait_ns; /* waiting counts from here: sent_ns and all pauses since */
    int64_t answered_ns;
    uint16_t size;
    uint8_t ttl;
    uint8_t state, purpose;
    bool stamped; /* sent_ns is the capture's */
    bool given_up;
    uint16_t answer_flags; /* TCP flags of the first answer */
    uint8_t tag;           /* the searches' own mark */
};

struct trace_hop_state {
    struct trace_hop hop; /* `responders` has room for `capacity` */
    size_t capacity;
    uint32_t epoch;       /* probes of an older one no longer count here */
    bool on_path;         /* has once been part of a known path */
    bool asked;           /* `latest_id` is valid */
    uint32_t latest_id;   /* of the latest probe of a round */
    bool answered;        /* `answered_id` is valid */
    uint32_t answered_id; /* the newest probe that was answered */
    bool exceeded;        /* the TTL ran out here, last in exceeded_round */
    uint32_t exceeded_round;
    size_t current;            /* responder of the latest answer */
    uint32_t run, longest_run; /* answers in a row by one responder */
    uint32_t switches;         /* how often the responder changed */
    bool lossy;                /* the next two are valid */
    uint32_t first_lost_round, last_lost_round;
};

enum trace_length { LENGTH_UNKNOWN, LENGTH_UNREACHABLE, LENGTH_TARGET };

enum mtu_stage { MTU_IDLE, MTU_SEARCH, MTU_CONFIRM, MTU_LOCATE, MTU_DONE };

#define MTU_SIZES_MAX 8

enum mtu_fate { MTU_FATE_UNKNOWN, MTU_FATE_PASSED, MTU_FATE_REFUSED };

struct mtu_search { /* trace_mtu.c; sizes are whole IP packets in bytes */
    enum mtu_stage stage;
    uint16_t top;       /* what the search began with */
    uint16_t low, high; /* low passes, high does not */
    size_t nsizes;      /* of the batch under way */
    uint16_t sizes[MTU_SIZES_MAX];
    enum mtu_fate fates[MTU_SIZES_MAX];
    unsigned planned, handed_out; /* probes of the batch */
    unsigned controls;            /* small probes of the batch that came back */
    unsigned tries;               /* of the same batch */
    unsigned batches;
    uint32_t first_id;  /* of the batch */
    uint16_t signalled; /* the lowest MTU that a router named */
    struct address signaller;
    uint8_t signaller_ttl;
    bool refused;        /* somebody said too big, with an MTU or without */
    bool silent;         /* something too big vanished without a word */
    uint8_t located_ttl; /* the last hop that too big packets reach */
    uint16_t mtu;        /* the result; 0: not found */
};

struct trace {
    struct trace_config config;
    bool stopped, done, broken; /* broken: out of memory */
    /* identity */
    uint16_t token_base, icmp_id, source_port, destination_port, checksum_base;
    uint32_t tcp_base, flow_label;
    uint64_t nonce_key;
    uint8_t nonce[TRACE_NONCE_LEN]; /* of the probe handed out last */
    /* probes */
    struct trace_slot *ring;
    uint32_t ring_size;          /* a power of two */
    uint32_t next_id, oldest_id; /* nothing is waited for before oldest_id */
    unsigned nagain;
    /* schedule */
    int64_t start_ns, next_round_ns, next_send_ns;
    struct refusal refusal;
    uint32_t rounds;     /* begun */
    unsigned cursor_ttl; /* next TTL of the current round */
    bool scouted;        /* in this round */
    /* the path's length */
    enum trace_length length_kind;
    uint8_t length;    /* TTL of the target, or of who says unreachable */
    bool length_exact; /* a quoted TTL said so: nothing to verify */
    bool learning;
    uint32_t learn_id;      /* the first probe of this learning */
    uint8_t verified_ttl;   /* was asked once more; 0: none */
    uint32_t proof_id;      /* the newest probe whose answer proved the length */
    uint32_t grown_id;      /* the probe that proved the latest growth */
    uint8_t highest_ttl;    /* highest TTL that anybody answered */
    unsigned target_missed; /* rounds in a row that the target did not answer */
    int64_t largest_rtt_ns, target_rtt_ns;
    bool reached;
    struct address end_address; /* of who ended the path */
    uint8_t end_type, end_code;
    bool end_refused; /* the end said unreachable */
    bool moved_seen;  /* a Time Exceeded came from the target's address */
    uint8_t moved_ttl;
    /* counters */
    struct trace_hop_state *hops; /* index 0 is first_ttl */
    size_t nhops;
    uint64_t sent, searches, foreign, suspects, duplicates, late, send_errors, reordered;
    uint64_t target_duplicates; /* of the target's answers, at once and alike */
    uint64_t target_received;
    uint32_t target_answered_id;
    struct mtu_search mtu;
    struct mda *mda; /* NULL: one flow */
};

/* trace_probe.c: ring and identity */
struct trace_slot *trace_slot_new(struct trace *trace, enum trace_purpose purpose, uint8_t ttl,
                                  uint32_t flow, int64_t now_ns);          /* NULL: no memory */
struct trace_slot *trace_slot_get(const struct trace *trace, uint32_t id); /* NULL: gone */
void trace_identity_init(struct trace *trace);
uint16_t trace_token(const struct trace *trace, uint32_t id);
uint16_t trace_port(const struct trace *trace, uint32_t id); /* identity_by_port */
uint32_t trace_tcp_seq(const struct trace *trace, uint32_t id);
struct trace_slot *trace_slot_by_token(const struct trace *trace, uint16_t token);
struct trace_slot *trace_slot_by_port(const struct trace *trace, uint16_t port);
struct trace_slot *trace_slot_by_tcp_seq(const struct trace *trace, uint32_t seq);
uint16_t trace_flow_source_port(const struct trace *trace, uint32_t flow);
uint16_t trace_slot_destination_port(const struct trace *trace, const struct trace_slot *slot);
uint16_t trace_slot_checksum(const struct trace *trace, const struct trace_slot *slot); /* 0: any */
void trace_slot_nonce(const struct trace *trace, const struct trace_slot *slot,
                      uint8_t nonce[TRACE_NONCE_LEN]);
size_t trace_slot_nonce_offset(const struct trace *trace, const struct trace_slot *slot);
size_t trace_slot_nonce_len(const struct trace *trace, const struct trace_slot *slot);
void trace_probe_fill(struct trace *trace, const struct trace_slot *slot, struct probe *probe);
bool trace_slot_waits(const struct trace *trace, const struct trace_slot *slot, int64_t now_ns);

static inline struct trace_hop_state *trace_hop_at(const struct trace *trace, uint8_t ttl)
{
    return &trace->hops[ttl - trace->config.first_ttl];
}

/* Whether the probe belongs to its hop's counts. */
static inline bool trace_slot_counts(const struct trace *trace, const struct trace_slot *slot)
{
    return slot->purpose <= TRACE_FOR_VERIFY &&
           slot->epoch == trace_hop_at(trace, slot->ttl)->epoch;
}

/* trace.c */
void trace_slot_give_up(struct trace *trace, struct trace_slot *slot); /* trace_wait.c */
void trace_slot_left(struct trace *trace, struct trace_slot *slot);
static inline bool trace_id_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* trace_path.c: how long the path is */
struct trace_evidence { /* what an answer says of the path */
    bool is_target, is_exceeded;
    bool is_unreachable; /* with is_target: the target itself refuses */
    uint8_t quoted_ttl;  /* in a port unreachable: what was left of the TTL; 0: unknown */
    uint8_t icmp_type, icmp_code;
    struct address responder;
};
void trace_path_learn(struct trace *trace, struct trace_slot *slot,
                      const struct trace_evidence *evidence);
unsigned trace_path_limit(const struct trace *trace);
/* The routers `*first` to `*last` repeat until the last answer. */
bool trace_path_loops(const struct trace *trace, uint8_t *first, uint8_t *last);
bool trace_hop_learnt(const struct trace *trace, uint8_t ttl); /* answered since learning began */

/* trace_wait.c: how long to wait. Each lowers *wake_ns to when it may say something else. */
void trace_wait_expire(struct trace *trace, int64_t now_ns);
bool trace_wait_learnt(struct trace *trace, int64_t now_ns, int64_t *wake_ns);
bool trace_wait_settled(struct trace *trace, int64_t now_ns, int64_t *wake_ns);
bool trace_wait_verify(const struct trace *trace, int64_t now_ns, int64_t *wake_ns);
bool trace_wait_scout(const struct trace *trace);
void trace_wait_round(struct trace *trace, int64_t now_ns); /* a round is about to begin */
int64_t trace_wait_patience(const struct trace *trace);

/* trace_quote.c: our probe as others quote it */
enum trace_quote { QUOTE_FOREIGN, QUOTE_SUSPECT, QUOTE_OURS };
enum trace_quote trace_quote_match(const struct trace *trace, const struct quote *quote,
                                   struct trace_slot **slot);
size_t trace_quote_changes(const struct trace *trace, const struct trace_slot *slot,
                           const struct quote *quote, bool is_exceeded,
                           struct trace_change changes[TRACE_CHANGES_MAX]);

/* trace_count.c: answers into hops */
struct trace_answer { /* what one matched packet says, before it is counted */
    struct address responder;
    bool is_icmp, is_target;
    bool rtt_uncertain; /* which of several probes it answers is a guess */
    uint8_t icmp_type, icmp_code, reply_ttl;
    const struct icmp_extensions *extensions; /* may be NULL */
    size_t nchanges;
    struct trace_change changes[TRACE_CHANGES_MAX];
};
int trace_count_answer(struct trace *trace, struct trace_slot *slot,
                       const struct trace_answer *answer, int64_t rtt_ns);
void trace_hop_reset(struct trace_hop_state *state);
void trace_hop_release(struct trace_hop *hop);

/* trace_loss.c: verdicts over the hops of a result; the hop real loss begins at, or 0 */
uint8_t trace_loss_judge(const struct trace *trace, struct trace_result *result);

/* trace_findings.c */
int trace_findings_collect(const struct trace *trace, struct trace_result *result,
                           uint8_t loss_ttl);

/* trace_mtu.c */
void trace_mtu_start(struct trace *trace);
bool trace_mtu_next(struct trace *trace, int64_t now_ns, struct trace_slot **slot,
                    int64_t *wake_ns); /* false: nothing now; *slot NULL: no memory */
bool trace_mtu_done(const struct trace *trace);
bool trace_mtu_is_blackhole(const struct trace *trace);
uint8_t trace_mtu_ttl(const struct trace *trace); /* of the hop whose onward link is narrow */
void trace_mtu_answer(struct trace *trace, const struct trace_slot *slot,
                      const struct packet *packet, bool is_target);
void trace_mtu_too_big(struct trace *trace, const struct trace_slot *slot);

/* trace_multipath.c */
int trace_multipath_start(struct trace *trace);
bool trace_multipath_next(struct trace *trace, int64_t now_ns, struct trace_slot **slot,
                          int64_t *wake_ns);
bool trace_multipath_done(const struct trace *trace);
void trace_multipath_answer(struct trace *trace, const struct trace_slot *slot,
                            const struct trace_answer *answer);
int trace_multipath_result(const struct trace *trace, struct trace_result *result);

#endif
