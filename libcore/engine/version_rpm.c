/* RPM versions: [epoch:]version[-release], compared as rpm's rpmvercmp() does (rpm-version(7)). */
#include <errno.h>
#include <string.h>

#include "engine/version_internal.h"

#define RPM_ALPHABET "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.+~^_-:"

struct rpm {
    struct version_run epoch, version, release; /* runs of text; release.at NULL: none */
};

static const char *rpm_end(struct version_run text)
{
    return text.at + text.len;
}

static bool rpm_is_separator(char c)
{
    return !version_is_alnum(c) && c != '~' && c != '^';
}

static void rpm_skip_separators(struct version_run *text)
{
    while (text->len && rpm_is_separator(*text->at)) {
        text->at++;
        text->len--;
    }
}

/* The run of digits or of letters at the start, taken off. */
static struct version_run rpm_segment(struct version_run *text, bool digits)
{
    struct version_run segment = {text->at, 0};

    while (segment.len < text->len &&
           (digits ? version_is_digit : version_is_letter)(text->at[segment.len]))
        segment.len++;
    text->at += segment.len;
    text->len -= segment.len;
    return segment;
}

static bool rpm_at(struct version_run text, char c)
{
    return text.len && *text.at == c;
}

/* '~' is before the end, '^' behind it but before everything else. *done: there was one. */
static int rpm_marks(struct version_run *a, struct version_run *b, bool *both)
{
    static const char marks[] = {'~', '^'};

    *both = false;
    for (int i = 0; i < 2; i++) {
        bool x = rpm_at(*a, marks[i]), y = rpm_at(*b, marks[i]);

        if (x && y) {
            *a = (struct version_run){a->at + 1, a->len - 1};
            *b = (struct version_run){b->at + 1, b->len - 1};
            *both = true;
            return 0;
        }
        if (x != y && marks[i] == '~')
            return x ? -1 : 1;
        if (x)
            return b->len ? -1 : 1;
        if (y)
            return a->len ? 1 : -1;
    }
    return 0;
}

static int rpm_letters_compare(struct version_run a, struct version_run b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.at, b.at, least);

    return order ? (order > 0) - (order < 0) : (a.len > b.len) - (a.len < b.len);
}

/* One segment of each: numbers are newer than letters. */
static int rpm_segments(struct version_run *a, struct version_run *b)
{
    bool digits = version_is_digit(*a->at);
    struct version_run x = rpm_segment(a, digits), y = rpm_segment(b, digits);

    if (!y.len)
        return digits ? 1 : -1;
    return digits ? version_digits_compare(x, y) : rpm_letters_compare(x, y);
}

static int rpm_compare(struct version_run a, struct version_run b)
{
    int order = 0;
    bool both;

    while (!order && (a.len || b.len)) {
        rpm_skip_separators(&a);
        rpm_skip_separators(&b);
        order = rpm_marks(&a, &b, &both);
        if (order || both)
            continue;
        if (!a.len || !b.len)
            break;
        order = rpm_segments(&a, &b);
    }
    return order ? order : (a.len > 0) - (b.len > 0);
}

int version_rpm_part_compare(const char *a, const char *b)
{
    return rpm_compare((struct version_run){a, strlen(a)}, (struct version_run){b, strlen(b)});
}

static int rpm_parse(const char *text, struct rpm *out)
{
    size_t digits = strspn(text, "0123456789");
    const char *hyphen = strrchr(text, '-');

    *out = (struct rpm){.version = {text, strlen(text)}};
    if (!*text || strspn(text, RPM_ALPHABET) != out->version.len)
        return -EINVAL;
    if (text[digits] == ':') {
        out->epoch = (struct version_run){text, digits};
        out->version.at += digits + 1;
        out->version.len -= digits + 1;
    }
    if (hyphen && hyphen >= out->version.at) {
        out->release.at = hyphen + 1;
        out->release.len = (size_t)(rpm_end(out->version) - out->release.at);
        out->version.len = (size_t)(hyphen - out->version.at);
    }
    return out->version.len && version_is_alnum(*out->version.at) ? 0 : -EINVAL;
}

int version_rpm_compare(const char *a, const char *b, int *order)
{
    struct rpm x, y;

    if (rpm_parse(a, &x) || rpm_parse(b, &y))
        return -EINVAL;
    *order = version_digits_compare(x.epoch, y.epoch);
    if (!*order)
        *order = rpm_compare(x.version, y.version);
    if (!*order && x.release.at && y.release.at)
        *order = rpm_compare(x.release, y.release);
    else if (!*order)
        *order = (x.release.at != NULL) - (y.release.at != NULL);
    return 0;
}
