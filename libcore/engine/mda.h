/*
 * The multipath detection algorithm (Augustin, Friedman, Teixeira 2007; Veitch, Augustin,
 * Friedman, Teixeira 2009): which flows to send to which TTL, so that every next hop of every
 * interface has been seen with the confidence asked for. Knows flows, TTLs and addresses only.
 *
 * All flows that are needed now are asked for at once. Node control, that is the search for more
 * flows that lead through one interface, happens only where the next hop is not one and the same
 * for all flows (as in Vermeulen et al., MDA-Lite, 2018).
 */
#ifndef NETDX_ENGINE_MDA_H
#define NETDX_ENGINE_MDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define MDA_FLOWS_MAX 1024

/*
 * How many flows must have been sent so that `found` equally likely next hops are all there are,
 * with `percent` confidence: 95 % gives 6, 11, 16, 21, 27, 33, 38, 44, 51 for 1 to 9.
 */
unsigned mda_flows_needed(unsigned found, unsigned percent);

struct mda; /* opaque */

/* TTLs from `first` to `last`; `target` is how far flow 0 came. 0 or -ENOMEM. */
int mda_new(uint8_t first, uint8_t last, uint8_t target, unsigned percent, struct mda **out);
void mda_free(struct mda *mda); /* NULL is fine */

/* The next probe to send; false when there is none until something is answered or given up. */
bool mda_next(struct mda *mda, uint32_t *flow, uint8_t *ttl);

/* `end`: the flow ends there, the target answered. -ENOMEM leaves the answer out. */
int mda_answered(struct mda *mda, uint32_t flow, uint8_t ttl, const struct address *address,
                 bool end);
void mda_unanswered(struct mda *mda, uint32_t flow, uint8_t ttl); /* it may be asked for again */

bool mda_done(const struct mda *mda); /* nothing is wanted and nothing is under way */

size_t mda_flows(const struct mda *mda);
/* The address that answered, or NULL; *end as in mda_answered. */
const struct address *mda_hop(const struct mda *mda, uint32_t flow, uint8_t ttl, bool *end);

bool mda_reached(const struct mda *mda); /* any flow met the target */

/* Flows die behind one member while others pass: its TTL, its address (none when it is silent). */
bool mda_bad_member(const struct mda *mda, uint8_t *ttl, struct address *address, uint32_t *flows);

#endif
