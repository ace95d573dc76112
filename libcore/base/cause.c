#include "base/cause.h"

#include <errno.h>
#include <stdarg.h>

#include "base/text.h"

const char *cause_phase_name(enum cause_phase phase)
{
    static const char *const names[] = {
        [PHASE_NONE] = "none", [PHASE_DNS] = "dns",   [PHASE_CONNECT] = "connect",
        [PHASE_TLS] = "tls",   [PHASE_HTTP] = "http", [PHASE_BANNER] = "banner",
    };

    return names[phase];
}

void cause_set(struct cause *cause, const char *code, enum cause_phase phase, const char *format,
               ...)
{
    va_list list;

    *cause = (struct cause){.phase = phase, .alert = -1};
    text_format(cause->code, sizeof(cause->code), "%s", code);
    va_start(list, format);
    text_format_list(cause->detail, sizeof(cause->detail), format, list);
    va_end(list);
}

const char *cause_of_connect(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "tcp.refused";
    case ETIMEDOUT:
        return "tcp.timed_out";
    case ENETUNREACH:
        return "tcp.unreachable.net";
    case EHOSTUNREACH:
        return "tcp.unreachable.host";
    case ENOPROTOOPT:
    case EPROTO:
        return "tcp.unreachable.protocol";
    case EACCES:
    case EPERM:
        return "tcp.unreachable.admin";
    case ECONNRESET:
        return "tcp.reset.on_accept";
    case EADDRNOTAVAIL:
        return "local.ports_exhausted";
    case EMFILE:
    case ENFILE:
        return "local.descriptors";
    case ENOBUFS:
    case ENOMEM:
        return "local.memory";
    default:
        return "tcp.failed";
    }
}

/* RFC 792, RFC 1812 5.2.7.1: ICMP destination unreachable. */
static const char *cause_of_icmp4(uint8_t type, uint8_t code)
{
    enum { UNREACHABLE = 3 };
    static const char *const codes[] = {
        [0] = "tcp.unreachable.net",      [1] = "tcp.unreachable.host",
        [2] = "tcp.unreachable.protocol", [3] = "tcp.unreachable.port",
        [6] = "tcp.unreachable.net",      [7] = "tcp.unreachable.host",
        [9] = "tcp.unreachable.admin",    [10] = "tcp.unreachable.admin",
        [11] = "tcp.unreachable.net",     [12] = "tcp.unreachable.host",
        [13] = "tcp.unreachable.admin",   [14] = "tcp.unreachable.admin",
        [15] = "tcp.unreachable.admin",
    };

    return type == UNREACHABLE && code < sizeof(codes) / sizeof(codes[0]) ? codes[code] : NULL;
}

/* RFC 4443 3.1, and 3.4 for an unknown next header. */
static const char *cause_of_icmp6(uint8_t type, uint8_t code)
{
    enum { UNREACHABLE = 1, PARAMETER_PROBLEM = 4 };
    static const char *const codes[] = {
        "tcp.unreachable.net",  "tcp.unreachable.admin", "tcp.unreachable.net",
        "tcp.unreachable.host", "tcp.unreachable.port",  "tcp.unreachable.admin",
        "tcp.unreachable.net",
    };

    if (type == PARAMETER_PROBLEM)
        return "tcp.unreachable.protocol";
    return type == UNREACHABLE && code < sizeof(codes) / sizeof(codes[0]) ? codes[code] : NULL;
}

const char *cause_of_icmp(unsigned family, uint8_t type, uint8_t code)
{
    return family == 6 ? cause_of_icmp6(type, code) : cause_of_icmp4(type, code);
}

/* IANA TLS Alerts, by their registered names. */
static const struct {
    int alert;
    const char *name;
} cause_alerts[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {52, "too_many_cids_requested"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {111, "certificate_unobtainable"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
    {121, "ech_required"},
};

void cause_of_alert(int alert, char out[CAUSE_CODE_SIZE])
{
    for (size_t i = 0; i < sizeof(cause_alerts) / sizeof(cause_alerts[0]); i++) {
        if (cause_alerts[i].alert != alert)
            continue;
        text_format(out, CAUSE_CODE_SIZE, "tls.alert.%s", cause_alerts[i].name);
        return;
    }
    text_format(out, CAUSE_CODE_SIZE, "tls.alert.%d", alert);
}
