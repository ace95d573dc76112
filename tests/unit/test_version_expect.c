#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/version_expect.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_parse(void **state)
{
    struct version_expectation e = {0};
    struct version_expect_error error;

    (void)state;
    assert_int_equal(version_expect_parse("nginx>=1.20,<1.25", &e, &error), 0);
    assert_string_equal(e.name, "nginx");
    assert_int_equal(e.nterms, 2);
    assert_int_equal(e.terms[0].operator, VERSION_AT_LEAST);
    assert_string_equal(e.terms[0].version, "1.20");
    assert_int_equal(e.terms[1].operator, VERSION_LESS);
    assert_string_equal(e.terms[1].version, "1.25");
    assert_int_equal(version_expect_parse(" Phusion Passenger  !=  6.0.18 , > 5 ", &e, &error), 0);
    assert_string_equal(e.name, "Phusion Passenger");
    assert_int_equal(e.terms[0].operator, VERSION_NOT_EQUAL);
    assert_string_equal(e.terms[1].version, "5");
    assert_int_equal(version_expect_parse("nginx", &e, &error), 0);
    assert_int_equal(e.nterms, 0);
    assert_int_equal(version_expect_parse("k=v1.2,==1.2", &e, &error), 0);
    assert_int_equal(e.terms[1].operator, VERSION_EQUAL);
}

static void test_parse_refuses(void **state)
{
    static const struct {
        const char *text;
        size_t column;
        const char *message;
    } rows[] = {
        {"", 1, "expected the name of a product, not the end"},
        {">=1.2", 1, "expected the name of a product, not \">=1.2\""},
        {"nginx>=", 8, "expected a version, not the end"},
        {"nginx>=abc", 8, "expected a version, not \"abc\""},
        {"nginx>=1.2,", 12, "expected one of >= > <= < == = !=, not the end"},
        {"nginx>=1.2 1.3", 12, "expected a comma or the end, not \"1.3\""},
        {"nginx>=1.2<1.3", 11, "expected a comma or the end, not \"<1.3\""},
        {"nginx!1.2", 6, "expected one of >= > <= < == = !=, not \"!1.2\""},
        {"nginx>>1", 7, "expected a version, not \">1\""},
        {"nginx,1", 6, "expected one of >= > <= < == = !=, not \",1\""},
        {"ng\033[2Jinx>=1", 1, "expected a name that can be printed, not \"ng\\x1b[2Jinx>=1\""},
        {"a>1,>1,>1,>1,>1,>1,>1,>1,>1", 26, "expected at most 8 conditions, not \">1\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct version_expectation e = {.name = "untouched"};
        struct version_expect_error error = {0};

        assert_int_equal(version_expect_parse(rows[i].text, &e, &error), -EINVAL);
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(error.column, rows[i].column);
        assert_string_equal(e.name, "untouched");
    }
}

struct judge_row {
    const char *header, *expectation;
    enum version_result result;
    bool lower_bound, may_be_patched;
};

static struct version_verdict judge(enum version_kind kind, const char *banner,
                                    const char *expectation)
{
    static struct version_list list;
    struct version_expectation e;
    struct version_expect_error error;

    list.count = 0;
    version_identify(kind, banner, strlen(banner), &list);
    assert_int_equal(version_expect_parse(expectation, &e, &error), 0);
    return version_expect_judge_all(&e, &list);
}

static void judge_all(enum version_kind kind, const struct judge_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct version_verdict verdict = judge(kind, rows[i].header, rows[i].expectation);

        if (verdict.result != rows[i].result || verdict.lower_bound != rows[i].lower_bound ||
            verdict.may_be_patched != rows[i].may_be_patched)
            fail_msg("%s, \"%s\": %s%s%s", rows[i].header, rows[i].expectation,
                     version_result_name(verdict.result),
                     verdict.lower_bound ? ", lower bound" : "",
                     verdict.may_be_patched ? ", may be patched" : "");
        assert_int_equal(verdict.reason != NULL, verdict.result == VERSION_OPEN);
    }
}

static void test_judge(void **state)
{
    static const struct judge_row rows[] = {
        {"nginx/1.23.3", "nginx>=1.23.3", VERSION_MET, false, false},
        {"nginx/1.23.2", "nginx>=1.23.3", VERSION_VIOLATED, false, false},
        {"nginx/1.25.0", "nginx>=1.20,<1.25", VERSION_VIOLATED, false, false},
        {"nginx/1.24.9", "nginx>=1.20,<1.25", VERSION_MET, false, false},
        {"nginx/1.9.9", "nginx>=1.20,<1.25", VERSION_VIOLATED, false, false},
        {"nginx/1.20", "NGINX=1.20.0", VERSION_OPEN, true, false},
        {"nginx/1.23.3", "nginx==1.23.3", VERSION_MET, false, false},
        {"nginx/1.23.3", "nginx!=1.23.3", VERSION_VIOLATED, false, false},
        {"nginx/1.23.3", "nginx>1.23.3", VERSION_VIOLATED, false, false},
        {"nginx/1.23.3", "nginx<=1.23.3", VERSION_MET, false, false},
        {"nginx", "nginx>=1.23.3", VERSION_OPEN, false, false},
        {"nginx", "nginx", VERSION_MET, false, false},
        {"Apache", "nginx", VERSION_OPEN, false, false},
        {"openresty/1.21.4.1", "nginx>=1.20", VERSION_OPEN, false, false},
        {"Apache-Coyote/1.1", "Apache-Coyote>=1.0", VERSION_OPEN, false, false},
        {"Apache/2.4.57", "httpd>=2.4.50", VERSION_MET, false, false},
        {"Apache/2.4.57", "apache2>=2.4.50", VERSION_MET, false, false},
        {"OpenSSL/1.1.1k", "OpenSSL>=1.1.1w", VERSION_VIOLATED, false, false},
        {"nginx/1.20.1, nginx/1.25.1", "nginx>=1.23", VERSION_VIOLATED, false, false},
        {"nginx, nginx/1.25.1", "nginx>=1.23", VERSION_OPEN, false, false},
        {"thing/1.0-foo", "thing>=1.0", VERSION_OPEN, false, false},
    };

    (void)state;
    judge_all(VERSION_HTTP_SERVER, rows, COUNT(rows));
}

/* A distribution's build: met by its number is met; violated by it may be patched all the same. */
static void test_distro_build(void **state)
{
    static const struct judge_row http[] = {
        {"Apache/2.4.57 (Debian)", "Apache>=2.4.50", VERSION_MET, true, false},
        {"Apache/2.4.7 (Ubuntu)", "Apache>=2.4.50", VERSION_VIOLATED, true, true},
        {"Apache/2.4.7 (Ubuntu)", "Apache>2.4.7", VERSION_VIOLATED, true, true},
        {"Apache/2.4.7 (Ubuntu)", "Apache!=2.4.7", VERSION_VIOLATED, true, true},
        {"Apache/2.4.7 (Ubuntu)", "Apache<2.4", VERSION_VIOLATED, true, false},
        {"Apache/2.4.7 (Ubuntu)", "Apache>=2.4.50,<2.4", VERSION_VIOLATED, true, false},
    };
    static const struct judge_row ssh[] = {
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", "OpenSSH!=9.2p1", VERSION_VIOLATED, true, true},
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", "OpenSSH>=9.0", VERSION_MET, true, false},
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", "OpenSSH>=9.2p1-2+deb12u3", VERSION_MET, true,
         false},
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u1", "OpenSSH>=9.2p1-2+deb12u3", VERSION_VIOLATED,
         true, true},
        {"SSH-2.0-OpenSSH_9.2p1", "OpenSSH>=9.2p1-2+deb12u3", VERSION_OPEN, false, false},
        {"SSH-2.0-OpenSSH_9.3p1", "OpenSSH>=9.2p1-2+deb12u3", VERSION_MET, false, false},
        {"SSH-2.0-OpenSSH_10.0p2", "OpenSSH>9.9", VERSION_MET, false, false},
    };

    (void)state;
    judge_all(VERSION_HTTP_SERVER, http, COUNT(http));
    judge_all(VERSION_SSH, ssh, COUNT(ssh));
}

/* "2.4" is any 2.4.N: what holds for all of them is met, what holds for none is violated. */
static void test_partial(void **state)
{
    static const struct judge_row rows[] = {
        {"Apache/2.4", "Apache>=2.4", VERSION_MET, true, false},
        {"Apache/2.4", "Apache>=2.4.50", VERSION_OPEN, true, false},
        {"Apache/2.4", "Apache>=2.6", VERSION_VIOLATED, true, false},
        {"Apache/2.4", "Apache>2.3.9", VERSION_MET, true, false},
        {"Apache/2.4", "Apache>2.4", VERSION_OPEN, true, false},
        {"Apache/2.4", "Apache<2.5", VERSION_MET, true, false},
        {"Apache/2.4", "Apache<2.4.50", VERSION_OPEN, true, false},
        {"Apache/2.4", "Apache<2.4", VERSION_VIOLATED, true, false},
        {"Apache/2.4", "Apache<=2.4", VERSION_OPEN, true, false},
        {"Apache/2.4", "Apache==2.4.50", VERSION_OPEN, true, false},
        {"Apache/2.4", "Apache==2.6", VERSION_VIOLATED, true, false},
        {"Apache/2.4", "Apache!=2.4.50", VERSION_OPEN, true, false},
        {"Apache/2.4", "Apache!=2.2.34", VERSION_MET, true, false},
        {"Apache/2.4", "Apache>=2.40.1", VERSION_VIOLATED, true, false},
        {"Apache/2", "Apache>=2.4.50", VERSION_OPEN, true, false},
        {"Apache/2.4 (Ubuntu)", "Apache>=2.6", VERSION_VIOLATED, true, true},
    };

    (void)state;
    judge_all(VERSION_HTTP_SERVER, rows, COUNT(rows));
}

static void test_schemes_of_products(void **state)
{
    static const struct judge_row kubernetes[] = {
        {"{\"gitVersion\":\"v1.27.3-gke.100\"}", "Kubernetes>=1.27.3", VERSION_MET, true, false},
        {"{\"gitVersion\":\"v1.27.3-rc.1\"}", "k8s>=1.27.3", VERSION_VIOLATED, false, false},
        {"{\"gitVersion\":\"v1.27.3\"}", "k8s>=1.27", VERSION_MET, false, false},
    };
    static const struct judge_row docker[] = {
        {"{\"Version\":\"19.03.13\"}", "Docker>=20.10", VERSION_VIOLATED, false, false},
        {"{\"Version\":\"20.10.24+dfsg1\"}", "Docker>=20.10", VERSION_MET, true, false},
    };

    (void)state;
    judge_all(VERSION_KUBERNETES, kubernetes, COUNT(kubernetes));
    judge_all(VERSION_DOCKER, docker, COUNT(docker));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_judge),   cmocka_unit_test(test_distro_build),
        cmocka_unit_test(test_partial), cmocka_unit_test(test_schemes_of_products),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
