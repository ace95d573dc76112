/* Dotted numbers, and what may stand behind them. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "engine/version_internal.h"

#define DOTTED_ALPHABET "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_+~"

/* In order of time. */
enum dotted_rank {
    DOTTED_DEV,
    DOTTED_ALPHA,
    DOTTED_BETA,
    DOTTED_MILESTONE,
    DOTTED_CANDIDATE,
    DOTTED_RELEASE,
    DOTTED_PATCH,
    DOTTED_IGNORED, /* an edition or a build: says nothing about time */
    DOTTED_UNRANKED,
};

struct dotted_suffix {
    enum dotted_rank rank;
    const char *word;
    size_t word_len;
    struct version_run number;
};

static const struct {
    const char *word;
    enum dotted_rank rank;
} dotted_words[] = {
    {"dev", DOTTED_DEV},
    {"snapshot", DOTTED_DEV},
    {"nightly", DOTTED_DEV},
    {"alpha", DOTTED_ALPHA},
    {"beta", DOTTED_BETA},
    {"m", DOTTED_MILESTONE},
    {"milestone", DOTTED_MILESTONE},
    {"pre", DOTTED_MILESTONE},
    {"preview", DOTTED_MILESTONE},
    {"rc", DOTTED_CANDIDATE},
    {"cr", DOTTED_CANDIDATE},
    {"p", DOTTED_PATCH},
    {"pl", DOTTED_PATCH},
    {"patch", DOTTED_PATCH},
    {"sp", DOTTED_PATCH},
    {"fix", DOTTED_PATCH},
    {"hotfix", DOTTED_PATCH},
    {"final", DOTTED_IGNORED},
    {"ga", DOTTED_IGNORED},
    {"release", DOTTED_IGNORED},
    {"stable", DOTTED_IGNORED},
    {"fips", DOTTED_IGNORED},
    {"log", DOTTED_IGNORED},
    {"ce", DOTTED_IGNORED},
    {"ee", DOTTED_IGNORED},
    {"oss", DOTTED_IGNORED},
    {"lts", DOTTED_IGNORED},
    {"open", DOTTED_IGNORED},
    {"community", DOTTED_IGNORED},
    {"enterprise", DOTTED_IGNORED},
};

#define DOTTED_WORDS (sizeof(dotted_words) / sizeof(dotted_words[0]))

struct version_run version_digits_take(const char **at)
{
    struct version_run digits = {*at, strspn(*at, "0123456789")};

    *at += digits.len;
    return digits;
}

static struct version_run dotted_significant(struct version_run digits)
{
    while (digits.len && *digits.at == '0') {
        digits.at++;
        digits.len--;
    }
    return digits;
}

int version_digits_compare(struct version_run a, struct version_run b)
{
    int order;

    a = dotted_significant(a);
    b = dotted_significant(b);
    if (a.len != b.len)
        return a.len > b.len ? 1 : -1;
    order = a.len ? memcmp(a.at, b.at, a.len) : 0;
    return (order > 0) - (order < 0);
}

/* The next number behind a separator; a missing one when none follows. */
static struct version_run dotted_next(const char **at)
{
    bool more = (**at == '.' || **at == '_') && version_is_digit((*at)[1]);

    if (!more)
        return (struct version_run){*at, 0};
    ++*at;
    return version_digits_take(at);
}

int version_numbers_compare(const char **a, const char **b)
{
    struct version_run x = version_digits_take(a), y = version_digits_take(b);
    int order = 0;

    while (x.len || y.len) {
        if (!order)
            order = version_digits_compare(x, y);
        x = dotted_next(a);
        y = dotted_next(b);
    }
    return order;
}

bool version_is_version(const char *text)
{
    return version_is_digit(*text) && strspn(text, DOTTED_ALPHABET) == strlen(text);
}

static enum dotted_rank dotted_rank(const struct dotted_suffix *suffix)
{
    const char *word = suffix->word;

    for (size_t i = 0; i < DOTTED_WORDS; i++)
        if (strlen(dotted_words[i].word) == suffix->word_len &&
            !strncasecmp(word, dotted_words[i].word, suffix->word_len))
            return dotted_words[i].rank;
    if (suffix->word_len == 1 && *word == 'v' && suffix->number.len == 8)
        return DOTTED_IGNORED; /* Jetty's build date: 9.4.43.v20210629 */
    if (suffix->word_len > 1)
        return DOTTED_UNRANKED;
    if (suffix->word_len == 1 && suffix->number.len && (*word == 'a' || *word == 'b'))
        return *word == 'a' ? DOTTED_ALPHA : DOTTED_BETA;
    return DOTTED_PATCH; /* a letter, or one more number behind a hyphen */
}

/* The suffix at *at; false at the end. Build metadata, behind a '+', has no part in it. */
static bool dotted_suffix_next(const char **at, struct dotted_suffix *suffix)
{
    do {
        *at += strspn(*at, ".-_~");
        if (!**at || **at == '+') {
            *suffix = (struct dotted_suffix){.rank = DOTTED_RELEASE, .word = ""};
            return false;
        }
        suffix->word = *at;
        while (version_is_letter(**at))
            ++*at;
        suffix->word_len = (size_t)(*at - suffix->word);
        if (suffix->word_len && (**at == '.' || **at == '-') && version_is_digit((*at)[1]))
            ++*at; /* "rc.1" */
        suffix->number = version_digits_take(at);
        suffix->rank = dotted_rank(suffix);
    } while (suffix->rank == DOTTED_IGNORED);
    return true;
}

static bool dotted_same_word(const struct dotted_suffix *a, const struct dotted_suffix *b)
{
    return a->word_len == b->word_len && !strncasecmp(a->word, b->word, a->word_len);
}

/* Letters have an order among themselves; other words have one only to the same word. */
static int dotted_suffix_order(const struct dotted_suffix *a, const struct dotted_suffix *b,
                               int *order)
{
    bool letters = a->word_len == 1 && b->word_len == 1 && !a->number.len && !b->number.len;

    *order = 0;
    if (a->rank == DOTTED_UNRANKED || b->rank == DOTTED_UNRANKED)
        return dotted_same_word(a, b) && !version_digits_compare(a->number, b->number) ? 0 : -EDOM;
    if (a->rank != b->rank) {
        *order = a->rank > b->rank ? 1 : -1;
        return 0;
    }
    if (a->rank == DOTTED_PATCH && !dotted_same_word(a, b) && !letters)
        return -EDOM;
    if (a->rank == DOTTED_PATCH && letters)
        *order = strncasecmp(a->word, b->word, 1);
    if (!*order)
        *order = version_digits_compare(a->number, b->number);
    return 0;
}

int version_suffix_compare(const char *a, const char *b, int *order)
{
    struct dotted_suffix x, y;
    bool more_a, more_b;
    int err;

    do {
        more_a = dotted_suffix_next(&a, &x);
        more_b = dotted_suffix_next(&b, &y);
        err = dotted_suffix_order(&x, &y, order);
    } while (!err && !*order && more_a && more_b);
    return err;
}

bool version_suffix_is_prerelease(const char *suffix)
{
    struct dotted_suffix first;

    return dotted_suffix_next(&suffix, &first) && first.word_len > 1 && first.rank < DOTTED_RELEASE;
}

int version_dotted_compare(const char *a, const char *b, int *order)
{
    a += *a == 'v' || *a == 'V';
    b += *b == 'v' || *b == 'V';
    if (!version_is_version(a) || !version_is_version(b))
        return -EINVAL;
    *order = version_numbers_compare(&a, &b);
    return *order ? 0 : version_suffix_compare(a, b, order);
}
