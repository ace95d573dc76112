#include "base/timespan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct timespan_unit {
    const char *name;
    int64_t ns;
    int decimals; /* digits that keep a fraction exact; 0: only whole numbers are written */
};

static const struct timespan_unit timespan_units[] = {
    {"h",  3600 * NS_PER_SEC, 0},
    {"m",  60 * NS_PER_SEC,   0},
    {"s",  NS_PER_SEC,        9},
    {"ms", NS_PER_MS,         6},
    {"us", NS_PER_US,         3},
    {"ns", 1,                 0},
};

#define TIMESPAN_UNITS (sizeof(timespan_units) / sizeof(timespan_units[0]))

static bool timespan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int timespan_unit(const char *name, int64_t *unit_ns)
{
    if (*name == '\0') {
        *unit_ns = NS_PER_SEC;
        return 0;
    }
    for (size_t i = 0; i < TIMESPAN_UNITS; i++) {
        if (strcmp(name, timespan_units[i].name) == 0) {
            *unit_ns = timespan_units[i].ns;
            return 0;
        }
    }
    return -EINVAL;
}

/* Digits finer than a nanosecond are dropped. */
static int64_t timespan_fraction(const char *digits, int64_t unit_ns)
{
    __int128 ns = 0, scale = 1;

    for (; timespan_is_digit(*digits) && scale < INT64_C(100000000000000); digits++) {
        ns = ns * 10 + (*digits - '0');
        scale *= 10;
    }
    return (int64_t)(ns * unit_ns / scale);
}

int timespan_parse(const char *text, int64_t *ns)
{
    const char *at = text;
    const char *fraction = "";
    int64_t whole = 0, unit_ns, value;
    bool overflow = false;

    for (; timespan_is_digit(*at); at++) {
        overflow |= __builtin_mul_overflow(whole, 10, &whole);
        overflow |= __builtin_add_overflow(whole, *at - '0', &whole);
    }
    bool digits = at > text;
    if (*at == '.') {
        fraction = ++at;
        while (timespan_is_digit(*at))
            at++;
        digits = at > fraction;
    }
    if (!digits || timespan_unit(at, &unit_ns) != 0)
        return -EINVAL;
    overflow |= __builtin_mul_overflow(whole, unit_ns, &value);
    overflow |= __builtin_add_overflow(value, timespan_fraction(fraction, unit_ns), &value);
    if (overflow)
        return -ERANGE;
    *ns = value;
    return 0;
}

/* `ns` in one unit, trailing zeros of the fraction removed; the number of characters. */
static int timespan_write(uint64_t ns, const struct timespan_unit *unit, char *out, size_t size)
{
    uint64_t whole = ns / (uint64_t)unit->ns, rest = ns % (uint64_t)unit->ns;
    int decimals = unit->decimals;

    if (rest == 0)
        return snprintf(out, size, "%" PRIu64 "%s", whole, unit->name);
    for (; rest % 10 == 0; rest /= 10)
        decimals--;
    return snprintf(out, size, "%" PRIu64 ".%0*" PRIu64 "%s", whole, decimals, rest, unit->name);
}

void timespan_format(int64_t ns, char out[TIMESPAN_TEXT_SIZE])
{
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    const char *sign = ns < 0 ? "-" : "";
    char text[TIMESPAN_TEXT_SIZE - 1], best[TIMESPAN_TEXT_SIZE - 1];
    int best_len = 0;

    snprintf(best, sizeof(best), "0s");
    for (size_t i = 0; size != 0 && i < TIMESPAN_UNITS; i++) {
        const struct timespan_unit *unit = &timespan_units[i];
        bool whole = size % (uint64_t)unit->ns == 0;
        if (!whole && unit->decimals == 0)
            continue;
        int len = timespan_write(size, unit, text, sizeof(text));
        bool plainer = len == best_len && whole && strchr(best, '.');
        if (best_len == 0 || len < best_len || plainer) {
            memcpy(best, text, sizeof(best));
            best_len = len;
        }
    }
    snprintf(out, TIMESPAN_TEXT_SIZE, "%s%s", sign, best);
}

void time_format_rfc3339(int64_t unix_ns, char out[TIME_RFC3339_SIZE])
{
    int64_t ns = unix_ns % NS_PER_SEC;
    time_t seconds = (time_t)(unix_ns / NS_PER_SEC);
    struct tm tm;

    if (ns < 0) {
        ns += NS_PER_SEC;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    size_t len = strftime(out, TIME_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, TIME_RFC3339_SIZE - len, ".%09" PRId64 "Z", ns);
}

int64_t time_add(int64_t a_ns, int64_t b_ns)
{
    int64_t sum;

    if (__builtin_add_overflow(a_ns, b_ns, &sum))
        return a_ns < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}
