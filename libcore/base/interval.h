/* Confidence intervals for shares, and the comparisons the loss verdicts rest on. */
#ifndef NETDX_BASE_INTERVAL_H
#define NETDX_BASE_INTERVAL_H

#include <stdint.h>

struct interval {
    double low, high; /* shares, 0 to 1 */
};

#define INTERVAL_Z_95 1.959963984540054
#define INTERVAL_Z_99 2.575829303548901

/* Wilson score interval (Wilson 1927) of k successes in n trials; [0, 1] when n is 0. */
struct interval interval_wilson(uint64_t k, uint64_t n, double z);

#endif
