/* What is judged by rules: what a row requires, what may not be in a column, what may not differ.
 */
#include <errno.h>
#include <stdlib.h>
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
                                         const char *name, const struct matrix_member *member)
{
    struct version_verdict worst = {.result = VERSION_OPEN, .reason = "no product has that name"};

    for (size_t i = 0; i < member->nproducts; i++) {
        const struct version_product *product = &member->products[i];
        struct version_verdict verdict;

        if (strcasecmp(member->names[i], name) != 0)
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
    const char *name = version_common_name(rule->expectation.name);
    int worst = 0;

    for (size_t i = 0; i < cell->nmembers; i++) {
        const struct matrix_member *m = &result->seen->members[cell->first_member + i];
        struct version_verdict verdict;

        if (m->state != MATRIX_ANSWERED)
            continue;
        verdict = rule_judge(&rule->expectation, name, m);
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

/* Of a product that bears the name. */
static struct pair_side pair_match(const struct version_expectation *e,
                                   const struct matrix_member *member,
                                   const struct version_product *product)
{
    struct pair_side side = {PAIR_NO, member, product, NULL};
    struct version_verdict verdict;

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
    const char *name = version_common_name(e->name);

    for (size_t i = 0; i < result->seen->count && best.match != PAIR_CERTAINLY; i++) {
        const struct matrix_member *m = &result->seen->members[i];

        if (m->environment != environment || m->state != MATRIX_ANSWERED)
            continue;
        for (size_t k = 0; k < m->nproducts; k++) {
            struct pair_side side;

            if (&m->products[k] == but || strcasecmp(m->names[k], name) != 0)
                continue;
            side = pair_match(e, m, &m->products[k]);
            if (side.match > best.match)
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

struct drift_entry { /* a value of a row */
    const char *name;
    const struct version_product *product;
    size_t environment;
};

struct drift_row {
    struct matrix_result *result;
    size_t component;
    struct drift_entry *entries; /* by name, then by environment */
    size_t count;
};

static int drift_by_name(const void *a, const void *b)
{
    const struct drift_entry *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);

    if (!order)
        order = (x->environment > y->environment) - (x->environment < y->environment);
    return order ? order : (x->product > y->product) - (x->product < y->product);
}

static void drift_fill(struct drift_row *row)
{
    row->count = 0;
    for (size_t e = 0; e < row->result->matrix->nenvironments; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(row->result, row->component, e);

        for (size_t i = 0; i < cell->nvalues; i++)
            if (cell->values[i].product)
                row->entries[row->count++] =
                    (struct drift_entry){cell->values[i].name, cell->values[i].product, e};
    }
    qsort(row->entries, row->count, sizeof(*row->entries), drift_by_name);
}

/* Behind the last entry with the same name. */
static size_t drift_group_end(const struct drift_row *row, size_t first)
{
    size_t end = first + 1;

    while (end < row->count && !strcasecmp(row->entries[end].name, row->entries[first].name))
        end++;
    return end;
}

/* What others are compared with: the first that shows a whole version, else any. */
static const struct drift_entry *drift_reference(const struct drift_entry *entries, size_t count)
{
    const struct drift_entry *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!*entries[i].product->version)
            continue;
        if (!entries[i].product->partial)
            return &entries[i];
        best = best ? best : &entries[i];
    }
    return best;
}

/*
 * Two of one cell that differ are no drift by themselves; that is what its members are about. Where
 * another cell shows the product as well, it must differ from one of the two.
 */
static bool drift_in_group(const struct drift_entry *entries, size_t count)
{
    const struct drift_entry *reference = drift_reference(entries, count);
    bool differs_here = false, elsewhere = false;

    for (size_t i = 0; reference && i < count; i++) {
        const struct version_product *p = entries[i].product;
        bool differs = drift_differ(reference->product, p);

        if (entries[i].environment != reference->environment && differs)
            return true;
        if (entries[i].environment != reference->environment)
            elsewhere |= *p->version && !p->partial;
        else
            differs_here |= differs;
    }
    return differs_here && elsewhere;
}

/*
 * Whether two environments have no product in common: it is other software altogether. The first
 * that shows any is compared with the others.
 */
static bool drift_of_software(const struct drift_row *row)
{
    uint64_t shows = 0, common = 0; /* a bit for each environment */
    size_t first = MATRIX_ENVIRONMENTS_MAX;

    for (size_t i = 0; i < row->count; i++) {
        shows |= UINT64_C(1) << row->entries[i].environment;
        first = row->entries[i].environment < first ? row->entries[i].environment : first;
    }
    for (size_t i = 0, end; i < row->count; i = end) {
        end = drift_group_end(row, i);
        if (row->entries[i].environment != first) /* the group's smallest */
            continue;
        for (size_t k = i; k < end; k++)
            common |= UINT64_C(1) << row->entries[k].environment;
    }
    return shows != common;
}

static int drift_judge_row(struct drift_row *row)
{
    struct matrix_finding finding = {.kind = MATRIX_DRIFT,
                                     .severity = MATRIX_WARNING,
                                     .component = row->component,
                                     .environment = MATRIX_NONE};
    int err = 0;

    drift_fill(row);
    if (drift_of_software(row))
        err = matrix_result_add(row->result, &finding);
    for (size_t i = 0, end; !err && i < row->count; i = end) {
        end = drift_group_end(row, i);
        finding.product = row->entries[i].name;
        if (drift_in_group(row->entries + i, end - i))
            err = matrix_result_add(row->result, &finding);
    }
    return err;
}

int matrix_judge_drift(struct matrix_result *result)
{
    const struct matrix *m = result->matrix;
    struct drift_row row = {.result = result};
    int err = 0;

    row.entries = calloc(m->nenvironments * MATRIX_VALUES_MAX, sizeof(*row.entries));
    if (!row.entries)
        return -ENOMEM;
    for (size_t c = 0; !err && c < m->ncomponents; c++) {
        row.component = c;
        if (!m->components[c].may_differ)
            err = drift_judge_row(&row);
    }
    free(row.entries);
    return err;
}
