#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/guard.h"
#include "tests/unit/products.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_mysql_text(void **state)
{
    static const struct products_row rows[] = {
        {"5.5.5-10.6.12-MariaDB", "MariaDB=10.6.12"},
        {"5.5.5-10.6.12-MariaDB-0ubuntu0.22.04.1-log", "MariaDB=10.6.12~<0ubuntu0.22.04.1>"},
        {"10.11.6-MariaDB-0+deb12u1", "MariaDB=10.11.6~<0+deb12u1>"},
        {"11.2.2-MariaDB-1:11.2.2+maria~ubu2204", "MariaDB=11.2.2"},
        {"8.0.36-0ubuntu0.22.04.1", "MySQL=8.0.36~<0ubuntu0.22.04.1>"},
        {"8.4.0", "MySQL=8.4.0"},
        {"5.7.44-log", "MySQL=5.7.44"},
        {"8.0.11-TiDB-v7.5.1", "TiDB=7.5.1"},
        {"5.7.9-Vitess", "Vitess=-"},
        {"5.5.30 (ProxySQL)", "ProxySQL=-"},
    };

    (void)state;
    products_check(VERSION_MYSQL, rows, COUNT(rows));
}

/* Laid out by hand after Protocol::HandshakeV10 in the MySQL Internals Manual. */
static const uint8_t mysql_greeting[] =
    "\x59\x00\x00\x00\x0a"
    "5.5.5-10.11.6-MariaDB-0+deb12u1\x00"
    "\x1f\x00\x00\x00\x3c\x3f\x6e\x34\x24\x53\x5b\x2d\x00\xfe\xf7\x2d\x02\x00\xff\x81\x15\x00\x00"
    "\x00\x00\x00\x00\x1d\x00\x00\x00\x6d\x67\x5f\x35\x71\x3b\x2e\x3e\x69\x4f\x27\x60\x00";

static void check_packet(const void *bytes, size_t len, enum decode_status status,
                         const char *products)
{
    const uint8_t *copy = guard_copy(bytes, len);
    struct version_list list = {0};
    char text[PRODUCTS_TEXT_SIZE];

    assert_int_equal(version_identify(VERSION_MYSQL, copy, len, &list).status, status);
    products_text(&list, text);
    assert_string_equal(text, products);
    guard_release(copy);
}

static void test_mysql_packet(void **state)
{
    static const char refused[] = "\x45\x00\x00\x00\xff\x6a\x04Host '192.0.2.1' is not allowed to "
                                  "connect to this MariaDB server";
    uint8_t lying[sizeof(mysql_greeting)];

    (void)state;
    check_packet(mysql_greeting, sizeof(mysql_greeting) - 1, DECODE_OK,
                 "MariaDB=10.11.6~<0+deb12u1>");
    for (size_t len = 0; len < 37; len++)
        check_packet(mysql_greeting, len, DECODE_TRUNCATED, "");
    memcpy(lying, mysql_greeting, sizeof(lying));
    memset(lying, 0xff, 3);
    check_packet(lying, sizeof(lying), DECODE_OK, "MariaDB=10.11.6~<0+deb12u1>");
    lying[0] = 12, lying[1] = lying[2] = 0; /* ends within the version */
    check_packet(lying, sizeof(lying), DECODE_TRUNCATED, "");
    lying[0] = 0;
    check_packet(lying, sizeof(lying), DECODE_TRUNCATED, "");
    check_packet(refused, sizeof(refused) - 1, DECODE_OK, "MariaDB=-");
    check_packet("HTTP/1.1 400 Bad Request", 24, DECODE_UNKNOWN, "");
}

static void test_redis(void **state)
{
    static const struct products_row rows[] = {
        {"$3000\r\n# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\n",
         "Redis=7.0.15"},
        {"redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.0.1", "Valkey=8.0.1"},
        {"redis_version:6.2.11\ndragonfly_version:df-v1.14.1", "Dragonfly=1.14.1"},
        {"-NOAUTH Authentication required.\r\n", "Redis=-"},
        {"-DENIED Redis is running in protected mode", "Redis=-"},
        {"-ERR unknown command", ""},
        {"redis_version:", "Redis=-"},
    };

    (void)state;
    products_check(VERSION_REDIS_INFO, rows, COUNT(rows));
}

static void test_memcached(void **state)
{
    static const struct products_row rows[] = {
        {"VERSION 1.6.18\r\n", "memcached=1.6.18"},
        {"STAT pid 7\r\nSTAT version 1.5.6 Ubuntu\r\n", "memcached=1.5.6~<Ubuntu>"},
        {"ERROR\r\n", ""},
    };

    (void)state;
    products_check(VERSION_MEMCACHED, rows, COUNT(rows));
}

static void test_endpoints(void **state)
{
    static const struct products_row kubernetes[] = {
        {"{\"major\":\"1\",\"gitVersion\":\"v1.27.3-gke.100\"}\n", "Kubernetes=1.27.3~<gke.100>"},
        {"{\"gitVersion\":\"v1.28.5+k3s1\"}", "Kubernetes=1.28.5+k3s1"},
        {"{\"gitVersion\":\"v1.29.0-rc.1\"}", "Kubernetes=1.29.0-rc.1"},
        {"{\"gitVersion\":\"none\"}", "Kubernetes=-"},
        {"{\"gitVersion\":7}", ""},
        {"[1]", ""},
    };
    static const struct products_row docker[] = {
        {"{\"Components\":[{\"Name\":\"Engine\",\"Version\":\"24.0.5\"},{\"Name\":\"containerd\","
         "\"Version\":\"1.6.21\"},{\"Name\":\"runc\",\"Version\":\"1.1.7\"}],\"Version\":\"24\"}",
         "Docker=24.0.5; containerd=1.6.21; runc=1.1.7"},
        {"{\"Components\":[{\"Name\":\"Podman Engine\",\"Version\":\"4.3.1\"}]}", "Podman=4.3.1"},
        {"{\"Version\":\"20.10.24+dfsg1\"}", "Docker=20.10.24~<dfsg1>"},
        {"{\"Version\":\"19.03.13\"}", "Docker=19.03.13"},
    };
    static const struct products_row elasticsearch[] = {
        {"{\"version\":{\"number\":\"8.11.1\",\"lucene_version\":\"9.8.0\"},\"tagline\":\"You Know,"
         " for Search\"}",
         "Elasticsearch=8.11.1; Lucene=9.8.0"},
        {"{\"version\":{\"distribution\":\"opensearch\",\"number\":\"2.11.0\"}}",
         "OpenSearch=2.11.0"},
        {"{\"version\":{\"distribution\":\"opensearch\",\"number\":\"7.10.2\"}}", "OpenSearch=-"},
        {"{\"version\":{\"number\":\"1.3\"},\"tagline\":\"The OpenSearch Project: https://\"}",
         "OpenSearch=1.3~"},
    };
    static const struct products_row prometheus[] = {
        {"{\"status\":\"success\",\"data\":{\"version\":\"2.47.0\",\"goVersion\":\"go1.21.1\"}}",
         "Prometheus=2.47.0; Go=1.21.1"},
        {"# TYPE node_exporter_build_info gauge\n"
         "node_exporter_build_info{branch=\"HEAD\",goversion=\"go1.20\",version=\"1.6.1\"} 1\n",
         "node_exporter=1.6.1"},
        {"go_info{version=\"go1.20\"} 1", ""},
        {"x_build_info{", ""},
    };
    static const struct products_row haproxy[] = {
        {"<h1><a href=\"http://www.haproxy.org/\">"
         "HAProxy version 2.6.12-1+deb12u4, released 2026/10/17</a></h1>\n",
         "HAProxy=2.6.12~<1+deb12u4>"},
        {"<h1>HAProxy version 2.9.0, released 2023/12/05</h1>", "HAProxy=2.9.0"},
        {"<h1>HAProxy</h1>\n<h2>Statistics Report for pid 8</h2>", ""},
        {"HAProxy version ", "HAProxy=-"},
    };

    (void)state;
    products_check(VERSION_KUBERNETES, kubernetes, COUNT(kubernetes));
    products_check(VERSION_DOCKER, docker, COUNT(docker));
    products_check(VERSION_ELASTICSEARCH, elasticsearch, COUNT(elasticsearch));
    products_check(VERSION_PROMETHEUS, prometheus, COUNT(prometheus));
    products_check(VERSION_HAPROXY, haproxy, COUNT(haproxy));
}

static void test_endpoints_that_fail(void **state)
{
    struct version_list list = {0};
    struct decode result;

    (void)state;
    result = version_identify(VERSION_KUBERNETES, "{\"a\": nope}", 11, &list);
    assert_int_equal(result.status, DECODE_BAD);
    assert_string_equal(result.reason, "not JSON");
    assert_in_range(result.offset, 6, 10);
    result = version_identify(VERSION_KUBERNETES, "{\"kind\":\"Status\"}", 17, &list);
    assert_int_equal(result.status, DECODE_UNKNOWN);
    result = version_identify(VERSION_DOCKER, "{\"Components\":[{\"Name\":\"\",\"Version\":\"\"}]}",
                              41, &list);
    assert_int_equal(result.status, DECODE_UNKNOWN);
    assert_int_equal(list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql_text), cmocka_unit_test(test_mysql_packet),
        cmocka_unit_test(test_redis),      cmocka_unit_test(test_memcached),
        cmocka_unit_test(test_endpoints),  cmocka_unit_test(test_endpoints_that_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
