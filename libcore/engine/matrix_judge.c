/* What was seen in order, cell by cell, and what there is to say about a cell alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/matrix_internal.h"

/* --- the order of members --------------------------------------------------------------------- */

static int judge_order(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int judge_by_place(const void *a, const void *b)
{
    const struct matrix_member *x = a, *y = b;
    int order = judge_order(x->component, y->component);

    if (!order)
        order = judge_order(x->environment, y->environment);
    if (!order)
        order = judge_order(x->target, y->target);
    if (!order)
        order = judge_order(x->address.family, y->address.family);
    if (!order)
        order = memcmp(x->address.bytes, y->address.bytes, sizeof(x->address.bytes));
    return order ? order : judge_order(x->port, y->port);
}

/* --- values ----------------------------------------------------------------------------------- */

bool matrix_counts(const struct matrix_component *component, const struct version_product *product)
{
    return !component->product || version_is_named(product, component->product);
}

static bool judge_same(const struct version_product *a, const struct version_product *b)
{
    if (!a || !b)
        return a == b;
    return !strcmp(a->name, b->name) && !strcmp(a->version, b->version) &&
           !strcmp(a->distro, b->distro);
}

static void judge_count_value(struct matrix_cell_result *cell,
                              const struct version_product *product, const char *name)
{
    for (size_t i = 0; i < cell->nvalues; i++) {
        if (!judge_same(cell->values[i].product, product))
            continue;
        cell->values[i].members++;
        return;
    }
    if (cell->nvalues < MATRIX_VALUES_MAX)
        cell->values[cell->nvalues++] = (struct matrix_value){product, name, 1};
}

/* A product that a member shows twice counts once. */
static bool judge_is_repeated(const struct matrix_member *member, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (judge_same(&member->products[i], &member->products[n]))
            return true;
    return false;
}

static void judge_count_member(const struct matrix_component *component,
                               struct matrix_cell_result *cell, const struct matrix_member *member)
{
    bool any = false;

    cell->answered += member->state == MATRIX_ANSWERED;
    cell->failed += member->state == MATRIX_FAILED;
    cell->unmeasured += member->state == MATRIX_UNMEASURED;
    if (member->state != MATRIX_ANSWERED)
        return;
    for (size_t i = 0; i < member->nproducts; i++) {
        if (!matrix_counts(component, &member->products[i]) || judge_is_repeated(member, i))
            continue;
        judge_count_value(cell, &member->products[i], member->names[i]);
        any = true;
    }
    if (!any)
        judge_count_value(cell, NULL, NULL);
}

static size_t judge_most_values(const struct matrix_member *members, size_t count)
{
    size_t most = 0;

    for (size_t i = 0; i < count && most < MATRIX_VALUES_MAX; i++)
        most += members[i].nproducts + 1;
    return most < MATRIX_VALUES_MAX ? most : MATRIX_VALUES_MAX;
}

static int judge_fill_cell(struct matrix_result *result, struct matrix_cell_result *cell,
                           size_t first)
{
    const struct matrix_member *members = result->seen->members + first;
    const struct matrix_component *component = &result->matrix->components[members->component];

    cell->first_member = first;
    while (first + cell->nmembers < result->seen->count &&
           members[cell->nmembers].component == members->component &&
           members[cell->nmembers].environment == members->environment)
        cell->nmembers++;
    cell->values = calloc(judge_most_values(members, cell->nmembers), sizeof(*cell->values));
    if (!cell->values)
        return -ENOMEM;
    for (size_t i = 0; i < cell->nmembers; i++)
        judge_count_member(component, cell, &members[i]);
    result->asked += cell->nmembers;
    result->answered += cell->answered;
    result->failed += cell->failed;
    result->unmeasured += cell->unmeasured;
    return 0;
}

static int judge_fill(struct matrix_result *result)
{
    const struct matrix_seen *seen = result->seen;
    int err = 0;

    for (size_t i = 0; !err && i < seen->count;) {
        const struct matrix_member *m = &seen->members[i];
        struct matrix_cell_result *cell =
            &result->cells[m->component * result->matrix->nenvironments + m->environment];

        err = judge_fill_cell(result, cell, i);
        i += cell->nmembers;
    }
    return err;
}

/* --- findings about one cell ------------------------------------------------------------------ */

int matrix_result_add(struct matrix_result *result, const struct matrix_finding *finding)
{
    if (result->nfindings == result->size) {
        size_t size = result->size ? 2 * result->size : 32;
        struct matrix_finding *grown = reallocarray(result->findings, size, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        result->findings = grown;
        result->size = size;
    }
    result->findings[result->nfindings++] = *finding;
    if (finding->severity > result->severity)
        result->severity = finding->severity;
    return 0;
}

static int judge_members(struct matrix_result *result, struct matrix_finding *finding,
                         const struct matrix_cell_result *cell)
{
    bool differ = false;
    int err = 0;

    for (size_t i = 0; i < cell->nvalues; i++)
        differ |= cell->values[i].members != cell->answered;
    if (!differ)
        return 0;
    finding->kind = MATRIX_MEMBERS;
    finding->severity = MATRIX_WARNING;
    err = matrix_result_add(result, finding);
    return err;
}

static int judge_silent(struct matrix_result *result, struct matrix_finding *finding,
                        const struct matrix_cell_result *cell)
{
    int err = 0;

    for (size_t i = 0; !err && i < cell->nmembers; i++) {
        const struct matrix_member *m = &result->seen->members[cell->first_member + i];

        if (m->state == MATRIX_ANSWERED)
            continue;
        finding->kind = m->state == MATRIX_FAILED ? MATRIX_UNREACHABLE : MATRIX_UNFINISHED;
        finding->severity = m->state == MATRIX_FAILED ? MATRIX_CRITICAL : MATRIX_UNKNOWN;
        finding->member = m;
        err = matrix_result_add(result, finding);
    }
    finding->member = NULL;
    return err;
}

/* Where a rule asks for the version, its finding says so already. */
static int judge_hidden(struct matrix_result *result, struct matrix_finding *finding,
                        const struct matrix_cell_result *cell)
{
    bool shown = false;

    for (size_t i = 0; i < cell->nvalues; i++)
        shown |= cell->values[i].product && *cell->values[i].product->version;
    if (shown || !cell->answered || result->matrix->components[finding->component].nrules)
        return 0;
    finding->kind = MATRIX_HIDDEN;
    finding->severity = MATRIX_NOTICE;
    return matrix_result_add(result, finding);
}

/* --- the baseline ----------------------------------------------------------------------------- */

static bool judge_was(const struct matrix_was *was, const struct version_product *product)
{
    return !strcmp(was->name, product->name) && !strcmp(was->version, product->version) &&
           !strcmp(was->distro, product->distro);
}

static bool judge_has_new(const struct matrix_cell_result *cell)
{
    for (size_t i = 0; i < cell->nvalues; i++) {
        bool known = !cell->values[i].product;

        for (size_t k = 0; !known && k < cell->nwas; k++)
            known = judge_was(&cell->was[k], cell->values[i].product);
        if (!known)
            return true;
    }
    return false;
}

static bool judge_has_lost(const struct matrix_cell_result *cell)
{
    for (size_t k = 0; k < cell->nwas; k++) {
        bool there = false;

        for (size_t i = 0; !there && i < cell->nvalues; i++)
            there = cell->values[i].product && judge_was(&cell->was[k], cell->values[i].product);
        if (!there)
            return true;
    }
    return false;
}

/* Of members that are silent nobody knows what they would have shown. */
static int judge_changed(struct matrix_result *result, struct matrix_finding *finding,
                         const struct matrix_cell_result *cell)
{
    bool whole = cell->answered == cell->nmembers;

    if (!cell->was || !cell->answered || !(judge_has_new(cell) || (whole && judge_has_lost(cell))))
        return 0;
    finding->kind = MATRIX_CHANGED;
    finding->severity = MATRIX_WARNING;
    return matrix_result_add(result, finding);
}

static int judge_cell(struct matrix_result *result, const struct matrix_baseline *baseline,
                      size_t component, size_t environment)
{
    const struct matrix *m = result->matrix;
    struct matrix_cell_result *cell = &result->cells[component * m->nenvironments + environment];
    struct matrix_finding finding = {.component = component, .environment = environment};
    int err;

    if (!cell->nmembers)
        return 0;
    cell->was = matrix_baseline_find(baseline, m->components[component].name,
                                     m->environments[environment], &cell->nwas);
    err = judge_changed(result, &finding, cell);
    if (!err)
        err = judge_members(result, &finding, cell);
    if (!err)
        err = judge_silent(result, &finding, cell);
    if (!err)
        err = judge_hidden(result, &finding, cell);
    return err;
}

static int judge_cells(struct matrix_result *result, const struct matrix_baseline *baseline)
{
    int err = 0;

    for (size_t c = 0; !err && c < result->matrix->ncomponents; c++)
        for (size_t e = 0; !err && e < result->matrix->nenvironments; e++)
            err = judge_cell(result, baseline, c, e);
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int judge_by_kind(const void *a, const void *b)
{
    const struct matrix_finding *x = a, *y = b;
    int order = judge_order(x->kind, y->kind);

    if (!order)
        order = judge_order(x->component, y->component);
    if (!order)
        order = judge_order(x->environment, y->environment);
    if (!order && x->member && y->member) /* which are in order themselves */
        order = (x->member > y->member) - (x->member < y->member);
    if (!order && x->rule && y->rule)
        order = strcmp(x->rule, y->rule);
    if (!order && x->kind == MATRIX_DRIFT) /* other software first */
        order = strcasecmp(x->product ? x->product : "", y->product ? y->product : "");
    return order;
}

static void judge_mark(struct matrix_result *result, const struct matrix_finding *finding,
                       struct matrix_cell_result *cell)
{
    cell->marks |= 1u << finding->kind;
    if (finding->severity > cell->severity)
        cell->severity = finding->severity;
    (void)result;
}

static struct matrix_cell_result *judge_cell_of(struct matrix_result *result, size_t component,
                                                size_t environment)
{
    return &result->cells[component * result->matrix->nenvironments + environment];
}

/* Drift marks the whole row, a pair that must not be the cells of both. */
static void judge_mark_cells(struct matrix_result *result, const struct matrix_finding *finding)
{
    if (finding->environment != MATRIX_NONE && finding->component != MATRIX_NONE)
        judge_mark(result, finding,
                   judge_cell_of(result, finding->component, finding->environment));
    if (finding->kind == MATRIX_DRIFT)
        for (size_t e = 0; e < result->matrix->nenvironments; e++)
            if (judge_cell_of(result, finding->component, e)->answered)
                judge_mark(result, finding, judge_cell_of(result, finding->component, e));
    if (finding->kind != MATRIX_INCOMPATIBLE)
        return;
    judge_mark(result, finding,
               judge_cell_of(result, finding->member->component, finding->member->environment));
    judge_mark(result, finding,
               judge_cell_of(result, finding->other->component, finding->other->environment));
}

int matrix_judge(const struct matrix *matrix, struct matrix_seen *seen,
                 const struct matrix_baseline *baseline, struct matrix_result **out)
{
    struct matrix_result *result = calloc(1, sizeof(*result));
    int err;

    if (!result)
        return -ENOMEM;
    if (seen->count)
        qsort(seen->members, seen->count, sizeof(*seen->members), judge_by_place);
    result->matrix = matrix;
    result->seen = seen;
    result->cells = calloc(matrix->ncomponents * matrix->nenvironments, sizeof(*result->cells));
    err = result->cells ? judge_fill(result) : -ENOMEM;
    if (!err)
        err = judge_cells(result, baseline);
    if (!err)
        err = matrix_judge_rules(result);
    if (!err)
        err = matrix_judge_pairs(result);
    if (!err)
        err = matrix_judge_drift(result);
    if (err) {
        matrix_result_free(result);
        return err;
    }
    if (result->nfindings)
        qsort(result->findings, result->nfindings, sizeof(*result->findings), judge_by_kind);
    for (size_t i = 0; i < result->nfindings; i++)
        judge_mark_cells(result, &result->findings[i]);
    *out = result;
    return 0;
}

void matrix_result_free(struct matrix_result *result)
{
    if (!result)
        return;
    for (size_t i = 0;
         result->cells && i < result->matrix->ncomponents * result->matrix->nenvironments; i++)
        free(result->cells[i].values);
    free(result->cells);
    free(result->findings);
    free(result);
}

const struct matrix_cell_result *matrix_result_cell(const struct matrix_result *result,
                                                    size_t component, size_t environment)
{
    return &result->cells[component * result->matrix->nenvironments + environment];
}
