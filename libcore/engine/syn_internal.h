/* What the parts of the SYN engine share. Nobody else includes it. */
#ifndef NETDX_ENGINE_SYN_INTERNAL_H
#define NETDX_ENGINE_SYN_INTERNAL_H

#include "base/timespan.h"
#include "engine/refusal.h"
#include "engine/syn.h"

#define SYN_RING_MIN  64
#define SYN_RING_MAX  262144
#define SYN_ID_BITS   30 /* what a caller's id has left beside the kind */
#define SYN_ID_MASK   ((UINT32_C(1) << SYN_ID_BITS) - 1)
#define SYN_KINDS_MAX 16 /* of an answer's option kinds, kept */
#define SYN_ECHO_LEN  12 /* bytes of identity in an echo request */
#define SYN_GAPS_MAX  6  /* between repeated SYN-ACKs, kept */
#define SYN_SAMPLES   24 /* RTTs kept of one flow */

enum syn_kind { SYN_KIND_SYN, SYN_KIND_RESET, SYN_KIND_ECHO };

enum syn_slot_state {
    SLOT_FREE,
    SLOT_OFFERED, /* handed out by syn_next, its fate is not known yet; or to be offered again */
    SLOT_FLIGHT,
    SLOT_ANSWERED,
    SLOT_GIVEN_UP,
    SLOT_FAILED, /* never left */
};

enum syn_echo_state { ECHO_NONE, ECHO_OFFERED, ECHO_FLIGHT, ECHO_ANSWERED, ECHO_LOST };

/* A probe, from before it is handed out until its place in the ring is needed. */
struct syn_slot {
    uint32_t id;                 /* within SYN_ID_MASK */
    uint32_t target;             /* index */
    uint32_t probe;              /* number within the target */
    uint32_t tsval;              /* of the first copy */
    int64_t first_ns, latest_ns; /* when the first and the latest copy left */
    int64_t wait_ns;             /* waiting counts from here: first_ns and all pauses since */
    int64_t answered_ns;         /* the latest answer */
    int64_t echo_ns;
    uint16_t source_port;
    uint8_t state, echo, sends;
    uint8_t stamped; /* bit per copy: its time is the capture's */
    bool echo_stamped, copy_offered, no_more;
    bool reset_seen;
    uint8_t copies_answered; /* further answers to further copies */
    uint8_t repeats_seen;    /* SYN-ACKs sent again */
    /* the first answer */
    uint8_t answer_flags; /* TCP; 0: ICMP */
    uint8_t answer_hops;
    uint16_t answer_id;    /* IPv4 identification */
    uint16_t answer_print; /* of window and options */
    uint32_t answer_isn, answer_tsval;
    bool answer_has_tsval;
    int64_t rtt_ns; /* -1: unknown */
};

/* One first answer, as evidence. */
struct syn_answer {
    int64_t rtt_ns;      /* -1: unknown */
    uint8_t outcome;     /* OPEN, REFUSED, UNREACHABLE */
    bool late, repeated; /* repeated: it is no answer to the first copy */
    bool middlebox;
    bool facts; /* a SYN-ACK: what follows is valid */
    uint8_t ttl, hops;
    uint8_t asked; /* enum probe_tcp_option: what the SYN carried */
    uint8_t asked_wscale;
    uint8_t icmp_type, icmp_code;
    uint8_t responder[16]; /* of an ICMP error; the family is the target's */
    uint16_t flags, window, mss;
    int8_t wscale; /* -1: no option */
    uint8_t got;   /* enum probe_tcp_option: what the SYN-ACK carried */
    uint8_t nkinds, kinds[SYN_KINDS_MAX];
    uint32_t tsval;
    uint16_t source_port;
};

struct syn_hops { /* distances seen */
    uint8_t min, max;
    uint32_t count;
};

/* Do TSvals carry our options (SYN cookies)? A run of answers in which they follow our scale. */
struct syn_cookie_run {
    uint8_t residue, wscale; /* of the latest answer */
    uint32_t len;            /* answers, those left out whose SYN had the scale of the one before */
};

struct syn_options_seen { /* in SYN-ACKs */
    uint32_t answers, sack, wscale, timestamps;
};

/* What a target's answers amount to. Made with the second one: many targets get one probe. */
struct syn_detail {
    struct stats rtt_ms, reference_ms;
    struct quantile quantiles;
    uint32_t reference_sent, reference_answered, reference_lost;
    uint32_t again, again_probes, second, middlebox;
    struct syn_hops synack, reset, echo;
    struct syn_answer latest; /* SYN-ACK; `facts` false: none */
    uint64_t synacks;
    struct syn_options_seen with, without; /* of SYNs with timestamps, and of those without */
    struct syn_cookie_run run;             /* over all flows */
    uint32_t best_run;                     /* in one flow, or over all */
    uint32_t zero_windows, small_windows, proxy_stamps, ecn_agreed, fast_open;
    uint16_t small_window, least_mss;
    uint8_t icmp_type, icmp_code;
    struct address icmp_address;
    uint8_t ngaps, gaps_s[SYN_GAPS_MAX];
};

struct syn_flow_state {
    uint32_t sent, answered, repeated, lost;
    struct syn_cookie_run run;
    uint32_t nsamples; /* seen; the first SYN_SAMPLES or a sample of all are kept */
    float min_ms, samples_ms[SYN_SAMPLES];
};

struct syn_target_state {
    struct address destination;
    uint16_t port, source; /* index into syn->sources */
    uint32_t handed;       /* probes handed out */
    uint32_t sent, in_flight, answered, open, refused, unreachable, send_errors;
    uint32_t repeats_sent, repeated, late, duplicates, suspects;
    int error;                    /* the latest send error, positive */
    struct syn_answer *only;      /* owned; the first answer while it is the only one */
    struct syn_detail *detail;    /* owned; NULL: nothing or one answer */
    struct syn_flow_state *flows; /* owned; NULL: not kept */
};

struct syn_due { /* something to send once its time has come */
    uint32_t handle;
    int64_t due_ns;
};

struct syn_queue {         /* first in, first out */
    struct syn_due *items; /* owned */
    uint32_t capacity, head, count;
};

struct syn {
    struct syn_config config;
    unsigned repeats;           /* those that fit into the timeout */
    bool stopped, done, broken; /* broken: out of memory */
    /* identity */
    uint64_t key;
    uint16_t icmp_id, checksum;
    uint32_t tsval_base;
    uint8_t echo_payload[SYN_ECHO_LEN]; /* of the request handed out last */
    /* targets */
    struct syn_target_state *targets;
    size_t ntargets;
    uint32_t *order; /* in which targets are probed */
    struct address *sources;
    size_t nsources;
    uint32_t *table; /* index + 1 by address and port: open addressing */
    uint32_t table_size;
    /* probes */
    struct syn_slot *ring;
    uint32_t ring_size;          /* a power of two */
    uint32_t next_id, oldest_id; /* nothing is waited for before oldest_id; not yet masked */
    uint32_t told_id;
    uint32_t repeat_id[SYN_REPEATS_MAX + 1]; /* the next probe to look at for its n-th repetition */
    struct syn_queue again, resets;
    bool echo_due;
    uint32_t echo_id;
    /* schedule */
    int64_t round_ns, next_send_ns, paused_until_ns;
    double gap_ns, gap_rest_ns;
    uint32_t rounds, position; /* begun; within the round */
    struct refusal refusal;
    /* counters */
    uint64_t sent, in_flight, answered, open, refused, unreachable, send_errors;
    uint64_t repeats_sent, late, duplicates, foreign, suspects, no_room;
};

/* syn_probe.c: ring and identity */
void syn_identity_init(struct syn *syn);
struct syn_slot *syn_slot_new(struct syn *syn, uint32_t target,
                              int64_t now_ns);                     /* NULL: no memory */
bool syn_slot_room(const struct syn *syn, int64_t *wake_ns);       /* for a new probe */
struct syn_slot *syn_slot_get(const struct syn *syn, uint32_t id); /* NULL: gone */
struct syn_slot *syn_slot_by_seq(const struct syn *syn, uint32_t seq, bool *forgotten);
struct syn_slot *syn_slot_by_echo(const struct syn *syn, const uint8_t *payload, size_t len);
uint32_t syn_isn(const struct syn *syn, uint32_t id);
uint32_t syn_tsval(const struct syn *syn, const struct syn_slot *slot, unsigned copy);
int64_t syn_repeat_ns(const struct syn *syn, unsigned copy); /* after the first copy */
uint8_t syn_asked(const struct syn *syn, const struct syn_slot *slot);
uint8_t syn_asked_wscale(const struct syn *syn, const struct syn_slot *slot);
size_t syn_flow_index(const struct syn *syn, uint16_t source_port);
uint16_t syn_link_mss(const struct syn *syn, const struct syn_target_state *target);
uint32_t syn_flow_label(const struct syn *syn, const struct syn_slot *slot); /* of IPv6 */
void syn_probe_fill(struct syn *syn, const struct syn_slot *slot, enum syn_kind kind,
                    struct probe *probe);
size_t syn_target_find(const struct syn *syn, const struct address *address, uint16_t port);

static inline struct syn_target_state *syn_target_of(const struct syn *syn,
                                                     const struct syn_slot *slot)
{
    return &syn->targets[slot->target];
}

/* syn_queue.c */
int syn_queue_push(struct syn_queue *queue, uint32_t handle, int64_t due_ns);
bool syn_queue_pop(struct syn_queue *queue, int64_t now_ns, uint32_t *handle, int64_t *wake_ns);
void syn_queue_shift(struct syn_queue *queue, int64_t paused_ns);

/* syn_schedule.c */
bool syn_slot_waits(const struct syn *syn, const struct syn_slot *slot, int64_t now_ns,
                    int64_t *until_ns);

/* syn.c */
void syn_slot_left(struct syn *syn, struct syn_slot *slot);
void syn_echo_left(struct syn *syn, struct syn_slot *slot);

/* syn_match.c: whose packet */
struct syn_matched {
    enum syn_match kind;   /* SYN_ANSWER stands for all answers until the slot is looked at */
    struct syn_slot *slot; /* NULL: foreign, or suspect without a probe */
    size_t target;         /* SIZE_MAX: none */
    enum syn_outcome outcome;
    uint16_t tcp_flags;
    bool bare; /* an acknowledgement alone, of an older SYN */
};

/* syn_answer.c: what it says */
enum syn_match syn_answer_first(struct syn *syn, const struct packet *packet,
                                const struct syn_matched *match, int64_t when_ns,
                                struct syn_observation *seen);
enum syn_match syn_answer_further(const struct syn *syn, const struct packet *packet,
                                  const struct syn_matched *match, int64_t when_ns);
void syn_answer_counted(struct syn *syn, struct syn_slot *slot, enum syn_match kind,
                        int64_t when_ns); /* SYN_AGAIN, SYN_SECOND */
enum syn_match syn_answer_echo(struct syn *syn, struct syn_slot *slot, const struct packet *packet,
                               int64_t when_ns, struct syn_observation *seen);

/* syn_count.c: into targets, details and flows. 0 or -ENOMEM. */
struct syn_detail *syn_detail_of(struct syn *syn, struct syn_target_state *target);
int syn_count_answer(struct syn *syn, struct syn_slot *slot, const struct syn_answer *answer);
void syn_count_given_up(struct syn *syn, const struct syn_slot *slot);
void syn_count_again(struct syn_detail *detail, struct syn_slot *slot, int64_t gap_ns);
void syn_detail_init(struct syn_detail *detail);
void syn_detail_release(struct syn_detail *detail);
int syn_detail_add(const struct syn *syn, const struct syn_target_state *target,
                   struct syn_detail *detail, const struct syn_answer *answer);
void syn_hops_add(struct syn_hops *hops, uint8_t distance);

/* syn_flows.c: groups of flows by delay, and flows that die */
struct syn_flows_verdict {
    uint32_t slow, dead, flows; /* flows: those with an answer, or one that is overdue */
    double slower_ms;
    uint64_t dead_probes; /* lost in dead flows */
};
/* 0 or -ENOMEM. */
int syn_flows_judge(const struct syn *syn, const struct syn_target_state *target,
                    struct syn_flow *flows, struct syn_flows_verdict *verdict);

/* syn_findings.c */
struct syn_judged { /* what the findings look at */
    const struct syn *syn;
    const struct syn_target_state *target;
    const struct syn_detail *detail;
    const struct syn_target_result *result;
    struct syn_flows_verdict flows;
};
int syn_findings_collect(const struct syn_judged *judged, struct syn_finding **findings,
                         size_t *nfindings);

#endif
