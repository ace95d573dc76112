#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/matrix_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- values ----------------------------------------------------------------------------------- */

bool matrix_is_null(const yaml_node_t *node)
{
    const char *text;

    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    text = (const char *)node->data.scalar.value;
    return !*text || !strcmp(text, "~") || !strcmp(text, "null");
}

const char *matrix_scalar(struct matrix_reader *r, const yaml_node_t *node)
{
    const char *text;

    if (node->type != YAML_SCALAR_NODE || matrix_is_null(node)) {
        document_fail(&r->yaml, node, NULL, "must be a single value");
        return NULL;
    }
    text = (const char *)node->data.scalar.value;
    if (!text_is_safe(text, node->data.scalar.length)) {
        document_fail(&r->yaml, node, text, "holds what cannot be printed");
        return NULL;
    }
    return text;
}

int matrix_copy(struct matrix_reader *r, const yaml_node_t *node, size_t most, char **out)
{
    const char *text = matrix_scalar(r, node);
    char *copy;

    if (!text)
        return -EINVAL;
    if (!*text || strlen(text) > most)
        return document_fail(&r->yaml, node, text, "must have 1 to %zu characters", most);
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*out);
    *out = copy;
    return 0;
}

/* --- mappings and lists ----------------------------------------------------------------------- */

int matrix_pairs(struct matrix_reader *r, const yaml_node_t *node,
                 int (*read)(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                             const yaml_node_t *value, void *at),
                 void *at)
{
    int err = 0;

    if (node->type != YAML_MAPPING_NODE)
        return document_fail(&r->yaml, node, NULL, "must be a mapping");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         !err && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = document_node(&r->yaml, pair->key);
        const char *name = matrix_scalar(r, key);
        size_t len;

        if (!name)
            return -EINVAL;
        len = document_enter(&r->yaml, name, 0);
        err = read(r, key, name, document_node(&r->yaml, pair->value), at);
        document_leave(&r->yaml, len);
    }
    return err;
}

struct read_table {
    const struct matrix_field *fields;
    size_t count;
    unsigned seen;
    void *at;
};

static int read_field(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                      const yaml_node_t *value, void *at)
{
    struct read_table *table = at;

    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->fields[i].name, name) != 0)
            continue;
        if (table->seen & 1u << i)
            return document_fail(&r->yaml, key, name, "is given twice");
        table->seen |= 1u << i;
        return table->fields[i].read ? table->fields[i].read(r, value, table->at) : 0;
    }
    return document_fail(&r->yaml, key, name, "is not a field known here");
}

int matrix_mapping(struct matrix_reader *r, const yaml_node_t *node,
                   const struct matrix_field *fields, size_t count, void *at)
{
    struct read_table table = {fields, count, 0, at};

    return matrix_pairs(r, node, read_field, &table);
}

int matrix_each(struct matrix_reader *r, const yaml_node_t *node,
                int (*read)(struct matrix_reader *r, const yaml_node_t *node, void *at), void *at)
{
    const yaml_node_item_t *items;
    int err = 0;

    if (node->type != YAML_SEQUENCE_NODE)
        return read(r, node, at);
    items = node->data.sequence.items.start;
    for (size_t i = 0; !err && items + i < node->data.sequence.items.top; i++) {
        size_t len = document_enter(&r->yaml, NULL, i);

        err = read(r, document_node(&r->yaml, items[i]), at);
        document_leave(&r->yaml, len);
    }
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int read_name(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    return matrix_copy(r, node, 200, &((struct matrix *)at)->name);
}

static int read_environment(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix *m = at;
    int err;

    if (m->nenvironments == MATRIX_ENVIRONMENTS_MAX)
        return document_fail(&r->yaml, node, NULL, "is one environment too many (at most %d)",
                             MATRIX_ENVIRONMENTS_MAX);
    err = matrix_copy(r, node, MATRIX_NAME_MAX, &m->environments[m->nenvironments]);
    if (err)
        return err;
    for (size_t i = 0; i < m->nenvironments; i++) {
        if (strcmp(m->environments[i], m->environments[m->nenvironments]) != 0)
            continue;
        err = document_fail(&r->yaml, node, m->environments[i], "is given twice");
        free(m->environments[m->nenvironments]);
        return err;
    }
    m->nenvironments++;
    return 0;
}

static int read_environments(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix *m = at;

    m->environments = calloc(MATRIX_ENVIRONMENTS_MAX, sizeof(*m->environments));
    return m->environments ? matrix_each(r, node, read_environment, m) : -ENOMEM;
}

static int read_components(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix *m = at;

    m->components = calloc(MATRIX_COMPONENTS_MAX, sizeof(*m->components));
    return m->components ? matrix_pairs(r, node, matrix_read_component, m) : -ENOMEM;
}

static int read_incompatible(struct matrix_reader *r, const yaml_node_t *node, void *at)
{
    struct matrix *m = at;

    m->pairs = calloc(MATRIX_PAIRS_MAX, sizeof(*m->pairs));
    return m->pairs ? matrix_each(r, node, matrix_read_pair, m) : -ENOMEM;
}

/* Components need the environments, wherever these stand: two readings. */
static int read_root(void *context, const yaml_node_t *root)
{
    struct matrix_reader *r = context;
    static const struct matrix_field first[] = {
        {"name", read_name},
        {"environments", read_environments},
        {"components", NULL},
        {"incompatible", NULL},
    };
    static const struct matrix_field second[] = {
        {"name", NULL},
        {"environments", NULL},
        {"components", read_components},
        {"incompatible", read_incompatible},
    };
    struct matrix *m = r->matrix;
    int err = matrix_mapping(r, root, first, COUNT(first), m);

    if (!err && !m->nenvironments)
        err = document_fail(&r->yaml, root, NULL, "needs \"environments\", a list of at least one");
    if (!err)
        err = matrix_mapping(r, root, second, COUNT(second), m);
    if (!err && !m->ncomponents)
        err = document_fail(&r->yaml, root, NULL, "needs \"components\" of at least one");
    return err;
}

int matrix_parse(const char *yaml, size_t len, struct matrix **out, struct document_error *error)
{
    struct matrix_reader r = {.yaml.error = error, .matrix = calloc(1, sizeof(*r.matrix))};
    int err;

    *error = (struct document_error){0};
    if (!r.matrix)
        return -ENOMEM;
    err = document_refuse_tricks(&r.yaml, yaml, len);
    if (!err)
        err = document_read(&r.yaml, yaml, len, read_root, &r);
    if (err)
        matrix_free(r.matrix);
    else
        *out = r.matrix;
    return err;
}
