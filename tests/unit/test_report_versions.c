#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/matrix_world.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/versions.h"

static const char yaml[] = "name: shop\n"
                           "environments: [staging, production]\n"
                           "components:\n"
                           "  web:\n"
                           "    require: nginx>=1.23.3\n"
                           "    targets: {staging: web.staging, production: [web1, web2]}\n"
                           "  cache: {targets: {production: 'cache:6379'}}\n"
                           "incompatible:\n"
                           "  - {pair: redis<6.2.6 with nginx, because: it hangs}\n";

static const struct report_versions_run run = {
    .start_unix_ns = 1700000000000000000,
    .elapsed_ns = 12500000,
    .privilege = "unprivileged",
};

/* One of everything that a cell may hold. */
static void setup_shop(struct matrix_world *w)
{
    matrix_world_init(w, yaml);
    matrix_world_banner(w, "web", "staging", "10.0.0.1", VERSION_HTTP_SERVER, "nginx/1.25.3");
    matrix_world_banner(w, "web", "production", "10.0.1.1", VERSION_HTTP_SERVER,
                        "nginx/1.22.1 (Ubuntu)");
    matrix_world_banner(w, "web", "production", "2001:db8::1", VERSION_HTTP_SERVER, "nginx");
    matrix_world_fail(w, "web", "production", "10.0.1.2", MATRIX_FAILED, "tcp.refused");
    matrix_world_banner(w, "cache", "production", "10.0.2.1", VERSION_REDIS_INFO,
                        "# Server\r\nredis_version:6.2.5\r\n");
    matrix_world_judge(w);
}

/*
 * What a hostile server, or a hostile file, may bring: what means something to a terminal, in CSV,
 * Markdown and HTML. The file's names must be printable and have no backslash.
 */
static const char hostile_yaml[] = "name: '<b>*n*&amp;'\n"
                                   "environments: ['=a|b', '<i>']\n"
                                   "components:\n"
                                   "  '[x](http://x)|`y`<s>':\n"
                                   "    require: 's&amp;|>=1'\n"
                                   "    targets: {'=a|b': 'a.test:1'}\n"
                                   "incompatible: ['a_b with c', 'x with y']\n";

static void setup_hostile(struct matrix_world *w)
{
    matrix_world_init(w, hostile_yaml);
    matrix_world_banner(w, "[x](http://x)|`y`<s>", "=a|b", "10.0.0.1", VERSION_HTTP_SERVER,
                        "<script>alert('1')</script>\"\033[2J\xe2\x80\xae|*_`[a](www.x.y)/1.0");
    matrix_world_judge(w);
}

enum form { TEXT, COLOR, CSV, MARKDOWN, HTML, JSON, SUMMARY };

static char *render(const struct matrix_world *w, enum form form)
{
    const struct report_versions_text_options options = {.color = form == COLOR};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int err = -EINVAL;

    assert_non_null(out);
    if (form == TEXT || form == COLOR)
        err = report_versions_text(out, w->result, &run, &options);
    else if (form == CSV)
        err = report_versions_csv(out, w->result);
    else if (form == MARKDOWN)
        err = report_versions_markdown(out, w->result, &run);
    else if (form == HTML)
        err = report_versions_html(out, w->result, &run);
    else if (form == JSON)
        err = report_versions_json(out, w->result, &run);
    else
        err = report_versions_summary_event(out, w->result, &run);
    assert_int_equal(err, 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect(const struct matrix_world *w, enum form form, const char *golden)
{
    char *text = render(w, form);

    assert_string_equal(text, golden);
    free(text);
}

static void test_text(void **state)
{
    struct matrix_world w;

    (void)state;
    setup_shop(&w);
    expect(
        &w, TEXT,
        "       staging       production\n"
        "web    nginx 1.25.3  nginx 1.22.1 or later (Ubuntu) (1 of 3)\n"
        "       [drift]       nginx (1 of 3)\n"
        "                     1 of 3 unreachable\n"
        "                     [require, incompatible, drift, members]\n"
        "cache  -             Redis 6.2.5\n"
        "                     [incompatible]\n"
        "\n"
        "warning   web in production: nginx 1.22.1 or later (Ubuntu) breaks \"nginx>=1.23.3\" by "
        "its "
        "number, though who built it may have mended it: web1 (10.0.1.1:80) (versions.require)\n"
        "unknown   web in production: nobody can tell whether \"nginx>=1.23.3\" holds: it shows "
        "no version: web1 ([2001:db8::1]:80) (versions.require)\n"
        "critical  production: Redis 6.2.5 (cache, cache:6379 (10.0.2.1:80)) is incompatible "
        "with nginx 1.22.1 or later (Ubuntu) (web, web1 (10.0.1.1:80)): \"redis<6.2.6 with "
        "nginx\": it hangs (versions.incompatible)\n"
        "warning   web: nginx is not the same everywhere: staging nginx 1.25.3; production nginx "
        "1.22.1 or later (Ubuntu), nginx (versions.drift)\n"
        "warning   web in production: its addresses differ: nginx 1.22.1 or later (Ubuntu) at "
        "10.0.1.1:80; nginx at [2001:db8::1]:80 (versions.members)\n"
        "critical  web in production: web1 (10.0.1.2:80): tcp.refused (versions.unreachable)\n"
        "\n"
        "5 addresses asked, 4 answered, 1 unreachable; 1 unknown, 2 critical, 3 warnings\n");
    matrix_world_release(&w);
}

static void test_text_color(void **state)
{
    struct matrix_world w;
    char *text;

    (void)state;
    setup_shop(&w);
    text = render(&w, COLOR);
    assert_non_null(strstr(text, "\033[31mRedis 6.2.5\033[0m\n"));
    assert_non_null(strstr(text, "\n\033[33mwarning \033[0m  web: nginx"));
    free(text);
    matrix_world_release(&w);
}

static void test_csv(void **state)
{
    struct matrix_world w;

    (void)state;
    setup_shop(&w);
    expect(&w, CSV,
           "component,environment,target,address,port,protocol,product,version,distro,lower_bound,"
           "findings,error_code,error_message\n"
           "\"web\",\"staging\",\"web.staging\",10.0.0.1,80,,\"nginx\",\"1.25.3\",,false,"
           "\"versions.drift\",,\n"
           "\"web\",\"production\",\"web1\",10.0.1.1,80,,\"nginx\",\"1.22.1\",\"Ubuntu\",true,"
           "\"versions.require versions.incompatible versions.drift versions.members "
           "versions.unreachable\",,\n"
           "\"web\",\"production\",\"web1\",10.0.1.2,80,,,,,,\"versions.require "
           "versions.incompatible versions.drift versions.members versions.unreachable\","
           "\"tcp.refused\",\n"
           "\"web\",\"production\",\"web1\",2001:db8::1,80,,\"nginx\",,,false,\"versions.require "
           "versions.incompatible versions.drift versions.members versions.unreachable\",,\n"
           "\"cache\",\"production\",\"cache:6379\",10.0.2.1,80,,\"Redis\",\"6.2.5\",,false,"
           "\"versions.incompatible\",,\n");
    matrix_world_release(&w);
}

static void test_markdown(void **state)
{
    struct matrix_world w;

    (void)state;
    setup_shop(&w);
    expect(&w, MARKDOWN,
           "# Versions of shop\n\n"
           "| | staging | production |\n|---|---|---|\n"
           "| **web** | nginx 1.25.3<br>**drift** | nginx 1.22.1 or later (Ubuntu) (1 of 3)<br>"
           "nginx (1 of 3)<br>1 of 3 unreachable<br>**require, incompatible, "
           "drift, members** |\n"
           "| **cache** | - | Redis 6.2.5<br>**incompatible** |\n"
           "\n"
           "- **warning** web in production: nginx 1.22.1 or later (Ubuntu) breaks "
           "\"nginx\\>=1.23.3\" by its number, though who built it may have mended it: web1 "
           "(10.0.1.1:80) (`versions.require`)\n"
           "- **unknown** web in production: nobody can tell whether \"nginx\\>=1.23.3\" holds: it "
           "shows no version: web1 (\\[2001\\:db8\\::1\\]:80) (`versions.require`)\n"
           "- **critical** production: Redis 6.2.5 (cache, cache:6379 (10.0.2.1:80)) is "
           "incompatible with nginx 1.22.1 or later (Ubuntu) (web, web1 (10.0.1.1:80)): "
           "\"redis\\<6.2.6 with nginx\": it hangs (`versions.incompatible`)\n"
           "- **warning** web: nginx is not the same everywhere: staging nginx 1.25.3; production "
           "nginx 1.22.1 or later (Ubuntu), nginx (`versions.drift`)\n"
           "- **warning** web in production: its addresses differ: nginx 1.22.1 or later (Ubuntu) "
           "at 10.0.1.1:80; nginx at \\[2001\\:db8\\::1\\]:80 (`versions.members`)\n"
           "- **critical** web in production: web1 (10.0.1.2:80): tcp.refused "
           "(`versions.unreachable`)\n"
           "\n2023-11-14T22:13:20Z, netdx " NETDX_VERSION ": 5 addresses asked, 4 answered, 1 "
           "unreachable; 1 unknown, 2 critical, 3 warnings\n");
    matrix_world_release(&w);
}

/* Everything from <body> on. */
static void test_html(void **state)
{
    struct matrix_world w;
    char *text;

    (void)state;
    setup_shop(&w);
    text = render(&w, HTML);
    assert_ptr_equal(strstr(text, "<!DOCTYPE html>\n<html lang=\"en\">\n"), text);
    assert_string_equal(
        strstr(text, "<title>"),
        "<title>Versions of shop</title>\n</head>\n<body>\n<h1>Versions of shop</h1>\n"
        "<table>\n<thead><tr><th></th><th scope=\"col\">staging</th><th scope=\"col\">production"
        "</th></tr></thead>\n<tbody>\n"
        "<tr><th scope=\"row\">web</th><td class=\"warning\">nginx 1.25.3<br><span class=\"marks\">"
        "drift</span></td><td class=\"unknown\">nginx 1.22.1 or later (Ubuntu) (1 of 3)<br>nginx "
        "(1 of 3)<br>1 of 3 unreachable<br><span class=\"marks\">require, "
        "incompatible, drift, members</span></td></tr>\n"
        "<tr><th scope=\"row\">cache</th><td class=\"absent\">-</td><td class=\"critical\">Redis "
        "6.2.5<br><span class=\"marks\">incompatible</span></td></tr>\n"
        "</tbody>\n</table>\n<h2>Findings</h2>\n<ul>\n"
        "<li class=\"warning\"><b>warning</b> web in production: nginx 1.22.1 or later (Ubuntu) "
        "breaks &quot;nginx&gt;=1.23.3&quot; by its number, though who built it may have mended "
        "it: web1 (10.0.1.1:80) <code>versions.require</code></li>\n"
        "<li class=\"unknown\"><b>unknown</b> web in production: nobody can tell whether "
        "&quot;nginx&gt;=1.23.3&quot; holds: it shows no version: web1 ([2001:db8::1]:80) "
        "<code>versions.require</code></li>\n"
        "<li class=\"critical\"><b>critical</b> production: Redis 6.2.5 (cache, cache:6379 "
        "(10.0.2.1:80)) is incompatible with nginx 1.22.1 or later (Ubuntu) (web, web1 "
        "(10.0.1.1:80)): &quot;redis&lt;6.2.6 with nginx&quot;: it hangs "
        "<code>versions.incompatible</code></li>\n"
        "<li class=\"warning\"><b>warning</b> web: nginx is not the same everywhere: staging nginx "
        "1.25.3; production nginx 1.22.1 or later (Ubuntu), nginx "
        "<code>versions.drift</code></li>\n"
        "<li class=\"warning\"><b>warning</b> web in production: its addresses differ: nginx "
        "1.22.1 "
        "or later (Ubuntu) at 10.0.1.1:80; nginx at [2001:db8::1]:80 <code>versions.members</code>"
        "</li>\n"
        "<li class=\"critical\"><b>critical</b> web in production: web1 (10.0.1.2:80): tcp.refused "
        "<code>versions.unreachable</code></li>\n"
        "</ul>\n<p>2023-11-14T22:13:20Z, netdx " NETDX_VERSION ": 5 addresses asked, 4 answered, 1 "
        "unreachable; 1 unknown, 2 critical, 3 warnings</p>\n</body>\n</html>\n");
    free(text);
    matrix_world_release(&w);
}

static const json_t *at(const json_t *value, const char *path)
{
    char key[64];

    while (value && *path) {
        size_t len = strcspn(path, ".");

        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
                                     : json_object_get(value, key);
        path += len + (path[len] == '.');
    }
    return value;
}

static const char *string_at(const json_t *value, const char *path)
{
    const char *text = json_string_value(at(value, path));

    if (!text)
        fail_msg("no string at %s", path);
    return text;
}

static void test_json(void **state)
{
    struct matrix_world w;
    json_t *document;
    char *text;

    (void)state;
    setup_shop(&w);
    text = render(&w, JSON);
    document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(document);
    assert_string_equal(string_at(document, "schema"), "netdx.versions/1");
    assert_string_equal(string_at(document, "start"), "2023-11-14T22:13:20.000000000Z");
    assert_float_equal(json_number_value(at(document, "elapsed_ms")), 12.5, 0);
    assert_string_equal(string_at(document, "environments.1"), "production");
    assert_string_equal(string_at(document, "components.0.require.0"), "nginx>=1.23.3");
    assert_string_equal(string_at(document, "components.0.cells.1.environment"), "production");
    assert_string_equal(string_at(document, "components.0.cells.1.products.0.version"), "1.22.1");
    assert_string_equal(string_at(document, "components.0.cells.1.products.0.distro"), "Ubuntu");
    assert_true(json_is_true(at(document, "components.0.cells.1.products.0.lower_bound")));
    assert_int_equal(json_integer_value(at(document, "components.0.cells.1.products.0.members")),
                     1);
    assert_true(json_is_null(at(document, "components.0.cells.1.products.1.version")));
    assert_string_equal(string_at(document, "components.0.cells.1.members.1.error.code"),
                        "tcp.refused");
    assert_string_equal(string_at(document, "components.0.cells.1.findings.4"),
                        "versions.unreachable");
    /* a component that is not in an environment has no cell there */
    assert_int_equal(json_array_size(at(document, "components.1.cells")), 1);
    assert_int_equal(json_array_size(at(document, "findings")), 6);
    assert_string_equal(string_at(document, "findings.1.severity"), "unknown");
    assert_string_equal(string_at(document, "findings.2.id"), "versions.incompatible");
    assert_true(json_is_null(at(document, "findings.2.component")));
    assert_string_equal(string_at(document, "findings.2.member.address"), "10.0.2.1");
    assert_string_equal(string_at(document, "findings.2.products.0.name"), "Redis");
    assert_string_equal(string_at(document, "findings.2.products.1.name"), "nginx");
    assert_string_equal(string_at(document, "findings.2.other.address"), "10.0.1.1");
    assert_string_equal(string_at(document, "worst"), "unknown");
    assert_int_equal(json_integer_value(at(document, "failed")), 1);
    assert_true(json_is_null(at(document, "error")));
    json_decref(document);
    text = render(&w, SUMMARY);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_string_equal(string_at(document, "event"), "summary");
    assert_null(at(document, "components"));
    json_decref(document);
    matrix_world_release(&w);
}

/* Golden, line by line, where outside text stands. */
static void test_hostile(void **state)
{
    struct matrix_world w;
    const struct version_product *p;
    json_t *document;
    char *text;

    (void)state;
    setup_hostile(&w);
    p = &w.seen.members[0].products[0];
    text = render(&w, TEXT);
    for (const char *c = text; *c; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= ' ');
    assert_null(strstr(text, "\xe2\x80\xae"));
    free(text);

    text = render(&w, HTML);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<s>"));
    assert_null(strstr(text, "<i>"));
    assert_null(strstr(text, "<b>*"));
    assert_null(strstr(text, "\033"));
    assert_non_null(strstr(text, "<title>Versions of &lt;b&gt;*n*&amp;amp;</title>"));
    assert_non_null(strstr(text, "<th scope=\"row\">[x](http://x)|`y`&lt;s&gt;</th>"));
    assert_non_null(strstr(text, "<th scope=\"col\">=a|b</th><th scope=\"col\">&lt;i&gt;</th>"));
    assert_non_null(strstr(text, "&quot;s&amp;amp;|&gt;=1&quot;"));
    free(text);

    text = render(&w, MARKDOWN);
    assert_non_null(strstr(text, "# Versions of \\<b\\>\\*n\\*\\&amp;\n"));
    assert_non_null(strstr(text, "| | =a\\|b | \\<i\\> |\n"));
    assert_non_null(strstr(text, "\n| **\\[x\\](http\\://x)\\|\\`y\\`\\<s\\>** | "));
    for (const char *c = strchr(text, '<'); c; c = strchr(c + 1, '<'))
        assert_true(c[-1] == '\\' || !strncmp(c, "<br>", 4));
    assert_null(strstr(text, "www."));
    free(text);

    text = render(&w, CSV);
    assert_non_null(
        strstr(text, "\n\"[x](http://x)|`y`<s>\",\"'=a|b\",\"a.test:1\",10.0.0.1,80,,"));
    free(text);

    text = render(&w, JSON);
    document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    assert_string_equal(string_at(document, "components.0.cells.0.members.0.products.0.name"),
                        p->name);
    json_decref(document);
    free(text);
    matrix_world_release(&w);
}

/* What a version holds that is no version's: put there by hand, as no reader would. */
static void test_hostile_version(void **state)
{
    struct matrix_world w;
    struct version_product *p;

    (void)state;
    matrix_world_init(&w, "environments: [a]\ncomponents: {w: {targets: {a: x}}}\n");
    matrix_world_banner(&w, "w", "a", "10.0.0.1", VERSION_HTTP_SERVER, "nginx/1.25.3");
    p = &w.seen.members[0].products[0];
    snprintf(p->name, sizeof(p->name), "%s", "<a href='//x'>|\"\\x1b");
    snprintf(p->version, sizeof(p->version), "%s", "1&2");
    matrix_world_judge(&w);
    expect(&w, MARKDOWN,
           "# Versions\n\n| | a |\n|---|---|\n"
           "| **w** | \\<a href='//x'\\>\\|\"\\\\x1b 1\\&2 |\n"
           "\n2023-11-14T22:13:20Z, netdx " NETDX_VERSION
           ": 1 address asked, 1 answered; no findings\n");
    expect(&w, CSV,
           "component,environment,target,address,port,protocol,product,version,distro,lower_bound,"
           "findings,error_code,error_message\n"
           "\"w\",\"a\",\"x\",10.0.0.1,80,,\"<a href='//x'>|\"\"\\x1b\",\"1&2\",,false,\"\",,\n");
    expect(&w, TEXT,
           "   a\n"
           "w  <a href='//x'>|\"\\x1b 1&2\n"
           "\n1 address asked, 1 answered; no findings\n");
    matrix_world_release(&w);
}

static void test_full(void **state)
{
    struct matrix_world w;
    FILE *full = fopen("/dev/full", "w");
    const struct report_versions_text_options options = {0};

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    setup_shop(&w);
    assert_int_equal(report_versions_text(full, w.result, &run, &options), -ENOSPC);
    assert_int_equal(report_versions_csv(full, w.result), -ENOSPC);
    assert_int_equal(report_versions_markdown(full, w.result, &run), -ENOSPC);
    assert_int_equal(report_versions_html(full, w.result, &run), -ENOSPC);
    assert_int_equal(report_versions_json(full, w.result, &run), -ENOSPC);
    fclose(full);
    matrix_world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_text_color),
        cmocka_unit_test(test_csv),     cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_html),    cmocka_unit_test(test_json),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_hostile_version),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
