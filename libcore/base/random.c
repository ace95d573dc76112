#include "base/random.h"

#include <math.h>

uint64_t random_mix(uint64_t value)
{
    uint64_t z = value + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t random_rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

void random_seed(struct random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->state[i] = random_mix(seed);
        seed += UINT64_C(0x9e3779b97f4a7c15);
    }
}

uint64_t random_u64(struct random *r)
{
    uint64_t *s = r->state;
    uint64_t result = random_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = random_rotate(s[3], 45);
    return result;
}

/* Multiply-and-reject (Lemire 2019): the lowest `2^32 mod bound` products are the biased ones. */
uint32_t random_below(struct random *r, uint32_t bound)
{
    if (bound == 0)
        return 0;

    uint32_t biased = (0 - bound) % bound;
    uint64_t product;
    do
        product = (random_u64(r) >> 32) * bound;
    while ((uint32_t)product < biased);
    return (uint32_t)(product >> 32);
}

double random_unit(struct random *r)
{
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

/* Box and Muller (1958). The second value is not kept: every call takes two numbers, always. */
double random_normal(struct random *r)
{
    double radius = sqrt(-2 * log(1 - random_unit(r)));

    return radius * cos(2 * 3.14159265358979323846 * random_unit(r));
}

/* Takes a number whatever the share, so that changing one share leaves other draws in place. */
bool random_chance(struct random *r, double share)
{
    return random_unit(r) < share;
}
