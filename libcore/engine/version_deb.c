/* Debian versions: [epoch:]upstream[-revision], Debian Policy 5.6.12. */
#include <errno.h>
#include <string.h>

#include "engine/version_internal.h"

#define DEB_ALPHABET "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.+~-:"

struct deb {
    struct version_run epoch;
    const char *upstream, *revision; /* the revision is "" when there is none */
    size_t upstream_len;
};

/* The letters sort before everything but '~', which sorts even before the end. */
static int deb_weight(const char *at, const char *end)
{
    if (at == end || version_is_digit(*at))
        return 0;
    if (*at == '~')
        return -1;
    return version_is_letter(*at) ? (unsigned char)*at : (unsigned char)*at + 256;
}

static struct version_run deb_digits(const char **at, const char *end)
{
    struct version_run digits = {*at, 0};

    while (*at < end && version_is_digit(**at))
        ++*at;
    digits.len = (size_t)(*at - digits.at);
    return digits;
}

/* Turn by turn, what is no digit by weight and what is one by value. */
static int deb_compare(const char *a, const char *a_end, const char *b, const char *b_end)
{
    int order = 0;

    while (!order && (a < a_end || b < b_end)) {
        while (!order &&
               ((a < a_end && !version_is_digit(*a)) || (b < b_end && !version_is_digit(*b)))) {
            order = deb_weight(a, a_end) - deb_weight(b, b_end);
            a += a < a_end;
            b += b < b_end;
        }
        if (!order) {
            struct version_run x = deb_digits(&a, a_end), y = deb_digits(&b, b_end);

            order = version_digits_compare(x, y);
        }
    }
    return (order > 0) - (order < 0);
}

int version_deb_part_compare(const char *a, const char *b)
{
    return deb_compare(a, a + strlen(a), b, b + strlen(b));
}

static int deb_parse(const char *text, struct deb *out)
{
    const char *colon = strchr(text, ':'), *hyphen = strrchr(text, '-');

    *out = (struct deb){.upstream = text, .revision = ""};
    if (strspn(text, DEB_ALPHABET) != strlen(text))
        return -EINVAL;
    if (colon) {
        out->epoch = (struct version_run){text, (size_t)(colon - text)};
        if (!out->epoch.len || strspn(text, "0123456789") != out->epoch.len)
            return -EINVAL;
        out->upstream = colon + 1;
    }
    out->upstream_len = strlen(out->upstream);
    if (hyphen && hyphen >= out->upstream) {
        out->upstream_len = (size_t)(hyphen - out->upstream);
        out->revision = hyphen + 1;
    }
    return out->upstream_len && version_is_digit(*out->upstream) ? 0 : -EINVAL;
}

int version_deb_compare(const char *a, const char *b, int *order)
{
    struct deb x, y;

    if (deb_parse(a, &x) || deb_parse(b, &y))
        return -EINVAL;
    *order = version_digits_compare(x.epoch, y.epoch);
    if (!*order)
        *order = deb_compare(x.upstream, x.upstream + x.upstream_len, y.upstream,
                             y.upstream + y.upstream_len);
    if (!*order)
        *order = version_deb_part_compare(x.revision, y.revision);
    return 0;
}
