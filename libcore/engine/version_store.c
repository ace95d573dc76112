/* Databases and caches: MySQL's greeting, Redis's INFO, memcached's version. */
#include <string.h>

#include "engine/version_internal.h"
#include "engine/version_product.h"

#define MYSQL_HEADER   4
#define MYSQL_PROTOCOL 10   /* "Protocol::HandshakeV10" */
#define MYSQL_ERROR    0xff /* "ERR_Packet" */

static void store_put(enum version_kind kind, const char *name, const char *note,
                      struct cursor version, struct cursor raw, struct version_list *list)
{
    size_t before = list->count;

    version_put(list, kind, name, version, raw);
    if (list->count > before && note)
        list->products[before].note = note;
}

static struct cursor store_nothing(void)
{
    return cursor_init("", 0);
}

/* The cursor behind `word`, wherever it stands in the span. */
static bool store_find(struct cursor *span, const char *word)
{
    for (; cursor_left(span); cursor_skip(span, 1))
        if (version_scan_literal(span, word))
            return true;
    return false;
}

/* --- MySQL -------------------------------------------------------------------------------------
 */

/* Servers that speak MySQL's protocol show a version of MySQL, and theirs behind it or nowhere. */
static bool store_mysql_relative(enum version_kind kind, struct cursor text,
                                 struct version_list *list)
{
    static const struct {
        const char *mark, *name;
    } relatives[] = {{"-TiDB-", "TiDB"}, {"-Vitess", "Vitess"}, {"(ProxySQL)", "ProxySQL"}};
    struct cursor at;

    for (size_t i = 0; i < sizeof(relatives) / sizeof(relatives[0]); i++) {
        at = text;
        if (!store_find(&at, relatives[i].mark))
            continue;
        store_put(kind, relatives[i].name, "the number in front is a MySQL it claims to be", at,
                  text, list);
        return true;
    }
    return false;
}

/* "-log" and "-debug" say how it runs, not what it is. */
static struct cursor store_mysql_trim(struct cursor text)
{
    static const char *const endings[] = {"-log", "-debug"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t len = strlen(endings[i]);
        struct cursor end = text;

        if (cursor_left(&text) <= len)
            continue;
        cursor_skip(&end, cursor_left(&text) - len);
        if (version_scan_equal(end, endings[i]))
            text.len -= len;
    }
    return text;
}

/* "5.5.5-" is for old replicas that knew no version above 5. */
static void store_mysql_text(enum version_kind kind, struct cursor text, struct version_list *list)
{
    struct cursor at = store_mysql_trim(text), maria = at;
    struct version_product *product = NULL;
    bool is_maria = store_find(&maria, "MariaDB");

    if (store_mysql_relative(kind, text, list))
        return;
    if (is_maria)
        version_scan_literal(&at, "5.5.5-");
    product = version_add(list, kind);
    if (!product)
        return;
    version_set_text(product->name, sizeof(product->name),
                     is_maria ? cursor_init("MariaDB", 7) : cursor_init("MySQL", 5));
    version_set_text(product->raw, sizeof(product->raw), text);
    version_set_version(product, is_maria ? version_scan_until(&at, "-") : at);
    if (is_maria && version_scan_literal(&maria, "-")) {
        version_set_text(product->comment, sizeof(product->comment), maria);
        if (version_names_distro(product->comment) || store_find(&maria, "+deb"))
            version_set_distro(product, cursor_init(product->comment, strlen(product->comment)));
    }
    version_settle(product);
}

/* "Host '192.0.2.1' is not allowed to connect to this MariaDB server" */
static struct decode store_mysql_error(enum version_kind kind, struct cursor message,
                                       struct version_list *list)
{
    struct cursor maria = message, mysql = message;

    if (store_find(&maria, "MariaDB"))
        store_put(kind, "MariaDB", "refused before its greeting", store_nothing(), message, list);
    else if (store_find(&mysql, "MySQL"))
        store_put(kind, "MySQL", "refused before its greeting", store_nothing(), message, list);
    return decode_ok();
}

/* 3 bytes of length and a sequence number; a length beyond what is there counts for nothing. */
static struct decode store_mysql_payload(struct cursor banner, struct cursor *payload)
{
    size_t len = cursor_u16le(&banner) | (size_t)cursor_u8(&banner) << 16;

    cursor_skip(&banner, 1);
    if (banner.failed || !len || !cursor_left(&banner))
        return decode_fail(DECODE_TRUNCATED, "shorter than a packet", banner.len);
    *payload = len < cursor_left(&banner) ? cursor_sub(&banner, len) : cursor_rest(&banner);
    return decode_ok();
}

static bool store_mysql_is_text(const struct cursor *banner)
{
    return version_is_digit((char)version_scan_peek(banner, 0)) &&
           version_scan_peek(banner, 1) > ' ';
}

/* The greeting's version ends with a NUL. */
static bool store_mysql_version(struct cursor payload, struct cursor *text)
{
    size_t start = payload.pos;

    while (version_scan_peek(&payload, 0) > 0)
        cursor_skip(&payload, 1);
    *text = version_scan_since(&payload, start);
    return cursor_left(&payload) > 0;
}

static struct decode store_mysql_packet(enum version_kind kind, struct cursor payload,
                                        struct version_list *list)
{
    uint8_t protocol = cursor_u8(&payload);
    struct cursor text;

    if (protocol == MYSQL_ERROR) {
        cursor_skip(&payload, 2); /* the error's number */
        return store_mysql_error(kind, cursor_rest(&payload), list);
    }
    if (protocol != MYSQL_PROTOCOL)
        return decode_fail(DECODE_UNKNOWN, "not a greeting of protocol 10", MYSQL_HEADER);
    if (!store_mysql_version(payload, &text))
        return decode_fail(DECODE_TRUNCATED, "greeting ends in its version",
                           MYSQL_HEADER + payload.len);
    store_mysql_text(kind, text, list);
    return decode_ok();
}

struct decode version_read_mysql(enum version_kind kind, struct cursor banner,
                                 struct version_list *list)
{
    struct cursor payload;
    struct decode result;

    if (store_mysql_is_text(&banner)) {
        store_mysql_text(kind, version_scan_line(&banner), list);
        return decode_ok();
    }
    result = store_mysql_payload(banner, &payload);
    return result.status ? result : store_mysql_packet(kind, payload, list);
}

bool version_mysql_text(struct cursor *banner, struct cursor *text)
{
    struct cursor payload;
    bool is_text = store_mysql_is_text(banner);

    if (is_text)
        *text = version_scan_line(banner);
    else if (store_mysql_payload(*banner, &payload).status ||
             cursor_u8(&payload) != MYSQL_PROTOCOL || !store_mysql_version(payload, text))
        return false;
    cursor_rest(banner);
    return true;
}

/* --- Redis -------------------------------------------------------------------------------------
 */

/* Forks go on to show a redis_version that they are compatible with. */
static const struct {
    const char *key, *name;
} store_redis_keys[] = {
    {"valkey_version:", "Valkey"},
    {"dragonfly_version:", "Dragonfly"},
    {"redis_version:", "Redis"},
};

static bool store_redis_key(enum version_kind kind, struct cursor banner, const char *key,
                            const char *name, struct version_list *list)
{
    while (cursor_left(&banner)) {
        struct cursor line = version_scan_line(&banner), raw = line;

        if (!version_scan_literal(&line, key))
            continue;
        version_scan_literal(&line, "df-"); /* Dragonfly's own prefix */
        store_put(kind, name, NULL, line, raw, list);
        return true;
    }
    return false;
}

struct decode version_read_redis(enum version_kind kind, struct cursor banner,
                                 struct version_list *list)
{
    static const char *const refusals[] = {"-NOAUTH", "-DENIED Redis", "-NOPERM"};

    for (size_t i = 0; i < sizeof(store_redis_keys) / sizeof(store_redis_keys[0]); i++)
        if (store_redis_key(kind, banner, store_redis_keys[i].key, store_redis_keys[i].name, list))
            return decode_ok();
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct cursor line = banner, raw = version_scan_line(&line);

        line = raw;
        if (!version_scan_literal(&line, refusals[i]))
            continue;
        store_put(kind, "Redis", "shows its version only to who may ask for INFO", store_nothing(),
                  raw, list);
        return decode_ok();
    }
    return decode_ok();
}

/* --- memcached ---------------------------------------------------------------------------------
 */

/* "VERSION 1.5.6 Ubuntu": a distribution may add its name. */
static void store_memcached(enum version_kind kind, struct cursor line, struct cursor raw,
                            struct version_list *list)
{
    struct version_product *product = version_add(list, kind);

    if (!product)
        return;
    version_set_text(product->name, sizeof(product->name), cursor_init("memcached", 9));
    version_set_text(product->raw, sizeof(product->raw), raw);
    version_set_version(product, line);
    version_scan_until(&line, " ");
    version_set_text(product->comment, sizeof(product->comment), line);
    if (version_names_distro(product->comment))
        version_set_distro(product, line);
    version_settle(product);
}

struct decode version_read_memcached(enum version_kind kind, struct cursor banner,
                                     struct version_list *list)
{
    while (cursor_left(&banner)) {
        struct cursor line = version_scan_line(&banner), raw = line;

        if (!version_scan_literal(&line, "VERSION ") &&
            !version_scan_literal(&line, "STAT version "))
            continue;
        store_memcached(kind, line, raw, list);
        break;
    }
    return decode_ok();
}
