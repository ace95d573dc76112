/* Judgements row by row. The facts are made here; what makes them is tested elsewhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/check.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY       86400
#define NOW       1700000000

static struct check_limits limits_default(void)
{
    struct check_limits limits = {.distrust = CHECK_CRITICAL};

    assert_int_equal(check_statuses_parse("200-399", limits.statuses), 0);
    return limits;
}

static void limits_expect(struct check_limits *limits, const char *text)
{
    struct version_expect_error error;

    assert_int_equal(
        version_expect_parse(text, &limits->expectations[limits->nexpectations], &error), 0);
    limits->texts[limits->nexpectations++] = text;
}

static struct service_facts service_answered(int status)
{
    return (struct service_facts){
        .protocol = "http",
        .cause.alert = -1,
        .has_http = status > 0,
        .http.status = status,
        .timing = {SECOND_NS / 10, SECOND_NS / 5, SECOND_NS / 2, SECOND_NS},
    };
}

static enum check_level judged(const struct check_limits *limits, const struct check_facts *facts,
                               const char *first_code)
{
    struct check_verdict v;

    check_judge(limits, facts, &v);
    if (first_code) {
        assert_true(v.nfindings > 0);
        assert_string_equal(v.findings[0].code, first_code);
        assert_int_equal(v.findings[0].level, v.level);
    } else {
        assert_int_equal(v.nfindings, 0);
    }
    return v.level;
}

static void test_status_lists(void **state)
{
    static const struct {
        const char *text;
        int err, in, out; /* one that is in the list, one that is not */
    } rows[] = {
        {"200", 0, 200, 201},        {"200-399", 0, 399, 400}, {"200-299,404", 0, 404, 300},
        {"100,599", 0, 599, 101},    {"204-204", 0, 204, 203}, {"", -EINVAL, 0, 0},
        {"20", -EINVAL, 0, 0},       {"099", -EINVAL, 0, 0},   {"600", -EINVAL, 0, 0},
        {"2000", -EINVAL, 0, 0},     {"200-", -EINVAL, 0, 0},  {"-200", -EINVAL, 0, 0},
        {"399-200", -EINVAL, 0, 0},  {"200,", -EINVAL, 0, 0},  {",200", -EINVAL, 0, 0},
        {"200 ,300", -EINVAL, 0, 0}, {"200x", -EINVAL, 0, 0},  {"200-299-300", -EINVAL, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool statuses[CHECK_STATUS_MAX + 1] = {false};

        statuses[150] = true; /* kept when the list is none, and only then */
        assert_int_equal(check_statuses_parse(rows[i].text, statuses), rows[i].err);
        assert_int_equal(statuses[150], rows[i].err != 0);
        if (rows[i].err)
            continue;
        assert_true(statuses[rows[i].in]);
        assert_false(statuses[rows[i].out]);
    }
}

static void test_statuses(void **state)
{
    const struct check_limits limits = limits_default();

    (void)state;
    for (int status = 100; status < 1000; status++) {
        struct service_facts service = service_answered(status);
        char code[32];

        snprintf(code, sizeof(code), "http.status.%d", status);
        assert_int_equal(judged(&limits, &(struct check_facts){.service = &service},
                                status >= 200 && status < 400 ? NULL : code),
                         status >= 200 && status < 400 ? CHECK_OK : CHECK_CRITICAL);
    }
    /* Who asks for it gets it. */
    struct service_facts ill = service_answered(503);
    struct check_limits asked = limits;

    assert_int_equal(judged(&limits, &(struct check_facts){.service = &ill}, "http.status.503"),
                     CHECK_CRITICAL);
    assert_int_equal(check_statuses_parse("503", asked.statuses), 0);
    assert_int_equal(judged(&asked, &(struct check_facts){.service = &ill}, NULL), CHECK_OK);
    /* What is not HTTP has no status to be wrong. */
    struct service_facts ssh = service_answered(0);
    assert_int_equal(judged(&limits, &(struct check_facts){.service = &ssh}, NULL), CHECK_OK);
}

static void test_times(void **state)
{
    static const struct {
        int64_t warn_ns, crit_ns;
        enum check_level level;
    } rows[] = {
        {0, 0, CHECK_OK},
        {SECOND_NS + 1, 0, CHECK_OK},
        {SECOND_NS, 0, CHECK_WARNING},
        {SECOND_NS, SECOND_NS + 1, CHECK_WARNING},
        {0, SECOND_NS, CHECK_CRITICAL},
        {SECOND_NS / 2, SECOND_NS, CHECK_CRITICAL},
        {SECOND_NS + 1, SECOND_NS + 1, CHECK_OK},
    };
    const struct service_facts service = service_answered(200);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct check_limits limits = limits_default();

        limits.warn_ns = rows[i].warn_ns;
        limits.crit_ns = rows[i].crit_ns;
        assert_int_equal(judged(&limits, &(struct check_facts){.service = &service},
                                rows[i].level ? "check.slow" : NULL),
                         rows[i].level);
    }
}

static void test_certificates(void **state)
{
    const struct service_facts service = service_answered(200);

    (void)state;
    for (unsigned bit = 0; bit < TLS_PROBLEMS; bit++) {
        const bool mild =
            1u << bit & (TLS_CERT_EXPIRING | TLS_CERT_WEAK_KEY | TLS_CERT_WEAK_SIGNATURE);

        for (enum check_level distrust = CHECK_OK; distrust <= CHECK_CRITICAL; distrust++) {
            const struct tls_facts tls = {.has_certificate = true, .problems = 1u << bit};
            const enum check_level wanted = mild ? CHECK_WARNING : distrust;
            struct check_limits limits = limits_default();

            limits.distrust = distrust;
            assert_int_equal(
                judged(&limits,
                       &(struct check_facts){.service = &service, .tls = &tls, .unix_seconds = NOW},
                       wanted ? tls_problem_code(bit) : NULL),
                wanted);
        }
    }
}

static void test_certificate_days(void **state)
{
    static const struct {
        int64_t left_s, days;
    } rows[] = {
        {0, 0},   {1, 0},     {DAY - 1, 0},   {DAY, 1},       {90 * DAY + 5, 90},
        {-1, -1}, {-DAY, -1}, {-DAY - 1, -2}, {-2 * DAY, -2},
    };
    const struct check_limits limits = limits_default();
    const struct service_facts service = service_answered(200);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tls_facts tls = {.has_certificate = true,
                                      .certificate.not_after_unix = NOW + rows[i].left_s};
        struct check_verdict v;

        check_judge(&limits,
                    &(struct check_facts){.service = &service, .tls = &tls, .unix_seconds = NOW},
                    &v);
        assert_true(v.has_cert_days);
        assert_int_equal(v.cert_days, rows[i].days);
    }
}

static void test_versions(void **state)
{
    static const struct {
        const char *expectation, *server;
        enum check_level level;
    } rows[] = {
        {"nginx>=1.23.3", "nginx/1.24.0", CHECK_OK},
        {"nginx>=1.23.3", "nginx/1.22.1", CHECK_CRITICAL},
        {"nginx>=1.23.3", "nginx", CHECK_UNKNOWN},
        {"nginx", "nginx", CHECK_OK},
        {"nginx>=1.23.3", "Apache/2.4.57", CHECK_UNKNOWN},
        /* A distribution's build: fixes may be in it. */
        {"Apache>=2.4.50", "Apache/2.4.7 (Ubuntu)", CHECK_WARNING},
        {"Apache>=2.4.7", "Apache/2.4.7 (Ubuntu)", CHECK_OK},
        {"Apache>=2.4.50", "Apache/2.4", CHECK_UNKNOWN},
    };
    const struct service_facts service = service_answered(200);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct version_list products;
        struct check_limits limits = limits_default();

        products = (struct version_list){0};
        version_identify(VERSION_HTTP_SERVER, rows[i].server, strlen(rows[i].server), &products);
        limits_expect(&limits, rows[i].expectation);
        assert_int_equal(judged(&limits,
                                &(struct check_facts){.service = &service, .products = &products},
                                rows[i].level ? "check.version" : NULL),
                         rows[i].level);
    }
}

/* A service that failed has no versions to judge; its certificate is there all the same. */
static void test_failures(void **state)
{
    const struct tls_facts tls = {.has_certificate = true, .problems = TLS_CERT_EXPIRED};
    struct check_limits limits = limits_default();
    struct service_facts service = service_answered(0);
    struct check_verdict v;

    (void)state;
    limits_expect(&limits, "nginx");
    limits.crit_ns = 1;
    cause_set(&service.cause, "http.timeout", PHASE_HTTP, "nothing came");
    assert_int_equal(judged(&limits, &(struct check_facts){.service = &service}, "http.timeout"),
                     CHECK_CRITICAL);
    check_judge(&limits, &(struct check_facts){.service = &service, .tls = &tls}, &v);
    assert_int_equal(v.nfindings, 2);
    assert_string_equal(v.findings[1].code, "tls.cert.expired");

    for (enum check_level level = CHECK_WARNING; level <= CHECK_UNKNOWN; level++)
        assert_int_equal(judged(&limits,
                                &(struct check_facts){.error_code = "dns.nxdomain",
                                                      .error_message = "no such name",
                                                      .error_level = level},
                                "dns.nxdomain"),
                         level);
    service = service_answered(302);
    assert_int_equal(
        judged(&limits,
               &(struct check_facts){.service = &service, .redirect_code = "http.redirect_loop"},
               "http.redirect_loop"),
        CHECK_CRITICAL);
}

/* What is certain comes before what cannot be told, and that before a warning. */
static void test_order(void **state)
{
    const struct tls_facts tls = {.has_certificate = true, .problems = TLS_CERT_WEAK_KEY};
    struct check_limits limits = limits_default();
    struct service_facts service = service_answered(200);
    const struct check_facts facts = {.service = &service, .tls = &tls};
    struct check_verdict v;

    (void)state;
    limits_expect(&limits, "nginx");
    check_judge(&limits, &facts, &v);
    assert_int_equal(v.level, CHECK_UNKNOWN);
    assert_int_equal(v.nfindings, 2);
    assert_string_equal(v.findings[0].code, "check.version");
    assert_string_equal(v.findings[1].code, "tls.cert.weak_key");
    service.http.status = 500;
    check_judge(&limits, &facts, &v);
    assert_int_equal(v.level, CHECK_CRITICAL);
    assert_int_equal(v.nfindings, 3);
    assert_string_equal(v.findings[0].code, "http.status.500");
    assert_string_equal(v.findings[1].code, "check.version");
    assert_string_equal(v.findings[2].code, "tls.cert.weak_key");
}

/* All that can be found at once has room. */
static void test_many(void **state)
{
    const struct tls_facts tls = {.has_certificate = true, .problems = (1u << TLS_PROBLEMS) - 1};
    const struct service_facts service = service_answered(500);
    struct check_limits limits = limits_default();
    struct check_verdict v;

    (void)state;
    for (size_t i = 0; i < CHECK_EXPECTATIONS_MAX; i++)
        limits_expect(&limits, "nginx");
    limits.warn_ns = 1;
    check_judge(&limits, &(struct check_facts){.service = &service, .tls = &tls}, &v);
    assert_int_equal(v.nfindings, 1 + CHECK_EXPECTATIONS_MAX + 1 + TLS_PROBLEMS);
    assert_int_equal(v.level, CHECK_CRITICAL);
    for (size_t i = 1; i < v.nfindings; i++)
        assert_true(v.findings[i - 1].level != CHECK_WARNING ||
                    v.findings[i].level == CHECK_WARNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_lists),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_certificate_days),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
