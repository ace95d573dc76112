#include "engine/service_table.h"

#include <string.h>

#include "base/cursor.h"
#include "base/text.h"

#define POSTGRESQL_ERROR_HEAD 5 /* the letter and the length */
#define POSTGRESQL_ERROR_MAX  0x10000

/* --- when an answer is whole --------------------------------------------------------------------
 */

/* One line (SSH's identification, RFC 4253 4.2, may follow others). */
static enum service_reading read_ssh(const uint8_t *bytes, size_t len)
{
    const uint8_t *line = bytes, *end = bytes + len, *lf;

    for (; line < end && (lf = memchr(line, '\n', (size_t)(end - line))); line = lf + 1) {
        if (lf - line >= 4 && !memcmp(line, "SSH-", 4))
            return READING_WHOLE;
    }
    return READING_MORE;
}

/*
 * Replies of three digits; "220-" goes on, "220 " ends (RFC 5321 4.2.1, RFC 959 4.2). A greeting of
 * 4xx or 5xx is a refusal, for now or for good (RFC 5321 3.1, RFC 959 5.4).
 */
static enum service_reading read_reply(const uint8_t *bytes, size_t len)
{
    const uint8_t *line = bytes, *end = bytes + len, *lf;

    for (size_t i = 0; i < 3 && i < len; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return READING_FOREIGN;
    }
    for (; line < end && (lf = memchr(line, '\n', (size_t)(end - line))); line = lf + 1) {
        if (lf - line < 4 || line[3] != '-')
            return bytes[0] == '4' || bytes[0] == '5' ? READING_REFUSED : READING_WHOLE;
    }
    return READING_MORE;
}

static enum service_reading read_line(const uint8_t *bytes, size_t len, bool refused)
{
    if (!memchr(bytes, '\n', len))
        return READING_MORE;
    return refused ? READING_REFUSED : READING_WHOLE;
}

static enum service_reading read_pop3(const uint8_t *bytes, size_t len)
{
    if (len > 0 && bytes[0] != '+' && bytes[0] != '-')
        return READING_FOREIGN;
    return read_line(bytes, len, len > 0 && bytes[0] == '-');
}

/* RFC 9051 (7.1.5): BYE instead of a greeting. */
static enum service_reading read_imap(const uint8_t *bytes, size_t len)
{
    if (len > 0 && bytes[0] != '*')
        return READING_FOREIGN;
    return read_line(bytes, len, text_begins(bytes, len, "* BYE"));
}

/* RESP: a simple line, an error line, or a bulk string "$LEN\r\n...\r\n". */
static enum service_reading read_redis(const uint8_t *bytes, size_t len)
{
    const uint8_t *lf = memchr(bytes, '\n', len);
    size_t want = 0;

    if (len > 0 && bytes[0] != '$' && bytes[0] != '-' && bytes[0] != '+')
        return READING_FOREIGN;
    if (!lf)
        return READING_MORE;
    if (text_begins(bytes, len, "-DENIED") || text_begins(bytes, len, "-ERR max number of clients"))
        return READING_REFUSED; /* other errors are answers: without a password, for one */
    if (bytes[0] != '$')
        return READING_WHOLE;
    for (const uint8_t *c = bytes + 1; c < lf && *c >= '0' && *c <= '9' && want < 1 << 20; c++)
        want = want * 10 + (size_t)(*c - '0');
    return len - (size_t)(lf + 1 - bytes) >= want ? READING_WHOLE : READING_MORE;
}

/*
 * A packet: 3 bytes of length, little-endian, a sequence number, the payload: a greeting, or an
 * error ("Too many connections").
 */
static enum service_reading read_mysql(const uint8_t *bytes, size_t len)
{
    struct cursor c = cursor_init(bytes, len);
    size_t payload = cursor_u16le(&c);

    payload |= (size_t)cursor_u8(&c) << 16;
    if (len < 5)
        return READING_MORE;
    if (bytes[3] != 0 || (bytes[4] != 10 && bytes[4] != 9 && bytes[4] != 0xff))
        return READING_FOREIGN;
    if (len < payload + 4)
        return READING_MORE;
    return bytes[4] == 0xff ? READING_REFUSED : READING_WHOLE;
}

static size_t refusal_mysql(const uint8_t *bytes, size_t len)
{
    (void)bytes;
    return len < 7 ? len : 7; /* after the error's number */
}

/* An error's length, itself included; 0: protocol 2, where a text follows that ends in NUL. */
static uint32_t postgresql_error_len(const uint8_t *bytes, size_t len)
{
    struct cursor c = cursor_init(bytes, len);

    cursor_u8(&c);
    uint32_t error_len = cursor_u32(&c);
    return error_len < POSTGRESQL_ERROR_MAX ? error_len : 0;
}

/* The answer to SSLRequest: S, N, or an error message (E). */
static enum service_reading read_postgresql(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return READING_MORE;
    if (bytes[0] != 'E')
        return bytes[0] == 'S' || bytes[0] == 'N' ? READING_WHOLE : READING_FOREIGN;
    if (len < POSTGRESQL_ERROR_HEAD)
        return READING_MORE;
    uint32_t error_len = postgresql_error_len(bytes, len);
    bool whole = error_len ? len > error_len : memchr(bytes, '\0', len) != NULL;
    return whole ? READING_REFUSED : READING_MORE;
}

/* Fields of a letter and a text, of which M is the message. */
static size_t refusal_postgresql(const uint8_t *bytes, size_t len)
{
    size_t at = POSTGRESQL_ERROR_HEAD;

    if (!postgresql_error_len(bytes, len))
        return 1;
    while (at < len && bytes[at] && bytes[at] != 'M') {
        const uint8_t *end = memchr(bytes + at, '\0', len - at);
        at = end ? (size_t)(end - bytes) + 1 : len;
    }
    return at < len ? at + 1 : len;
}

static enum service_reading read_memcached(const uint8_t *bytes, size_t len)
{
    static const char *const words[] = {"VERSION ", "ERROR", "CLIENT_ERROR", "SERVER_ERROR"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t want = strlen(words[i]);

        if (!memcmp(bytes, words[i], len < want ? len : want))
            return read_line(bytes, len,
                             text_begins(bytes, len, "ERROR Too many open connections"));
    }
    return READING_FOREIGN;
}

/* --- the table ---------------------------------------------------------------------------------
 */

#define HELLO(text) .hello = (text), .hello_len = sizeof(text) - 1

/* What comes first is tried first where a port has several. */
static const struct service_row service_rows[] = {
    {.name = "http",
     .ports = {80, 8080, 8000, 8008, 8081, 8888, 3000},
     .tls_ports = {443, 8443, 9443, 4443},
     .http_path = "/",
     .identify = "http-server"},
    {.name = "ssh", .ports = {22, 2222}, .speaks_first = true, .identify = "ssh", .read = read_ssh},
    {.name = "smtp",
     .ports = {25, 587, 2525},
     .tls_ports = {465},
     .speaks_first = true,
     .identify = "smtp",
     .read = read_reply},
    {.name = "ftp",
     .ports = {21, 2121},
     .tls_ports = {990},
     .speaks_first = true,
     .identify = "ftp",
     .read = read_reply},
    {.name = "pop3",
     .ports = {110},
     .tls_ports = {995},
     .speaks_first = true,
     .identify = "pop3",
     .read = read_pop3},
    {.name = "imap",
     .ports = {143},
     .tls_ports = {993},
     .speaks_first = true,
     .identify = "imap",
     .read = read_imap},
    {.name = "mysql",
     .ports = {3306, 3307},
     .speaks_first = true,
     .identify = "mysql",
     .refusal = refusal_mysql,
     .read = read_mysql},
    {.name = "redis",
     .ports = {6379, 6380},
     HELLO("INFO server\r\n"),
     .identify = "redis-info",
     .read = read_redis},
    {.name = "memcached",
     .ports = {11211},
     HELLO("version\r\n"),
     .identify = "memcached",
     .read = read_memcached},
    {.name = "postgresql",
     .ports = {5432, 5433},
     HELLO("\0\0\0\x08\x04\xd2\x16\x2f"), /* SSLRequest: 80877103 */
     .identify = "postgresql",
     .refusal = refusal_postgresql,
     .read = read_postgresql},
    {.name = "kubernetes",
     .tls_ports = {6443, 10250},
     .http_path = "/version",
     .in_body = true,
     .identify = "kubernetes-version"},
    {.name = "docker",
     .ports = {2375},
     .tls_ports = {2376},
     .http_path = "/version",
     .in_body = true,
     .identify = "docker-version"},
    {.name = "elasticsearch",
     .ports = {9200},
     .http_path = "/",
     .in_body = true,
     .identify = "elasticsearch"},
    {.name = "prometheus",
     .ports = {9090},
     .http_path = "/api/v1/status/buildinfo",
     .in_body = true,
     .identify = "prometheus"},
    {.name = "haproxy",
     .ports = {8404},
     .http_path = "/stats",
     .in_body = true,
     .identify = "haproxy-stats"},
    {.name = "version", .http_path = "/version", .in_body = true, .identify = "kubernetes-version"},
};

#define SERVICE_ROWS (sizeof(service_rows) / sizeof(service_rows[0]))

static bool has_port(const uint16_t ports[SERVICE_PORTS_MAX], uint16_t port)
{
    for (size_t i = 0; i < SERVICE_PORTS_MAX && ports[i]; i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

const struct service_row *service_row_of_port(uint16_t port, bool *tls)
{
    for (size_t i = 0; i < SERVICE_ROWS; i++) {
        *tls = has_port(service_rows[i].tls_ports, port);
        if (*tls || has_port(service_rows[i].ports, port))
            return &service_rows[i];
    }
    *tls = false;
    return NULL;
}

const struct service_row *service_row_of_name(const char *name)
{
    for (size_t i = 0; i < SERVICE_ROWS; i++) {
        if (!strcmp(service_rows[i].name, name))
            return &service_rows[i];
    }
    return NULL;
}

const struct service_row *service_row_at(size_t n)
{
    return n < SERVICE_ROWS ? &service_rows[n] : NULL;
}
