/* How readers of banners put products together. Internal to the version engine. */
#ifndef NETDX_ENGINE_VERSION_PRODUCT_H
#define NETDX_ENGINE_VERSION_PRODUCT_H

#include "base/cursor.h"
#include "engine/version.h"

/* --- scanning; a span is a cursor at its start ------------------------------------------------ */

int version_scan_peek(const struct cursor *c, size_t ahead); /* -1 behind the end */
bool version_scan_is_blank(int byte);
void version_scan_blanks(struct cursor *c);
/* Up to one of `stops` or the end. */
struct cursor version_scan_until(struct cursor *c, const char *stops);
struct cursor version_scan_line(struct cursor *c); /* and over its end; CR is not part of it */
/* In any case; the cursor moves on success only. */
bool version_scan_literal(struct cursor *c, const char *text);
bool version_scan_equal(struct cursor span, const char *text);
/*
 * A version at the cursor: a number and what hangs on it, a "v" or "r" before it left away. It has
 * at least `numbers` numbers. The cursor moves on success only.
 */
bool version_scan_version(struct cursor *c, int numbers, struct cursor *version);
/* From `start` to where the cursor is. */
struct cursor version_scan_since(const struct cursor *c, size_t start);

/* --- products --------------------------------------------------------------------------------- */

/* A new product, or NULL when the list is full. */
struct version_product *version_add(struct version_list *list, enum version_kind kind);
void version_set_text(char *out, size_t size, struct cursor span);
void version_append_text(char *out, size_t size, const char *between, struct cursor span);
/* What the span begins with, if it is a version; nothing when it is not, or is too long. */
void version_set_version(struct version_product *product, struct cursor span);
void version_set_distro(struct version_product *product, struct cursor span);
/* When all texts are there: takes the tail off the version and applies what is known. */
void version_settle(struct version_product *product);
/* What there is to do for a reader that has found all at once; `version` may be empty. */
void version_put(struct version_list *list, enum version_kind kind, const char *name,
                 struct cursor version, struct cursor raw);

/* --- what is known ---------------------------------------------------------------------------- */

struct version_known {
    const char *name;
    const char *aliases; /* comma-separated, or NULL */
    enum version_scheme scheme;
    int numbers;          /* a release of it always has so many; 0: it varies */
    const char *family;   /* or NULL */
    const char *constant; /* this number is not its version; "*": none is; NULL: all are */
    const char *note;     /* or NULL */
};

const struct version_known *version_known_find(const char *name); /* NULL: not known */
const struct version_known *version_known_span(struct cursor name);

/* A known shape at the cursor, which moves behind it on success. */
struct version_shape {
    const char *name;
    struct cursor version, distro; /* empty when the shape has none */
};

bool version_shape_take(enum version_kind kind, struct cursor *c, struct version_shape *found);

/* --- readers ---------------------------------------------------------------------------------- */

typedef struct decode version_reader(enum version_kind kind, struct cursor banner,
                                     struct version_list *list);

version_reader version_read_http, version_read_via, version_read_aspnet;
version_reader version_read_ssh, version_read_greeting, version_read_dns;
version_reader version_read_mysql, version_read_redis, version_read_memcached;
version_reader version_read_kubernetes, version_read_docker, version_read_elasticsearch;
version_reader version_read_prometheus, version_read_haproxy;

/*
 * What fingerprints are matched against, one piece after the other: a header's value, a line
 * without its code, the version in a packet. False when there is no more.
 */
bool version_subject(enum version_kind kind, struct cursor *banner, struct cursor *subject);
bool version_mysql_text(struct cursor *banner, struct cursor *text);
void version_skip_status(enum version_kind kind, struct cursor *line);

#endif
