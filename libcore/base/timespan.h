/* Time as values: nanoseconds in int64_t. Which clock they belong to is the caller's business. */
#ifndef NETDX_BASE_TIMESPAN_H
#define NETDX_BASE_TIMESPAN_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)
#define TIME_NEVER INT64_MAX

/*
 * Parses `250ms`, `1.5s`, `2m`, `1h`, `10us`, `100ns`; a bare number is seconds. No sign, no
 * spaces. Returns 0, -EINVAL (not a duration) or -ERANGE (over 292 years).
 */
int timespan_parse(const char *text, int64_t *ns);

/* Shortest exact form that timespan_parse reads back: "250ms", "1.5s". NUL-terminated. */
#define TIMESPAN_TEXT_SIZE 32
void timespan_format(int64_t ns, char out[TIMESPAN_TEXT_SIZE]);

/* RFC 3339 in UTC with nine decimals, from nanoseconds since 1970:
 * "2026-01-02T03:04:05.678901234Z". */
#define TIME_RFC3339_SIZE 40
void time_format_rfc3339(int64_t unix_ns, char out[TIME_RFC3339_SIZE]);

/* Saturating sum: a deadline far away stays far away. */
int64_t time_add(int64_t a_ns, int64_t b_ns);

static inline double ns_to_ms(int64_t ns)
{
    return (double)ns / 1e6;
}

#endif
