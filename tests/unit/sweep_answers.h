/* Answers to the probes of a sweep as packets of facts, made by hand. */
#ifndef TESTS_UNIT_SWEEP_ANSWERS_H
#define TESTS_UNIT_SWEEP_ANSWERS_H

#include "engine/sweep.h"

struct packet sweep_answers_syn_ack(const struct sweep_probe *probe);
struct packet sweep_answers_rst(const struct sweep_probe *probe);

/* An ICMP error from `responder` that quotes the SYN: the IP header and 8 bytes. */
struct packet sweep_answers_icmp(const struct sweep_probe *probe, const struct address *responder,
                                 uint8_t type, uint8_t code);

#endif
