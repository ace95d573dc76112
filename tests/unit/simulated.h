/*
 * A trace over the simulator in virtual time, through the real crafting and decoding. What the
 * simulator logged is the truth that answers are compared with.
 */
#ifndef TESTS_UNIT_SIMULATED_H
#define TESTS_UNIT_SIMULATED_H

#include <stddef.h>
#include <stdint.h>

#include "engine/netsim.h"
#include "engine/scenario.h"
#include "engine/trace.h"

struct simulated {
    struct trace_result result;
    int64_t took_ns;
    uint64_t answers; /* observations that carried an RTT */
    uint64_t wrong;   /* of these, those that the log contradicts */
    uint64_t late, duplicates, suspects;
    uint64_t overtaken; /* answers after that of a later probe to the same TTL, by the log's ids */
    uint64_t lost, duplicated, reordered; /* as the log has it */
    double worst_rtt_error_ms;
};

struct scenario *simulated_scenario(const char *yaml);
/* The virtual time to go on at: of the network's next event or of `wake_ns`, whichever is first. */
int64_t simulated_wait(const struct netsim *sim, int64_t now_ns, int64_t wake_ns);
/* Addresses, family 4 or 6, and a seed; everything else as trace_config_default has it. */
void simulated_config(const struct scenario *scenario, int family, uint64_t seed,
                      struct trace_config *config);
void simulated_run(const struct scenario *scenario, const struct trace_config *config,
                   struct simulated *run);
void simulated_release(struct simulated *run);
const struct trace_finding *simulated_finding(const struct simulated *run,
                                              enum trace_finding_kind kind);

#endif
