/* Failure codes of connections: errno, ICMP and alerts by their numbers in the standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cause.h"

static void test_connect(void **state)
{
    (void)state;
    assert_string_equal(cause_of_connect(ECONNREFUSED), "tcp.refused");
    assert_string_equal(cause_of_connect(ETIMEDOUT), "tcp.timed_out");
    assert_string_equal(cause_of_connect(ENETUNREACH), "tcp.unreachable.net");
    assert_string_equal(cause_of_connect(EHOSTUNREACH), "tcp.unreachable.host");
    assert_string_equal(cause_of_connect(EADDRNOTAVAIL), "local.ports_exhausted");
    assert_string_equal(cause_of_connect(EMSGSIZE), "tcp.failed");
}

static void test_icmp(void **state)
{
    static const struct {
        unsigned family;
        uint8_t type, code;
        const char *name; /* NULL: none */
    } rows[] = {
        /* RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1 */
        {4, 3, 0, "tcp.unreachable.net"},
        {4, 3, 1, "tcp.unreachable.host"},
        {4, 3, 2, "tcp.unreachable.protocol"},
        {4, 3, 3, "tcp.unreachable.port"},
        {4, 3, 4, NULL}, /* fragmentation needed ends nothing */
        {4, 3, 5, NULL},
        {4, 3, 6, "tcp.unreachable.net"},
        {4, 3, 7, "tcp.unreachable.host"},
        {4, 3, 9, "tcp.unreachable.admin"},
        {4, 3, 10, "tcp.unreachable.admin"},
        {4, 3, 13, "tcp.unreachable.admin"},
        {4, 3, 15, "tcp.unreachable.admin"},
        {4, 3, 16, NULL},
        {4, 11, 0, NULL},
        /* RFC 4443 3.1, 3.4 */
        {6, 1, 0, "tcp.unreachable.net"},
        {6, 1, 1, "tcp.unreachable.admin"},
        {6, 1, 3, "tcp.unreachable.host"},
        {6, 1, 4, "tcp.unreachable.port"},
        {6, 1, 5, "tcp.unreachable.admin"},
        {6, 1, 6, "tcp.unreachable.net"},
        {6, 1, 7, NULL},
        {6, 4, 1, "tcp.unreachable.protocol"},
        {6, 3, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *name = cause_of_icmp(rows[i].family, rows[i].type, rows[i].code);

        if (strcmp(name ? name : "", rows[i].name ? rows[i].name : "") != 0)
            fail_msg("family %u, type %u, code %u: %s", rows[i].family, rows[i].type, rows[i].code,
                     name ? name : "none");
    }
}

/* IANA, TLS Alerts. */
static void test_alerts(void **state)
{
    static const struct {
        int alert;
        const char *code;
    } rows[] = {
        {0, "tls.alert.close_notify"},
        {10, "tls.alert.unexpected_message"},
        {20, "tls.alert.bad_record_mac"},
        {22, "tls.alert.record_overflow"},
        {40, "tls.alert.handshake_failure"},
        {42, "tls.alert.bad_certificate"},
        {43, "tls.alert.unsupported_certificate"},
        {44, "tls.alert.certificate_revoked"},
        {45, "tls.alert.certificate_expired"},
        {46, "tls.alert.certificate_unknown"},
        {47, "tls.alert.illegal_parameter"},
        {48, "tls.alert.unknown_ca"},
        {49, "tls.alert.access_denied"},
        {50, "tls.alert.decode_error"},
        {51, "tls.alert.decrypt_error"},
        {70, "tls.alert.protocol_version"},
        {71, "tls.alert.insufficient_security"},
        {80, "tls.alert.internal_error"},
        {86, "tls.alert.inappropriate_fallback"},
        {90, "tls.alert.user_canceled"},
        {109, "tls.alert.missing_extension"},
        {110, "tls.alert.unsupported_extension"},
        {112, "tls.alert.unrecognized_name"},
        {113, "tls.alert.bad_certificate_status_response"},
        {115, "tls.alert.unknown_psk_identity"},
        {116, "tls.alert.certificate_required"},
        {120, "tls.alert.no_application_protocol"},
        {200, "tls.alert.200"},
    };
    char code[CAUSE_CODE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cause_of_alert(rows[i].alert, code);
        assert_string_equal(code, rows[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_alerts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
