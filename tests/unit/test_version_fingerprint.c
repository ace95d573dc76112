#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/version_fingerprint.h"
#include "tests/unit/products.h"

#include <errno.h>
#include <string.h>

static const char servers[] =
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    "<fingerprints matches=\"http_header.server\" protocol=\"http\">\n"
    "  <fingerprint pattern=\"^Apache/([\\d.]+) \\(Ubuntu\\)\">\n"
    "    <description>Apache on Ubuntu &amp; friends</description>\n"
    "    <example service.version=\"2.4.7\">Apache/2.4.7 (Ubuntu)</example>\n"
    "    <param pos=\"0\" name=\"service.vendor\" value=\"Apache\"/>\n"
    "    <param pos=\"0\" name=\"service.product\" value=\"HTTPD\"/>\n"
    "    <param pos=\"1\" name=\"service.version\"/>\n"
    "    <param pos=\"0\" name=\"os.vendor\" value=\"Ubuntu\"/>\n"
    "    <param pos=\"0\" name=\"service.cpe23\" value=\"cpe:/a:apache:x:{service.version}\"/>\n"
    "  </fingerprint>\n"
    "  <fingerprint pattern=\"^widget[ _]server r(\\d+)$\" flags=\"REG_ICASE\">\n"
    "    <description>Widget</description>\n"
    "    <param pos=\"0\" name=\"service.product\" value=\"Widget Server\"/>\n"
    "    <param pos=\"1\" name=\"service.version\"/>\n"
    "  </fingerprint>\n"
    "  <fingerprint pattern=\"^box/(\\d)( extra)?\">\n"
    "    <description>hardware alone</description>\n"
    "    <param pos=\"0\" name=\"hw.product\" value=\"Box\"/>\n"
    "  </fingerprint>\n"
    "  <fingerprint pattern=\"^pair/([\\d.]+)(?: with ([\\d.]+))?\">\n"
    "    <description>two in one</description>\n"
    "    <param pos=\"0\" name=\"service.product\" value=\"Pair\"/>\n"
    "    <param pos=\"1\" name=\"service.version\"/>\n"
    "    <param pos=\"0\" name=\"service.component.product\" value=\"Other\"/>\n"
    "    <param pos=\"2\" name=\"service.component.version\"/>\n"
    "  </fingerprint>\n"
    "  <fingerprint pattern=\"^(a+)+$\"><description>slow</description>\n"
    "    <param pos=\"0\" name=\"service.product\" value=\"Slow\"/></fingerprint>\n"
    "</fingerprints>\n";

static const char ssh[] =
    "<fingerprints matches=\"ssh.banner\"><fingerprint pattern=\"^OpenSSH_([^\\s]+)\\s+Debian.*$\">"
    "<description>OpenSSH</description><param pos=\"1\" name=\"service.version\"/>"
    "<param pos=\"0\" name=\"service.vendor\" value=\"OpenBSD\"/>"
    "<param pos=\"0\" name=\"service.product\" value=\"OpenSSH\"/>"
    "</fingerprint></fingerprints>";

static struct version_fingerprints *load(const char *xml)
{
    struct version_fingerprints *set = NULL;
    struct version_fingerprint_error error;

    assert_int_equal(version_fingerprints_new(&set), 0);
    assert_int_equal(version_fingerprints_add(set, xml, strlen(xml), &error), 0);
    assert_int_equal(error.line, 0);
    return set;
}

static void check(struct version_fingerprints *set, enum version_kind kind, const char *banner,
                  const char *products, const char *fingerprint)
{
    struct version_list list = {0};
    char text[PRODUCTS_TEXT_SIZE];

    version_identify_with(set, kind, banner, strlen(banner), &list);
    products_text(&list, text);
    assert_string_equal(text, products);
    if (!fingerprint)
        assert_null(list.count ? list.products[0].fingerprint : NULL);
    else
        assert_string_equal(list.products[0].fingerprint, fingerprint);
}

static void test_match(void **state)
{
    struct version_fingerprints *set = load(servers);

    (void)state;
    check(set, VERSION_HTTP_SERVER, "Apache/2.4.7 (Ubuntu) PHP/5.5.9-1ubuntu4.29",
          "HTTPD=2.4.7~<Ubuntu>; PHP=5.5.9~<1ubuntu4.29>", "Apache on Ubuntu & friends");
    check(set, VERSION_HTTP_SERVER, "Widget_Server R12", "Widget Server=12", "Widget");
    check(set, VERSION_HTTP_SERVER, "box/2", "box=2", NULL);
    check(set, VERSION_HTTP_SERVER, "pair/1.5 with 2.7", "Pair=1.5; Other=2.7", "two in one");
    check(set, VERSION_HTTP_SERVER, "nginx/1.2.3", "nginx=1.2.3", NULL);
    check(set, VERSION_HTTP_POWERED_BY, "Widget_Server R12", "Widget_Server R12=-", NULL);
    check(NULL, VERSION_HTTP_SERVER, "Widget_Server R12", "Widget_Server R12=-", NULL);
    version_fingerprints_free(set);
}

/* Against the part behind "SSH-2.0-" and the code, each line of a greeting by itself. */
static void test_subjects(void **state)
{
    struct version_fingerprints *set = load(ssh);
    static const char ftp[] =
        "<fingerprints matches=\"ftp.banner\"><fingerprint pattern=\"^second ([\\d.]+)$\">"
        "<description>S</description><param pos=\"0\" name=\"service.product\" value=\"Second\"/>"
        "<param pos=\"1\" name=\"service.version\"/></fingerprint></fingerprints>";
    static const char mysql[] =
        "<fingerprints matches=\"mysql.banners\"><fingerprint pattern=\"^(8[\\d.]+)$\">"
        "<description>M</description><param pos=\"0\" name=\"service.product\" value=\"MySQL\"/>"
        "<param pos=\"1\" name=\"service.version\"/></fingerprint></fingerprints>";
    struct version_list list = {0};
    struct version_fingerprint_error error;

    (void)state;
    assert_int_equal(version_fingerprints_add(set, ftp, strlen(ftp), &error), 0);
    assert_int_equal(version_fingerprints_add(set, mysql, strlen(mysql), &error), 0);
    check(set, VERSION_SSH, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
          "OpenSSH=9.2p1~<Debian-2+deb12u3>", "OpenSSH");
    check(set, VERSION_FTP, "220-first\r\n220 second 1.2\r\n", "Second=1.2", "S");
    check(set, VERSION_MYSQL, "8.4.0", "MySQL=8.4.0", "M");
    version_identify_with(set, VERSION_MYSQL,
                          "\x49\0\0\0\x0a"
                          "8.4.0\0\1",
                          12, &list);
    assert_string_equal(list.products[0].fingerprint, "M");
    version_fingerprints_free(set);
}

/* Exponential backtracking runs into the limit, and then there is simply no match. */
static void test_limit(void **state)
{
    struct version_fingerprints *set = load(servers);
    struct version_fingerprint_counts counts;

    (void)state;
    check(set, VERSION_HTTP_SERVER, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!=-", NULL);
    version_fingerprints_count(set, &counts);
    assert_int_equal(counts.gave_up, 1);
    assert_int_equal(counts.loaded, 5);
    version_fingerprints_free(set);
}

static void test_full_list(void **state)
{
    struct version_fingerprints *set = load(servers);
    struct version_list list = {0};

    (void)state;
    for (int i = 0; i < VERSION_PRODUCTS_MAX - 1; i++)
        version_identify(VERSION_HTTP_SERVER, "a/1", 3, &list);
    version_identify_with(set, VERSION_HTTP_SERVER, "pair/1.5 with 2.7", 17, &list);
    assert_int_equal(list.count, VERSION_PRODUCTS_MAX);
    assert_string_equal(list.products[VERSION_PRODUCTS_MAX - 1].name, "Pair");
    version_identify_with(set, VERSION_HTTP_SERVER, "pair/1.5 with 2.7", 17, &list);
    assert_int_equal(list.count, VERSION_PRODUCTS_MAX);
    assert_true(list.dropped > 2);
    version_fingerprints_free(set);
}

static void test_refuses(void **state)
{
    static const struct {
        const char *xml;
        size_t line;
        const char *message;
    } rows[] = {
        {"", 1, "not well-formed: no element found"},
        {"<fingerprints matches='ssh.banner'>\n<fingerprint pattern='x'>", 2,
         "not well-formed: no element found"},
        {"<html/>", 1, "no list of fingerprints: its root is not <fingerprints matches=...>"},
        {"<fingerprints/>", 1,
         "no list of fingerprints: its root is not <fingerprints matches=...>"},
        {"\n<!DOCTYPE a [<!ENTITY b 'c'>]>\n<fingerprints matches='ssh.banner'/>", 2,
         "has a document type, which fingerprints do without"},
    };
    struct version_fingerprint_counts counts;
    struct version_fingerprints *set = load(ssh);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct version_fingerprint_error error;

        assert_int_equal(version_fingerprints_add(set, rows[i].xml, strlen(rows[i].xml), &error),
                         -EINVAL);
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(error.line, rows[i].line);
        assert_true(error.column > 0);
    }
    version_fingerprints_count(set, &counts);
    assert_int_equal(counts.loaded, 1);
    version_fingerprints_free(set);
}

/* Of a file in which one pattern is wrong, the others hold; what ends early leaves nothing. */
static void test_parts(void **state)
{
    static const char wrong[] =
        "<fingerprints matches='ssh.banner'>\n<fingerprint pattern='(x'/>\n"
        "<fingerprint/>\n<fingerprint pattern='y'><param name='service.product' value='Y'/>"
        "</fingerprint></fingerprints>";
    static const char cut[] = "<fingerprints matches='ssh.banner'><fingerprint pattern='z'/>";
    static const char other[] =
        "<fingerprints matches='x509.subject'><fingerprint pattern='('/></fingerprints>";
    struct version_fingerprint_counts counts;
    struct version_fingerprint_error error;
    struct version_fingerprints *set = load(ssh);

    (void)state;
    assert_int_equal(version_fingerprints_add(set, wrong, strlen(wrong), &error), 0);
    assert_int_equal(error.line, 2);
    assert_string_equal(error.message, "pattern is not understood: missing closing parenthesis");
    assert_int_equal(version_fingerprints_add(set, other, strlen(other), &error), 0);
    assert_int_equal(version_fingerprints_add(set, cut, strlen(cut), &error), -EINVAL);
    version_fingerprints_count(set, &counts);
    assert_int_equal(counts.loaded, 2);
    assert_int_equal(counts.refused, 2);
    assert_int_equal(counts.passed, 1);
    version_fingerprints_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),   cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_limit),   cmocka_unit_test(test_full_list),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
