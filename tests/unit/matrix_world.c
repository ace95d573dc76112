#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/matrix_world.h"

#include <stdio.h>
#include <string.h>

void matrix_world_init(struct matrix_world *world, const char *yaml)
{
    struct document_error error;

    *world = (struct matrix_world){0};
    if (matrix_parse(yaml, strlen(yaml), &world->matrix, &error))
        fail_msg("%zu:%zu %s: %s", error.line, error.column, error.field, error.message);
}

void matrix_world_release(struct matrix_world *world)
{
    matrix_result_free(world->result);
    matrix_baseline_free(world->baseline);
    matrix_seen_release(&world->seen);
    matrix_free(world->matrix);
}

static struct matrix_member world_member(const struct matrix_world *world, const char *component,
                                         const char *environment, const char *address)
{
    struct matrix_member member = {.port = 80};

    while (strcmp(world->matrix->components[member.component].name, component) != 0)
        member.component++;
    while (strcmp(world->matrix->environments[member.environment], environment) != 0)
        member.environment++;
    if (address)
        assert_int_equal(address_parse(address, &member.address), 0);
    return member;
}

void matrix_world_banner(struct matrix_world *world, const char *component, const char *environment,
                         const char *address, enum version_kind kind, const char *banner)
{
    static struct version_list list;
    struct matrix_member member = world_member(world, component, environment, address);

    list = (struct version_list){0};
    version_identify(kind, banner, strlen(banner), &list);
    assert_int_equal(matrix_seen_add(&world->seen, &member, &list), 0);
}

void matrix_world_fail(struct matrix_world *world, const char *component, const char *environment,
                       const char *address, enum matrix_state state, const char *code)
{
    struct matrix_member member = world_member(world, component, environment, address);

    member.state = state;
    snprintf(member.code, sizeof(member.code), "%s", code);
    assert_int_equal(matrix_seen_add(&world->seen, &member, NULL), 0);
}

void matrix_world_judge(struct matrix_world *world)
{
    matrix_result_free(world->result);
    world->result = NULL;
    assert_int_equal(matrix_judge(world->matrix, &world->seen, world->baseline, &world->result), 0);
}

static size_t world_product(char *out, const struct version_product *p)
{
    return p ? (size_t)sprintf(out, " %s %s", p->name, *p->version ? p->version : "-") : 0;
}

void matrix_world_findings(const struct matrix_world *world, char out[MATRIX_WORLD_TEXT])
{
    const struct matrix *m = world->matrix;
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < world->result->nfindings; i++) {
        const struct matrix_finding *f = &world->result->findings[i];

        assert_true(len < MATRIX_WORLD_TEXT - 512);
        len +=
            (size_t)sprintf(out + len, "%s%s %s %s/%s", i ? "; " : "",
                            matrix_finding_id(f->kind) + 9, matrix_severity_name(f->severity),
                            f->component == MATRIX_NONE ? "-" : m->components[f->component].name,
                            f->environment == MATRIX_NONE ? "-" : m->environments[f->environment]);
        if (f->product)
            len += (size_t)sprintf(out + len, " %s", f->product);
        if (f->rule)
            len += (size_t)sprintf(out + len, " [%s] %s%s", f->rule, version_result_name(f->result),
                                   f->may_be_patched ? "~" : "");
        len += world_product(out + len, f->first);
        len += world_product(out + len, f->second);
        if (f->member && *f->member->code)
            len += (size_t)sprintf(out + len, " %s", f->member->code);
    }
}

void matrix_world_expect(struct matrix_world *world, const char *findings)
{
    char text[MATRIX_WORLD_TEXT];

    matrix_world_judge(world);
    matrix_world_findings(world, text);
    assert_string_equal(text, findings);
}
