/* OpenSSH: the numbers are OpenBSD's release, pN the portable release of it, of which p1 is first.
 */
#include <errno.h>

#include "engine/version_internal.h"

/* The number behind 'p'; without one it is the first. */
static struct version_run openssh_portable(const char **at)
{
    if (**at != 'p' || !version_is_digit((*at)[1]))
        return (struct version_run){"1", 1};
    ++*at;
    return version_digits_take(at);
}

int version_openssh_compare(const char *a, const char *b, int *order)
{
    struct version_run x, y;

    if (!version_is_version(a) || !version_is_version(b))
        return -EINVAL;
    *order = version_numbers_compare(&a, &b);
    x = openssh_portable(&a);
    y = openssh_portable(&b);
    if (version_is_alnum(*a) || version_is_alnum(*b))
        return -EINVAL; /* 1.1.1w, 9.2p1w */
    if (!*order)
        *order = version_digits_compare(x, y);
    return *order ? 0 : version_suffix_compare(a, b, order);
}

bool version_openssh_fits(const char *text)
{
    const char *end = text;

    if (!version_is_digit(*text))
        return false;
    version_numbers_compare(&text, &end);
    return *text == 'p' && version_is_digit(text[1]);
}
