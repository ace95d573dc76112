#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "report/value.h"
#include "report/versions.h"
#include "report/versions_words.h"

#define JSON_SCHEMA "netdx.versions/1"

static json_t *json_known(const char *safe)
{
    return safe && *safe ? value_safe(safe) : json_null();
}

static json_t *json_product(const struct version_product *p)
{
    json_t *product = json_object();

    json_object_set_new(product, "name", value_safe(p->name));
    json_object_set_new(product, "version", json_known(p->version));
    json_object_set_new(product, "source", json_string(version_kind_source(p->kind)));
    json_object_set_new(product, "distro", json_known(p->distro));
    json_object_set_new(product, "lower_bound", json_boolean(version_is_lower_bound(p)));
    return product;
}

/* Who it is; what it said stands in its cell alone, which findings need not repeat. */
static json_t *json_address(const struct matrix *m, const struct matrix_member *member)
{
    const struct matrix_component *c = &m->components[member->component];
    json_t *value = json_object();

    json_object_set_new(value, "target",
                        value_safe(c->cells[member->environment].targets[member->target].text));
    json_object_set_new(value, "address", value_address(&member->address));
    json_object_set_new(value, "port", value_known(member->port));
    json_object_set_new(
        value, "error",
        value_error(*member->code ? member->code : NULL, *member->detail ? member->detail : NULL));
    return value;
}

static json_t *json_member(const struct matrix *m, const struct matrix_member *member)
{
    json_t *value = json_address(m, member), *products = json_array();

    for (size_t i = 0; i < member->nproducts; i++)
        json_array_append_new(products, json_product(&member->products[i]));
    json_object_set_new(value, "protocol",
                        member->protocol ? json_string(member->protocol) : json_null());
    json_object_set_new(value, "products", products);
    return value;
}

/* --- cells ------------------------------------------------------------------------------------ */

static json_t *json_values(const struct matrix_cell_result *cell)
{
    json_t *values = json_array();

    for (size_t i = 0; i < cell->nvalues; i++) {
        json_t *value;

        if (!cell->values[i].product)
            continue;
        value = json_product(cell->values[i].product);
        json_object_set_new(value, "members", value_count(cell->values[i].members));
        json_array_append_new(values, value);
    }
    return values;
}

static json_t *json_marks(const struct matrix_cell_result *cell)
{
    json_t *marks = json_array();

    for (unsigned kind = 0; kind < MATRIX_KINDS; kind++)
        if (cell->marks & 1u << kind)
            json_array_append_new(marks, json_string(matrix_finding_id(kind)));
    return marks;
}

static json_t *json_was(const struct matrix_cell_result *cell)
{
    json_t *was;

    if (!cell->was)
        return json_null();
    was = json_array();
    for (size_t i = 0; i < cell->nwas; i++) {
        json_t *product = json_object();

        json_object_set_new(product, "name", value_safe(cell->was[i].name));
        json_object_set_new(product, "version", json_known(cell->was[i].version));
        json_object_set_new(product, "distro", json_known(cell->was[i].distro));
        json_array_append_new(was, product);
    }
    return was;
}

static json_t *json_cell(const struct matrix_result *r, size_t component, size_t environment)
{
    const struct matrix_cell_result *cell = matrix_result_cell(r, component, environment);
    json_t *value = json_object(), *members = json_array();

    for (size_t i = 0; i < cell->nmembers; i++)
        json_array_append_new(members,
                              json_member(r->matrix, &r->seen->members[cell->first_member + i]));
    json_object_set_new(value, "environment", value_safe(r->matrix->environments[environment]));
    json_object_set_new(value, "products", json_values(cell));
    json_object_set_new(value, "findings", json_marks(cell));
    json_object_set_new(value, "baseline", json_was(cell));
    json_object_set_new(value, "members", members);
    return value;
}

static json_t *json_component(const struct matrix_result *r, size_t c)
{
    const struct matrix_component *component = &r->matrix->components[c];
    json_t *value = json_object(), *rules = json_array(), *cells = json_array();

    for (size_t i = 0; i < component->nrules; i++)
        json_array_append_new(rules, value_safe(component->rules[i].text));
    for (size_t e = 0; e < r->matrix->nenvironments; e++)
        if (component->cells[e].ntargets)
            json_array_append_new(cells, json_cell(r, c, e));
    json_object_set_new(value, "name", value_safe(component->name));
    json_object_set_new(value, "require", rules);
    json_object_set_new(value, "cells", cells);
    return value;
}

/* --- findings --------------------------------------------------------------------------------- */

/* The products that decided it. */
static json_t *json_decided(const struct matrix_finding *f)
{
    json_t *products = json_array();

    if (f->first)
        json_array_append_new(products, json_product(f->first));
    if (f->second)
        json_array_append_new(products, json_product(f->second));
    return products;
}

static json_t *json_finding(const struct matrix_result *r, const struct matrix_finding *f)
{
    const struct matrix *m = r->matrix;
    char *words = versions_finding(r, f);
    json_t *value;

    if (!words)
        return NULL;
    value = json_object();
    json_object_set_new(value, "id", json_string(matrix_finding_id(f->kind)));
    json_object_set_new(value, "severity", json_string(matrix_severity_name(f->severity)));
    json_object_set_new(value, "component",
                        f->component == MATRIX_NONE ? json_null()
                                                    : value_safe(m->components[f->component].name));
    json_object_set_new(
        value, "environment",
        f->environment == MATRIX_NONE ? json_null() : value_safe(m->environments[f->environment]));
    json_object_set_new(value, "product", json_known(f->product));
    json_object_set_new(value, "products", json_decided(f));
    json_object_set_new(value, "rule", json_known(f->rule));
    json_object_set_new(value, "member", f->member ? json_address(m, f->member) : json_null());
    json_object_set_new(value, "other", f->other ? json_address(m, f->other) : json_null());
    json_object_set_new(value, "summary", value_safe(words));
    free(words);
    return value;
}

static json_t *json_environments(const struct matrix *m)
{
    json_t *environments = json_array();

    for (size_t e = 0; e < m->nenvironments; e++)
        json_array_append_new(environments, value_safe(m->environments[e]));
    return environments;
}

/* What follows the arrays. */
static void json_rest(json_t *document, const struct matrix_result *r,
                      const struct report_versions_run *run)
{
    json_object_set_new(document, "elapsed_ms", value_number(ns_to_ms(run->elapsed_ns)));
    json_object_set_new(document, "interrupted", json_boolean(run->interrupted));
    json_object_set_new(document, "privilege", json_string(run->privilege));
    json_object_set_new(document, "name", json_known(r->matrix->name));
    json_object_set_new(document, "environments", json_environments(r->matrix));
    json_object_set_new(document, "worst",
                        json_string(r->nfindings ? matrix_severity_name(r->severity) : "none"));
    json_object_set_new(document, "asked", value_count(r->asked));
    json_object_set_new(document, "answered", value_count(r->answered));
    json_object_set_new(document, "failed", value_count(r->failed));
    json_object_set_new(document, "unfinished", value_count(r->unmeasured));
    json_object_set_new(document, "baseline",
                        run->baseline ? json_string(run->baseline) : json_null());
    json_object_set_new(document, "error", json_null());
}

/* Row by row: of a large matrix the whole would be many times what was seen. */
int report_versions_json(FILE *out, const struct matrix_result *result,
                         const struct report_versions_run *run)
{
    json_t *rest;
    int err = value_write_begin_array(out, JSON_SCHEMA, run->start_unix_ns, "components");

    for (size_t c = 0; !err && c < result->matrix->ncomponents; c++)
        err = value_write_target(out, json_component(result, c), c == 0);
    if (!err)
        err = value_write_next_array(out, "findings");
    for (size_t i = 0; !err && i < result->nfindings; i++)
        err = value_write_target(out, json_finding(result, &result->findings[i]), i == 0);
    if (err)
        return err;
    rest = json_object();
    json_rest(rest, result, run);
    return value_write_end(out, rest);
}

int report_versions_json_error(FILE *out, const char *code, const char *message)
{
    return value_write_document(out, value_failure(JSON_SCHEMA, code, message));
}

int report_versions_event(FILE *out, const struct matrix *matrix,
                          const struct matrix_member *member)
{
    json_t *line = json_object();

    json_object_set_new(line, "event", json_string("member"));
    json_object_set_new(line, "component", value_safe(matrix->components[member->component].name));
    json_object_set_new(line, "environment", value_safe(matrix->environments[member->environment]));
    json_object_update_missing_new(line, json_member(matrix, member));
    return value_write_line(out, line);
}

int report_versions_summary_event(FILE *out, const struct matrix_result *result,
                                  const struct report_versions_run *run)
{
    json_t *document = value_head(JSON_SCHEMA, run->start_unix_ns), *findings = json_array();

    for (size_t i = 0; i < result->nfindings; i++) {
        if (!json_array_append_new(findings, json_finding(result, &result->findings[i])))
            continue;
        json_decref(findings);
        json_decref(document);
        return -ENOMEM;
    }
    json_object_set_new(document, "findings", findings);
    json_rest(document, result, run);
    return value_write_line(out, value_summary(document));
}

int report_versions_failure_event(FILE *out, const char *code, const char *message)
{
    return value_write_line(out, value_summary(value_failure(JSON_SCHEMA, code, message)));
}
