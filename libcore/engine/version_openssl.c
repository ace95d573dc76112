/*
 * OpenSSL before 3.0: letters are patch levels, and after z comes za. From 3.0 on the numbers alone
 * are, and pre-releases are written as semver does; both are read here.
 */
#include <errno.h>
#include <string.h>

#include "engine/version_internal.h"

#define OPENSSL_LETTERS_MAX 2 /* "zh" was the last of 0.9.8 */

static size_t openssl_letters(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz");
}

/* The letters behind the numbers; behind them only a hyphen or build metadata may follow. */
static int openssl_take_letters(const char **at, struct version_run *letters)
{
    *letters = (struct version_run){*at, openssl_letters(*at)};
    *at += letters->len;
    if (letters->len > OPENSSL_LETTERS_MAX || !strchr("-+", **at))
        return -EINVAL;
    return 0;
}

/* "" < a < ... < z < za < zb: what an alphabet does. */
static int openssl_letters_compare(struct version_run a, struct version_run b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least ? memcmp(a.at, b.at, least) : 0;

    return order ? (order > 0) - (order < 0) : (a.len > b.len) - (a.len < b.len);
}

int version_openssl_compare(const char *a, const char *b, int *order)
{
    struct version_run x, y;

    if (!version_is_version(a) || !version_is_version(b))
        return -EINVAL;
    *order = version_numbers_compare(&a, &b);
    if (openssl_take_letters(&a, &x) || openssl_take_letters(&b, &y))
        return -EINVAL;
    if (!*order)
        *order = openssl_letters_compare(x, y);
    return *order ? 0 : version_suffix_compare(a, b, order);
}

bool version_openssl_fits(const char *text)
{
    struct version_run letters;
    int numbers = 0;

    do {
        text += numbers > 0;
        if (!version_digits_take(&text).len)
            return false;
        numbers++;
    } while (*text == '.');
    return numbers == 3 && !openssl_take_letters(&text, &letters) && letters.len;
}
