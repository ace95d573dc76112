/*
 * A path made of facts, for tests of the trace engine: no bytes, no simulator. It answers probes
 * with hand-made packets in virtual time and remembers what it did, which is the truth that
 * results are compared with.
 */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "base/random.h"
#include "engine/trace.h"

#define WORLD_HOPS_MAX    40
#define WORLD_ANSWERS_MAX 4096

struct world_hop {
    double rtt_ms;
    bool silent;
    unsigned every;   /* answers each n-th probe only; 0: all */
    double limited;   /* share of its own answers that it leaves out */
    double loss;      /* share lost on the link before it, both ways together */
    bool unreachable; /* says so instead of forwarding */
    bool blackhole;   /* forwards nothing */
    uint8_t loops_to; /* sends packets back to that TTL's router; 0: forwards */
    uint16_t mtu;     /* of the link behind it; 0: any */
    bool mtu_silent;
    bool nat;            /* the quote behind it shows another source */
    unsigned width;      /* equal members, chosen by flow; 0 and 1: one router */
    unsigned bad_member; /* forwards nothing, counted from 1; 0: none */
    unsigned asked;
    int64_t latest_ns; /* its latest answer */
};

struct world_answer {
    int64_t when_ns;
    struct packet packet;
    uint8_t payload[64];
};

struct world {
    struct address source, destination;
    size_t nhops; /* the last one is the target */
    struct world_hop hops[WORLD_HOPS_MAX];
    bool dead;      /* the target does not exist */
    bool port_open; /* UDP, TCP */
    double duplicate, jitter_ms;
    int send_error; /* positive errno for the next send_errors sends */
    unsigned send_errors;
    struct random random;
    int64_t now_ns;
    size_t nanswers;
    struct world_answer *answers;
    unsigned sends;
    uint64_t sent_at_ttl[256], lost_at_ttl[256], answered_at_ttl[256];
    int64_t half_open_ns[65536]; /* by source port: a listener answers one SYN of a pair at once */
    int64_t sent_ns[65536];      /* by probe id modulo 65536 */
    unsigned wrong;              /* observations that contradict the truth */
    void (*before_send)(struct world *world, const struct probe *probe);
};

struct address world_router(const struct world *world, size_t ttl);
struct address world_member(const struct world *world, size_t ttl, unsigned member);
/* `rtt_ms` grows evenly to the target's. family 4 or 6. */
struct world *world_new(int family, size_t nhops, double rtt_ms, uint64_t seed);
void world_free(struct world *world);
void world_config(const struct world *world, struct trace_config *config);

/* Runs until the trace is done or `until_ns`; the time it took. */
int64_t world_run(struct world *world, struct trace *trace, int64_t until_ns);
/* The parts of it: carries one probe; lets time pass until the next answer or `wake_ns`. */
void world_carry(struct world *world, struct trace *trace, const struct probe *probe, uint32_t id);
void world_pass(struct world *world, struct trace *trace, int64_t wake_ns);
/* A packet for one probe from TTL `ttl`'s router, as it would arrive. */
void world_time_exceeded(const struct world *world, const struct probe *probe, size_t ttl,
                         struct packet *packet);

#endif
