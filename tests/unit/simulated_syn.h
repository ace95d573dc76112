/*
 * A SYN run over the simulator in virtual time, through the real crafting and decoding. What the
 * simulator logged is the truth that answers are compared with.
 */
#ifndef TESTS_UNIT_SIMULATED_SYN_H
#define TESTS_UNIT_SIMULATED_SYN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/scenario.h"
#include "engine/syn.h"

struct simulated_syn {
    struct syn_result result;
    int64_t took_ns;
    uint64_t packets;  /* sent by the run, of any kind */
    uint64_t answers;  /* first answers, late ones among them */
    uint64_t measured; /* of these, those with an RTT */
    uint64_t wrong;    /* answers of any kind that the log says are another probe's */
    uint64_t late, duplicates, again, second, suspects, references, given_up;
    uint64_t own_resets;                  /* RSTs that the run itself sent */
    uint64_t lost, duplicated, reordered; /* as the log has it */
    double worst_rtt_error_ms;
    int64_t least_gap_ns; /* between two packets of the run */
};

struct simulated_syn_options {
    bool no_kernel;  /* nobody resets what is half open but the run */
    bool no_capture; /* packets are not seen to leave */
};

/* One target, family 4 or 6, and a seed; everything else as syn_config_default has it. */
void simulated_syn_config(const struct scenario *scenario, int family, uint64_t seed, uint16_t port,
                          struct syn_config *config, struct syn_target *target);
void simulated_syn_run(const struct scenario *scenario, const struct syn_config *config,
                       const struct syn_target *targets, size_t ntargets,
                       const struct simulated_syn_options *options, struct simulated_syn *run);
void simulated_syn_release(struct simulated_syn *run);
const struct syn_finding *simulated_syn_finding(const struct simulated_syn *run, size_t target,
                                                enum syn_finding_kind kind);

#endif
