/* What the parts of the sweep engine share. Nobody else includes it. */
#ifndef NETDX_ENGINE_SWEEP_INTERNAL_H
#define NETDX_ENGINE_SWEEP_INTERNAL_H

#include "base/permutation.h"
#include "base/siphash.h"
#include "engine/sweep.h"

struct sweep_span { /* a range, in its place among the others */
    struct address first, source;
    uint32_t last_offset; /* addresses - 1 */
    uint64_t base;        /* how many addresses come before it */
};

/* Addresses x ports as numbers from 0 on: address-major, without overlaps. */
struct sweep_space {
    struct sweep_span *spans; /* owned; by address */
    size_t nspans;
    uint16_t *ports; /* owned; ascending */
    size_t nports;
    uint64_t size; /* (address, port) pairs */
};

/* 0, -ENOMEM, or -EINVAL with a static reason. */
int sweep_space_init(struct sweep_space *space, const struct sweep_config *config,
                     const char **why);
void sweep_space_release(struct sweep_space *space);

/* Fills in where the probe of target `index` comes from and goes to. */
void sweep_space_at(const struct sweep_space *space, uint64_t index, struct sweep_probe *probe);

/* The span of a target and its number; NULL when it is not in the space. */
const struct sweep_span *sweep_space_find(const struct sweep_space *space,
                                          const struct address *address, uint16_t port,
                                          uint64_t *index);

#define SWEEP_RECENT 10 /* slots of an eighth of the timeout, and one at either end */

struct sweep_recent { /* SYNs that left in one slot of time */
    int64_t slot;
    uint64_t count;
};

struct sweep {
    struct sweep_space space;
    struct permutation order;
    struct siphash_key key;
    uint16_t source_port, source_ports;
    unsigned passes;
    int64_t timeout_ns;
    uint8_t *answers; /* owned; two bits per target: 0 or enum sweep_answer */
    uint8_t *asked;   /* owned; one bit per target */

    /* Where the sending is. All times are without the pauses: `paused_ns` is taken off. */
    int64_t paused_ns;
    unsigned pass;
    uint64_t place; /* next in the order */
    int64_t pass_start_ns;
    int64_t gap_ns;  /* between two SYNs; 0: none */
    uint64_t burst;  /* SYNs that may leave at once */
    int64_t next_ns; /* when the next SYN is due */
    size_t out;      /* handed out, not yet reported */
    struct sweep_probe again[SWEEP_BATCH_MAX];
    size_t nagain;
    int64_t again_ns;   /* no room before: wait until then */
    int64_t backoff_ns; /* the latest pause; 0: the latest SYN had room */
    bool started, stopped;
    int64_t first_ns, last_ns;
    struct sweep_recent recent[SWEEP_RECENT];

    struct sweep_counts counts; /* those that are counted, not derived */
};

/* ISN and source port of the probe to its destination and port. */
void sweep_identify(const struct sweep *sweep, struct sweep_probe *probe);

#endif
