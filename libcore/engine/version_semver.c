/* Semantic Versioning 2.0.0, https://semver.org/spec/v2.0.0.html; items are quoted by number. */
#include <errno.h>
#include <string.h>

#include "engine/version_internal.h"

#define SEMVER_IDENTIFIER "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"

struct semver {
    struct version_run core[3];
    const char *prerelease; /* dot-separated identifiers, not terminated */
    size_t prerelease_len;
};

static size_t semver_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* Item 2: no leading zeros. Loosely they are read over, and what is missing is 0. */
static int semver_core(const char **at, bool strict, struct semver *out)
{
    for (int i = 0; i < 3; i++) {
        if (i > 0 && **at != '.')
            return strict ? -EINVAL : 0;
        *at += i > 0;
        out->core[i] = version_digits_take(at);
        if (!out->core[i].len)
            return -EINVAL;
        if (strict && out->core[i].len > 1 && out->core[i].at[0] == '0')
            return -EINVAL;
    }
    return 0;
}

/* Items 9 and 10: identifiers are not empty; numeric ones of a pre-release lead with no zero. */
static int semver_identifiers(const char **at, bool numeric_rule)
{
    for (;;) {
        size_t len = strspn(*at, SEMVER_IDENTIFIER);
        bool numeric = semver_digits(*at) == len;

        if (!len || (numeric_rule && numeric && len > 1 && **at == '0'))
            return -EINVAL;
        *at += len;
        if (**at != '.')
            return 0;
        ++*at;
    }
}

static int semver_parse(const char *text, bool strict, struct semver *out)
{
    const char *at = text + (*text == 'v');
    int err;

    *out = (struct semver){.prerelease = ""};
    err = semver_core(&at, strict, out);
    if (!err && *at == '-') {
        out->prerelease = ++at;
        err = semver_identifiers(&at, strict);
        out->prerelease_len = (size_t)(at - out->prerelease);
    }
    if (!err && *at == '+') {
        at++;
        err = semver_identifiers(&at, false);
    }
    return err ? err : *at ? -EINVAL : 0;
}

static int semver_sign(int value)
{
    return (value > 0) - (value < 0);
}

/* Item 11.4: numeric ones by value, others by ASCII, numeric before others. */
static int semver_identifier_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_numeric = strspn(a, "0123456789") >= a_len, b_numeric = strspn(b, "0123456789") >= b_len;
    size_t least = a_len < b_len ? a_len : b_len;
    int order;

    if (a_numeric && b_numeric)
        return version_digits_compare((struct version_run){a, a_len},
                                      (struct version_run){b, b_len});
    if (a_numeric != b_numeric)
        return a_numeric ? -1 : 1;
    order = memcmp(a, b, least);
    return order ? semver_sign(order) : (a_len > b_len) - (a_len < b_len);
}

/* Items 11.3 and 11.4: a pre-release comes before its release; more identifiers come later. */
static int semver_prerelease_compare(const struct semver *a, const struct semver *b)
{
    const char *x = a->prerelease, *y = b->prerelease;
    const char *x_end = x + a->prerelease_len, *y_end = y + b->prerelease_len;

    if (!a->prerelease_len || !b->prerelease_len)
        return (b->prerelease_len > 0) - (a->prerelease_len > 0);
    while (x < x_end && y < y_end) {
        size_t x_len = strspn(x, SEMVER_IDENTIFIER), y_len = strspn(y, SEMVER_IDENTIFIER);
        int order = semver_identifier_compare(x, x_len, y, y_len);

        if (order)
            return order;
        x += x_len + 1;
        y += y_len + 1;
    }
    return (x < x_end) - (y < y_end);
}

int version_semver_compare(const char *a, const char *b, bool strict, int *order)
{
    struct semver x, y;
    int result = 0;

    if (semver_parse(a, strict, &x) || semver_parse(b, strict, &y))
        return -EINVAL;
    for (int i = 0; i < 3 && !result; i++)
        result = version_digits_compare(x.core[i], y.core[i]);
    *order = result ? result : semver_prerelease_compare(&x, &y);
    return 0;
}

bool version_semver_fits(const char *text)
{
    struct semver version;

    return !semver_parse(text, true, &version);
}
