/*
 * The probe's bytes after RFC 9000 17.2 and 14.1, and answers: Version Negotiation written after
 * 17.2.1, other packets from RFC 9001's appendix.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/altsvc.h"
#include "tests/unit/guard.h"
#include "tests/unit/packets.h"
#include "wire/quic.h"

static const struct quic_ids ids = {
    .destination = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}, /* RFC 9001 A's */
    .source = {0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5},
};

#define HEADER "80 00000000 08f067a5502a4262b5 088394c8f03e515708 "

struct row {
    const char *name, *hex;
    enum decode_status status;
    size_t count;
    const char *versions;
};

static const struct row rows[] = {
    {"one version", HEADER "00000001", DECODE_OK, 1, "1"},
    {"names",
     "ca 00000000 08f067a5502a4262b5 088394c8f03e515708 "
     "00000001 6b3343cf ff00001d 51303530 54303531 3a4a5a6a deadbeef",
     DECODE_OK, 7, "1 2 draft-29 Q050 T051 reserved 0xdeadbeef"},
    {"the IDs are not exchanged", "80 00000000 088394c8f03e515708 08f067a5502a4262b5 00000001",
     DECODE_BAD, 0, ""},
    {"another ID", "80 00000000 08f067a5502a4262b6 088394c8f03e515708 00000001", DECODE_BAD, 0, ""},
    {"no IDs", "80 00000000 00 00 00000001", DECODE_BAD, 0, ""},
    {"no version", HEADER, DECODE_TRUNCATED, 0, ""},
    {"half a version", HEADER "00000001 6b33", DECODE_TRUNCATED, 0, ""},
    {"RFC 9001 A.4, Retry",
     "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0fc2496b", DECODE_UNKNOWN,
     0, ""},
    {"RFC 9001 A.5, a short header", "4cfe4189655e5cd55c41f69080575d7999c25a5bfb", DECODE_UNKNOWN,
     0, ""},
    {"nothing", "", DECODE_TRUNCATED, 0, ""},
};

static void check_row(const struct row *row, const uint8_t *bytes, size_t len)
{
    char text[QUIC_VERSIONS_MAX * (QUIC_VERSION_TEXT_SIZE + 1)] = "";
    struct quic_negotiation got;
    struct decode result = quic_decode_negotiation(bytes, len, &ids, &got);

    if (result.status != row->status || got.count != row->count)
        fail_msg("%s: status %d (%s), %zu versions", row->name, result.status,
                 result.reason ? result.reason : "", got.count);
    assert_int_equal(result.reason == NULL, result.status == DECODE_OK);
    for (size_t i = 0; i < got.kept; i++) {
        char name[QUIC_VERSION_TEXT_SIZE];

        quic_version_format(got.versions[i], name);
        strcat(text, i ? " " : "");
        strcat(text, name);
    }
    assert_string_equal(text, row->versions);
}

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[PACKET_BYTES_MAX];
        size_t len = packet_unhex(rows[i].hex, bytes);
        const uint8_t *copy = guard_copy(bytes, len);

        check_row(&rows[i], copy, len);
        guard_release(copy);
    }
}

/* Every shorter answer is truncated or has fewer versions, and no byte is read past its end. */
static void cut_answers(void **state)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    size_t len = packet_unhex(HEADER "00000001 6b3343cf", bytes);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        const uint8_t *copy = guard_copy(bytes, cut);
        struct quic_negotiation got;
        struct decode result = quic_decode_negotiation(copy, cut, &ids, &got);

        assert_int_equal(result.status, cut == len - 4 ? DECODE_OK : DECODE_TRUNCATED);
        assert_int_equal(got.count, cut == len - 4 ? 1 : 0);
        guard_release(copy);
    }
}

static void many_versions(void **state)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    size_t len = packet_unhex(HEADER, bytes);
    struct quic_negotiation got;

    (void)state;
    memset(bytes + len, 0, 400);
    assert_int_equal(quic_decode_negotiation(bytes, len + 400, &ids, &got).status, DECODE_OK);
    assert_int_equal(got.count, 100);
    assert_int_equal(got.kept, QUIC_VERSIONS_MAX);
}

static void probe(void **state)
{
    static const uint8_t zeros[QUIC_PROBE_SIZE];
    uint8_t bytes[QUIC_PROBE_SIZE], want[PACKET_BYTES_MAX];
    size_t len = packet_unhex("c0 1a2a3a4a 088394c8f03e515708 08f067a5502a4262b5 00 4496", want);

    (void)state;
    quic_probe(&ids, bytes);
    assert_memory_equal(bytes, want, len);
    assert_memory_equal(bytes + len, zeros, sizeof(bytes) - len);
}

static const struct {
    const char *value; /* of Alt-Svc */
    uint16_t port;     /* 0: no promise */
} promises[] = {
    {"h3=\":443\"; ma=2592000,h3-29=\":443\"; ma=2592000", 443}, /* www.google.com */
    {"h2=\"alt.example:443\", h3=\":8443\"", 8443},
    {"h3-29=\":443\"; v=\"a,b\"", 443},
    {"x=\"a,h3=b\", h3=\":1\"", 1},
    {"h3=\"alt.example:443\"", 0},
    {"h3=\":0\"", 0},
    {"h3=\":65536\"", 0},
    {"h3=\":443", 0},
    {"h3=\":\"", 0},
    {"h3=:443", 0},
    {"h30=\":443\"", 0},
    {"h2=\":443\"", 0},
    {"clear", 0},
    {"", 0},
    {",,h3", 0},
};

static void alternative_services(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        size_t len = strlen(promises[i].value);
        char head[256] = "alt-svc";
        struct http_header header = {0, 7, 7, (uint32_t)len};
        struct http_facts facts = {.nheaders = 1, .headers = &header};
        uint16_t port = 0;
        bool promised;

        memcpy(head + 7, promises[i].value, len);
        facts.head_len = 7 + len;
        facts.head = guard_copy(head, facts.head_len);
        promised = altsvc_promises_h3(&facts, &port);
        guard_release(facts.head);
        if (promised != (promises[i].port != 0) || port != promises[i].port)
            fail_msg("%s: port %u", promises[i].value, port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(cut_answers),
        cmocka_unit_test(many_versions),
        cmocka_unit_test(probe),
        cmocka_unit_test(alternative_services),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
