#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/matrix.h"
#include "tests/unit/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char whole[] = "name: shop\n"
                            "components:\n"
                            "  web:\n"
                            "    product: nginx\n"
                            "    protocol: http\n"
                            "    port: 8080\n"
                            "    require: [nginx>=1.23.3, \"nginx<2\"]\n"
                            "    targets:\n"
                            "      production: [web1.example, 'https://web2.example/x']\n"
                            "      staging: web.staging.example:81\n"
                            "  cache:\n"
                            "    drift: ignore\n"
                            "    require: Redis 7.0.1\n"
                            "    targets: {staging: '[2001:db8::1]:6379', production: ~}\n"
                            "environments: [staging, production]\n"
                            "incompatible:\n"
                            "  - redis < 6.2.6 with nginx 1.23.3\n"
                            "  - {pair: PHP with Apache  v2.4, because: too old}\n";

static void test_whole(void **state)
{
    const uint8_t *copy = guard_copy(whole, strlen(whole));
    const struct matrix_component *web, *cache;
    struct document_error error;
    struct matrix *m = NULL;

    (void)state;
    assert_int_equal(matrix_parse((const char *)copy, strlen(whole), &m, &error), 0);
    guard_release(copy);
    assert_string_equal(m->name, "shop");
    assert_int_equal(m->nenvironments, 2);
    assert_string_equal(m->environments[0], "staging");
    assert_int_equal(m->ncomponents, 2);
    web = &m->components[0];
    cache = &m->components[1];
    assert_string_equal(web->name, "web");
    assert_string_equal(web->product, "nginx");
    assert_string_equal(web->protocol, "http");
    assert_int_equal(web->port, 8080);
    assert_false(web->may_differ);
    assert_int_equal(web->nrules, 2);
    assert_string_equal(web->rules[0].text, "nginx>=1.23.3");
    assert_int_equal(web->rules[1].expectation.terms[0].operator, VERSION_LESS);
    assert_int_equal(web->cells[0].ntargets, 1);
    assert_string_equal(web->cells[0].targets[0].text, "web.staging.example:81");
    assert_int_equal(web->cells[0].targets[0].line, 10);
    assert_int_equal(web->cells[0].targets[0].column, 16);
    assert_int_equal(web->cells[1].ntargets, 2);
    assert_string_equal(web->cells[1].targets[1].text, "https://web2.example/x");
    assert_true(cache->may_differ);
    assert_int_equal(cache->cells[0].ntargets, 1);
    assert_int_equal(cache->cells[1].ntargets, 0);
    assert_string_equal(cache->rules[0].expectation.name, "Redis");
    assert_string_equal(cache->rules[0].expectation.terms[0].version, "7.0.1");
    assert_int_equal(m->npairs, 2);
    assert_string_equal(m->pairs[0].first.name, "redis");
    assert_int_equal(m->pairs[0].first.terms[0].operator, VERSION_LESS);
    assert_string_equal(m->pairs[0].second.name, "nginx");
    assert_int_equal(m->pairs[0].second.terms[0].operator, VERSION_EQUAL);
    assert_string_equal(m->pairs[0].second.terms[0].version, "1.23.3");
    assert_int_equal(m->pairs[1].first.nterms, 0);
    assert_string_equal(m->pairs[1].second.name, "Apache");
    assert_string_equal(m->pairs[1].second.terms[0].version, "v2.4");
    assert_string_equal(m->pairs[1].because, "too old");
    matrix_free(m);
}

#define ONE "environments: [a, b]\ncomponents:\n  web: {targets: {a: x}}\n"

static void test_refuses(void **state)
{
    static const struct {
        const char *yaml;
        size_t line, column;
        const char *field, *message;
    } rows[] = {
        {"", 0, 0, "", "is empty"},
        {"x", 1, 1, "", "must be a mapping"},
        {"[x]", 1, 1, "", "must be a mapping"},
        {"environments: [a", 2, 1, "", "not YAML: did not find expected ',' or ']'"},
        {"environments: [a]\ncolour: red", 2, 1, "colour", "\"colour\" is not a field known here"},
        {"environments: [a]\nenvironments: [a]", 2, 1, "environments",
         "\"environments\" is given twice"},
        {"components: {w: {targets: {a: x}}}", 1, 1, "",
         "needs \"environments\", a list of at least one"},
        {"environments: [a]", 1, 1, "", "needs \"components\" of at least one"},
        {"environments: [a, b, a]", 1, 22, "environments[2]", "\"a\" is given twice"},
        {"environments: [a, {b: c}]", 1, 19, "environments[1]", "must be a single value"},
        {"environments: ~\ncomponents: {}", 1, 15, "environments", "must be a single value"},
        {"environments: [\"a\\e[2J\"]", 1, 16, "environments[0]",
         "\"a\\x1b[2J\" holds what cannot be printed"},
        {"environments: [\"\"]", 1, 16, "environments[0]", "\"\" must have 1 to 64 characters"},
        {"environments: [a]\ncomponents: {[w]: {}}", 2, 14, "components", "must be a single value"},
        {"environments: [a]\ncomponents: {w: {}}", 2, 14, "components.w",
         "\"w\" needs \"targets\" of at least one environment"},
        {"environments: [a]\ncomponents: {w: {targets: {a: }}}", 2, 14, "components.w",
         "\"w\" needs \"targets\" of at least one environment"},
        {"environments: [a]\ncomponents: {w: {targets: {c: x}}}", 2, 28, "components.w.targets.c",
         "\"c\" is not one of the environments"},
        {"environments: [a]\ncomponents: {w: {targets: {a: x, a: y}}}", 2, 34,
         "components.w.targets.a", "\"a\" is given twice"},
        {"environments: [a]\ncomponents: {w: {targets: {a: [x, [y]]}}}", 2, 35,
         "components.w.targets.a[1]", "must be a single value"},
        {ONE "  web: {targets: {a: x}}", 4, 3, "components.web", "\"web\" is given twice"},
        {ONE "  db: {port: 0}", 4, 14, "components.db.port", "\"0\" is no port (1 to 65535)"},
        {ONE "  db: {port: -1}", 4, 14, "components.db.port", "\"-1\" is no port (1 to 65535)"},
        {ONE "  db: {port: 65536}", 4, 14, "components.db.port",
         "\"65536\" is no port (1 to 65535)"},
        {ONE "  db: {port: 80x}", 4, 14, "components.db.port", "\"80x\" is no port (1 to 65535)"},
        {ONE "  db: {port: [1]}", 4, 14, "components.db.port", "must be a single value"},
        {ONE "  db: {drift: maybe}", 4, 15, "components.db.drift",
         "\"maybe\" is not one of warn, ignore"},
        {ONE "  db: {drift: {}}", 4, 15, "components.db.drift", "must be a single value"},
        {ONE "  db: {require: nginx>=}", 4, 24, "components.db.require",
         "is no expectation like \"nginx>=1.23.3\": expected a version, not the end"},
        {ONE "  db: {require: [nginx>=1, 'nginx>=x']}", 4, 36, "components.db.require[1]",
         "is no expectation like \"nginx>=1.23.3\": expected a version, not \"x\""},
        {ONE "incompatible: [redis]", 4, 16, "incompatible[0]",
         "\"redis\" is not of the form \"redis<6.2.6 with nginx\""},
        {ONE "incompatible: [redis<1 with nginx>=]", 4, 36, "incompatible[0]",
         "is no expectation like \"nginx>=1.23.3\": expected a version, not the end"},
        {ONE "incompatible: [redis< with nginx]", 4, 22, "incompatible[0]",
         "is no expectation like \"nginx>=1.23.3\": expected a version, not the end"},
        {ONE "incompatible: [{because: x}]", 4, 16, "incompatible[0]", "needs a \"pair\""},
        {"environments: &x [a]\ncomponents: *x", 1, 15, "", "anchors (&name) are not taken here"},
        {"environments: [&x a]", 1, 16, "", "anchors (&name) are not taken here"},
        {"a: &x {}", 1, 4, "", "anchors (&name) are not taken here"},
        {"a: *x", 1, 4, "", "aliases (*name) are not taken here"},
        {"a: 1\n---\nb: 2", 2, 1, "", "a second document is not taken here"},
        {"[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]", 1, 17, "",
         "is nested too deeply (at most 16)"},
        {"a: \xff", 0, 0, "", "not YAML: invalid leading UTF-8 octet"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const uint8_t *copy = guard_copy(rows[i].yaml, strlen(rows[i].yaml));
        struct document_error error;
        struct matrix *m = NULL;
        int err = matrix_parse((const char *)copy, strlen(rows[i].yaml), &m, &error);

        guard_release(copy);
        if (err != -EINVAL || m || error.line != rows[i].line || error.column != rows[i].column ||
            strcmp(error.field, rows[i].field) != 0 || strcmp(error.message, rows[i].message) != 0)
            fail_msg("%s\n  gives %d, %zu:%zu %s: %s", rows[i].yaml, err, error.line, error.column,
                     error.field, error.message);
    }
}

/* "PREFIX" and then `count` times "FORMAT", which has a %zu. */
static char *repeated(const char *prefix, const char *format, size_t count)
{
    size_t size = strlen(prefix) + count * (strlen(format) + 16) + 1, len;
    char *text = malloc(size);

    assert_non_null(text);
    len = (size_t)snprintf(text, size, "%s", prefix);
    for (size_t i = 0; i < count; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        len += (size_t)snprintf(text + len, size - len, format, i);
#pragma GCC diagnostic pop
    }
    return text;
}

static void test_bounds(void **state)
{
    static const struct {
        const char *prefix, *format;
        size_t count;
        const char *message; /* NULL: fits */
    } rows[] = {
        {"components: {w: {targets: {e1: x}}}\nenvironments:\n", " - e%zu\n", 64, NULL},
        {"environments:\n", " - e%zu\n", 65, "is one environment too many (at most 64)"},
        {"environments: [a]\ncomponents:\n", " c%zu: {targets: {a: x}}\n", 1000, NULL},
        {"environments: [a]\ncomponents:\n", " c%zu: {targets: {a: x}}\n", 1001,
         "\"c1000\" is one component too many (at most 1000)"},
        {"environments: [a]\ncomponents:\n w:\n  targets:\n   a:\n", "    - x%zu\n", 10000, NULL},
        {"environments: [a]\ncomponents:\n w:\n  targets:\n   a:\n", "    - x%zu\n", 10001,
         "\"x10000\" is one target too many (at most 10000)"},
        {"environments: [a]\ncomponents:\n w:\n  targets: {a: x}\n  require:\n", "   - n>%zu\n", 16,
         NULL},
        {"environments: [a]\ncomponents:\n w:\n  targets: {a: x}\n  require:\n", "   - n>%zu\n", 17,
         "is one rule too many (at most 16)"},
        {ONE "incompatible:\n", " - a with b>%zu\n", 256, NULL},
        {ONE "incompatible:\n", " - a with b>%zu\n", 257, "is one pair too many (at most 256)"},
        {"#", "%zu123456789012345678901234567890", 40000, "is over 1 MiB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *yaml = repeated(rows[i].prefix, rows[i].format, rows[i].count);
        struct document_error error;
        struct matrix *m = NULL;
        int err = matrix_parse(yaml, strlen(yaml), &m, &error);

        assert_int_equal(err, rows[i].message ? -EINVAL : 0);
        if (rows[i].message)
            assert_string_equal(error.message, rows[i].message);
        matrix_free(m);
        free(yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
