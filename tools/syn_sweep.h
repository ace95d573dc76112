/*
 * Runs a sweep over a network until it is done or a stop is asked for: probes into packets,
 * batches onto the wire, answers to the caller. Prints nothing.
 */
#ifndef NETDX_TOOLS_SYN_SWEEP_H
#define NETDX_TOOLS_SYN_SWEEP_H

#include "engine/sweep.h"
#include "io/loop.h"
#include "io/netio.h"
#include "io/raw.h"
#include "wire/probe.h"

struct syn_sweep_progress {
    struct sweep_counts counts;
    uint64_t capture_dropped;
    int64_t elapsed_ns;
    double rate_pps; /* of the sending since the call before */
};

/* Calls may be NULL. 0 to go on, else -errno: the run ends with it. */
struct syn_sweep_output {
    void *context;
    /* Whatever is not foreign; suspects and repeated answers too. */
    int (*answer)(void *context, const struct sweep_observation *observation, int64_t when_ns);
    int (*progress)(void *context, const struct syn_sweep_progress *progress);
    int64_t progress_ns; /* how often; 0: 500 ms */
};

struct syn_sweep_network {
    struct netio *io;  /* sent through and received from */
    struct netio *raw; /* the live capture under `io`, to be filtered; NULL: none */
    struct loop *loop;
};

struct syn_sweep_result {
    struct sweep_counts counts;
    int64_t elapsed_ns;
    uint64_t capture_dropped; /* by the kernel, because we read too slowly: answers are missing */
    unsigned link_downs;      /* how often the interface went down under way */
};

/* What raw_open should be asked for: a ring of many short frames, and threads to send at once. */
void syn_sweep_raw_options(double rate_pps, struct raw_options *options);

/*
 * `shape` is what every SYN looks like (TTL, window, options, DSCP ...; addresses, ports and
 * sequence number are the sweep's); NULL: like syn_sweep_shape. 0 with *result set; -EINTR, the
 * same, when a stop was asked for; other -errno with a message, and *result as far as it went.
 */
int syn_sweep_run(const struct syn_sweep_network *network, const struct sweep_config *config,
                  const struct probe *shape, const struct syn_sweep_output *output,
                  struct syn_sweep_result *result, char error[IO_ERROR_SIZE]);

/* A SYN with an MSS (0: an Ethernet's) and nothing else: TTL 64, window 64240. */
void syn_sweep_shape(struct probe *shape);

#endif
