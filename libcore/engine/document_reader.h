/*
 * A YAML document in memory, read node by node (libyaml's tree), with errors that carry their
 * place. Scenarios and matrices are read with it.
 */
#ifndef NETDX_ENGINE_DOCUMENT_READER_H
#define NETDX_ENGINE_DOCUMENT_READER_H

#include <yaml.h>

#include "engine/document.h"

enum { DOCUMENT_DEPTH_MAX = 16 };

struct document_reader {
    yaml_document_t document;
    struct document_error *error; /* borrowed */
    char path[96];                /* of the field being read: "path[2].link.loss" */
};

/*
 * Loads `yaml` and gives its root to `read`; nodes are valid until that returns. What `read`
 * returns; or -EINVAL with the error set (no YAML, empty, over 1 MiB), or -ENOMEM.
 */
int document_read(struct document_reader *d, const char *yaml, size_t len,
                  int (*read)(void *context, const yaml_node_t *root), void *context);

/*
 * Refuses, before anything is loaded, what makes a small text a large or a slow tree: anchors and
 * aliases, a second document, deep nesting. 0, -EINVAL or -ENOMEM.
 */
int document_refuse_tricks(struct document_reader *d, const char *yaml, size_t len);

/* Sets the error at `node` and gives -EINVAL. `node` and `value` may be NULL. */
int document_fail(struct document_reader *d, const yaml_node_t *node, const char *value,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

const yaml_node_t *document_node(struct document_reader *d, int index);

/* The text of a single value, or NULL with the error set. */
const char *document_text(struct document_reader *d, const yaml_node_t *node);

/* Extends the path by ".name" or, with name NULL, "[index]"; the length to go back to. */
size_t document_enter(struct document_reader *d, const char *name, size_t index);
void document_leave(struct document_reader *d, size_t len);

#endif
