#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/matrix_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { READ_DEPTH_MAX = 16 };

int matrix_fail(struct matrix_reader *r, const yaml_node_t *node, const char *value,
                const char *format, ...)
{
    struct matrix_error *error = r->error;
    char safe[64];
    size_t len = 0;
    va_list list;

    *error = (struct matrix_error){0};
    if (node) {
        error->line = node->start_mark.line + 1;
        error->column = node->start_mark.column + 1;
    }
    memcpy(error->field, r->path, sizeof(error->field));
    if (value) {
        text_escape(safe, sizeof(safe), value, strlen(value));
        len = text_format(error->message, sizeof(error->message), "\"%s\" ", safe);
    }
    va_start(list, format);
    text_format_list(error->message + len, sizeof(error->message) - len, format, list);
    va_end(list);
    return -EINVAL;
}

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
        matrix_fail(r, node, NULL, "must be a single value");
        return NULL;
    }
    text = (const char *)node->data.scalar.value;
    if (!text_is_safe(text, node->data.scalar.length)) {
        matrix_fail(r, node, text, "holds what cannot be printed");
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
        return matrix_fail(r, node, text, "must have 1 to %zu characters", most);
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*out);
    *out = copy;
    return 0;
}

/* --- mappings and lists ----------------------------------------------------------------------- */

static const yaml_node_t *read_node(struct matrix_reader *r, int index)
{
    return yaml_document_get_node(&r->document, index);
}

/* Extends the path by ".name" or "[index]"; gives the length to cut it back to. */
static size_t read_enter(struct matrix_reader *r, const char *name, size_t index)
{
    size_t len = strlen(r->path);

    if (name)
        text_format(r->path + len, sizeof(r->path) - len, "%s%s", len ? "." : "", name);
    else
        text_format(r->path + len, sizeof(r->path) - len, "[%zu]", index);
    return len;
}

int matrix_pairs(struct matrix_reader *r, const yaml_node_t *node,
                 int (*read)(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                             const yaml_node_t *value, void *at),
                 void *at)
{
    int err = 0;

    if (node->type != YAML_MAPPING_NODE)
        return matrix_fail(r, node, NULL, "must be a mapping");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         !err && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = read_node(r, pair->key);
        const char *name = matrix_scalar(r, key);
        size_t len;

        if (!name)
            return -EINVAL;
        len = read_enter(r, name, 0);
        err = read(r, key, name, read_node(r, pair->value), at);
        r->path[len] = '\0';
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
            return matrix_fail(r, key, name, "is given twice");
        table->seen |= 1u << i;
        return table->fields[i].read ? table->fields[i].read(r, value, table->at) : 0;
    }
    return matrix_fail(r, key, name, "is not a field known here");
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
        size_t len = read_enter(r, NULL, i);

        err = read(r, read_node(r, items[i]), at);
        r->path[len] = '\0';
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
        return matrix_fail(r, node, NULL, "is one environment too many (at most %d)",
                           MATRIX_ENVIRONMENTS_MAX);
    err = matrix_copy(r, node, MATRIX_NAME_MAX, &m->environments[m->nenvironments]);
    if (err)
        return err;
    for (size_t i = 0; i < m->nenvironments; i++) {
        if (strcmp(m->environments[i], m->environments[m->nenvironments]) != 0)
            continue;
        err = matrix_fail(r, node, m->environments[i], "is given twice");
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
static int read_root(struct matrix_reader *r, const yaml_node_t *root)
{
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
        err = matrix_fail(r, root, NULL, "needs \"environments\", a list of at least one");
    if (!err)
        err = matrix_mapping(r, root, second, COUNT(second), m);
    if (!err && !m->ncomponents)
        err = matrix_fail(r, root, NULL, "needs \"components\" of at least one");
    return err;
}

/* libyaml's own complaint, with its place. */
static int read_fail_syntax(struct matrix_reader *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    matrix_fail(r, NULL, NULL, "not YAML: %s", parser->problem ? parser->problem : "unreadable");
    r->error->line = parser->problem_mark.line + 1;
    r->error->column = parser->problem_mark.column + 1;
    if (parser->error == YAML_READER_ERROR) /* which knows an offset in bytes alone */
        r->error->line = r->error->column = 0;
    return -EINVAL;
}

static int read_fail_event(struct matrix_reader *r, const yaml_event_t *event, const char *what)
{
    matrix_fail(r, NULL, NULL, "%s", what);
    r->error->line = event->start_mark.line + 1;
    r->error->column = event->start_mark.column + 1;
    return -EINVAL;
}

/* Loading compares every anchor with all others, and an alias makes a small file a large one. */
static const char *read_refuse_event(const yaml_event_t *event, int *depth, int *documents)
{
    const yaml_char_t *anchor = NULL;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return "aliases (*name) are not taken here";
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        break;
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents > 1 ? "a second document is not taken here" : NULL;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        anchor = event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor
                                                         : event->data.sequence_start.anchor;
        if (++*depth > READ_DEPTH_MAX)
            return "is nested too deeply (at most 16)";
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        --*depth;
        break;
    default:
        break;
    }
    return anchor ? "anchors (&name) are not taken here" : NULL;
}

/* Reads all events, to refuse what loading would blow up. */
static int read_scan(struct matrix_reader *r, yaml_parser_t *parser)
{
    int depth = 0, documents = 0, err = 0;
    bool over = false;
    yaml_event_t event;

    while (!err && !over) {
        const char *refusal;

        if (!yaml_parser_parse(parser, &event))
            return read_fail_syntax(r, parser);
        refusal = read_refuse_event(&event, &depth, &documents);
        if (refusal)
            err = read_fail_event(r, &event, refusal);
        over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return err;
}

static int read_load(struct matrix_reader *r, yaml_parser_t *parser)
{
    const yaml_node_t *root;
    int err;

    if (!yaml_parser_load(parser, &r->document))
        return read_fail_syntax(r, parser);
    root = yaml_document_get_root_node(&r->document);
    err = root ? read_root(r, root) : matrix_fail(r, NULL, NULL, "is empty");
    yaml_document_delete(&r->document);
    return err;
}

static int read_with(struct matrix_reader *r, const char *yaml, size_t len,
                     int (*read)(struct matrix_reader *r, yaml_parser_t *parser))
{
    yaml_parser_t parser;
    int err;

    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, len);
    err = read(r, &parser);
    yaml_parser_delete(&parser);
    return err;
}

int matrix_parse(const char *yaml, size_t len, struct matrix **out, struct matrix_error *error)
{
    struct matrix_reader r = {.error = error};
    int err;

    *error = (struct matrix_error){0};
    if (len > MATRIX_TEXT_MAX)
        return matrix_fail(&r, NULL, NULL, "is over 1 MiB");
    r.matrix = calloc(1, sizeof(*r.matrix));
    if (!r.matrix)
        return -ENOMEM;
    err = read_with(&r, yaml, len, read_scan);
    if (!err)
        err = read_with(&r, yaml, len, read_load);
    if (err)
        matrix_free(r.matrix);
    else
        *out = r.matrix;
    return err;
}
