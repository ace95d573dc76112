#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

void stats_init(struct stats *s)
{
    *s = (struct stats){0};
}

static void stats_add_jitter(struct stats *s, double jitter)
{
    s->jitter_count++;
    s->jitter_last = jitter;
    s->jitter_mean += (jitter - s->jitter_mean) / (double)s->jitter_count;
    s->jitter_smoothed += (jitter - s->jitter_smoothed) / 16;
    if (s->jitter_count == 1 || jitter > s->jitter_max)
        s->jitter_max = jitter;
}

void stats_add(struct stats *s, double value)
{
    if (s->count > 0)
        stats_add_jitter(s, fabs(value - s->last));
    if (s->count == 0 || value < s->min)
        s->min = value;
    if (s->count == 0 || value > s->max)
        s->max = value;

    s->count++;
    double delta = value - s->mean;
    s->mean += delta / (double)s->count;
    s->m2 += delta * (value - s->mean);
    s->last = value;
    if (value > 0)
        s->log_mean += (log(value) - s->log_mean) / (double)++s->log_count;
}

double stats_stddev(const struct stats *s)
{
    if (s->count < 2)
        return NAN;
    return sqrt(s->m2 / (double)(s->count - 1));
}

double stats_gmean(const struct stats *s)
{
    return s->log_count ? exp(s->log_mean) : NAN;
}

int sliding_init(struct sliding *s, size_t capacity)
{
    if (capacity == 0)
        return -EINVAL;
    double *values = calloc(capacity, sizeof(*values));
    if (!values)
        return -ENOMEM;
    *s = (struct sliding){.values = values, .capacity = capacity};
    return 0;
}

void sliding_release(struct sliding *s)
{
    free(s->values);
    *s = (struct sliding){0};
}

void sliding_add(struct sliding *s, double value)
{
    s->values[s->next] = value;
    s->next = (s->next + 1) % s->capacity;
    if (s->count < s->capacity)
        s->count++;
}

struct stats sliding_stats(const struct sliding *s)
{
    struct stats stats;

    stats_init(&stats);
    for (size_t i = 0; i < s->count; i++)
        stats_add(&stats, s->values[(s->next + s->capacity - s->count + i) % s->capacity]);
    return stats;
}
