#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "engine/document_reader.h"

int document_fail(struct document_reader *d, const yaml_node_t *node, const char *value,
                  const char *format, ...)
{
    struct document_error *error = d->error;
    char safe[64];
    size_t len = 0;
    va_list list;

    *error = (struct document_error){0};
    if (node) {
        error->line = node->start_mark.line + 1;
        error->column = node->start_mark.column + 1;
    }
    memcpy(error->field, d->path, sizeof(error->field));
    if (value) {
        text_escape(safe, sizeof(safe), value, strlen(value));
        len = text_format(error->message, sizeof(error->message), "\"%s\" ", safe);
    }
    va_start(list, format);
    text_format_list(error->message + len, sizeof(error->message) - len, format, list);
    va_end(list);
    return -EINVAL;
}

const yaml_node_t *document_node(struct document_reader *d, int index)
{
    return yaml_document_get_node(&d->document, index);
}

const char *document_text(struct document_reader *d, const yaml_node_t *node)
{
    const char *text;

    if (node->type != YAML_SCALAR_NODE) {
        document_fail(d, node, NULL, "must be a single value");
        return NULL;
    }
    text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        document_fail(d, node, NULL, "holds a NUL byte");
        return NULL;
    }
    return text;
}

size_t document_enter(struct document_reader *d, const char *name, size_t index)
{
    size_t len = strlen(d->path);

    if (name)
        text_format(d->path + len, sizeof(d->path) - len, "%s%s", len ? "." : "", name);
    else
        text_format(d->path + len, sizeof(d->path) - len, "[%zu]", index);
    return len;
}

void document_leave(struct document_reader *d, size_t len)
{
    d->path[len] = '\0';
}

/* --- the whole text --------------------------------------------------------------------------- */

static int fail_at(struct document_reader *d, const yaml_mark_t *mark, const char *message)
{
    document_fail(d, NULL, NULL, "%s", message);
    d->error->line = mark->line + 1;
    d->error->column = mark->column + 1;
    return -EINVAL;
}

/* libyaml's own complaint, with its place. */
static int fail_syntax(struct document_reader *d, const yaml_parser_t *parser)
{
    char message[128];

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    text_format(message, sizeof(message), "not YAML: %s",
                parser->problem ? parser->problem : "unreadable");
    fail_at(d, &parser->problem_mark, message);
    if (parser->error == YAML_READER_ERROR) /* which knows an offset in bytes alone */
        d->error->line = d->error->column = 0;
    return -EINVAL;
}

static int start(struct document_reader *d, yaml_parser_t *parser, const char *yaml, size_t len)
{
    *d->error = (struct document_error){0};
    if (len > DOCUMENT_TEXT_MAX)
        return document_fail(d, NULL, NULL, "is over 1 MiB");
    if (!yaml_parser_initialize(parser))
        return -ENOMEM;
    yaml_parser_set_input_string(parser, (const unsigned char *)yaml, len);
    return 0;
}

int document_read(struct document_reader *d, const char *yaml, size_t len,
                  int (*read)(void *context, const yaml_node_t *root), void *context)
{
    const yaml_node_t *root;
    yaml_parser_t parser;
    int err = start(d, &parser, yaml, len);

    if (err)
        return err;
    if (yaml_parser_load(&parser, &d->document)) {
        root = yaml_document_get_root_node(&d->document);
        err = root ? read(context, root) : document_fail(d, NULL, NULL, "is empty");
        yaml_document_delete(&d->document);
    } else {
        err = fail_syntax(d, &parser);
    }
    yaml_parser_delete(&parser);
    return err;
}

/* Loading compares every anchor with all others, and an alias makes a small file a large one. */
static const char *refuse_event(const yaml_event_t *event, int *depth, int *documents)
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
        if (++*depth > DOCUMENT_DEPTH_MAX)
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

int document_refuse_tricks(struct document_reader *d, const char *yaml, size_t len)
{
    int depth = 0, documents = 0;
    yaml_parser_t parser;
    yaml_event_t event;
    bool over = false;
    int err = start(d, &parser, yaml, len);

    if (err)
        return err;
    while (!err && !over) {
        const char *refusal;

        if (!yaml_parser_parse(&parser, &event)) {
            err = fail_syntax(d, &parser);
            break;
        }
        refusal = refuse_event(&event, &depth, &documents);
        if (refusal)
            err = fail_at(d, &event.start_mark, refusal);
        over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return err;
}
