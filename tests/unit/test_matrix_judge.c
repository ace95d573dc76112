#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/matrix_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WEB(more)                                                                                  \
    "environments: [dev, prod]\ncomponents:\n  web: {targets: {dev: w, prod: w}" more "}\n"

/* The same service in both environments, by its Server header; "": none. */
struct row {
    const char *yaml, *dev, *prod;
    const char *findings;
    enum matrix_severity severity;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct matrix_world w;
        char text[MATRIX_WORLD_TEXT];

        matrix_world_init(&w, rows[i].yaml);
        matrix_world_banner(&w, "web", "dev", "10.0.0.1", VERSION_HTTP_SERVER, rows[i].dev);
        matrix_world_banner(&w, "web", "prod", "10.0.0.2", VERSION_HTTP_SERVER, rows[i].prod);
        matrix_world_judge(&w);
        matrix_world_findings(&w, text);
        if (strcmp(text, rows[i].findings) != 0 || w.result->severity != rows[i].severity)
            fail_msg("row %zu: %s | %s\n  gives %s (%s)\n  not   %s", i, rows[i].dev, rows[i].prod,
                     text, matrix_severity_name(w.result->severity), rows[i].findings);
        matrix_world_release(&w);
    }
}

static void test_drift(void **state)
{
    static const struct row rows[] = {
        {WEB(""), "nginx/1.25.3", "nginx/1.25.3", "", MATRIX_NOTICE},
        {WEB(""), "nginx/1.25.3", "nginx/1.22.1", "drift warning web/- nginx", MATRIX_WARNING},
        {WEB(", drift: ignore"), "nginx/1.25.3", "nginx/1.22.1", "", MATRIX_NOTICE},
        /* one release in two spellings */
        {WEB(""), "Apache/2.4.57", "Apache/2.4.57.0", "", MATRIX_NOTICE},
        /* the same upstream version, built by different people */
        {WEB(""), "Apache/2.4.57 (Debian)", "Apache/2.4.57 (Ubuntu)", "drift warning web/- Apache",
         MATRIX_WARNING},
        /* 2.4 may be any 2.4.x: nobody can tell, but it is not 2.2.34 */
        {WEB(""), "Apache/2.4.57", "Apache/2.4", "", MATRIX_NOTICE},
        {WEB(""), "Apache/2.4", "Apache/2.4.57", "", MATRIX_NOTICE},
        {WEB(""), "Apache/2.2.34", "Apache/2.4", "drift warning web/- Apache", MATRIX_WARNING},
        {WEB(""), "Apache/2.4", "Apache/2.4", "", MATRIX_NOTICE},
        /* hidden is not different */
        {WEB(""), "nginx/1.25.3", "nginx", "hidden notice web/prod", MATRIX_NOTICE},
        {WEB(""), "nginx/1.25.3", "", "hidden notice web/prod", MATRIX_NOTICE},
        /* other software; a derivative is other software as well */
        {WEB(""), "nginx/1.25.3", "Apache/2.4.57", "drift warning web/-", MATRIX_WARNING},
        {WEB(""), "nginx", "Apache",
         "drift warning web/-; hidden notice web/dev; "
         "hidden notice web/prod",
         MATRIX_WARNING},
        /* of several products each by itself; one that only one of them shows is no difference */
        {WEB(""), "Apache/2.4.57 PHP/8.2.1", "Apache/2.4.57 PHP/8.1.0", "drift warning web/- PHP",
         MATRIX_WARNING},
        {WEB(""), "Apache/2.4.57 PHP/8.2.1", "Apache/2.4.57", "", MATRIX_NOTICE},
        {WEB(", product: apache"), "Apache/2.4.57 PHP/8.2.1", "Apache/2.4.57 PHP/8.1.0", "",
         MATRIX_NOTICE},
        /* names are compared in any case */
        {WEB(""), "Apache/2.4.57", "apache/2.4.58", "drift warning web/- Apache", MATRIX_WARNING},
        /* one product under two names */
        {WEB(""), "httpd/2.4.57", "Apache/2.4.58", "drift warning web/- Apache", MATRIX_WARNING},
        {WEB(""), "ATS/9.1.4", "ApacheTrafficServer/9.1.4", "", MATRIX_NOTICE},
        {WEB(", require: ats>=9.2"), "ApacheTrafficServer/9.1.4", "ATS/9.2.0",
         "require critical web/dev [ats>=9.2] violated ApacheTrafficServer 9.1.4; "
         "drift warning web/- ApacheTrafficServer",
         MATRIX_CRITICAL},
        /* no order, but not the same either */
        {WEB(""), "foo/1.0-xyz", "foo/1.0-abc", "drift warning web/- foo", MATRIX_WARNING},
    };

    (void)state;
    check(rows, COUNT(rows));
}

static void test_require(void **state)
{
    static const struct row rows[] = {
        {WEB(", require: nginx>=1.23.3"), "nginx/1.23.3", "nginx/1.23.3", "", MATRIX_NOTICE},
        {WEB(", drift: ignore, require: nginx>=1.23.3"), "nginx/1.23.3", "nginx/1.23.2",
         "require critical web/prod [nginx>=1.23.3] violated nginx 1.23.2", MATRIX_CRITICAL},
        {WEB(", drift: ignore, require: ['nginx>=1.20,<1.24', nginx!=1.22.0]"), "nginx/1.22.0",
         "nginx/1.24.0",
         "require critical web/dev [nginx!=1.22.0] violated nginx 1.22.0; "
         "require critical web/prod [nginx>=1.20,<1.24] violated nginx 1.24.0",
         MATRIX_CRITICAL},
        /* a distribution's build may have the fix */
        {WEB(", require: Apache>=2.4.50"), "Apache/2.4.7 (Ubuntu)", "Apache/2.4.7 (Ubuntu)",
         "require warning web/dev [Apache>=2.4.50] violated~ Apache 2.4.7; "
         "require warning web/prod [Apache>=2.4.50] violated~ Apache 2.4.7",
         MATRIX_WARNING},
        /* nobody can tell */
        {WEB(", require: nginx>=1.23.3"), "nginx", "nginx/1.25.0",
         "require unknown web/dev [nginx>=1.23.3] unknown nginx -", MATRIX_UNKNOWN},
        {WEB(", require: Apache>=2.4.50"), "Apache/2.4", "Apache/2.4.50",
         "require unknown web/dev [Apache>=2.4.50] unknown Apache 2.4", MATRIX_UNKNOWN},
        {WEB(", require: nginx>=1.23.3"), "Apache/2.4.50", "Apache/2.4.50",
         "require unknown web/dev [nginx>=1.23.3] unknown; "
         "require unknown web/prod [nginx>=1.23.3] unknown",
         MATRIX_UNKNOWN},
        {WEB(", require: nginx"), "nginx", "nginx/1.25.0", "", MATRIX_NOTICE},
        {WEB(", require: nginx 1.25.0"), "nginx/1.25.0", "nginx/1.25.0", "", MATRIX_NOTICE},
    };

    (void)state;
    check(rows, COUNT(rows));
}

#define PAIR(pair)                                                                                 \
    "environments: [dev, prod]\ncomponents:\n  web: {targets: {dev: w, prod: w}}\n"                \
    "  cache: {targets: {dev: c, prod: c}}\nincompatible: ['" pair "']\n"

static void test_incompatible(void **state)
{
    static const struct {
        const char *yaml, *web, *redis, *findings;
    } rows[] = {
        {PAIR("redis < 6.2.6 with nginx 1.23.3"), "nginx/1.23.3", "6.2.5",
         "incompatible critical -/prod [redis < 6.2.6 with nginx 1.23.3] violated Redis 6.2.5 "
         "nginx 1.23.3"},
        {PAIR("redis < 6.2.6 with nginx 1.23.3"), "nginx/1.23.3", "6.2.6", ""},
        {PAIR("redis < 6.2.6 with nginx 1.23.3"), "nginx/1.23.4", "6.2.5", ""},
        {PAIR("nginx with redis"), "nginx", "6.2.5",
         "incompatible critical -/prod [nginx with redis] violated nginx - Redis 6.2.5; "
         "hidden notice web/prod"},
        {PAIR("nginx with nginx"), "nginx/1.23.4", "6.2.5", ""}, /* one is not two */
        {PAIR("redis < 6.2.6 with nginx 1.23.3"), "nginx", "6.2.5",
         "incompatible unknown -/prod [redis < 6.2.6 with nginx 1.23.3] unknown Redis 6.2.5 "
         "nginx -; hidden notice web/prod"},
        {PAIR("Apache<2.4.50 with redis>6"), "Apache/2.4.7 (Ubuntu)", "6.2.5",
         "incompatible warning -/prod [Apache<2.4.50 with redis>6] violated~ Apache 2.4.7 Redis "
         "6.2.5"},
        {PAIR("Apache>2.4 with redis>6"), "Apache/2.4.7 (Ubuntu)", "6.2.5",
         "incompatible critical -/prod [Apache>2.4 with redis>6] violated Apache 2.4.7 Redis "
         "6.2.5"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct matrix_world w;
        char info[64];

        matrix_world_init(&w, rows[i].yaml);
        snprintf(info, sizeof(info), "# Server\r\nredis_version:%s\r\n", rows[i].redis);
        matrix_world_banner(&w, "web", "prod", "10.0.0.1", VERSION_HTTP_SERVER, rows[i].web);
        matrix_world_banner(&w, "cache", "prod", "10.0.0.2", VERSION_REDIS_INFO, info);
        /* what is in another environment does not count */
        matrix_world_banner(&w, "web", "dev", "10.1.0.1", VERSION_HTTP_SERVER, "lighttpd/1.4.69");
        w.matrix->components[0].may_differ = w.matrix->components[1].may_differ = true;
        matrix_world_expect(&w, rows[i].findings);
        matrix_world_release(&w);
    }
}

static void test_members(void **state)
{
    struct matrix_world w;
    const struct matrix_cell_result *cell;

    (void)state;
    matrix_world_init(&w, WEB(", require: nginx>=1.23"));
    matrix_world_banner(&w, "web", "dev", "10.0.0.2", VERSION_HTTP_SERVER, "nginx/1.22.1");
    matrix_world_banner(&w, "web", "dev", "10.0.0.1", VERSION_HTTP_SERVER, "nginx/1.25.3");
    matrix_world_banner(&w, "web", "dev", "2001:db8::1", VERSION_HTTP_SERVER, "nginx/1.25.3");
    matrix_world_fail(&w, "web", "dev", "10.0.0.3", MATRIX_FAILED, "tcp.refused");
    matrix_world_fail(&w, "web", "prod", NULL, MATRIX_UNMEASURED, "interrupted");
    matrix_world_expect(&w, "require critical web/dev [nginx>=1.23] violated nginx 1.22.1; "
                            "members warning web/dev; "
                            "unreachable critical web/dev tcp.refused; "
                            "unfinished unknown web/prod interrupted");
    cell = matrix_result_cell(w.result, 0, 0);
    assert_int_equal(cell->nmembers, 4);
    assert_int_equal(cell->answered, 3);
    assert_int_equal(cell->failed, 1);
    assert_int_equal(cell->nvalues, 2);
    assert_string_equal(cell->values[0].product->version, "1.25.3"); /* in order of addresses */
    assert_int_equal(cell->values[0].members, 2);
    assert_int_equal(cell->severity, MATRIX_CRITICAL);
    assert_int_equal(cell->marks,
                     1u << MATRIX_REQUIRE | 1u << MATRIX_MEMBERS | 1u << MATRIX_UNREACHABLE);
    assert_int_equal(w.result->asked, 5);
    assert_int_equal(w.result->unmeasured, 1);
    assert_int_equal(w.result->severity, MATRIX_UNKNOWN);
    matrix_world_release(&w);
}

/* Members of one cell that differ are drift only where another environment shows the product. */
static void test_members_and_drift(void **state)
{
    struct matrix_world w;

    (void)state;
    matrix_world_init(&w, WEB(""));
    matrix_world_banner(&w, "web", "dev", "10.0.0.1", VERSION_HTTP_SERVER, "nginx/1.25.3");
    matrix_world_banner(&w, "web", "dev", "10.0.0.2", VERSION_HTTP_SERVER, "nginx/1.22.1");
    matrix_world_expect(&w, "members warning web/dev");
    matrix_world_banner(&w, "web", "prod", "10.0.1.1", VERSION_HTTP_SERVER, "nginx/1.25.3");
    matrix_world_expect(&w, "drift warning web/- nginx; members warning web/dev");
    matrix_world_release(&w);
}

/* Saves what is seen, and reads it back as the baseline. */
static bool keep(struct matrix_world *w, bool accept)
{
    struct matrix_baseline *kept = NULL;
    struct document_error error;
    bool changed;
    char *text;

    text = matrix_baseline_write(w->result, w->baseline, accept, &changed);
    assert_non_null(text);
    assert_int_equal(matrix_baseline_parse(text, strlen(text), &kept, &error), 0);
    free(text);
    matrix_result_free(w->result);
    w->result = NULL;
    matrix_baseline_free(w->baseline);
    w->baseline = kept;
    matrix_seen_release(&w->seen);
    return changed;
}

static void test_baseline(void **state)
{
    struct matrix_world w;

    (void)state;
    matrix_world_init(&w, WEB(", drift: ignore"));
    matrix_world_banner(&w, "web", "dev", "10.0.0.1", VERSION_HTTP_SERVER, "nginx/1.22.1");
    matrix_world_fail(&w, "web", "prod", "10.0.0.9", MATRIX_FAILED, "tcp.refused");
    matrix_world_expect(&w, "unreachable critical web/prod tcp.refused");
    assert_true(keep(&w, false));
    /* other addresses with the same version are no change; a new cell is added */
    matrix_world_banner(&w, "web", "dev", "10.0.0.7", VERSION_HTTP_SERVER, "nginx/1.22.1");
    matrix_world_banner(&w, "web", "prod", "10.0.0.9", VERSION_HTTP_SERVER, "a\\b/1.0");
    matrix_world_expect(&w, "");
    assert_true(keep(&w, false));
    matrix_world_banner(&w, "web", "dev", "10.0.0.7", VERSION_HTTP_SERVER, "nginx/1.22.1");
    matrix_world_banner(&w, "web", "prod", "10.0.0.9", VERSION_HTTP_SERVER, "a\\b/1.0");
    matrix_world_expect(&w, "");
    assert_false(keep(&w, false));
    /* a change is told until it is accepted */
    for (int i = 0; i < 2; i++) {
        matrix_world_banner(&w, "web", "dev", "10.0.0.7", VERSION_HTTP_SERVER, "nginx/1.22.2");
        matrix_world_expect(&w, "changed warning web/dev");
        assert_false(keep(&w, false));
    }
    matrix_world_banner(&w, "web", "dev", "10.0.0.7", VERSION_HTTP_SERVER, "nginx/1.22.2");
    matrix_world_judge(&w);
    assert_true(keep(&w, true));
    matrix_world_banner(&w, "web", "dev", "10.0.0.7", VERSION_HTTP_SERVER, "nginx/1.22.2");
    matrix_world_expect(&w, "");
    /* who is silent has lost nothing */
    matrix_world_fail(&w, "web", "dev", "10.0.0.8", MATRIX_FAILED, "tcp.refused");
    matrix_world_expect(&w, "unreachable critical web/dev tcp.refused");
    assert_false(keep(&w, true));
    /* a version that is hidden now is a change */
    matrix_world_banner(&w, "web", "dev", "10.0.0.7", VERSION_HTTP_SERVER, "nginx");
    matrix_world_expect(&w, "changed warning web/dev; hidden notice web/dev");
    matrix_world_release(&w);
}

#define DEL16 "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"

static void test_baseline_refuses(void **state)
{
    static const struct {
        const char *text, *message;
        size_t line;
    } rows[] = {
        {"", "is not JSON: '[' or '{' expected near end of file", 1},
        {"{\n\"a\": }", "is not JSON: unexpected token near '}'", 2},
        {"[]", "is no baseline: its schema is not netdx.baseline/1", 0},
        {"{\"schema\": \"netdx.baseline/2\", \"cells\": []}",
         "is no baseline: its schema is not netdx.baseline/1", 0},
        {"{\"schema\": \"netdx.baseline/1\"}", "is no baseline: its schema is not netdx.baseline/1",
         0},
        {"{\"schema\": \"netdx.baseline/1\", \"cells\": [1]}",
         "is no baseline: a cell needs component, environment and products", 0},
        {"{\"schema\": \"netdx.baseline/1\", \"cells\": [{\"component\": \"a\", \"environment\": "
         "\"b\", \"products\": [{\"name\": null}]}]}",
         "is no baseline: a cell needs component, environment and products", 0},
        {"{\"schema\": \"netdx.baseline/1\", \"cells\": [{\"component\": \"a\", \"environment\": "
         "\"b\\u001b\", \"products\": []}]}",
         "is no baseline: a cell needs component, environment and products", 0},
        /* 64 characters that would be written as four each: what is read can be written again. */
        {"{\"schema\": \"netdx.baseline/1\", \"cells\": [{\"component\": \"a\", \"environment\": "
         "\"b\", \"products\": [{\"name\": \"" DEL16 DEL16 DEL16 DEL16
         "\", \"version\": null, \"distro\": null}]}]}",
         "is no baseline: a cell needs component, environment and products", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct matrix_baseline *baseline = NULL;
        struct document_error error;

        assert_int_equal(
            matrix_baseline_parse(rows[i].text, strlen(rows[i].text), &baseline, &error), -EINVAL);
        assert_null(baseline);
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(error.line, rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_require),
        cmocka_unit_test(test_incompatible),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_members_and_drift),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_baseline_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
