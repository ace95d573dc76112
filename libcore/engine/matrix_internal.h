/* How a matrix is read and judged. Internal to engine/matrix. */
#ifndef NETDX_ENGINE_MATRIX_INTERNAL_H
#define NETDX_ENGINE_MATRIX_INTERNAL_H

#include "engine/document_reader.h"
#include "engine/matrix.h"

struct matrix_reader {
    struct document_reader yaml;
    struct matrix *matrix;
    size_t targets;
};

struct matrix_field {
    const char *name;
    int (*read)(struct matrix_reader *r, const yaml_node_t *node, void *at);
};

/* The text of a scalar that is no null, or NULL with the error set. */
const char *matrix_scalar(struct matrix_reader *r, const yaml_node_t *node);
bool matrix_is_null(const yaml_node_t *node);
/* A copy of a scalar of 1 to `most` bytes that can be printed; replaces *out. */
int matrix_copy(struct matrix_reader *r, const yaml_node_t *node, size_t most, char **out);

/* Reads a mapping by its table into `at`. */
int matrix_mapping(struct matrix_reader *r, const yaml_node_t *node,
                   const struct matrix_field *fields, size_t count, void *at);
/* Calls `read` for each pair of a mapping, the key as text. */
int matrix_pairs(struct matrix_reader *r, const yaml_node_t *node,
                 int (*read)(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                             const yaml_node_t *value, void *at),
                 void *at);
/* Calls `read` for each entry of a list, or for the node itself when it is none. */
int matrix_each(struct matrix_reader *r, const yaml_node_t *node,
                int (*read)(struct matrix_reader *r, const yaml_node_t *node, void *at), void *at);

/* matrix_fields.c: the sections of the file. */
int matrix_read_component(struct matrix_reader *r, const yaml_node_t *key, const char *name,
                          const yaml_node_t *value, void *at);
int matrix_read_pair(struct matrix_reader *r, const yaml_node_t *node, void *at);

/* matrix_rules.c: adds what judges cells to a result. */
int matrix_judge_rules(struct matrix_result *result);
int matrix_judge_pairs(struct matrix_result *result);
int matrix_judge_drift(struct matrix_result *result);

/* Appends the finding and marks its cell. 0 or -ENOMEM. */
int matrix_result_add(struct matrix_result *result, const struct matrix_finding *finding);

#endif
