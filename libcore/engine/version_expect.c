#include "engine/version_expect.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "engine/version_internal.h"

#define EXPECT_OPERATORS "<>=!"
#define EXPECT_BLANKS    " \t"

/* --- parsing ---------------------------------------------------------------------------------- */

struct expect_parser {
    const char *text, *at;
    struct version_expect_error *error;
};

static int expect_fail(const struct expect_parser *p, const char *what)
{
    char shown[TEXT_ESCAPED_SIZE(16)];
    size_t len = strnlen(p->at, 16);

    p->error->column = (size_t)(p->at - p->text) + 1;
    text_escape(shown, sizeof(shown), p->at, len);
    if (len)
        text_format(p->error->message, sizeof(p->error->message), "%s, not \"%s%s\"", what, shown,
                    p->at[len] ? "..." : "");
    else
        text_format(p->error->message, sizeof(p->error->message), "%s, not the end", what);
    return -EINVAL;
}

static void expect_skip_blanks(struct expect_parser *p)
{
    p->at += strspn(p->at, EXPECT_BLANKS);
}

static int expect_name(struct expect_parser *p, struct version_expectation *out)
{
    size_t len;

    expect_skip_blanks(p);
    len = strcspn(p->at, EXPECT_OPERATORS ",");
    while (len && strchr(EXPECT_BLANKS, p->at[len - 1]))
        len--;
    if (!len)
        return expect_fail(p, "expected the name of a product");
    if (len >= sizeof(out->name))
        return expect_fail(p, "expected a name of at most 63 bytes");
    if (!text_is_safe(p->at, len))
        return expect_fail(p, "expected a name that can be printed");
    memcpy(out->name, p->at, len);
    p->at += len;
    expect_skip_blanks(p);
    return 0;
}

static int expect_operator(struct expect_parser *p, enum version_operator *out)
{
    static const struct {
        const char *text;
        enum version_operator operator;
    } operators[] = {
        {">=", VERSION_AT_LEAST},  {"<=", VERSION_AT_MOST}, {"==", VERSION_EQUAL},
        {"!=", VERSION_NOT_EQUAL}, {">", VERSION_GREATER},  {"<", VERSION_LESS},
        {"=", VERSION_EQUAL},
    };

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        size_t len = strlen(operators[i].text);

        if (strncmp(p->at, operators[i].text, len) != 0)
            continue;
        *out = operators[i].operator;
        p->at += len;
        expect_skip_blanks(p);
        return 0;
    }
    return expect_fail(p, "expected one of >= > <= < == = !=");
}

static int expect_term(struct expect_parser *p, struct version_term *term)
{
    size_t len, digits;
    int err = expect_operator(p, &term->operator);

    if (err)
        return err;
    len = strcspn(p->at, EXPECT_OPERATORS "," EXPECT_BLANKS);
    digits = strcspn(p->at, "0123456789");
    if (digits >= len || digits > 1 || !text_is_safe(p->at, len))
        return expect_fail(p, "expected a version");
    if (len >= sizeof(term->version))
        return expect_fail(p, "expected a version of at most 95 bytes");
    memcpy(term->version, p->at, len);
    p->at += len;
    expect_skip_blanks(p);
    return 0;
}

static int expect_terms(struct expect_parser *p, struct version_expectation *out)
{
    int err = 0;

    while (!err) {
        if (out->nterms == VERSION_TERMS_MAX)
            return expect_fail(p, "expected at most 8 conditions");
        err = expect_term(p, &out->terms[out->nterms++]);
        if (err || !*p->at)
            break;
        if (*p->at != ',')
            return expect_fail(p, "expected a comma or the end");
        p->at++;
        expect_skip_blanks(p);
    }
    return err;
}

int version_expect_parse(const char *text, struct version_expectation *out,
                         struct version_expect_error *error)
{
    struct expect_parser p = {.text = text, .at = text, .error = error};
    struct version_expectation parsed = {0};
    int err = expect_name(&p, &parsed);

    if (!err && *p.at)
        err = expect_terms(&p, &parsed);
    if (!err)
        *out = parsed;
    return err;
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool expect_holds(enum version_operator operator, enum version_order order)
{
    switch (operator) {
    case VERSION_LESS:
        return order == VERSION_LT;
    case VERSION_AT_MOST:
        return order != VERSION_GT;
    case VERSION_EQUAL:
        return order == VERSION_EQ;
    case VERSION_NOT_EQUAL:
        return order != VERSION_EQ;
    case VERSION_AT_LEAST:
        return order != VERSION_LT;
    case VERSION_GREATER:
        break;
    }
    return order == VERSION_GT;
}

/* "2.4.50" has all the numbers of "2.4" and more behind them. */
static bool expect_goes_on(const char *version, const char *expected)
{
    size_t len = strlen(version);

    return !strncmp(expected, version, len) && (!expected[len] || expected[len] == '.');
}

/*
 * A partial version stands for all that begin with it, from itself up to the next one. The answer
 * for the whole range is the one its two ends agree on; equality needs them to be on one side.
 */
static enum version_result expect_partial(const struct version_product *product,
                                          const struct version_term *term, enum version_order order)
{
    bool inside = expect_goes_on(product->version, term->version);
    enum version_order last = inside ? VERSION_GT : order;
    bool equality = term->operator== VERSION_EQUAL || term->operator== VERSION_NOT_EQUAL;
    bool low = expect_holds(term->operator, order), high = expect_holds(term->operator, last);

    if (low != high || (equality && inside))
        return VERSION_OPEN;
    return low ? VERSION_MET : VERSION_VIOLATED;
}

/* Whether being newer than it looks could mend what the number breaks. */
static bool expect_is_mendable(enum version_operator operator)
{
    return operator== VERSION_AT_LEAST || operator== VERSION_GREATER || operator==
        VERSION_NOT_EQUAL;
}

/* The tail that is expected is no upstream's: without one nobody can tell. */
static bool expect_wants_tail(const struct version_product *product,
                              const struct version_term *term, enum version_order order)
{
    struct version_parts parts;

    return order == VERSION_EQ && !product->distro_build && !version_split(term->version, &parts) &&
           parts.packager;
}

static struct version_verdict expect_judge_term(const struct version_product *product,
                                                const struct version_term *term)
{
    struct version_answer answer = version_compare_product(product, term->version);
    struct version_verdict verdict = {.product = product,
                                      .lower_bound = version_is_lower_bound(product)};

    if (answer.order > VERSION_GT || expect_wants_tail(product, term, answer.order)) {
        verdict.result = VERSION_OPEN;
        verdict.reason = answer.order == VERSION_UNKNOWN ? "it shows no version"
                         : answer.reason                 ? answer.reason
                                                         : "it does not show who built it";
        return verdict;
    }
    if (product->partial)
        verdict.result = expect_partial(product, term, answer.order);
    else
        verdict.result =
            expect_holds(term->operator, answer.order) ? VERSION_MET : VERSION_VIOLATED;
    if (verdict.result == VERSION_OPEN)
        verdict.reason = "it does not show its whole version";
    verdict.may_be_patched = verdict.result == VERSION_VIOLATED && product->distro_build &&
                             expect_is_mendable(term->operator);
    return verdict;
}

/* A violation that no patch mends is the worst. */
static int expect_severity(const struct version_verdict *verdict)
{
    return 2 * (int)verdict->result - verdict->may_be_patched;
}

struct version_verdict version_expect_judge(const struct version_expectation *expectation,
                                            const struct version_product *product)
{
    struct version_verdict worst = {.product = product,
                                    .lower_bound = version_is_lower_bound(product)};

    for (size_t i = 0; i < expectation->nterms; i++) {
        struct version_verdict verdict = expect_judge_term(product, &expectation->terms[i]);

        if (expect_severity(&verdict) > expect_severity(&worst))
            worst = verdict;
    }
    return worst;
}

struct version_verdict version_expect_judge_all(const struct version_expectation *expectation,
                                                const struct version_list *list)
{
    struct version_verdict worst = {.result = VERSION_OPEN, .reason = "no product has that name"};

    for (size_t i = 0; i < list->count; i++) {
        const struct version_product *product = &list->products[i];
        struct version_verdict verdict;

        if (!version_is_named(product, expectation->name))
            continue;
        verdict = version_expect_judge(expectation, product);
        if (!worst.product || expect_severity(&verdict) > expect_severity(&worst))
            worst = verdict;
    }
    return worst;
}

const char *version_result_name(enum version_result result)
{
    static const char *const names[] = {"met", "unknown", "violated"};

    return names[result];
}
