/* A baseline is JSON: {"schema": "netdx.baseline/1", "cells": [{component, environment,
 * products}]}. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/matrix_internal.h"

#define BASELINE_SCHEMA  "netdx.baseline/1"
#define BASELINE_INVALID "is no baseline: "

struct baseline_cell {
    char *component, *environment;
    struct matrix_was *products;
    size_t nproducts;
};

struct matrix_baseline {
    struct baseline_cell *cells;
    size_t ncells;
};

/* --- reading ---------------------------------------------------------------------------------- */

static void baseline_release_cell(struct baseline_cell *cell)
{
    for (size_t i = 0; i < cell->nproducts; i++) {
        free(cell->products[i].name);
        free(cell->products[i].version);
        free(cell->products[i].distro);
    }
    free(cell->products);
    free(cell->component);
    free(cell->environment);
}

void matrix_baseline_free(struct matrix_baseline *baseline)
{
    if (!baseline)
        return;
    for (size_t i = 0; i < baseline->ncells; i++)
        baseline_release_cell(&baseline->cells[i]);
    free(baseline->cells);
    free(baseline);
}

static int baseline_fail(struct document_error *error, const char *what, const char *field,
                         size_t n)
{
    text_format(error->field, sizeof(error->field), "%s[%zu]", field, n);
    text_format(error->message, sizeof(error->message), BASELINE_INVALID "%s", what);
    return -EINVAL;
}

/* A member that is a printable string; "" where it is null and may be. */
static int baseline_text(const json_t *object, const char *key, bool may_be_null, char **out)
{
    const json_t *member = json_object_get(object, key);
    const char *text = json_is_null(member) && may_be_null ? "" : json_string_value(member);

    if (!text || strlen(text) > VERSION_RAW_SIZE || !text_is_safe(text, strlen(text)))
        return -EINVAL;
    *out = strdup(text);
    return *out ? 0 : -ENOMEM;
}

/* Products' texts are escaped, with backslashes, which text_is_safe would take for unsafe. */
static int baseline_escaped(const json_t *object, const char *key, bool may_be_null, char **out)
{
    const json_t *member = json_object_get(object, key);
    const char *text = json_is_null(member) && may_be_null ? "" : json_string_value(member);
    char raw[VERSION_RAW_SIZE], safe[VERSION_RAW_SIZE];
    size_t len;

    if (!text || strlen(text) >= sizeof(raw))
        return -EINVAL;
    len = text_unescape(raw, text, strlen(text));
    if (text_escape(safe, sizeof(safe), raw, len) >= sizeof(safe)) /* it is written like this */
        return -EINVAL;
    *out = strdup(safe);
    return *out ? 0 : -ENOMEM;
}

static int baseline_product(const json_t *value, struct matrix_was *was)
{
    int err = baseline_escaped(value, "name", false, &was->name);

    if (!err)
        err = baseline_escaped(value, "version", true, &was->version);
    return err ? err : baseline_escaped(value, "distro", true, &was->distro);
}

static int baseline_read_cell(const json_t *value, struct baseline_cell *cell)
{
    const json_t *products = json_object_get(value, "products");
    int err = baseline_text(value, "component", false, &cell->component);

    if (!err)
        err = baseline_text(value, "environment", false, &cell->environment);
    if (!err && !json_is_array(products))
        err = -EINVAL;
    if (err)
        return err;
    cell->products = calloc(json_array_size(products) + 1, sizeof(*cell->products));
    if (!cell->products)
        return -ENOMEM;
    for (size_t i = 0; !err && i < json_array_size(products); i++)
        err = baseline_product(json_array_get(products, i), &cell->products[cell->nproducts++]);
    return err;
}

static int baseline_read(const json_t *document, struct matrix_baseline *baseline,
                         struct document_error *error)
{
    const char *schema = json_string_value(json_object_get(document, "schema"));
    const json_t *cells = json_object_get(document, "cells");
    int err = 0;

    if (!schema || strcmp(schema, BASELINE_SCHEMA) != 0 || !json_is_array(cells)) {
        text_format(error->message, sizeof(error->message),
                    BASELINE_INVALID "its schema is not " BASELINE_SCHEMA);
        return -EINVAL;
    }
    baseline->cells = calloc(json_array_size(cells) + 1, sizeof(*baseline->cells));
    if (!baseline->cells)
        return -ENOMEM;
    for (size_t i = 0; !err && i < json_array_size(cells); i++) {
        err = baseline_read_cell(json_array_get(cells, i), &baseline->cells[baseline->ncells++]);
        if (err == -EINVAL)
            baseline_fail(error, "a cell needs component, environment and products", "cells", i);
    }
    return err;
}

int matrix_baseline_parse(const char *json, size_t len, struct matrix_baseline **out,
                          struct document_error *error)
{
    struct matrix_baseline *baseline;
    json_error_t problem;
    json_t *document;
    int err;

    *error = (struct document_error){0};
    document = json_loadb(json, len, JSON_REJECT_DUPLICATES, &problem);
    if (!document) {
        char safe[TEXT_ESCAPED_SIZE(JSON_ERROR_TEXT_LENGTH)];

        text_escape(safe, sizeof(safe), problem.text, strlen(problem.text));
        text_format(error->message, sizeof(error->message), "is not JSON: %.100s", safe);
        error->line = problem.line > 0 ? (size_t)problem.line : 0;
        error->column = problem.column > 0 ? (size_t)problem.column : 0;
        return -EINVAL;
    }
    baseline = calloc(1, sizeof(*baseline));
    err = baseline ? baseline_read(document, baseline, error) : -ENOMEM;
    json_decref(document);
    if (err)
        matrix_baseline_free(baseline);
    else
        *out = baseline;
    return err;
}

const struct matrix_was *matrix_baseline_find(const struct matrix_baseline *baseline,
                                              const char *component, const char *environment,
                                              size_t *count)
{
    *count = 0;
    for (size_t i = 0; baseline && i < baseline->ncells; i++) {
        const struct baseline_cell *cell = &baseline->cells[i];

        if (strcmp(cell->component, component) != 0 || strcmp(cell->environment, environment) != 0)
            continue;
        *count = cell->nproducts;
        return cell->products;
    }
    return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *baseline_string(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static void baseline_add_product(json_t *products, const char *name, const char *version,
                                 const char *distro)
{
    json_t *product = json_object();

    json_object_set_new(product, "name", json_string(name));
    json_object_set_new(product, "version", baseline_string(version));
    json_object_set_new(product, "distro", baseline_string(distro));
    json_array_append_new(products, product);
}

static void baseline_add_cell(json_t *cells, const char *component, const char *environment,
                              json_t *products)
{
    json_t *cell = json_object();

    json_object_set_new(cell, "component", json_string(component));
    json_object_set_new(cell, "environment", json_string(environment));
    json_object_set_new(cell, "products", products);
    json_array_append_new(cells, cell);
}

static json_t *baseline_products_now(const struct matrix_cell_result *cell)
{
    json_t *products = json_array();

    for (size_t i = 0; i < cell->nvalues; i++) {
        const struct version_product *p = cell->values[i].product;

        if (p)
            baseline_add_product(products, p->name, p->version, p->distro);
    }
    return products;
}

static json_t *baseline_products_then(const struct baseline_cell *cell)
{
    json_t *products = json_array();

    for (size_t i = 0; i < cell->nproducts; i++)
        baseline_add_product(products, cell->products[i].name, cell->products[i].version,
                             cell->products[i].distro);
    return products;
}

/* Whether what is seen now takes the place of what the baseline says. */
static bool baseline_replaces(const struct matrix_cell_result *cell, bool accept)
{
    bool differs = cell->marks & 1u << MATRIX_CHANGED;

    return cell->nmembers && cell->answered == cell->nmembers &&
           (!cell->was || (accept && differs));
}

/* The cell of this run that a cell of the baseline is about, or NULL. */
static const struct matrix_cell_result *baseline_now(const struct matrix_result *result,
                                                     const struct baseline_cell *then)
{
    const struct matrix *m = result->matrix;

    for (size_t c = 0; c < m->ncomponents; c++)
        for (size_t e = 0; e < m->nenvironments; e++)
            if (!strcmp(m->components[c].name, then->component) &&
                !strcmp(m->environments[e], then->environment))
                return matrix_result_cell(result, c, e);
    return NULL;
}

/* All the cells of the baseline, in their order, also those that this matrix does not have. */
static bool baseline_write_old(json_t *cells, const struct matrix_result *result,
                               const struct matrix_baseline *old, bool accept)
{
    bool changed = false;

    for (size_t i = 0; old && i < old->ncells; i++) {
        const struct baseline_cell *then = &old->cells[i];
        const struct matrix_cell_result *now = baseline_now(result, then);
        bool replace = now && baseline_replaces(now, accept);

        baseline_add_cell(cells, then->component, then->environment,
                          replace ? baseline_products_now(now) : baseline_products_then(then));
        changed |= replace;
    }
    return changed;
}

static bool baseline_write_new(json_t *cells, const struct matrix_result *result)
{
    const struct matrix *m = result->matrix;
    bool changed = false;

    for (size_t c = 0; c < m->ncomponents; c++) {
        for (size_t e = 0; e < m->nenvironments; e++) {
            const struct matrix_cell_result *cell = matrix_result_cell(result, c, e);

            if (cell->was || !baseline_replaces(cell, false))
                continue;
            baseline_add_cell(cells, m->components[c].name, m->environments[e],
                              baseline_products_now(cell));
            changed = true;
        }
    }
    return changed;
}

char *matrix_baseline_write(const struct matrix_result *result, const struct matrix_baseline *old,
                            bool accept, bool *changed)
{
    json_t *document = json_object(), *cells = json_array();
    char *text, *ended = NULL;
    size_t len;

    *changed = baseline_write_old(cells, result, old, accept);
    *changed |= baseline_write_new(cells, result) || !old;
    json_object_set_new(document, "schema", json_string(BASELINE_SCHEMA));
    json_object_set_new(document, "cells", cells);
    text = json_dumps(document, JSON_INDENT(2));
    json_decref(document);
    len = text ? strlen(text) : 0;
    if (text)
        ended = realloc(text, len + 2);
    if (!ended) {
        free(text);
        return NULL;
    }
    memcpy(ended + len, "\n", 2);
    return ended;
}
