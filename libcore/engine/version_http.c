/*
 * Server, X-Powered-By and their like. RFC 9110 10.2.4 has product *( RWS ( product / comment ) );
 * real ones also name products in several words, put versions behind blanks or into comments, and
 * separate with what they like.
 */
#include <string.h>

#include "engine/version_internal.h"
#include "engine/version_product.h"

struct http {
    struct cursor c;
    enum version_kind kind;
    struct version_list *list;
    struct version_product *last; /* that a comment or a bare number belongs to, or NULL */
    size_t start;                 /* where its part begins */
    bool words;                   /* it is made of bare words: one more may belong to it */
    bool open;                    /* "Zope/(": its version begins the comment */
};

static void http_raw(struct http *h)
{
    if (h->last)
        version_set_text(h->last->raw, sizeof(h->last->raw), version_scan_since(&h->c, h->start));
}

static void http_new(struct http *h, size_t start, struct cursor name)
{
    h->last = version_add(h->list, h->kind);
    h->start = start;
    h->words = h->open = false;
    if (h->last)
        version_set_text(h->last->name, sizeof(h->last->name), name);
    http_raw(h);
}

/* --- comments ----------------------------------------------------------------------------------
 */

/* What is between the bracket at the cursor and the one that closes it, or the end. */
static struct cursor http_comment_span(struct cursor *c)
{
    size_t len = 1, depth = 1;
    struct cursor inner;

    for (int byte; depth && (byte = version_scan_peek(c, len)) >= 0; len++) {
        depth += byte == '(';
        depth -= byte == ')';
    }
    cursor_skip(c, 1);
    inner = cursor_sub(c, len - 1 - !depth);
    cursor_skip(c, !depth);
    return inner;
}

/* "2.13.22, python 2.7.9" or "Zope 2.9.8-final, ...": the first number of the first item. */
static void http_comment_version(struct http *h, struct cursor inner)
{
    struct cursor item = version_scan_until(&inner, ",;"), version;

    while (cursor_left(&item)) {
        if (version_scan_version(&item, 2, &version)) {
            version_set_version(h->last, version);
            return;
        }
        version_scan_until(&item, " ");
        version_scan_blanks(&item);
    }
}

/* "Ruby/2.7.4/2021-07-07": products in a comment count when they are known. */
static void http_comment_products(struct http *h, struct cursor inner)
{
    struct cursor word, name, version, raw = inner;
    struct version_shape shape;

    if (version_shape_take(h->kind, &inner, &shape))
        version_put(h->list, h->kind, shape.name, shape.version, raw);
    while (version_scan_blanks(&inner), cursor_left(&inner)) {
        size_t start = inner.pos;

        word = version_scan_until(&inner, " ,;");
        name = version_scan_until(&word, "/");
        if (version_scan_literal(&word, "/") && version_scan_version(&word, 1, &version)) {
            const struct version_known *known = version_known_span(name);

            if (known && !known->constant)
                version_put(h->list, h->kind, known->name, version,
                            version_scan_since(&inner, start));
        }
        if (cursor_left(&inner))
            cursor_skip(&inner, !version_scan_is_blank(version_scan_peek(&inner, 0)));
    }
}

static void http_comment(struct http *h)
{
    bool glued = h->c.pos && !version_scan_is_blank(h->c.bytes[h->c.pos - 1]);
    struct cursor inner = http_comment_span(&h->c), version = inner;

    if (!h->last || version_scan_equal(inner, "R") || version_scan_equal(inner, "TM"))
        return;
    http_raw(h);
    if (!h->last->version[0] && (h->open || (glued && version_scan_version(&version, 2, &version))))
        http_comment_version(h, inner);
    if (!version_scan_equal(inner, h->last->version))
        version_append_text(h->last->comment, sizeof(h->last->comment), "; ", inner);
    http_comment_products(h, inner);
    if (version_names_distro(h->last->comment) && !h->last->distro[0])
        version_set_distro(h->last, inner);
    h->open = false;
}

/* --- tokens ------------------------------------------------------------------------------------
 */

static bool http_is_one_of(struct cursor token, const char *const *words)
{
    for (; *words; words++)
        if (version_scan_equal(token, *words))
            return true;
    return false;
}

/* Behind an old Apache, without brackets: "Apache/1.3.26 (Unix) Debian GNU/Linux". */
static bool http_is_platform(struct cursor token)
{
    static const char *const platforms[] = {
        "Unix",  "Linux",  "Debian",  "Ubuntu",  "GNU/Linux", "Linux/SuSE", "RedHat",
        "Red",   "Hat",    "FreeBSD", "OpenBSD", "NetBSD",    "Windows",    "Win32",
        "Win64", "Darwin", "Fedora",  "CentOS",  "x86_64",    "amd64",      NULL};

    return http_is_one_of(token, platforms);
}

static bool http_is_filler(struct cursor token)
{
    static const char *const fillers[] = {"v",        "ver",     "ver.", "version",
                                          "version:", "release", NULL};

    return http_is_one_of(token, fillers);
}

static void http_platform(struct http *h, struct cursor token)
{
    char name[VERSION_NAME_SIZE];

    version_set_text(name, sizeof(name), token);
    if (version_names_distro(name) && !h->last->distro[0])
        version_set_distro(h->last, token);
    version_append_text(h->last->comment, sizeof(h->last->comment), "; ", token);
    http_raw(h);
}

/* "rc1" behind "3.0.0", with a blank between. */
static bool http_prerelease(struct http *h, struct cursor token)
{
    char text[16];
    size_t len = strlen(h->last->version);

    if (!len || cursor_left(&token) >= sizeof(text))
        return false;
    version_set_text(text, sizeof(text), token);
    if (!version_suffix_is_prerelease(text) || len + strlen(text) >= sizeof(h->last->version))
        return false;
    memcpy(h->last->version + len, text, strlen(text) + 1);
    http_raw(h);
    return true;
}

/* What a token without a slash says about the product before it. */
static bool http_belongs(struct http *h, struct cursor token)
{
    struct cursor version = token;
    int first = version_scan_peek(&token, 0);

    if (!h->last)
        return first == '#' || version_scan_version(&version, 2, &version);
    if (version_scan_version(&version, 2, &version) && !h->last->version[0]) {
        version_set_version(h->last, token);
        h->words = false;
        http_raw(h);
        return true;
    }
    if (first == '#' || (first >= 0 && version_is_digit((char)first))) {
        http_raw(h);
        return true;
    }
    return http_is_filler(token) || http_prerelease(h, token);
}

/* "JBoss-4.2.3.GA": a name, a hyphen or underscore, and at least two numbers. */
static bool http_hyphen(struct http *h, size_t start, struct cursor token)
{
    for (size_t i = 1; i + 1 < cursor_left(&token); i++) {
        struct cursor rest = token, name, version;

        if (!strchr("-_", version_scan_peek(&token, i)))
            continue;
        name = cursor_sub(&rest, i);
        cursor_skip(&rest, 1);
        if (!version_scan_version(&rest, 2, &version) || cursor_left(&rest))
            continue;
        http_new(h, start, name);
        if (h->last)
            version_set_version(h->last, version);
        return true;
    }
    return false;
}

static void http_word(struct http *h, size_t start, struct cursor token)
{
    bool known = version_known_span(token) != NULL;
    struct cursor module = token;

    if (!h->words || !h->last || known || version_scan_literal(&module, "mod_")) {
        http_new(h, start, token);
        h->words = !known;
        return;
    }
    version_append_text(h->last->name, sizeof(h->last->name), " ", token);
    http_raw(h);
}

static void http_bare(struct http *h, size_t start, struct cursor token)
{
    static const char *const stops[] = {"with", "and", "by", "on", "-", "|", NULL};

    if (http_is_one_of(token, stops))
        h->words = false;
    else if (http_belongs(h, token))
        return;
    else if (h->last && !h->words && http_is_platform(token))
        http_platform(h, token);
    else if (!http_hyphen(h, start, token))
        http_word(h, start, token);
}

/* "nginx/1.25.3", "Zope/", "GNU/Linux", "Sucuri/Cloudproxy". */
static void http_slash(struct http *h, size_t start, struct cursor token)
{
    struct cursor rest = token, name = version_scan_until(&rest, "/"), version;

    cursor_skip(&rest, 1);
    if (version_scan_version(&rest, 1, &version)) {
        http_new(h, start, name);
        if (h->last)
            version_set_version(h->last, version);
    } else if (!cursor_left(&rest)) {
        http_new(h, start, name);
        h->open = true;
    } else if (h->last && http_is_platform(token)) {
        http_platform(h, token);
    } else {
        http_new(h, start, version_known_span(name) ? name : token);
    }
}

static void http_token(struct http *h)
{
    size_t start = h->c.pos;
    struct cursor token = version_scan_until(&h->c, " \t(,;\r\n");
    struct cursor name = token, left = version_scan_until(&name, "/");

    if (cursor_left(&left) && cursor_left(&name))
        http_slash(h, start, token);
    else
        http_bare(h, start, left);
}

static bool http_shape(struct http *h)
{
    struct version_shape shape;
    size_t start = h->c.pos;

    if (!version_shape_take(h->kind, &h->c, &shape))
        return false;
    http_new(h, start, cursor_init(shape.name, strlen(shape.name)));
    if (h->last)
        version_set_version(h->last, shape.version);
    return true;
}

/* --- the header --------------------------------------------------------------------------------
 */

/* A comma or semicolon ends a name of several words, and what a bare number may belong to. */
static void http_gap(struct http *h)
{
    for (int byte; (byte = version_scan_peek(&h->c, 0)) >= 0; cursor_skip(&h->c, 1)) {
        if (byte == ',' || byte == ';')
            h->last = NULL;
        else if (byte != '+' && byte != '&' && byte != '/' && byte != ')' && byte != '\r' &&
                 byte != '\n' && !version_scan_is_blank(byte))
            return;
    }
}

/* Who builds the server builds what is linked into it. */
static void http_share_distro(struct version_list *list, size_t first)
{
    const struct version_product *packaged = NULL;

    for (size_t i = first; i < list->count && !packaged; i++)
        if (version_names_distro(list->products[i].comment))
            packaged = &list->products[i];
    for (size_t i = first; packaged && i < list->count; i++) {
        struct version_product *product = &list->products[i];

        if (product->distro[0])
            continue;
        memcpy(product->distro, packaged->distro, sizeof(product->distro));
        product->distro_build = product->version[0] != '\0';
    }
}

struct decode version_read_http(enum version_kind kind, struct cursor banner,
                                struct version_list *list)
{
    struct http h = {.c = banner, .kind = kind, .list = list};
    size_t first = list->count;

    while (http_gap(&h), cursor_left(&h.c)) {
        if (version_scan_peek(&h.c, 0) == '(')
            http_comment(&h);
        else if (!http_shape(&h))
            http_token(&h);
    }
    for (size_t i = first; i < list->count; i++)
        version_settle(&list->products[i]);
    http_share_distro(list, first);
    return decode_ok();
}

/* --- Via, RFC 9110 7.6.3 -----------------------------------------------------------------------
 */

/* "1.1 cache.example:3128 (squid/3.5.27)": only a comment or a pseudonym names a product. */
static void http_via_entry(enum version_kind kind, struct cursor entry, struct version_list *list)
{
    struct cursor by, name, inner, version, raw = entry;

    version_scan_blanks(&entry);
    version_scan_until(&entry, " \t"); /* received-protocol */
    version_scan_blanks(&entry);
    by = version_scan_until(&entry, " \t(");
    version_scan_blanks(&entry);
    inner = by;
    if (version_scan_peek(&entry, 0) == '(')
        inner = http_comment_span(&entry);
    else if (!version_known_span(by) && memchr(by.bytes, '.', by.len))
        return; /* a host */
    name = version_scan_until(&inner, " \t/[,");
    version = inner;
    version_scan_literal(&version, "/");
    if (cursor_left(&name)) {
        char text[VERSION_NAME_SIZE];

        version_set_text(text, sizeof(text), name);
        version_put(list, kind, text, version, raw);
    }
}

struct decode version_read_via(enum version_kind kind, struct cursor banner,
                               struct version_list *list)
{
    while (cursor_left(&banner)) {
        struct cursor entry = version_scan_until(&banner, ",(");

        if (version_scan_peek(&banner, 0) == '(') { /* commas in it do not count */
            size_t start = banner.pos - cursor_left(&entry);

            http_comment_span(&banner);
            version_scan_until(&banner, ",");
            entry = version_scan_since(&banner, start);
        }
        http_via_entry(kind, entry, list);
        if (cursor_left(&banner))
            cursor_skip(&banner, 1);
    }
    return decode_ok();
}

/* X-AspNet-Version is the runtime's, X-AspNetMvc-Version the framework's. */
struct decode version_read_aspnet(enum version_kind kind, struct cursor banner,
                                  struct version_list *list)
{
    const char *name = kind == VERSION_HTTP_ASPNET ? ".NET CLR" : "ASP.NET MVC";

    version_scan_blanks(&banner);
    if (cursor_left(&banner))
        version_put(list, kind, name, banner, banner);
    return decode_ok();
}
