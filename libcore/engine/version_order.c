#include "engine/version_order.h"

#include <errno.h>
#include <string.h>

#include "engine/version_internal.h"

const char *const version_scheme_names[] = {"auto",    "semver", "dotted", "openssl",
                                            "openssh", "deb",    "rpm",    NULL};

const char *version_order_name(enum version_order order)
{
    static const char *const names[] = {"lt", "eq", "gt", "unknown", "incomparable"};

    return names[order];
}

static struct version_answer order_none(enum version_order order, const char *reason)
{
    return (struct version_answer){.order = order, .reason = reason};
}

static enum version_order order_of(int order)
{
    return order < 0 ? VERSION_LT : order > 0 ? VERSION_GT : VERSION_EQ;
}

static int order_by(enum version_scheme scheme, const char *a, const char *b, bool loose,
                    int *order)
{
    int err;

    switch (scheme) {
    case VERSION_SEMVER:
        err = version_semver_compare(a, b, !loose, order);
        return err && loose ? version_dotted_compare(a, b, order) : err;
    case VERSION_OPENSSL:
        return version_openssl_compare(a, b, order);
    case VERSION_OPENSSH:
        return version_openssh_compare(a, b, order);
    case VERSION_DEB:
        return version_deb_compare(a, b, order);
    case VERSION_RPM:
        return version_rpm_compare(a, b, order);
    case VERSION_AUTO:
    case VERSION_DOTTED:
        break;
    }
    return version_dotted_compare(a, b, order);
}

/* VERSION_AUTO when the two have shapes that exclude each other. */
static enum version_scheme order_choose(const char *a, const char *b)
{
    bool ssl = version_openssl_fits(a) || version_openssl_fits(b);
    bool ssh = version_openssh_fits(a) || version_openssh_fits(b);

    if (ssl && ssh)
        return VERSION_AUTO;
    if (ssl || ssh)
        return ssl ? VERSION_OPENSSL : VERSION_OPENSSH;
    return version_semver_fits(a) && version_semver_fits(b) ? VERSION_SEMVER : VERSION_DOTTED;
}

/* "Debian-2+deb12u3": the name in front is no part of the revision. */
static const char *order_revision(const char *tail)
{
    size_t len = 0;

    while (version_is_letter(tail[len]))
        len++;
    return len && tail[len] == '-' ? tail + len + 1 : tail;
}

static int order_tails(const struct version_parts *a, const struct version_parts *b)
{
    const char *x = order_revision(a->tail), *y = order_revision(b->tail);

    if (a->packager != b->packager)
        return 0;
    if (a->packager == VERSION_PACKAGED_DEB)
        return version_deb_part_compare(x, y);
    return a->packager == VERSION_PACKAGED_RPM ? version_rpm_part_compare(x, y) : 0;
}

static struct version_answer order_answer(enum version_scheme scheme, int err, int order)
{
    struct version_answer answer = {.order = order_of(order), .scheme = scheme};

    if (err) {
        answer.order = VERSION_INCOMPARABLE;
        answer.reason = err == -EDOM ? "they differ in a suffix that has no order"
                                     : "not both are versions of the scheme";
    }
    return answer;
}

static struct version_answer order_upstream(enum version_scheme scheme, const char *a,
                                            const char *b, bool loose)
{
    struct version_parts x, y;
    struct version_answer answer;
    int order = 0, err;

    if (version_split(a, &x) || version_split(b, &y))
        return order_none(VERSION_INCOMPARABLE, "a version is too long");
    if (scheme == VERSION_AUTO)
        scheme = order_choose(x.upstream, y.upstream);
    if (scheme == VERSION_AUTO)
        return order_none(VERSION_INCOMPARABLE, "they belong to different schemes");
    err = order_by(scheme, x.upstream, y.upstream, loose, &order);
    if (!err && !order)
        order = order_tails(&x, &y);
    answer = order_answer(scheme, err, order);
    answer.distro_build = x.packager || y.packager;
    return answer;
}

static bool order_is_missing(const char *text)
{
    return !text || !text[strcspn(text, "0123456789")];
}

static struct version_answer order_compare(enum version_scheme scheme, const char *a, const char *b,
                                           bool loose)
{
    int order = 0, err;

    if (order_is_missing(a) || order_is_missing(b))
        return order_none(VERSION_UNKNOWN, "a side has no version");
    if (scheme != VERSION_DEB && scheme != VERSION_RPM)
        return order_upstream(scheme, a, b, loose);
    err = order_by(scheme, a, b, loose, &order);
    return order_answer(scheme, err, order);
}

struct version_answer version_compare(enum version_scheme scheme, const char *a, const char *b)
{
    return order_compare(scheme, a, b, false);
}

struct version_answer version_compare_loosely(enum version_scheme scheme, const char *a,
                                              const char *b)
{
    return order_compare(scheme, a, b, true);
}
