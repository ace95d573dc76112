/* A matrix from YAML, filled with banners, and its findings as lines of text. */
#ifndef NETDX_TESTS_MATRIX_WORLD_H
#define NETDX_TESTS_MATRIX_WORLD_H

#include "engine/matrix.h"

struct matrix_world {
    struct matrix *matrix;
    struct matrix_seen seen;
    struct matrix_baseline *baseline;
    struct matrix_result *result;
};

void matrix_world_init(struct matrix_world *world, const char *yaml);
void matrix_world_release(struct matrix_world *world);

/* What a service of a cell answers: a Server header, or another kind of banner. */
void matrix_world_banner(struct matrix_world *world, const char *component, const char *environment,
                         const char *address, enum version_kind kind, const char *banner);
void matrix_world_fail(struct matrix_world *world, const char *component, const char *environment,
                       const char *address, enum matrix_state state, const char *code);

void matrix_world_judge(struct matrix_world *world);

#define MATRIX_WORLD_TEXT 4096

/* "drift warning web/- nginx; require critical web/prod nginx>=2 (violated) nginx 1" */
void matrix_world_findings(const struct matrix_world *world, char out[MATRIX_WORLD_TEXT]);
void matrix_world_expect(struct matrix_world *world, const char *findings);

#endif
