/* Servers that turn the client away instead of greeting it, in their own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/service.h"

static void hear(uint16_t port, const char *answer, size_t len, struct cause *cause)
{
    struct service_config config;
    struct service_facts facts;
    struct service_step step;
    struct service *service;

    service_config_default(&config);
    config.host = "a";
    config.port = port;
    assert_int_equal(service_new(&config, 0, &service), 0);
    service_next(service, 0, &step);
    service_connected(service, 0, 0);
    service_next(service, 0, &step);
    if (step.want == SERVICE_SEND)
        service_sent(service, step.len, 0);
    for (size_t i = 0; i < len; i++) /* a byte at a time: pieces do not matter */
        service_receive(service, (const uint8_t *)answer + i, 1, 0);
    service_facts(service, &facts);
    *cause = facts.cause;
    service_free(service);
}

#define HEAR(port, answer) hear(port, answer, sizeof(answer) - 1, &cause)

#define REFUSED(port, answer, words)                                                               \
    do {                                                                                           \
        HEAR(port, answer);                                                                        \
        assert_string_equal(cause.code, "banner.refused");                                         \
        assert_string_equal(cause.detail, "the server turns us away: " words);                     \
    } while (0)

#define SERVED(port, answer)                                                                       \
    do {                                                                                           \
        HEAR(port, answer);                                                                        \
        assert_string_equal(cause.code, "");                                                       \
    } while (0)

/* RFC 959 5.4, RFC 5321 3.1, RFC 1939 3, RFC 9051 7.1.5 */
static void test_greetings(void **state)
{
    struct cause cause;

    (void)state;
    REFUSED(21, "421 Too many users.\r\n", "421 Too many users.");
    REFUSED(25, "554-Your address is listed\r\n554 no\r\n", "554-Your address is listed");
    REFUSED(110, "-ERR [SYS/TEMP] too busy\r\n", "-ERR [SYS/TEMP] too busy");
    REFUSED(143, "* BYE Too many connections\r\n", "* BYE Too many connections");
    REFUSED(21, "421 \x1b[2J\r\n", "421 \\x1b[2J");
    SERVED(21, "220-Welcome\r\n421 users are here\r\n220 ready\r\n");
    SERVED(110, "+OK -ERR is what we never say\r\n");
    SERVED(143, "* PREAUTH * BYE\r\n");
}

/* Error packets as MariaDB 10.11 and PostgreSQL 15 send them, and of PostgreSQL's protocol 2. */
static void test_databases(void **state)
{
    struct cause cause;

    (void)state;
    REFUSED(3306, "\x17\0\0\0\xff\x10\x04Too many connections", "Too many connections");
    REFUSED(5432,
            "E\0\0\0\x55"
            "SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0Fproc.c\0L362\0"
            "RInitProcess\0\0",
            "sorry, too many clients already");
    REFUSED(5432, "EFATAL:  the database system is starting up\n\0",
            "FATAL:  the database system is starting up");
    SERVED(5432, "N");
}

/* Errors that are answers all the same: who asks needs a password, or another command. */
static void test_caches(void **state)
{
    struct cause cause;

    (void)state;
    REFUSED(6379, "-ERR max number of clients reached\r\n", "-ERR max number of clients reached");
    REFUSED(6379, "-DENIED Redis is running in protected mode\r\n",
            "-DENIED Redis is running in protected mode");
    SERVED(6379, "-NOAUTH Authentication required.\r\n");
    SERVED(6379, "-ERR unknown command\r\n");
    REFUSED(11211, "ERROR Too many open connections\r\n", "ERROR Too many open connections");
    SERVED(11211, "ERROR\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_databases),
        cmocka_unit_test(test_caches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
