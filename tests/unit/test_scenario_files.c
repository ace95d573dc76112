/* The scenarios that are compiled in, and the manual of their format, against the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "engine/scenario.h"

#define MANUAL "man/netdx-scenario.5"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    if (!file)
        fail_msg("%s: cannot be opened (run from the top directory)", path);
    if (getdelim(&text, &size, '\0', file) < 0)
        fail_msg("%s: cannot be read", path);
    fclose(file);
    return text;
}

static struct scenario *parse(const char *where, const char *yaml, size_t len)
{
    struct scenario *scenario = NULL;
    struct document_error error;

    if (scenario_parse(yaml, len, &scenario, &error) < 0)
        fail_msg("%s:%zu:%zu: %s: %s", where, error.line, error.column, error.field, error.message);
    return scenario;
}

static void check_builtin(const char *path)
{
    char *yaml = read_file(path);
    struct scenario *scenario = parse(path, yaml, strlen(yaml));
    const char *file = strrchr(path, '/') + 1;

    if (strncmp(file, scenario->name, strlen(scenario->name)) != 0 ||
        strcmp(file + strlen(scenario->name), ".yaml") != 0)
        fail_msg("%s is called \"%s\"", path, scenario->name);
    if (!scenario->summary || scenario->nexpectations == 0)
        fail_msg("%s: no summary or no expectation", path);
    scenario_free(scenario);
    free(yaml);
}

static void test_builtin_scenarios_parse(void **state)
{
    glob_t files;

    (void)state;
    assert_int_equal(glob("tools/scenarios/*.yaml", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 34);
    for (size_t i = 0; i < files.gl_pathc; i++)
        check_builtin(files.gl_pathv[i]);
    globfree(&files);
}

static void test_manual_example_parses(void **state)
{
    char *manual = read_file(MANUAL);
    char *start = strstr(manual, ".Bd -literal"), *end;

    (void)state;
    assert_non_null(start);
    start = strchr(start, '\n') + 1;
    end = strstr(start, ".Ed");
    assert_non_null(end);
    struct scenario *scenario = parse(MANUAL, start, (size_t)(end - start));
    assert_int_equal(scenario->path.nelements, 6);
    assert_int_equal(scenario->nevents, 1);
    scenario_free(scenario);
    free(manual);
}

static bool manual_has(const char *manual, const char *field)
{
    char alone[80], listed[80], last[80];

    snprintf(alone, sizeof(alone), "Ic %s\n", field);
    snprintf(listed, sizeof(listed), "Ic %s ", field);
    snprintf(last, sizeof(last), ", %s\n", field);
    return strstr(manual, alone) || strstr(manual, listed) || strstr(manual, last);
}

/* The name in a field table's row: {"name", reader  {"name", NUMBER(  SERVICE("name", reader. */
static bool field_of(const char *row, char name[64])
{
    char reader[2];

    return sscanf(row, "\n {\"%63[a-z-]\", %1[a-z]", name, reader) == 2 ||
           sscanf(row, "\n {\"%63[a-z-]\", NUMBE%1[R]", name, reader) == 2 ||
           sscanf(row, "\n SERVICE(\"%63[a-z-]\", %1[a-z]", name, reader) == 2;
}

static size_t check_fields(const char *path, const char *manual)
{
    char *source = read_file(path), name[64];
    size_t fields = 0;

    for (char *at = source; (at = strchr(at, '\n')) != NULL; at++) {
        if (!field_of(at, name))
            continue;
        if (!manual_has(manual, name))
            fail_msg("field \"%s\" of %s is not in %s", name, path, MANUAL);
        fields++;
    }
    free(source);
    return fields;
}

static void test_manual_has_every_field(void **state)
{
    char *manual = read_file(MANUAL);

    (void)state;
    assert_true(check_fields("libcore/engine/scenario.c", manual) >= 12);
    assert_true(check_fields("libcore/engine/scenario_host.c", manual) >= 24);
    assert_true(check_fields("libcore/engine/scenario_path.c", manual) >= 42);
    assert_true(check_fields("libcore/engine/scenario_device.c", manual) >= 26);
    assert_false(manual_has(manual, "no-such-field"));
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_scenarios_parse),
        cmocka_unit_test(test_manual_example_parses),
        cmocka_unit_test(test_manual_has_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
