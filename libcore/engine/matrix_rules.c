/* What is judged by rules: what a row requires, what may not be in a column, what may not differ.
 */
#include <string.h>
#include <strings.h>

#include "engine/matrix_internal.h"

/* --- require ---------------------------------------------------------------------------------- */

/* As version_expect.h has it: a violation that no patch mends is the worst. */
static int rule_rank(const struct version_verdict *verdict)
{
    return 2 * (int)verdict->result - verdict->may_be_patched;
}

/* The worst of the member's products that bear the name. */
static struct version_verdict rule_judge(const struct version_expectation *expectation,
                                         const struct matrix_member *member)
{
    struct version_verdict worst = {.result = VERSION_OPEN, .reason = "no product has that name"};

    for (size_t i = 0; i < member->nproducts; i++) {
        const struct version_product *product = &member->products[i];
        struct version_verdict verdict;

        if (!version_is_named(product, expectation->name))
            continue;
        verdict = version_expect_judge(expectation, product);
        verdict.product = product;
        if (!worst.product || rule_rank(&verdict) > rule_rank(&worst))
            worst = verdict;
    }
    return worst;
}

static enum matrix_severity rule_severity(enum version_result result, bool may_be_patched)
{
    if (result == VERSION_OPEN)
        return MATRIX_UNKNOWN;
    return may_be_patched ? MATRIX_WARNING : MATRIX_CRITICAL;
}

/* About the worst of the members for which the rule has this result. */
static int rule_judge_result(struct matrix_result *result, const struct matrix_rule *rule,
                             const struct matrix_cell_result *cell, enum version_result wanted)
{
    struct matrix_finding finding = {.kind = MATRIX_REQUIRE, .rule = rule->text, .result = wanted};
    int worst = 0;

    for (size_t i = 0; i < cell->nmembers; i++) {
        const struct matrix_member *m = &result->seen->members[cell->first_member + i];
        struct version_verdict verdict;

        if (m->state != MATRIX_ANSWERED)
            continue;
        verdict = rule_judge(&rule->expectation, m);
        if (verdict.result != wanted || rule_rank(&verdict) <= worst)
            continue;
        worst = rule_rank(&verdict);
        finding.component = m->component;
        finding.environment = m->environment;
        finding.member = m;
        finding.first = verdict.product;
        finding.reason = verdict.reason;
        finding.may_be_patched = verdict.may_be_patched;
        finding.severity = rule_severity(verdict.result, verdict.may_be_patched);
    }
    return worst ? matrix_result_add(result, &finding) : 0;
}

/* What is broken does not hide what nobody knows, nor the other way round. */
static int rule_judge_cell(struct matrix_result *result, const struct matrix_rule *rule,
                           const struct matrix_cell_result *cell)
{
    int err = rule_judge_result(result, rule, cell, VERSION_VIOLATED);

    return err ? err : rule_judge_result(result, rule, cell, VERSION_OPEN);
}

int matrix_judge_rules(struct matrix_result *result)
{
    const struct matrix *m = result->matrix;
    int err = 0;

    for (size_t c = 0; !err && c < m->ncomponents; c++)
        for (size_t e = 0; !err && e < m->nenvironments; e++)
            for (size_t i = 0; !err && i < m->components[c].nrules; i++)
                err = rule_judge_cell(result, &m->components[c].rules[i],
                                      matrix_result_cell(result, c, e));
    return err;
}

/* --- incompatible ----------------------------------------------------------------------------- */

/* How surely a product is one side of a pair. */
enum pair_match {
    PAIR_NO,
    PAIR_MAY_BE,    /* its version is not known well enough */
    PAIR_BY_NUMBER, /* a distribution's build: what makes it incompatible may be mended */
    PAIR_CERTAINLY,
};

struct pair_side {
    enum pair_match match;
    const struct matrix_member *member;
    const struct version_product *product;
    const char *reason;
};

/* Whether being newer than it looks could take the product out of the range. */
static bool pair_has_upper_end(const struct version_expectation *e)
{
    for (size_t i = 0; i < e->nterms; i++)
        if (e->terms[i]
                .
                operator== VERSION_LESS || e->terms[i]
                .
                operator== VERSION_AT_MOST || e->terms[i]
                .
                operator== VERSION_EQUAL)
            return true;
    return false;
}

static struct pair_side pair_match(const struct version_expectation *e,
                                   const struct matrix_member *member,
                                   const struct version_product *product)
{
    struct pair_side side = {PAIR_NO, member, product, NULL};
    struct version_verdict verdict;

    if (!version_is_named(product, e->name))
        return side;
    verdict = version_expect_judge(e, product);
    side.reason = verdict.reason;
    if (verdict.result == VERSION_OPEN)
        side.match = PAIR_MAY_BE;
    else if (verdict.result == VERSION_MET)
        side.match =
            product->distro_build && pair_has_upper_end(e) ? PAIR_BY_NUMBER : PAIR_CERTAINLY;
    return side;
}

/* The surest match of a column, other than one product. */
static struct pair_side pair_find(const struct matrix_result *result, size_t environment,
                                  const struct version_expectation *e,
                                  const struct version_product *but)
{
    struct pair_side best = {PAIR_NO, NULL, NULL, NULL};

    for (size_t i = 0; i < result->seen->count && best.match != PAIR_CERTAINLY; i++) {
        const struct matrix_member *m = &result->seen->members[i];

        if (m->environment != environment || m->state != MATRIX_ANSWERED)
            continue;
        for (size_t k = 0; k < m->nproducts; k++) {
            struct pair_side side = pair_match(e, m, &m->products[k]);

            if (side.match > best.match && side.product != but)
                best = side;
        }
    }
    return best;
}

static int pair_judge(struct matrix_result *result, size_t environment,
                      const struct matrix_pair *pair)
{
    struct pair_side first = pair_find(result, environment, &pair->first, NULL);
    struct pair_side second = {PAIR_NO, NULL, NULL, NULL};
    struct matrix_finding finding;
    enum pair_match match;

    if (first.match)
        second = pair_find(result, environment, &pair->second, first.product);
    match = first.match < second.match ? first.match : second.match;
    if (!match)
        return 0;
    finding = (struct matrix_finding){
        .kind = MATRIX_INCOMPATIBLE,
        .component = MATRIX_NONE,
        .environment = environment,
        .rule = pair->text,
        .because = pair->because,
        .result = match == PAIR_MAY_BE ? VERSION_OPEN : VERSION_VIOLATED,
        .reason =
            match == PAIR_MAY_BE ? first.match == PAIR_MAY_BE ? first.reason : second.reason : NULL,
        .may_be_patched = match == PAIR_BY_NUMBER,
        .member = first.member,
        .other = second.member,
        .first = first.product,
        .second = second.product,
    };
    finding.severity = rule_severity(finding.result, finding.may_be_patched);
    return matrix_result_add(result, &finding);
}

int matrix_judge_pairs(struct matrix_result *result)
{
    const struct matrix *m = result->matrix;
    int err = 0;

    for (size_t e = 0; !err && e < m->nenvironments; e++)
        for (size_t i = 0; !err && i < m->npairs; i++)
            err = pair_judge(result, e, &m->pairs[i]);
    return err;
}

/* --- drift ------------------------------------------------------------------------------------ */

/*
 * Whether two products surely have different versions. Of a partial version nobody knows whether it
 * is the other; it is asked of an expectation, which knows that.
 */
static bool drift_differ(const struct version_product *a, const struct version_product *b)
{
    struct version_expectation equal = {.nterms = 1};
    const struct version_product *judged = b->partial ? b : a, *other = b->partial ? a : b;
    enum version_result result;

    if (!*a->version || !*b->version || other->partial)
        return false;
    equal.terms[0].operator= VERSION_EQUAL;
    memcpy(equal.terms[0].version, other->version, sizeof(other->version));
    result = version_expect_judge(&equal, judged).result;
    if (result == VERSION_OPEN) /* no order, but not the same text either */
        return !judged->partial && strcmp(a->version, b->version) != 0;
    return result == VERSION_VIOLATED || strcmp(a->distro, b->distro) != 0;
}

struct drift_place { /* a value of a row */
    size_t environment;
    const struct version_product *product;
};

/* What others are compared with: the first that shows a whole version, else any version. */
static bool drift_reference(const struct matrix_result *result, size_t component, const char *name,
                            struct drift_place *out)
{
    int best = 0;

    for (size_t e = 0; e < result->matrix->nenvironments; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(result, component, e);

        for (size_t i = 0; i < cell->nvalues; i++) {
            const struct version_product *p = cell->values[i].product;
            int rank = !p || !*p->version ? 0 : p->partial ? 1 : 2;

            if (rank <= best || !version_is_named(p, name))
                continue;
            best = rank;
            *out = (struct drift_place){e, p};
        }
    }
    return best > 0;
}

/*
 * Two of one cell that differ are no drift by themselves; that is what its members are about. Where
 * another cell shows the product as well, it must differ from one of the two.
 */
static bool drift_in_row(const struct matrix_result *result, size_t component, const char *name)
{
    bool differs_here = false, elsewhere = false;
    struct drift_place reference = {0, NULL};

    if (!drift_reference(result, component, name, &reference))
        return false;
    for (size_t e = 0; e < result->matrix->nenvironments; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(result, component, e);

        for (size_t i = 0; i < cell->nvalues; i++) {
            const struct version_product *p = cell->values[i].product;
            bool differs;

            if (!p || !*p->version || !version_is_named(p, name))
                continue;
            differs = drift_differ(reference.product, p);
            if (e != reference.environment && differs)
                return true;
            elsewhere |= e != reference.environment && !p->partial;
            differs_here |= differs;
        }
    }
    return differs_here && elsewhere;
}

static bool drift_is_first(const struct matrix_result *result, size_t component, size_t environment,
                           size_t value)
{
    const struct version_product *p =
        matrix_result_cell(result, component, environment)->values[value].product;

    for (size_t e = 0; e <= environment; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(result, component, e);
        size_t end = e == environment ? value : cell->nvalues;

        for (size_t i = 0; i < end; i++)
            if (cell->values[i].product && version_is_named(cell->values[i].product, p->name))
                return false;
    }
    return true;
}

/* Each name of a row once. */
static int drift_judge_names(struct matrix_result *result, size_t component)
{
    struct matrix_finding finding = {.kind = MATRIX_DRIFT,
                                     .severity = MATRIX_WARNING,
                                     .component = component,
                                     .environment = MATRIX_NONE};
    int err = 0;

    for (size_t e = 0; !err && e < result->matrix->nenvironments; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(result, component, e);

        for (size_t i = 0; !err && i < cell->nvalues; i++) {
            const struct version_product *p = cell->values[i].product;

            if (!p || !drift_is_first(result, component, e, i) ||
                !drift_in_row(result, component, p->name))
                continue;
            finding.product = p->name;
            err = matrix_result_add(result, &finding);
        }
    }
    return err;
}

static bool drift_have_common(const struct matrix_cell_result *a,
                              const struct matrix_cell_result *b)
{
    for (size_t i = 0; i < a->nvalues; i++)
        for (size_t k = 0; k < b->nvalues; k++)
            if (a->values[i].product && b->values[k].product &&
                version_is_named(a->values[i].product, b->values[k].product->name))
                return true;
    return false;
}

static bool drift_has_product(const struct matrix_cell_result *cell)
{
    for (size_t i = 0; i < cell->nvalues; i++)
        if (cell->values[i].product)
            return true;
    return false;
}

/* Whether two environments have no product in common: it is other software altogether. */
static bool drift_of_software(const struct matrix_result *result, size_t component)
{
    const struct matrix_cell_result *first = NULL;

    for (size_t e = 0; e < result->matrix->nenvironments; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(result, component, e);

        if (!drift_has_product(cell))
            continue;
        if (first && !drift_have_common(first, cell))
            return true;
        first = first ? first : cell;
    }
    return false;
}

int matrix_judge_drift(struct matrix_result *result)
{
    struct matrix_finding finding = {
        .kind = MATRIX_DRIFT, .severity = MATRIX_WARNING, .environment = MATRIX_NONE};
    int err = 0;

    for (size_t c = 0; !err && c < result->matrix->ncomponents; c++) {
        if (result->matrix->components[c].may_differ)
            continue;
        finding.component = c;
        if (drift_of_software(result, c))
            err = matrix_result_add(result, &finding);
        if (!err)
            err = drift_judge_names(result, c);
    }
    return err;
}
