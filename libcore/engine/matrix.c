#include "engine/matrix.h"

#include <errno.h>
#include <stdlib.h>

static void matrix_cell_release(struct matrix_cell *cell)
{
    for (size_t i = 0; i < cell->ntargets; i++)
        free(cell->targets[i].text);
    free(cell->targets);
}

static void matrix_component_release(const struct matrix *matrix, struct matrix_component *c)
{
    for (size_t i = 0; c->cells && i < matrix->nenvironments; i++)
        matrix_cell_release(&c->cells[i]);
    for (size_t i = 0; i < c->nrules; i++)
        free(c->rules[i].text);
    free(c->cells);
    free(c->rules);
    free(c->name);
    free(c->product);
    free(c->protocol);
}

void matrix_free(struct matrix *matrix)
{
    if (!matrix)
        return;
    for (size_t i = 0; i < matrix->ncomponents; i++)
        matrix_component_release(matrix, &matrix->components[i]);
    for (size_t i = 0; i < matrix->nenvironments; i++)
        free(matrix->environments[i]);
    for (size_t i = 0; i < matrix->npairs; i++) {
        free(matrix->pairs[i].text);
        free(matrix->pairs[i].because);
    }
    free(matrix->components);
    free(matrix->environments);
    free(matrix->pairs);
    free(matrix->name);
    free(matrix);
}

static int matrix_seen_grow(struct matrix_seen *seen)
{
    size_t size = seen->size ? 2 * seen->size : 64;
    struct matrix_member *grown = reallocarray(seen->members, size, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    seen->members = grown;
    seen->size = size;
    return 0;
}

/* Owned copies, and what their products go by. */
static int matrix_seen_copy(struct matrix_member *member, const struct version_list *products)
{
    member->products = reallocarray(NULL, products->count, sizeof(*member->products));
    member->names = reallocarray(NULL, products->count, sizeof(*member->names));
    if (!member->products || !member->names) {
        free(member->products);
        free(member->names);
        return -ENOMEM;
    }
    member->nproducts = products->count;
    for (size_t i = 0; i < products->count; i++) {
        member->products[i] = products->products[i];
        member->names[i] = version_common_name(member->products[i].name);
    }
    return 0;
}

int matrix_seen_add(struct matrix_seen *seen, const struct matrix_member *member,
                    const struct version_list *products)
{
    struct matrix_member added = *member;

    added.products = NULL;
    added.names = NULL;
    added.nproducts = 0;
    if (seen->count == seen->size && matrix_seen_grow(seen))
        return -ENOMEM;
    if (products && products->count && matrix_seen_copy(&added, products))
        return -ENOMEM;
    seen->members[seen->count++] = added;
    return 0;
}

void matrix_seen_release(struct matrix_seen *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        free(seen->members[i].products);
        free(seen->members[i].names);
    }
    free(seen->members);
    *seen = (struct matrix_seen){0};
}

const char *matrix_finding_id(enum matrix_finding_kind kind)
{
    static const char *const ids[MATRIX_KINDS] = {
        [MATRIX_REQUIRE] = "versions.require",
        [MATRIX_INCOMPATIBLE] = "versions.incompatible",
        [MATRIX_CHANGED] = "versions.changed",
        [MATRIX_DRIFT] = "versions.drift",
        [MATRIX_MEMBERS] = "versions.members",
        [MATRIX_UNREACHABLE] = "versions.unreachable",
        [MATRIX_UNFINISHED] = "versions.unfinished",
        [MATRIX_HIDDEN] = "versions.hidden",
    };

    return ids[kind];
}

const char *matrix_severity_name(enum matrix_severity severity)
{
    static const char *const names[] = {"notice", "warning", "critical", "unknown"};

    return names[severity];
}
