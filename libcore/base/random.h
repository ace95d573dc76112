/*
 * Seeded random numbers: the same seed gives the same run on every machine. Not for secrets.
 * xoshiro256** (Blackman and Vigna 2018), seeded through splitmix64.
 */
#ifndef NETDX_BASE_RANDOM_H
#define NETDX_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
uint32_t random_below(struct random *r,
                      uint32_t bound);              /* uniform in [0, bound); 0 when bound is 0 */
double random_unit(struct random *r);               /* uniform in [0, 1) */
double random_normal(struct random *r);             /* mean 0, standard deviation 1 */
bool random_chance(struct random *r, double share); /* true with probability share (0 to 1) */

uint64_t random_mix(uint64_t value); /* a keyless hash: splitmix64's step */

#endif
