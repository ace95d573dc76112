#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/matrix_internal.h"
#include "engine/service_table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FIELD_TARGET_MAX = 1024, FIELD_RULE_MAX = 512 };

#define FIELD_WITH " with "

/* --- expectations ----------------------------------------------------------------------------- */

/* "nginx 1.23.3" means that version, as people write it; "nginx==1.23.3" by the book. */
static void field_version_word(struct version_expectation *e)
{
    char *blank = strrchr(e->name, ' ');
    const char *version = blank ? blank + 1 : "";
    size_t digit = strcspn(version, "0123456789");

    if (e->nterms || !version[digit] || digit > 1 || (digit && !strchr("vV", *version)))
        return;
    e->nterms = 1;
    e->terms[0].operator= VERSION_EQUAL;
    memcpy(e->terms[0].version, version, strlen(version));
    while (blank > e->name && blank[-1] == ' ')
        blank--;
    *blank = '\0';
}

/* `text` is a part of the node's, from `offset` on. */
static int field_expectation(struct matrix_reader *r, const yaml_node_t *node, const char *text,
                             size_t offset, struct version_expectation *out)
{
    struct version_expect_error error;
    int err;

    if (!version_expect_parse(text, out, &error)) {
        field_version_word(out);
        return 0;
    }
    err = document_fail(&r->yaml, node, NULL, "is no expectation like \"nginx>=1.23.3\": %s",
                        error.message);
    if (node->start_mark.line == node->end_mark.line)
        r->yaml.error->column +=
            offset + error.column - 1 + (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
    return err;
}

static int field_rule(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix_component *c = at;
    struct matrix_rule rule = {0};
    int err;

    if (c->nrules == MATRIX_RULES_MAX)
        return document_fail(&r->yaml, node, NULL, "is one rule too many (at most %d)",
                             MATRIX_RULES_MAX);
    err = matrix_copy(r, node, FIELD_RULE_MAX, &rule.text);
    if (!err)
        err = field_expectation(r, node, rule.text, 0, &rule.expectation);
    if (err)
        free(rule.text);
    else
        c->rules[c->nrules++] = rule;
    return err;
}

static int field_require(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix_component *c = at;

    c->rules = calloc(MATRIX_RULES_MAX, sizeof(*c->rules));
    return c->rules ? matrix_each(r, node, field_rule, c) : -ENOMEM;
}

/* --- incompatible pairs ----------------------------------------------------------------------- */

static int field_pair_text(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix_pair *pair = at;
    char first[FIELD_RULE_MAX + 1];
    const char *with;
    int err = matrix_copy(r, node, FIELD_RULE_MAX, &pair->text);

    if (err)
        return err;
    with = strstr(pair->text, FIELD_WITH);
    if (!with)
        return document_fail(&r->yaml, node, pair->text,
                             "is not of the form \"redis<6.2.6 with nginx\"");
    memcpy(first, pair->text, (size_t)(with - pair->text));
    first[with - pair->text] = '\0';
    err = field_expectation(r, node, first, 0, &pair->first);
    with += strlen(FIELD_WITH);
    if (!err)
        err = field_expectation(r, node, with, (size_t)(with - pair->text), &pair->second);
    return err;
}

static int field_because(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    return matrix_copy(r, node, FIELD_RULE_MAX, &((struct matrix_pair *)at)->because);
}

int matrix_read_pair(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    static const struct matrix_field fields[] = {
        {"pair", field_pair_text},
        {"because", field_because},
    };
    struct matrix *m = at;
    struct matrix_pair *pair;
    int err;

    if (m->npairs == MATRIX_PAIRS_MAX)
        return document_fail(&r->yaml, node, NULL, "is one pair too many (at most %d)",
                             MATRIX_PAIRS_MAX);
    pair = &m->pairs[m->npairs++];
    if (node->type != YAML_MAPPING_NODE)
        return field_pair_text(r, node, pair);
    err = matrix_mapping(r, node, fields, COUNT(fields), pair);
    if (!err && !pair->text)
        err = document_fail(&r->yaml, node, NULL, "needs a \"pair\"");
    return err;
}

/* --- components ------------------------------------------------------------------------------- */

static int field_product(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    return matrix_copy(r, node, VERSION_NAME_SIZE - 1, &((struct matrix_component *)at)->product);
}

static int field_protocol(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix_component *c = at;
    char known[160] = "";
    size_t len = 0;
    int err = matrix_copy(r, node, MATRIX_NAME_MAX, &c->protocol);

    if (err || service_row_of_name(c->protocol))
        return err;
    for (size_t i = 0; service_row_at(i); i++)
        len += text_format(known + len, sizeof(known) - len, "%s %s", i ? "," : "",
                           service_row_at(i)->name);
    return document_fail(&r->yaml, node, c->protocol, "is not one of%s", known);
}

static int field_port(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    const char *text = matrix_scalar(r, node);
    unsigned long port;
    char *end;

    if (!text)
        return -EINVAL;
    port = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (!port || *end || port > UINT16_MAX)
        return document_fail(&r->yaml, node, text, "is no port (1 to 65535)");
    ((struct matrix_component *)at)->port = (uint16_t)port;
    return 0;
}

static int field_drift(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    const char *text = matrix_scalar(r, node);

    if (!text)
        return -EINVAL;
    if (strcmp(text, "warn") != 0 && strcmp(text, "ignore") != 0)
        return document_fail(&r->yaml, node, text, "is not one of warn, ignore");
    ((struct matrix_component *)at)->may_differ = *text == 'i';
    return 0;
}

static int field_target(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix_cell *cell = at;
    struct matrix_target *grown, target = {
                                     .line = node->start_mark.line + 1,
                                     .column = node->start_mark.column + 1,
                                 };
    int err = matrix_copy(r, node, FIELD_TARGET_MAX, &target.text);

    if (err)
        return err;
    if (r->targets == MATRIX_TARGETS_MAX)
        err = document_fail(&r->yaml, node, target.text, "is one target too many (at most %d)",
                            MATRIX_TARGETS_MAX);
    grown = err ? NULL : reallocarray(cell->targets, cell->ntargets + 1, sizeof(*grown));
    if (!grown) {
        free(target.text);
        return err ? err : -ENOMEM;
    }
    cell->targets = grown;
    cell->targets[cell->ntargets++] = target;
    r->targets++;
    return 0;
}

static int field_cell(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                      const yaml_node_t *value, void *at)
{
    const struct matrix_component *c = at;
    const struct matrix *m = r->matrix;

    for (size_t i = 0; i < m->nenvironments; i++) {
        if (strcmp(m->environments[i], name) != 0)
            continue;
        if (c->cells[i].ntargets)
            return document_fail(&r->yaml, key, name, "is given twice");
        return matrix_is_null(value) ? 0 : matrix_each(r, value, field_target, &c->cells[i]);
    }
    return document_fail(&r->yaml, key, name, "is not one of the environments");
}

static int field_targets(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    return matrix_pairs(r, node, field_cell, at);
}

static bool field_has_targets(const struct matrix *m, const struct matrix_component *c)
{
    for (size_t i = 0; i < m->nenvironments; i++)
        if (c->cells[i].ntargets)
            return true;
    return false;
}

static const struct matrix_field component_fields[] = {
    {"product", field_product}, {"protocol", field_protocol}, {"port", field_port},
    {"require", field_require}, {"drift", field_drift},       {"targets", field_targets},
};

int matrix_read_component(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                          const yaml_node_t *value, void *at)
{
    struct matrix *m = at;
    struct matrix_component *c;
    int err;

    if (m->ncomponents == MATRIX_COMPONENTS_MAX)
        return document_fail(&r->yaml, key, name, "is one component too many (at most %d)",
                             MATRIX_COMPONENTS_MAX);
    for (size_t i = 0; i < m->ncomponents; i++)
        if (!strcmp(m->components[i].name, name))
            return document_fail(&r->yaml, key, name, "is given twice");
    c = &m->components[m->ncomponents++];
    c->cells = calloc(m->nenvironments, sizeof(*c->cells));
    if (!c->cells)
        return -ENOMEM;
    err = matrix_copy(r, key, MATRIX_NAME_MAX, &c->name);
    if (!err)
        err = matrix_mapping(r, value, component_fields, COUNT(component_fields), c);
    if (!err && !field_has_targets(m, c))
        err = document_fail(&r->yaml, key, name, "needs \"targets\" of at least one environment");
    return err;
}
