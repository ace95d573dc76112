#include "base/interval.h"

#include <math.h>

struct interval interval_wilson(uint64_t k, uint64_t n, double z)
{
    if (n == 0)
        return (struct interval){0, 1};
    if (k > n)
        k = n;

    double trials = (double)n;
    double share = (double)k / trials;
    double z2 = z * z;
    double scale = 1 + z2 / trials;
    double centre = (share + z2 / (2 * trials)) / scale;
    double half = z * sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / scale;

    /* At the ends the bound is the share itself; rounding must not move it off 0 or 1. */
    return (struct interval){
        .low = k == 0 ? 0 : fmax(0, centre - half),
        .high = k == n ? 1 : fmin(1, centre + half),
    };
}
