#include "wire/greeting.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

struct greeting_row {
    const char *name;
    const char *begins; /* case ignored */
};

static const struct greeting_row greeting_rows[] = {
    {"ssh", "SSH-"},  /* RFC 4253 4.2 */
    {"pop3", "+OK"},  /* RFC 1939 3 */
    {"imap", "* OK"}, /* RFC 9051 7.1 */
    {"imap", "* PREAUTH"},
    {"imap", "* BYE"},
    {"redis", "-ERR "},
    {"redis", "-NOAUTH"},
    {"memcached", "ERROR\r\n"},
    {"rtsp", "RTSP/"},
    {"sip", "SIP/2.0"},
    {"vnc", "RFB "},
    {"amqp", "AMQP"},
};

/* 220 greets in SMTP (RFC 5321 4.2) and FTP (RFC 959 4.2); who says SMTP in its line is not FTP. */
static const char *greeting_of_220(const uint8_t *bytes, size_t len)
{
    static const char *const smtp[] = {"SMTP", "Postfix", "Exim", "Sendmail"};

    if (len < 4 || memcmp(bytes, "220", 3) || (bytes[3] != ' ' && bytes[3] != '-'))
        return NULL;
    for (size_t i = 0; i < sizeof(smtp) / sizeof(smtp[0]); i++) {
        if (memmem(bytes, len, smtp[i], strlen(smtp[i])))
            return "smtp";
    }
    return memchr(bytes, '\n', len) ? "ftp" : NULL;
}

/* A record header of TLS (RFC 8446 5.1): a content type and a legacy version 3.x. */
static bool greeting_is_tls(const uint8_t *bytes, size_t len)
{
    return len >= 3 && bytes[0] >= 20 && bytes[0] <= 24 && bytes[1] == 3 && bytes[2] <= 4;
}

/* A MySQL greeting: little-endian length, packet 0, protocol 10 and a printable version. */
static bool greeting_is_mysql(const uint8_t *bytes, size_t len)
{
    return len >= 6 && bytes[2] == 0 && bytes[3] == 0 && bytes[4] == 10 && bytes[5] >= '1' &&
           bytes[5] <= '9';
}

/* The SETTINGS that an HTTP/2 server begins with (RFC 9113 3.4 and 6.5): six bytes a setting. */
static bool greeting_is_http2(const uint8_t *bytes, size_t len)
{
    static const uint8_t rest[] = {4, 0, 0, 0, 0, 0}; /* type, flags, stream 0 */

    if (len >= 10 && !memcmp(bytes, "PRI * HTTP", 10))
        return true;
    return len >= 9 && bytes[0] == 0 && (bytes[1] << 8 | bytes[2]) % 6 == 0 &&
           !memcmp(bytes + 3, rest, sizeof(rest));
}

const char *greeting_protocol(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof(greeting_rows) / sizeof(greeting_rows[0]); i++) {
        if (text_begins(bytes, len, greeting_rows[i].begins))
            return greeting_rows[i].name;
    }
    if (greeting_is_tls(bytes, len))
        return "tls";
    if (greeting_is_mysql(bytes, len))
        return "mysql";
    if (greeting_is_http2(bytes, len))
        return "http2";
    return greeting_of_220(bytes, len);
}
