/* The files of `netdx versions`: the matrix, and the baseline. */
#ifndef NETDX_TOOLS_VERSIONS_FILE_H
#define NETDX_TOOLS_VERSIONS_FILE_H

#include "engine/matrix.h"
#include "tools/failure.h"
#include "tools/target_list.h"

/* "-": standard input. -errno with *failure, which names file, line, column and field. */
int versions_file_matrix(const char *path, struct matrix **out, struct failure *failure);

/* *out stays NULL when there is no such file. As above. */
int versions_file_baseline(const char *path, struct matrix_baseline **out, struct failure *failure);

/* The targets of all cells, and where each of them belongs. */
struct versions_targets {
    struct target_list list;
    struct versions_place {
        size_t component, environment, target;
        bool asked;
    } * places;              /* one for each item of the list */
    struct port_list *ports; /* one for each component; empty: it has none of its own */
    size_t ncomponents;
};

/* Borrows from the matrix and `path`. -errno with *failure as above; release in either case. */
int versions_targets_init(struct versions_targets *targets, const struct matrix *matrix,
                          const char *path, struct failure *failure);
void versions_targets_release(struct versions_targets *targets);

#endif
