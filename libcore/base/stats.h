/* Running statistics in constant memory. Values are in whatever unit the caller feeds. */
#ifndef NETDX_BASE_STATS_H
#define NETDX_BASE_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Welford's algorithm (Knuth, TAOCP 2, 4.2.2): mean and sample variance without cancellation. */
struct stats {
    uint64_t count;
    double mean;
    double m2; /* sum of squared differences from the mean */
    double min, max, last;
    uint64_t log_count;     /* values above zero */
    double log_mean;        /* of their natural logarithms */
    uint64_t jitter_count;  /* differences between neighbours seen */
    double jitter_last;     /* |last - previous|; the first value makes no jitter */
    double jitter_mean;
    double jitter_max;
    double jitter_smoothed; /* RFC 3550 (6.4.1): J += (|D| - J) / 16 */
};

void stats_init(struct stats *s);
void stats_add(struct stats *s, double value);
double stats_stddev(const struct stats *s); /* sample (n - 1); NAN below two values */
double stats_gmean(const struct stats *s);  /* geometric, of the values above zero; NAN without */

/* The latest `capacity` values: mean, min, max and stddev of a sliding window. */
struct sliding {
    double *values; /* owned */
    size_t capacity, count, next;
};

int sliding_init(struct sliding *s, size_t capacity); /* 0, -EINVAL, -ENOMEM */
void sliding_release(struct sliding *s);
void sliding_add(struct sliding *s, double value);
/* Statistics over the values in the window, oldest first (jitter included). */
struct stats sliding_stats(const struct sliding *s);

#endif
