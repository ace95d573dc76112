#include "base/quantile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Below this a value counts as zero, so that the number of buckets stays bounded. */
#define QUANTILE_SMALLEST 1e-9
/* Buckets added beyond the needed one, so that neighbours do not grow the table one by one. */
#define QUANTILE_SLACK 64

/* Room for exact values at first; it doubles. */
#define QUANTILE_EXACT_FIRST 8

#define QUANTILE_GAMMA ((1 + QUANTILE_ERROR) / (1 - QUANTILE_ERROR))

void quantile_init(struct quantile *q)
{
    *q = (struct quantile){0};
}

void quantile_release(struct quantile *q)
{
    free(q->exact);
    free(q->buckets);
    *q = (struct quantile){0};
}

/* Bucket i holds the values in (gamma^(i-1), gamma^i]. */
static int quantile_bucket(double value)
{
    return (int)ceil(log(value) / log(QUANTILE_GAMMA));
}

/* The value whose relative distance to both ends of the bucket is QUANTILE_ERROR. */
static double quantile_bucket_value(int bucket)
{
    return 2 * pow(QUANTILE_GAMMA, bucket) / (QUANTILE_GAMMA + 1);
}

static int quantile_cover(struct quantile *q, int bucket)
{
    int first = q->first_bucket;
    int end = first + (int)q->nbuckets;

    if (q->buckets && bucket >= first && bucket < end)
        return 0;
    if (!q->buckets)
        first = end = bucket;
    int new_first = bucket < first ? bucket - QUANTILE_SLACK : first;
    int new_end = bucket >= end ? bucket + 1 + QUANTILE_SLACK : end;
    size_t count = (size_t)(new_end - new_first);
    uint64_t *buckets = calloc(count, sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    if (q->buckets)
        memcpy(buckets + (first - new_first), q->buckets, q->nbuckets * sizeof(*buckets));
    free(q->buckets);
    q->buckets = buckets;
    q->nbuckets = count;
    q->first_bucket = new_first;
    return 0;
}

static int quantile_count_in_bucket(struct quantile *q, double value)
{
    if (value < QUANTILE_SMALLEST) {
        q->zeros++;
        return 0;
    }
    int bucket = quantile_bucket(value);
    int err = quantile_cover(q, bucket);
    if (err)
        return err;
    q->buckets[bucket - q->first_bucket]++;
    return 0;
}

/* From exact values to buckets. All buckets are made first: it works as a whole or not at all. */
static int quantile_spread(struct quantile *q)
{
    for (size_t i = 0; i < q->count; i++) {
        if (q->exact[i] < QUANTILE_SMALLEST)
            continue;
        int err = quantile_cover(q, quantile_bucket(q->exact[i]));
        if (err)
            return err;
    }
    for (size_t i = 0; i < q->count; i++)
        quantile_count_in_bucket(q, q->exact[i]);
    free(q->exact);
    q->exact = NULL;
    return 0;
}

static int quantile_keep_exact(struct quantile *q, double value)
{
    size_t count = q->count;

    if (count == 0 || (count >= QUANTILE_EXACT_FIRST && (count & (count - 1)) == 0)) {
        size_t capacity = count == 0 ? QUANTILE_EXACT_FIRST : 2 * count;
        double *grown = realloc(q->exact, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        q->exact = grown;
    }
    q->exact[count] = value;
    return 0;
}

int quantile_add(struct quantile *q, double value)
{
    int err = 0;

    if (!isfinite(value) || value < 0)
        return -EINVAL;
    if (q->count < QUANTILE_EXACT) {
        err = quantile_keep_exact(q, value);
    } else {
        if (q->exact)
            err = quantile_spread(q);
        if (!err)
            err = quantile_count_in_bucket(q, value);
    }
    if (err)
        return err;
    if (q->count == 0 || value < q->min)
        q->min = value;
    if (q->count == 0 || value > q->max)
        q->max = value;
    q->count++;
    return 0;
}

int quantile_copy(struct quantile *to, const struct quantile *from)
{
    size_t capacity = QUANTILE_EXACT_FIRST;

    *to = *from;
    to->exact = NULL;
    to->buckets = NULL;
    while (capacity < from->count)
        capacity *= 2; /* as quantile_keep_exact expects it */
    if (from->exact) {
        to->exact = malloc(capacity * sizeof(*to->exact));
        if (!to->exact)
            return -ENOMEM;
        memcpy(to->exact, from->exact, (size_t)from->count * sizeof(*to->exact));
    }
    if (from->buckets) {
        to->buckets = malloc(from->nbuckets * sizeof(*to->buckets));
        if (!to->buckets)
            return -ENOMEM;
        memcpy(to->buckets, from->buckets, from->nbuckets * sizeof(*to->buckets));
    }
    return 0;
}

static int quantile_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile_get_exact(const struct quantile *q, uint64_t rank)
{
    double sorted[QUANTILE_EXACT];

    memcpy(sorted, q->exact, q->count * sizeof(*sorted));
    qsort(sorted, q->count, sizeof(*sorted), quantile_compare);
    return sorted[rank - 1];
}

static double quantile_get_bucket(const struct quantile *q, uint64_t rank)
{
    uint64_t seen = q->zeros;

    for (size_t i = 0; seen < rank && i < q->nbuckets; i++) {
        seen += q->buckets[i];
        if (seen >= rank)
            return fmin(q->max, fmax(q->min, quantile_bucket_value(q->first_bucket + (int)i)));
    }
    return q->min;
}

/* Nearest rank; the tolerance keeps 0.07 * 100 = 7.000000000000001 at rank 7. */
static uint64_t quantile_rank(uint64_t count, double p)
{
    double rank = ceil(p * (double)count * (1 - 1e-12));

    return rank < 1 ? 1 : (uint64_t)fmin(rank, (double)count);
}

double quantile_get(const struct quantile *q, double p)
{
    if (q->count == 0 || isnan(p))
        return NAN;
    uint64_t rank = quantile_rank(q->count, p);
    if (rank == 1)
        return q->min;
    if (rank == q->count)
        return q->max;
    return q->exact ? quantile_get_exact(q, rank) : quantile_get_bucket(q, rank);
}
