/* What the files of the version engine share with each other and with nobody else. */
#ifndef NETDX_ENGINE_VERSION_INTERNAL_H
#define NETDX_ENGINE_VERSION_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* A run of digits of any length (none is made a machine number), or of letters. */
struct version_run {
    const char *at;
    size_t len; /* 0: missing, which is 0 */
};

static inline bool version_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool version_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool version_is_alnum(char c)
{
    return version_is_digit(c) || version_is_letter(c);
}

/* The digits at *at, which moves behind them. */
struct version_run version_digits_take(const char **at);
int version_digits_compare(struct version_run a, struct version_run b);

/*
 * Numbers separated by '.' or '_', as far as there are any; both move to their suffixes. The order
 * is that of the numbers. `first`: the numbers begin here, without a separator before them.
 */
int version_numbers_compare(const char **a, const char **b);

/* Whether the text is made of what versions are made of, and begins with a number. */
bool version_is_version(const char *text);

/*
 * The schemes. 0 with *order below, at or above zero; -EINVAL: a text is no version of the scheme;
 * -EDOM: they differ in a suffix whose rank is not known.
 */
int version_semver_compare(const char *a, const char *b, bool strict, int *order);
int version_dotted_compare(const char *a, const char *b, int *order);
int version_openssl_compare(const char *a, const char *b, int *order);
int version_openssh_compare(const char *a, const char *b, int *order);
int version_deb_compare(const char *a, const char *b, int *order);
int version_rpm_compare(const char *a, const char *b, int *order);

/* The part behind the numbers: pre-releases before it, letters and patch levels after it. */
int version_suffix_compare(const char *a, const char *b, int *order);
/* Whether a suffix begins with the name of a pre-release: "rc1", "beta.2". */
bool version_suffix_is_prerelease(const char *suffix);

/* One part of a Debian version, and of an RPM one. */
int version_deb_part_compare(const char *a, const char *b);
int version_rpm_part_compare(const char *a, const char *b);

/* Whether the upstream version has a shape that only this scheme gives sense to. */
bool version_openssl_fits(const char *text);
bool version_openssh_fits(const char *text);
bool version_semver_fits(const char *text);

#endif
