#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/version_order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct order_row {
    const char *a, *b;
    enum version_order order;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The mirror of what is expected, for the two the other way round. */
static enum version_order mirrored(enum version_order order)
{
    return order == VERSION_LT ? VERSION_GT : order == VERSION_GT ? VERSION_LT : order;
}

static void check(enum version_scheme scheme, const struct order_row *row)
{
    struct version_answer there = version_compare(scheme, row->a, row->b);
    struct version_answer back = version_compare(scheme, row->b, row->a);

    if (there.order != row->order || back.order != mirrored(row->order))
        fail_msg("%s: \"%s\" \"%s\": %s, back %s, not %s", version_scheme_names[scheme], row->a,
                 row->b, version_order_name(there.order), version_order_name(back.order),
                 version_order_name(row->order));
    assert_int_equal(there.reason != NULL, there.order > VERSION_GT);
}

static void check_all(enum version_scheme scheme, const struct order_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(scheme, &rows[i]);
}

/* Each version comes before all that follow it. */
static void check_chain(enum version_scheme scheme, const char *const *chain, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i; j < count; j++)
            check(scheme,
                  &(struct order_row){chain[i], chain[j], i == j ? VERSION_EQ : VERSION_LT});
}

static void test_auto(void **state)
{
    static const struct order_row rows[] = {
        {"1.1.1w", "1.1.1", VERSION_GT},
        {"9.2p1", "9.10p1", VERSION_LT},
        {"10.0", "10", VERSION_EQ},
        {"1.21.4.1", "1.21.4", VERSION_GT},
        {"3.0.0rc1", "3.0.0", VERSION_LT},
        {"1.2.3+build5", "1.2.3", VERSION_EQ},
        {"8.4.0-ubuntu0.22.04", "8.4.0", VERSION_EQ},
        {"3.0.0-beta1", "3.0.0", VERSION_LT},
        {"1.0.2u", "1.0.2za", VERSION_LT},
        {"9.0", "9.0p1", VERSION_EQ},
        {"1.1.1w", "9.2p1", VERSION_INCOMPARABLE},
        {"1.0-foo", "1.0", VERSION_INCOMPARABLE},
        {"1.0-foo", "1.1", VERSION_LT}, /* the numbers decide before the suffix is looked at */
        {"1.0-foo", "1.0-foo", VERSION_EQ},
        {"", "1.0", VERSION_UNKNOWN},
        {"none", "1.0", VERSION_UNKNOWN},
        {"1.0 beta", "1.0", VERSION_INCOMPARABLE},
        {"9.2p1 Debian-2+deb12u3", "9.2p1", VERSION_EQ},
        {"9.2p1 Debian-2+deb12u3", "9.2p1 Debian-2+deb12u1", VERSION_GT},
        {"9.2p1 Debian-2+deb12u9", "9.2p1 Debian-2+deb12u10", VERSION_LT},
        {"1:9.2p1-2+deb12u3", "9.2p1-2+deb12u3", VERSION_EQ},
        {"7.4p1-21.el7", "7.4p1-22.el7", VERSION_LT},
        {"7.4p1-21.el7", "7.4p1-2+deb9u1", VERSION_EQ}, /* packagers have no common order */
        {"9.8.2rc1-RedHat-9.8.2-0.62.rc1.el6_9.2", "9.8.2rc1", VERSION_EQ},
        {"1.27.3-gke.100", "1.27.3", VERSION_EQ},
    };

    (void)state;
    check_all(VERSION_AUTO, rows, COUNT(rows));
    assert_int_equal(version_compare(VERSION_AUTO, NULL, "1").order, VERSION_UNKNOWN);
}

static void test_distro_build(void **state)
{
    (void)state;
    assert_true(version_compare(VERSION_AUTO, "8.4.0-ubuntu0.22.04", "8.4.0").distro_build);
    assert_true(version_compare(VERSION_AUTO, "8.4.0", "8.4.0-ubuntu0.22.04").distro_build);
    assert_false(version_compare(VERSION_AUTO, "8.4.0", "8.4.0-rc1").distro_build);
    assert_int_equal(version_compare(VERSION_AUTO, "1.1.1w", "1.1.1").scheme, VERSION_OPENSSL);
    assert_int_equal(version_compare(VERSION_AUTO, "1.1.1w", "9.2p1").scheme, VERSION_AUTO);
}

/* https://semver.org/spec/v2.0.0.html, item 11 and the examples of items 9 and 10. */
static void test_semver(void **state)
{
    static const char *const core[] = {"1.0.0", "2.0.0", "2.1.0", "2.1.1"};
    static const char *const prerelease[] = {
        "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
        "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",       "1.0.0",
    };
    static const struct order_row rows[] = {
        {"1.0.0-alpha+001", "1.0.0-alpha", VERSION_EQ},
        {"1.0.0+20130313144700", "1.0.0+exp.sha.5114f85", VERSION_EQ},
        {"1.0.0-beta+exp.sha.5114f85", "1.0.0-beta", VERSION_EQ},
        {"1.0.0+21AF26D3----117B344092BD", "1.0.0", VERSION_EQ},
        {"1.0.0-0.3.7", "1.0.0-x.7.z.92", VERSION_LT},
        {"1.0.0-x-y-z.--", "1.0.0", VERSION_LT},
        {"v1.2.3", "1.2.3", VERSION_EQ},
        {"99999999999999999999999.0.0", "99999999999999999999998.9.9", VERSION_GT},
        {"1.0.0-99999999999999999999999", "1.0.0-99999999999999999999998", VERSION_GT},
        {"1.1.1w", "1.1.1", VERSION_INCOMPARABLE},
        {"9.0p1", "9.0.0", VERSION_INCOMPARABLE},
        {"10.0", "10.0.0", VERSION_INCOMPARABLE},
        {"1.21.4.1", "1.21.4", VERSION_INCOMPARABLE},
        {"01.2.3", "1.2.3", VERSION_INCOMPARABLE},
        {"1.2.3-01", "1.2.3", VERSION_INCOMPARABLE},
        {"1.2.3-", "1.2.3", VERSION_INCOMPARABLE},
        {"1.2.3-a..b", "1.2.3", VERSION_INCOMPARABLE},
        {"1.2.3+", "1.2.3", VERSION_INCOMPARABLE},
        {"1.2.3-a_b", "1.2.3", VERSION_INCOMPARABLE},
    };

    (void)state;
    check_chain(VERSION_SEMVER, core, COUNT(core));
    check_chain(VERSION_SEMVER, prerelease, COUNT(prerelease));
    check_all(VERSION_SEMVER, rows, COUNT(rows));
}

static void test_semver_loosely(void **state)
{
    (void)state;
    assert_int_equal(version_compare_loosely(VERSION_SEMVER, "1.27.3", "1.27").order, VERSION_GT);
    assert_int_equal(version_compare_loosely(VERSION_SEMVER, "19.03.13", "19.3.13").order,
                     VERSION_EQ);
    assert_int_equal(version_compare_loosely(VERSION_SEMVER, "1.27.0-rc.1", "1.27").order,
                     VERSION_LT);
    assert_int_equal(version_compare_loosely(VERSION_SEMVER, "1.2.3.4", "1.2.3").order, VERSION_GT);
}

static void test_dotted(void **state)
{
    static const char *const chain[] = {
        "2.4.0-dev", "2.4.0alpha1", "2.4.0-alpha.2", "2.4.0beta1", "2.4.0b2", "2.4.0-M1",
        "2.4.0-rc1", "2.4.0rc2",    "2.4.0RC10",     "2.4",        "2.4.0a",  "2.4.0b",
        "2.4.1",     "2.4.9",       "2.4.10",        "2.10",       "10",
    };
    static const struct order_row rows[] = {
        {"1.3.5", "1.3.5e", VERSION_LT},
        {"1.3.5e", "1.3.5f", VERSION_LT},
        {"4.0.1pl1", "4.0.1pl2", VERSION_LT},
        {"4.0.1", "4.0.1pl1", VERSION_LT},
        {"1.24_01", "1.24", VERSION_GT},
        {"1.4.1_01", "1.4.1", VERSION_GT},
        {"9.4.43.v20210629", "9.4.43", VERSION_EQ},
        {"4.2.3.GA", "4.2.3", VERSION_EQ},
        {"2.9.8-final", "2.9.8", VERSION_EQ},
        {"1.0.2k-fips", "1.0.2k", VERSION_EQ},
        {"v1.18", "1.18.0", VERSION_EQ},
        {"1.018", "1.18", VERSION_EQ},
        {"2.4.57-2", "2.4.57", VERSION_GT},
        {"0.94.14rc21", "0.94.14rc3", VERSION_GT},
        {"1.0a1", "1.0p1", VERSION_LT},
        {"1.0p1", "1.0b", VERSION_INCOMPARABLE},
        {"1.0", "x1.0", VERSION_INCOMPARABLE},
        {"1.0", "1.0/2", VERSION_INCOMPARABLE},
        {"99999999999999999999999999", "99999999999999999999999998", VERSION_GT},
    };

    (void)state;
    check_chain(VERSION_DOTTED, chain, COUNT(chain));
    check_all(VERSION_DOTTED, rows, COUNT(rows));
}

static void test_openssl(void **state)
{
    static const char *const chain[] = {
        "0.9.8y",        "0.9.8za",     "0.9.8zh", "1.0.2-beta1", "1.0.2", "1.0.2a", "1.0.2u",
        "1.0.2z",        "1.0.2za",     "1.0.2zb", "1.1.1-pre9",  "1.1.1", "1.1.1a", "1.1.1w",
        "3.0.0-alpha17", "3.0.0-beta1", "3.0.0",   "3.0.11",      "3.1.0",
    };
    static const struct order_row rows[] = {
        {"1.0.2k-fips", "1.0.2k", VERSION_EQ},       {"3.0.8+quic", "3.0.8", VERSION_EQ},
        {"1.1.1abc", "1.1.1", VERSION_INCOMPARABLE}, {"9.2p1", "9.2", VERSION_INCOMPARABLE},
        {"1.1.1A", "1.1.1", VERSION_INCOMPARABLE},
    };

    (void)state;
    check_chain(VERSION_OPENSSL, chain, COUNT(chain));
    check_all(VERSION_OPENSSL, rows, COUNT(rows));
}

static void test_openssh(void **state)
{
    static const char *const chain[] = {"3.7.1", "3.7.1p2", "6.6p1",  "6.6.1p1", "8.9p1",
                                        "9.0",   "9.2p1",   "9.10p1", "10.0p2"};
    static const struct order_row rows[] = {
        {"9.0", "9.0p1", VERSION_EQ},          {"9.0p2", "9.0", VERSION_GT},
        {"7.8-hpn14v15", "7.8", VERSION_EQ},   {"1.1.1w", "1.1.1", VERSION_INCOMPARABLE},
        {"9.2p", "9.2", VERSION_INCOMPARABLE},
    };

    (void)state;
    check_chain(VERSION_OPENSSH, chain, COUNT(chain));
    check_all(VERSION_OPENSSH, rows, COUNT(rows));
}

/* Orders as `dpkg --compare-versions` 1.21.22 gives them. */
static void test_deb(void **state)
{
    static const char *const chain[] = {"1.0~~",      "1.0~~a", "1.0~",     "1.0~rc1-1", "1.0",
                                        "1.0-1~bpo1", "1.0-1",  "1.0-1+b1", "1.0-1.1",   "1.0a",
                                        "1.0+dfsg",   "1.0.1",  "1.1",      "1.10",      "1:0.1"};
    static const struct order_row rows[] = {
        {"3.0.0-beta1", "3.0.0", VERSION_GT}, /* the opposite of semver */
        {"1.0", "1.0-0", VERSION_EQ},         {"0:1.0", "1.0", VERSION_EQ},
        {"1.0", "1.00", VERSION_EQ},          {"9.2p1-2+deb12u3", "9.2p1-2+deb12u2", VERSION_GT},
        {"1-2-3", "1-2-4", VERSION_LT},       {"x1", "1", VERSION_INCOMPARABLE},
        {"a:1", "1", VERSION_INCOMPARABLE},   {"1_0", "1.0", VERSION_INCOMPARABLE},
        {"1:", "1", VERSION_INCOMPARABLE},
    };

    (void)state;
    check_chain(VERSION_DEB, chain, COUNT(chain));
    check_all(VERSION_DEB, rows, COUNT(rows));
}

/* Orders as rpm.vercmp() of rpm 4.18.0 gives them. */
static void test_rpm(void **state)
{
    static const struct order_row rows[] = {
        {"1.0", "1.0", VERSION_EQ},
        {"1.0", "2.0", VERSION_LT},
        {"2.0.1", "2.0.1a", VERSION_LT},
        {"5.5p1", "5.5p10", VERSION_LT},
        {"10xyz", "10.1xyz", VERSION_LT},
        {"xyz10", "xyz10.1", VERSION_LT},
        {"xyz.4", "8", VERSION_LT},
        {"5.5p2", "5.6p1", VERSION_LT},
        {"6.0.rc1", "6.0", VERSION_GT},
        {"10b2", "10a1", VERSION_GT},
        {"1.0aa", "1.0a", VERSION_GT},
        {"10.0001", "10.1", VERSION_EQ},
        {"10.0001", "10.0039", VERSION_LT},
        {"4.999.9", "5.0", VERSION_LT},
        {"2a", "2.0", VERSION_LT},
        {"2_0", "2.0", VERSION_EQ},
        {"1.0~rc1", "1.0", VERSION_LT},
        {"1.0~rc1", "1.0~rc2", VERSION_LT},
        {"1.0~rc1~git123", "1.0~rc1", VERSION_LT},
        {"1.0^", "1.0", VERSION_GT},
        {"1.0^git1", "1.0^git2", VERSION_LT},
        {"1.0^git1", "1.01", VERSION_LT},
        {"1.0^20160101", "1.0.1", VERSION_LT},
        {"1.0~rc1^git1", "1.0~rc1", VERSION_GT},
        {"1.0^git1~pre", "1.0^git1", VERSION_LT},
        {"1.0-1", "1.0-2", VERSION_LT},
        {"1.0-1", "1.0", VERSION_GT},
        {"1:1.0", "2.0", VERSION_GT},
        {"1.0-1.el7", "1.0-1.el8", VERSION_LT},
        {"1.1.1k-12.el8_9", "1.1.1k-9.el8", VERSION_GT},
        {"a/1", "1", VERSION_INCOMPARABLE},
    };

    (void)state;
    check_all(VERSION_RPM, rows, COUNT(rows));
}

static void test_split(void **state)
{
    static const struct {
        const char *text, *upstream, *tail;
        enum version_packager packager;
    } rows[] = {
        {"9.8.2rc1-RedHat-9.8.2-0.62.rc1.el6_9.2", "9.8.2rc1", "RedHat-9.8.2-0.62.rc1.el6_9.2",
         VERSION_PACKAGED_RPM},
        {"1.0.2-beta1-0ubuntu1", "1.0.2-beta1", "0ubuntu1", VERSION_PACKAGED_DEB},
        {"20.10.24+dfsg1", "20.10.24", "dfsg1", VERSION_PACKAGED_DEB},
        {"1:9.2p1-2+deb12u3", "9.2p1", "2+deb12u3", VERSION_PACKAGED_DEB},
        {"5.3.3-7+squeeze19", "5.3.3", "7+squeeze19", VERSION_PACKAGED_DEB},
        {"9.16.23-RH", "9.16.23", "RH", VERSION_PACKAGED_RPM},
        {"1.27.3-gke.100", "1.27.3", "gke.100", VERSION_PACKAGED_OTHER},
        {"1.27.3-eks-a5565ad", "1.27.3", "eks-a5565ad", VERSION_PACKAGED_OTHER},
        {"1.2.3-rhythm", "1.2.3-rhythm", "", VERSION_UPSTREAM},
        {"1.2.3-delta1", "1.2.3-delta1", "", VERSION_UPSTREAM},
        {"11.2.2+maria~ubu2204", "11.2.2+maria~ubu2204", "", VERSION_UPSTREAM},
        {"-ubuntu1", "-ubuntu1", "", VERSION_UPSTREAM},
    };
    struct version_parts parts;
    char longest[200];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(version_split(rows[i].text, &parts), 0);
        assert_string_equal(parts.upstream, rows[i].upstream);
        assert_string_equal(parts.tail, rows[i].tail);
        assert_int_equal(parts.packager, rows[i].packager);
    }
    memset(longest, '1', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(version_split(longest, &parts), -ENAMETOOLONG);
    assert_int_equal(version_compare(VERSION_AUTO, longest, "1").order, VERSION_INCOMPARABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto),    cmocka_unit_test(test_distro_build),
        cmocka_unit_test(test_semver),  cmocka_unit_test(test_semver_loosely),
        cmocka_unit_test(test_dotted),  cmocka_unit_test(test_openssl),
        cmocka_unit_test(test_openssh), cmocka_unit_test(test_deb),
        cmocka_unit_test(test_rpm),     cmocka_unit_test(test_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
