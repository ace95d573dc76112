/* What the parts of the flow engine share. Nobody else includes it. */
#ifndef NETDX_ENGINE_FLOW_INTERNAL_H
#define NETDX_ENGINE_FLOW_INTERNAL_H

#include "base/timespan.h"
#include "engine/flow.h"

/* --- arithmetic that wraps ----------------------------------------------------------------- */

static inline bool seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline bool seq_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
    return seq_before(a, b) ? b : a;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
    return seq_before(a, b) ? a : b;
}

/* Captures may hold any time: this wraps instead of overflowing. Negative: the clock ran back. */
static inline int64_t since_ns(int64_t now_ns, int64_t then_ns)
{
    return (int64_t)((uint64_t)now_ns - (uint64_t)then_ns);
}

/* The same, less what the way takes (not negative). */
static inline int64_t since_less_ns(int64_t now_ns, int64_t then_ns, int64_t less_ns)
{
    int64_t since = since_ns(now_ns, then_ns);

    return since < INT64_MIN + less_ns ? INT64_MIN : since - less_ns;
}

/* --- what a flow is ------------------------------------------------------------------------ */

enum flow_state {
    FLOW_STATE_SYN,       /* a SYN, and nothing from the other side */
    FLOW_STATE_HANDSHAKE, /* and a SYN-ACK, but not the client's answer to it */
    FLOW_STATE_OPEN,
    FLOW_STATE_CLOSED, /* both FINs, or a RST */
};

enum half_flag {
    HALF_SEEN = 1,  /* next is valid */
    HALF_ACKED = 2, /* ack and edge are valid */
    HALF_TIMED = 4, /* timed_*: data whose acknowledgement is awaited */
    HALF_ECHO = 8,  /* timed_*: an acknowledgement whose timestamp is awaited */
    HALF_ZERO = 16, /* offers no window now */
    HALF_FIN = 32,
    HALF_RST = 64,
    HALF_WATCH = 128, /* its trouble takes part in what every acknowledgement means */
};

#define WSCALE_UNKNOWN 255

/* What one side sends: one cache line, touched by every packet. */
struct flow_half {
    uint32_t next;  /* sequence number after the highest byte seen */
    uint32_t ack;   /* highest acknowledgement it sent */
    uint32_t edge;  /* right edge of the window it offers */
    uint32_t tsval; /* newest */
    uint32_t timed_end, timed_tsval;
    uint32_t sent;    /* id of its newest record in the log of segments; 0: none */
    uint32_t packets; /* modulo 2^32: cold has the rest */
    int64_t timed_ns;
    int64_t last_ns; /* latest packet */
    int64_t data_ns; /* latest segment with data that was new */
    uint32_t segments;
    uint16_t next_id; /* IP-ID expected next, in the byte order learnt */
    uint16_t mss;     /* payload that fits a segment */
};

/* Round trips between tap and side, in units that make 32 bits span 16 ns to 68 s. */
#define RTT_SHIFT 4

struct flow_rtt_state {
    uint32_t samples, min, smoothed, variation, max;
};

/* Every packet touches these 256 bytes and no others of the flow, unless something happens. */
struct flow {
    /* Canonical order: the smaller address and port is [0], whoever is the client. */
    uint64_t address[2][2];
    uint16_t port[2];
    uint8_t family;
    uint8_t state;       /* enum flow_state */
    uint8_t flags[2];    /* enum half_flag */
    uint8_t ttl[2];      /* of the latest ordinary packet; 0: none */
    uint8_t wscale[2];   /* that applies; WSCALE_UNKNOWN */
    uint8_t via[2];      /* interface and direction it was last seen by, hashed */
    uint8_t id_score[2]; /* how well IP-ID counts this side's packets: flow_identity.c */
    uint8_t dup_acks[2]; /* in a row */
    uint8_t client;      /* which half */
    uint8_t queue;       /* of the table, where it waits for its end */
    uint32_t tick;       /* of the table's clock, latest packet */
    uint32_t stall;      /* longest so far, ns >> STALL_SHIFT */
    uint32_t self;       /* its index */
    struct flow_half half[2];
    struct flow_rtt_state rtt[2]; /* tap to that side and back */
    int64_t news_ns[2];           /* when the peer last told this half's sender something new */
    uint32_t trouble[2];          /* index + 1; 0: none so far */
};

_Static_assert(sizeof(struct flow_half) == 64, "a half is one cache line");
_Static_assert(sizeof(struct flow) == 256, "a flow is four cache lines");

#define STALL_SHIFT 16

enum cold_flag {
    COLD_SYN = 1,
    COLD_SACK = 2, /* offered in the SYN */
    COLD_TIMESTAMPS = 4,
    COLD_WSCALE = 8,
    COLD_ISN_REUSED = 16,
    COLD_DATA = 32, /* first_data_ns is valid */
    COLD_TTL_VARIES = 64,
    COLD_CLOCK = 128, /* clock_* are valid */
};

struct flow_cold_half {
    int64_t first_data_ns;
    int64_t clock_ns; /* when the first timestamp came */
    uint32_t clock_tsval;
    uint32_t isn;  /* with COLD_SYN */
    uint32_t base; /* sequence number of the first byte that was seen */
    uint32_t ce_marks, ece;
    uint16_t crossings; /* of 2^31 by next */
    uint16_t packets_high, segments_high;
    uint16_t mss;
    uint8_t syns;
    uint8_t flags; /* enum cold_flag */
    uint8_t wscale;
    uint8_t syn_ttl;
};

struct flow_cold { /* touched when something happens */
    struct flow_stall stall;
    uint64_t id;
    int64_t start_ns;
    int64_t syn_ns, synack_ns, ack_ns; /* valid as `handshake` says */
    int64_t woke_ns;                   /* when a packet ended a long silence; 0: never */
    uint32_t older, newer;             /* in its queue; index + 1 */
    uint16_t bucket;
    uint16_t vlan;
    uint16_t syn_flags : 9;    /* ECN bits of the SYN */
    uint16_t ecn : 4;          /* enum flow_ecn */
    uint16_t ended_by : 1;     /* half */
    uint16_t client_known : 1; /* it is the one that `client` says */
    uint8_t handshake;         /* HANDSHAKE_ bits */
    uint8_t unheard;           /* retransmissions since woke_ns; 255: or more */
    struct flow_cold_half half[2];
};

_Static_assert(sizeof(struct flow_cold) == 192, "what happened is three cache lines");

enum {
    HANDSHAKE_SYN = 1,
    HANDSHAKE_SYNACK = 2,
    HANDSHAKE_ACK = 4,
    HANDSHAKE_RESENT = 8,   /* times tell nothing */
    HANDSHAKE_UNHEARD = 16, /* SYN-ACK again after the client's answer to it */
};

/* The counts that only flows in trouble have; names as in struct flow_counts. */
struct flow_tally {
    uint64_t retransmitted_bytes, capture_gap_bytes;
    uint32_t retransmissions, timeout, fast, tail_probe, unknown, timer;
    uint32_t spurious, spurious_timeout;
    uint32_t lost_before, lost_behind, lost_unknown;
    uint32_t syn_retransmissions, duplicates, tap_copies, reordered, dup_acks, sacks, dsacks;
    uint32_t zero_windows, window_probes, window_full, small_windows, keep_alives;
    uint32_t capture_gaps, resets, fragments;
    int64_t zero_window_ns;
};

enum flow_recovery { RECOVERY_NONE, RECOVERY_FAST, RECOVERY_LOSS };

struct flow_reset_state { /* of the first RST in this side's name */
    uint64_t frame;
    int64_t when_ns;
    int64_t before_ns; /* the packet of this side before it */
    uint32_t seq, ack, last_seq;
    uint32_t tsval; /* newest before it */
    uint32_t reasons;
    float confidence;
    uint8_t phase, origin, ttl, ttl_expected;
    bool forged;
    bool active; /* as a socket sends it that knows its numbers: nothing was sent after it */
};

struct flow_trouble {
    struct flow_tally tally;
    struct flow_reset_state reset;
    int64_t flight_ns;   /* flow_rtt_flight(), once it was needed; -1: asked for in vain */
    int64_t evidence_ns; /* when the receiver last told that something is missing */
    int64_t resent_ns;   /* latest retransmission */
    int64_t left_ns;     /* when recovery ended */
    int64_t zero_ns;     /* since when no window */
    uint64_t zero_frame;
    uint32_t evidence_high; /* what is below may be missing */
    uint32_t recover_end;   /* recovery is over when this is acknowledged */
    uint32_t probe_end;     /* the same of a tail loss probe */
    uint32_t timer_una;     /* acknowledged when the timer last ran out */
    uint32_t ghost_end;     /* sent before, though never seen: other packets prove it */
    uint32_t resent;        /* id of the newest record in the log of retransmissions */
    uint32_t holes, sacked; /* lists of intervals, index + 1 */
    uint8_t nholes, nsacked;
    uint8_t recovery; /* enum flow_recovery */
    uint8_t backoff;
    bool probing; /* probe_end is valid */
    bool frto;    /* the timer ran out of itself, not within a recovery: RFC 5682 applies */
    bool has_evidence, has_ghost, has_timer;
    bool told_ghost; /* ghost_end is exact: a bare acknowledgement came from there */
    uint32_t next_free;
};

/* A segment that was sent, in the log that all flows share. */
struct flow_sent {
    int64_t when_ns;
    uint32_t seq, end;
    uint32_t tsval;
    uint32_t previous; /* id of the same half's record before it */
    uint32_t owner;    /* flow_owner() */
    uint16_t id;
    uint8_t ttl;
    uint8_t flags; /* enum sent_flag */
};

enum sent_flag { SENT_ADVANCED = 1, SENT_RESENT = 2, SENT_TIMESTAMPS = 4 };

/* A retransmission whose verdict may be revised. */
struct flow_resent {
    uint64_t frame;
    int64_t when_ns;
    uint32_t seq, end;
    uint32_t tsval;
    uint32_t previous, owner;
    uint8_t trigger, backoff, segments;
    uint8_t flags; /* enum sent_flag; RESENT_REVISED */
};

enum { RESENT_REVISED = 128 };

/* Bytes that are missing, and what was known when that was noticed; or bytes that are SACKed. */
struct flow_interval {
    int64_t when_ns;
    uint32_t left, right;
    uint32_t next;  /* index + 1 */
    uint32_t tsval; /* of the segment above the hole */
    uint16_t id;
    uint8_t flags; /* SENT_TIMESTAMPS; SENT_RESENT: that segment was a retransmission */
};

#define INTERVALS_MAX 250 /* in one list; what is in more pieces is given up */

static inline uint32_t flow_owner(const struct flow *flow, unsigned half)
{
    return flow->self << 1 | half;
}

/* --- memory -------------------------------------------------------------------------------- */

/* Things of one size in blocks that never move; ids count from 1. */
struct flow_pool {
    uint8_t **blocks;
    size_t size;        /* bytes of one */
    uint32_t per_block; /* a power of two */
    unsigned shift;
    uint32_t used; /* ever handed out */
    uint32_t limit;
    uint32_t free; /* list through the first four bytes; 0: empty */
    uint32_t nblocks, room;
    size_t bytes;
};

/* Zeroes: a power of two of bytes, on huge pages when they are many. Released with free(). */
void *flow_pool_zeroed(size_t bytes);
int flow_pool_init(struct flow_pool *pool, size_t size, uint32_t limit);
void flow_pool_release(struct flow_pool *pool);
uint32_t flow_pool_get(struct flow_pool *pool); /* 0 when there is no memory; not cleared */
void flow_pool_put(struct flow_pool *pool, uint32_t id);
void flow_pool_clear(struct flow_pool *pool); /* all ids are free; memory stays */

static inline void *flow_pool_at(const struct flow_pool *pool, uint32_t id)
{
    uint32_t index = id - 1;

    return pool->blocks[index >> pool->shift] + (index & (pool->per_block - 1)) * pool->size;
}

enum flow_queue_kind { QUEUE_SYN, QUEUE_OPEN, QUEUE_CLOSED, QUEUES };

#define QUEUE_BUCKETS 512

/* Flows by their latest packet when last looked at: the first bucket holds those idle longest. */
struct flow_queue {
    uint32_t first[QUEUE_BUCKETS], last[QUEUE_BUCKETS]; /* index + 1 */
    uint32_t grain;                                     /* ticks in a bucket */
    uint32_t lifetime;                                  /* ticks without a packet */
    uint32_t oldest; /* number of the oldest bucket that may hold something */
    uint32_t count;
};

struct flow_hosts { /* flow_hosts.c: open addressing, family 0 is empty */
    struct flow_host *slots;
    size_t size, count;
    struct flow_host rest; /* those there was no room for */
};

struct flow_top { /* flow_top.c: facts of ended flows, the least important at [0] */
    struct flow_facts *facts;
    size_t count, limit;
};

struct flow_finding_sum { /* over flows */
    uint64_t flows;
    int64_t worst_ns;
    uint64_t example; /* flow_id */
};

struct flows {
    struct flows_config config;
    struct flows_summary summary;
    uint64_t *table; /* fingerprint << 32 | index + 1; 0: empty */
    uint32_t table_mask;
    uint32_t table_count;
    struct flow_pool pool;  /* struct flow, aligned to cache lines */
    struct flow_pool colds; /* struct flow_cold, with the flow's id */
    struct flow_pool troubles, intervals;
    struct flow_queue queues[QUEUES];
    uint32_t syn_share;     /* flows */
    struct flow_sent *sent; /* a ring: id & mask */
    uint32_t sent_mask, sent_head;
    struct flow_resent *resent;
    uint32_t resent_mask, resent_head;
    int64_t clock_ns; /* sum of the plausible steps of the packets' time */
    int64_t when_ns;  /* of the latest packet */
    int64_t step_ns;  /* a long step that the next packet must confirm */
    bool started, finished;
    bool no_plain; /* for tests: every segment the general way */
    uint32_t tick;
    int64_t tick_left_ns; /* until the next; 0 while there is more to it than that */
    uint64_t key[2];      /* of the hash */
    uint32_t current;     /* the flow at work, for its events */
    struct flow_hosts hosts;
    struct flow_top top;
    struct flow_finding_sum sums[FLOW_FINDINGS];
};

#define TICK_SHIFT 24 /* 17 ms: the table's idea of time */

static inline struct flow *flow_at(const struct flows *flows, uint32_t id)
{
    return flow_pool_at(&flows->pool, id);
}

static inline struct flow_cold *flow_cold(const struct flows *flows, const struct flow *flow)
{
    return flow_pool_at(&flows->colds, flow->self);
}

/* NULL when there is none. */
static inline struct flow_trouble *flow_trouble(const struct flows *flows, const struct flow *flow,
                                                unsigned half)
{
    uint32_t id = flow->trouble[half];

    return id ? flow_pool_at(&flows->troubles, id) : NULL;
}

/* --- one segment on its way through the engine ------------------------------------------------ */

struct flow_step {
    struct flows *flows;
    struct flow *flow;
    const struct segment *s;
    unsigned me;       /* half of the sender */
    uint32_t len, end; /* in sequence space: SYN and FIN count */
    uint32_t segments; /* that it is, or will become (TSO) */
    uint16_t id;       /* in the byte order learnt */
    bool id_counts;    /* it can be compared with others of this half */
    int64_t quiet_ns;  /* since this side's packet before; -1 without */
    int64_t gap_ns;    /* since any packet of the flow */
    uint32_t una;      /* what this side had acknowledged before */
    bool timed;        /* it acknowledges the segment that was timed */
    /* For the stall's cause: how things stood, and what was found on the way. */
    bool stalled, owed[2];
    uint8_t data_half; /* that sent data last */
    bool resent, handshake_resent, gap, was_zero, was_full;
    bool ahead; /* it opened a hole, which explains what its IP-ID misses */
    enum flow_trigger trigger;
};

#define ID_SWAPPED   0x80 /* little-endian on the wire */
#define ID_SCORE     0x0f
#define ID_SCORE_MAX 15
#define ID_COUNTS    3 /* the score from which it is believed */

static inline bool step_has_timestamps(const struct flow_step *step)
{
    return step->s->has & SEGMENT_HAS_TIMESTAMPS;
}

/* The trouble of a half, made when there is none; NULL without memory, which is counted. */
struct flow_trouble *flow_trouble_get(struct flows *flows, struct flow *flow, unsigned half);
void flow_trouble_release(struct flows *flows, struct flow *flow, unsigned half);

/* The counts that a tally has and that add up. */
#define FLOW_TALLY_EACH(do_field)                                                                  \
    do_field(retransmitted_bytes) do_field(capture_gap_bytes) do_field(retransmissions)            \
        do_field(timeout) do_field(fast) do_field(tail_probe) do_field(unknown) do_field(timer)    \
            do_field(spurious) do_field(spurious_timeout) do_field(lost_before)                    \
                do_field(lost_behind) do_field(lost_unknown) do_field(syn_retransmissions)         \
                    do_field(duplicates) do_field(tap_copies) do_field(reordered)                  \
                        do_field(dup_acks) do_field(sacks) do_field(dsacks) do_field(zero_windows) \
                            do_field(window_probes) do_field(window_full) do_field(small_windows)  \
                                do_field(keep_alives) do_field(capture_gaps) do_field(resets)      \
                                    do_field(fragments)

/* Counts in the flow and in the summary alike. */
#define FLOW_COUNT(flows, trouble, field, n)                                                       \
    do {                                                                                           \
        (flows)->summary.counts.field += (n);                                                      \
        if (trouble)                                                                               \
            (trouble)->tally.field += (n);                                                         \
    } while (0)

/* flow_table.c */
struct flow_lookup {
    uint64_t address[2][2];
    uint16_t port[2];
    uint8_t family;
    uint8_t me; /* half of the sender */
    uint32_t fingerprint;
};

int flow_table_init(struct flows *flows);
void flow_table_release(struct flows *flows);
void flow_table_key(const struct flows *flows, const struct segment *s, struct flow_lookup *key);
/* A flow that has the fingerprint, most likely the right one; 0: none. Touches no flow. */
uint32_t flow_table_guess(const struct flows *flows, const struct flow_lookup *key);
uint32_t flow_table_find(const struct flows *flows, const struct flow_lookup *key); /* 0: none */
bool flow_table_is(const struct flow *flow, const struct flow_lookup *key);
uint32_t flow_table_insert(struct flows *flows, const struct flow_lookup *key); /* 0: no memory */
void flow_table_remove(struct flows *flows, struct flow *flow);
void flow_table_clear(struct flows *flows); /* of all flows, faster than one by one */

/* flow_queue.c */
void flow_queue_init(struct flows *flows);
void flow_queue_add(struct flows *flows, struct flow *flow, enum flow_queue_kind kind);
void flow_queue_drop(struct flows *flows, struct flow *flow);
void flow_queue_time(struct flows *flows, int64_t when_ns); /* lets flows leave */
void flow_queue_make_room(struct flows *flows, bool syn);

/* flow_open.c */
uint32_t flow_open(struct flows *flows, const struct segment *s, const struct flow_lookup *key);
void flow_open_syn(struct flow_step *step);
/* The segment belongs to another connection than the flow with the same ports. */
bool flow_open_is_new(const struct flows *flows, const struct flow *flow, const struct segment *s,
                      unsigned me);
void flow_open_progress(struct flow_step *step); /* while it is not plainly open */
void flow_open_closed(struct flows *flows, struct flow *flow, unsigned by);
void flow_open_again_alive(struct flows *flows, struct flow *flow); /* the end was forged */

/* flow_close.c: takes a flow out of the table, with its facts told. */
void flow_close(struct flows *flows, struct flow *flow, enum flow_end end);
enum flow_end flow_close_reason(const struct flow *flow, enum flow_end otherwise);

/* flow_identity.c */
void flow_identity_odd(struct flow_step *step); /* learns from one that is out of line */
bool flow_identity_tap_copy(struct flow_step *step);
/* Packets of this side that were not seen before this one; -1: its IP-ID does not tell. */
int flow_identity_missing(const struct flow_step *step);

/* flow_ranges.c */
int flow_ranges_init(struct flows *flows);
void flow_ranges_release(struct flows *flows);
static inline uint32_t flow_ranges_number(uint32_t *head)
{
    if (++*head == 0) /* 0 is none */
        ++*head;
    return *head;
}

static inline void flow_ranges_add(struct flow_step *step, unsigned flags)
{
    struct flows *flows = step->flows;
    struct flow_half *half = &step->flow->half[step->me];
    uint32_t id = flow_ranges_number(&flows->sent_head);

    flows->sent[id & flows->sent_mask] = (struct flow_sent){
        .when_ns = step->s->when_ns,
        .seq = step->s->seq,
        .end = step->end,
        .tsval = step_has_timestamps(step) ? step->s->tsval : 0,
        .previous = half->sent,
        .owner = flow_owner(step->flow, step->me),
        .id = step->id,
        .ttl = step->s->ttl,
        .flags = (uint8_t)(flags | (step_has_timestamps(step) ? SENT_TIMESTAMPS : 0)),
    };
    half->sent = id;
}

const struct flow_sent *flow_ranges_sent(const struct flows *flows, uint32_t id, uint32_t owner);
struct flow_resent *flow_ranges_resent(const struct flows *flows, uint32_t id, uint32_t owner);
void flow_ranges_add_resent(struct flow_step *step, struct flow_trouble *trouble, uint32_t seq,
                            uint32_t end, const struct flow_retransmission *facts);

void flow_intervals_add(struct flows *flows, uint32_t *list, uint8_t *count,
                        const struct flow_interval *interval);
/* Takes [left, right) out; what was in it is told in *found (its left and right clipped). */
bool flow_intervals_cut(struct flows *flows, uint32_t *list, uint8_t *count, uint32_t left,
                        uint32_t right, struct flow_interval *found);
void flow_intervals_clear(struct flows *flows, uint32_t *list, uint8_t *count);
struct flow_interval *flow_intervals_first(const struct flows *flows, uint32_t list);
bool flow_intervals_have(const struct flows *flows, uint32_t list, uint32_t left, uint32_t right);

/* flow_sequence.c */
void flow_sequence(struct flow_step *step); /* len > 0 or an odd sequence number */
void flow_sequence_new(struct flow_step *step, unsigned flags);
void flow_sequence_resync(struct flow_step *step);

/* flow_ghost.c */
#define GHOST_MAX (UINT32_C(1) << 24) /* bytes */
/* Next in line, or `hole` bytes ahead, and yet sent before: packets of the sender are missing. */
bool flow_ghost_is_shown(struct flow_step *step, uint32_t hole);
bool flow_ghost_is_belated(const struct flow_step *step);
/* A retransmission fills a hole, and shows that what was sent last is missing, too. */
void flow_ghost_learn(struct flow_step *step);

/* flow_trigger.c */
void flow_trigger(const struct flow_step *step, struct flow_trouble *trouble, uint32_t seq,
                  uint32_t end, int64_t since, struct flow_retransmission *facts);
void flow_trigger_acked(struct flows *flows, struct flow *flow, unsigned half, int64_t now_ns);

/* flow_ack.c */
void flow_ack_unseen(struct flow_step *step);
void flow_ack_watched(struct flow_step *step, uint32_t una);
void flow_ack_duplicate(struct flow_step *step);
void flow_ack_sack(struct flow_step *step, uint32_t una);
void flow_ack_window(struct flow_step *step, uint32_t window);
void flow_ack_watch(struct flow *flow, unsigned half, const struct flow_trouble *trouble);

/* flow_spurious.c */
void flow_spurious(struct flows *flows, struct flow *flow, unsigned half,
                   struct flow_resent *resent, enum flow_spurious by, const struct segment *s);
/* The retransmission that covers [left, right), newest first, not revised yet; or NULL. */
struct flow_resent *flow_spurious_find(struct flows *flows, struct flow *flow, unsigned half,
                                       uint32_t left, uint32_t right);
void flow_spurious_eifel(struct flow_step *step, const struct flow_trouble *trouble, uint32_t una);
void flow_spurious_frto(struct flow_step *step, const struct flow_trouble *trouble, uint32_t left,
                        uint32_t right);

/* flow_rtt.c */
void flow_rtt_acked(struct flow_step *step);
void flow_rtt_echoed(struct flow_step *step);
int64_t flow_rtt_side(const struct flow *flow, unsigned half);       /* smoothed; 0 when unknown */
int64_t flow_rtt_side_least(const struct flow *flow, unsigned half); /* the shortest */
int64_t flow_rtt_whole(const struct flow *flow);   /* both sides; 0 when unknown */
int64_t flow_rtt_least(const struct flow *flow);   /* the least of both; 0: unknown */
int64_t flow_rtt_usual(const struct flow *flow);   /* no round trip is longer, nearly */
int64_t flow_rtt_timeout(const struct flow *flow); /* RFC 6298, as Linux has it */
void flow_rtt_clock(struct flow_step *step);       /* the first timestamp of a half */
/* One step of the half's timestamps, learnt from their course; 0: unknown. */
int64_t flow_rtt_tick(const struct flow_step *step);
/* Since it last sent, by the sender's clock, which delays on the way do not disturb; -1: unknown */
int64_t flow_rtt_quiet_there(const struct flow_step *step);
/* The least round trip of both sides by the first flight of a half that was not seen to acknowledge
 * anything; 0: unknown. Not cheap. */
int64_t flow_rtt_flight(const struct flow_step *step);
/* The shortest round trip has passed, nearly, since then: the sender may have heard of it. */
bool flow_rtt_may_answer(const struct flow_step *step, int64_t then_ns);
void flow_rtt_handshake(struct flow *flow, unsigned half, int64_t rtt_ns);

/* flow_reset.c */
void flow_reset_receive(struct flow_step *step);
void flow_reset_aftermath(struct flow_step *step); /* a packet of a side that has reset */
void flow_reset_facts(const struct flows *flows, const struct flow *flow, unsigned half,
                      struct flow_reset *reset);

/* flow_stall.c */
void flow_stall_begin(struct flow_step *step); /* before the segment changes anything */
void flow_stall_end(struct flow_step *step);
/* The half's retransmissions that nobody has answered after the flow was idle. */
uint32_t flow_stall_unheard(const struct flows *flows, const struct flow *flow, unsigned half);

/* flow_event.c */
void flow_event_init(const struct flow_step *step, enum flow_event_kind kind,
                     struct flow_event *event);
void flow_event_emit(const struct flows *flows, const struct flow_event *event);
void flow_event_key(const struct flow *flow, struct flow_key *key);
static inline enum flow_side flow_side_of(const struct flow *flow, unsigned half)
{
    return half == flow->client ? FLOW_CLIENT : FLOW_SERVER;
}

/* flow_facts.c */
void flow_facts_fill(const struct flows *flows, const struct flow *flow, enum flow_end end,
                     struct flow_facts *facts);
void flow_counts_fill(const struct flows *flows, const struct flow *flow, unsigned half,
                      struct flow_counts *counts);
void flow_counts_add(struct flow_counts *sum, const struct flow_counts *counts);

/* flow_findings.c */
void flow_findings_of(struct flow_facts *facts); /* sets findings and severity */
void flow_findings_sum(struct flow_finding_sum sums[FLOW_FINDINGS], const struct flow_facts *facts);
int flow_findings_list(const struct flows_summary *summary, const struct flow_hosts *hosts,
                       const struct flow_finding_sum sums[FLOW_FINDINGS],
                       struct flows_result *result);

/* flow_hosts.c */
void flow_hosts_release(struct flow_hosts *hosts);
int flow_hosts_copy(struct flow_hosts *to, const struct flow_hosts *from);
int flow_hosts_fold(struct flow_hosts *hosts, const struct flow_facts *facts);
int flow_hosts_merge(struct flow_hosts *into, const struct flow_hosts *from);

/* flow_top.c */
int flow_top_init(struct flow_top *top, size_t limit);
void flow_top_release(struct flow_top *top);
void flow_top_add(struct flow_top *top, enum flow_sort sort, const struct flow_facts *facts);
int flow_top_compare(const struct flow_facts *a, const struct flow_facts *b, enum flow_sort sort);

#endif
