/*
 * Which of two versions is the newer one. There is no order that holds for all software, so every
 * comparison names its scheme:
 *
 *   semver   Semantic Versioning 2.0.0, item 11; a leading "v" is tolerated
 *   dotted   numeric parts, a missing one is 0; alpha < beta < rc < release < letter or patch level
 *   openssl  1.1.1 < 1.1.1a < ... < 1.1.1w; 1.0.2u < 1.0.2za (OpenSSL's release policy)
 *   openssh  9.2p1 < 9.10p1; the portable release 9.0p1 is 9.0
 *   deb      [epoch:]upstream[-revision] (Debian Policy 5.6.12)
 *   rpm      [epoch:]version[-release], as rpm's own rpmvercmp
 *
 * In all schemes but deb and rpm, what a distribution appends ("-0ubuntu0.22.04", "
 * Debian-2+deb12u3",
 * ".el7", "-gke.100") is taken off first: upstream versions are compared, and only when these are
 * equal and both sides were packaged alike, the tails.
 */
#ifndef NETDX_ENGINE_VERSION_ORDER_H
#define NETDX_ENGINE_VERSION_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#define VERSION_TEXT_SIZE 96 /* bytes of a version with its NUL; a longer text is none */

enum version_scheme {
    VERSION_AUTO, /* chosen by the shape of the two versions */
    VERSION_SEMVER,
    VERSION_DOTTED,
    VERSION_OPENSSL,
    VERSION_OPENSSH,
    VERSION_DEB,
    VERSION_RPM,
};

enum version_order {
    VERSION_LT,
    VERSION_EQ,
    VERSION_GT,
    VERSION_UNKNOWN,      /* a side has no version */
    VERSION_INCOMPARABLE, /* no common scheme, or a suffix whose rank nobody knows */
};

struct version_answer {
    enum version_order order;
    enum version_scheme scheme; /* that was used; VERSION_AUTO: none */
    bool distro_build;          /* a side was packaged: fixes may be in it, it is a lower bound */
    const char *reason;         /* static; why there is no order; else NULL */
};

/* NULL and "" are no version. The texts may come from anybody. */
struct version_answer version_compare(enum version_scheme scheme, const char *a, const char *b);

/*
 * As version_compare, for versions of a product whose scheme is known: semver there takes "1.27"
 * for 1.27.0 and "19.03" for 19.3, as people write it; what is no semver is compared as dotted.
 */
struct version_answer version_compare_loosely(enum version_scheme scheme, const char *a,
                                              const char *b);

/* The names end with NULL; an index is its scheme. */
extern const char *const version_scheme_names[];
const char *version_order_name(enum version_order order); /* "lt", "incomparable" */

/* Who appended something to an upstream version. */
enum version_packager {
    VERSION_UPSTREAM, /* nobody */
    VERSION_PACKAGED_DEB,
    VERSION_PACKAGED_RPM,
    VERSION_PACKAGED_OTHER, /* a vendor's build, compared with no other */
};

struct version_parts {
    char upstream[VERSION_TEXT_SIZE];
    char tail[VERSION_TEXT_SIZE]; /* without the separator; "" with VERSION_UPSTREAM */
    enum version_packager packager;
};

/* "9.8.2rc1-RedHat-9.8.2-0.62.rc1.el6" into "9.8.2rc1" and the rest. 0 or -ENAMETOOLONG. */
int version_split(const char *text, struct version_parts *parts);

/* Whether a comment names a distribution that backports fixes: "Ubuntu", "Red Hat/Linux". */
bool version_names_distro(const char *comment);

#endif
