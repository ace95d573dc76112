/*
 * Quantiles in bounded memory: exact (nearest rank) while at most QUANTILE_EXACT values were
 * added, then a logarithmic histogram with a relative error of at most QUANTILE_ERROR, as DDSketch
 * (Masson et al., VLDB 2019) has it. Values are non-negative.
 */
#ifndef NETDX_BASE_QUANTILE_H
#define NETDX_BASE_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

#define QUANTILE_EXACT 128
#define QUANTILE_ERROR 0.01

struct quantile {
    uint64_t count;
    double min, max;
    double *exact;          /* owned, grown on demand to QUANTILE_EXACT; then freed */
    uint64_t *buckets;      /* owned; NULL while exact */
    size_t nbuckets;
    int first_bucket;       /* logarithmic index of buckets[0] */
    uint64_t zeros;         /* values too small for a bucket */
};

void quantile_init(struct quantile *q);
void quantile_release(struct quantile *q);
int quantile_add(struct quantile *q, double value); /* 0, -EINVAL (negative, NaN), -ENOMEM */

/* `to` need not be initialised; it must be released even after -ENOMEM. */
int quantile_copy(struct quantile *to, const struct quantile *from);

/* The value at share p (0 to 1) of the sorted values; NAN when empty. */
double quantile_get(const struct quantile *q, double p);

#endif
