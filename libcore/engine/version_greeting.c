/* What services say first, in lines of text. */
#include <string.h>

#include "engine/version_internal.h"
#include "engine/version_product.h"

#define GREETING_LINE_MAX 1024 /* bytes of a line that are looked at */

static void greeting_put(enum version_kind kind, const struct version_shape *shape,
                         struct cursor raw, struct version_list *list)
{
    struct version_product *product = version_add(list, kind);

    if (!product)
        return;
    version_set_text(product->name, sizeof(product->name),
                     cursor_init(shape->name, strlen(shape->name)));
    version_set_text(product->raw, sizeof(product->raw), raw);
    version_set_version(product, shape->version);
    if (cursor_left(&shape->distro)) {
        version_set_text(product->comment, sizeof(product->comment), shape->distro);
        if (version_names_distro(product->comment))
            version_set_distro(product, shape->distro);
    }
    version_settle(product);
}

/* A known shape anywhere, at the start of a word. */
static bool greeting_shape(enum version_kind kind, struct cursor line, struct version_list *list)
{
    struct cursor at = line;
    struct version_shape shape;

    while (cursor_left(&at)) {
        struct cursor here = at;
        int byte = version_scan_peek(&at, 0);

        if (version_shape_take(kind, &here, &shape)) {
            greeting_put(kind, &shape, line, list);
            return true;
        }
        cursor_skip(&at, 1);
        while (version_is_alnum((char)byte) && cursor_left(&at) &&
               version_is_alnum((char)version_scan_peek(&at, 0)))
            cursor_skip(&at, 1);
    }
    return false;
}

static bool greeting_is_protocol(struct cursor word)
{
    static const char *const protocols[] = {"ESMTP", "SMTP", "FTP", "POP3", "IMAP", "IMAP4rev1"};

    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (version_scan_equal(word, protocols[i]))
            return true;
    return false;
}

/* Four numbers and nothing else: rather an address than a version. */
static bool greeting_is_quad(struct cursor text)
{
    int dots = 0;

    while (cursor_left(&text)) {
        int byte = version_scan_peek(&text, 0);

        if (byte != '.' && !version_is_digit((char)byte))
            return false;
        dots += byte == '.';
        cursor_skip(&text, 1);
    }
    return dots == 3;
}

static bool greeting_named(enum version_kind kind, struct cursor name, struct cursor version,
                           struct cursor line, struct version_list *list)
{
    char text[VERSION_NAME_SIZE];

    if (!cursor_left(&name) || !version_is_letter((char)version_scan_peek(&name, 0)) ||
        greeting_is_quad(version))
        return false;
    version_set_text(text, sizeof(text), name);
    version_put(list, kind, text, version, line);
    return true;
}

/* "Name/1.2" anywhere, or "Name 1.2" right behind the name of the protocol. */
static bool greeting_tolerant(enum version_kind kind, struct cursor line, struct version_list *list)
{
    struct cursor at = line, version;
    bool protocol = false;

    while (version_scan_blanks(&at), cursor_left(&at)) {
        struct cursor word = version_scan_until(&at, " \t"), rest = word;
        struct cursor name = version_scan_until(&rest, "/"), next = at;

        if (version_scan_literal(&rest, "/") && version_scan_version(&rest, 2, &version) &&
            greeting_named(kind, name, version, line, list))
            return true;
        version_scan_blanks(&next);
        if (protocol && version_scan_version(&next, 2, &version) &&
            greeting_named(kind, word, version, line, list))
            return true;
        protocol = greeting_is_protocol(word);
    }
    return false;
}

/* The code of SMTP and FTP ("220-"), the status of POP3 ("+OK") and IMAP ("* OK [...]"). */
static void greeting_skip_code(struct cursor *line)
{
    static const char *const statuses[] = {"+OK", "-ERR", "* OK", "* PREAUTH", "* BYE"};
    size_t digits = 0;

    while (digits < 3 && version_is_digit((char)version_scan_peek(line, digits)))
        digits++;
    if (digits == 3 && (version_scan_peek(line, 3) == ' ' || version_scan_peek(line, 3) == '-'))
        cursor_skip(line, 4);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (version_scan_literal(line, statuses[i]))
            break;
    version_scan_blanks(line);
    if (version_scan_literal(line, "[CAPABILITY")) {
        version_scan_until(line, "]");
        version_scan_literal(line, "]");
        version_scan_blanks(line);
    }
}

void version_skip_status(enum version_kind kind, struct cursor *line)
{
    if (kind != VERSION_SSH) {
        greeting_skip_code(line);
    } else if (version_scan_literal(line, "SSH-")) {
        version_scan_until(line, "-"); /* protoversion */
        version_scan_literal(line, "-");
    }
}

struct decode version_read_greeting(enum version_kind kind, struct cursor banner,
                                    struct version_list *list)
{
    struct cursor all = banner;

    for (int pass = 0; pass < 2; pass++, all = banner) {
        while (cursor_left(&all)) {
            struct cursor line = version_scan_line(&all);

            version_skip_status(kind, &line);
            if (cursor_left(&line) > GREETING_LINE_MAX)
                line = cursor_sub(&line, GREETING_LINE_MAX);
            if ((pass ? greeting_tolerant : greeting_shape)(kind, line, list))
                return decode_ok();
        }
    }
    return decode_ok();
}

/* --- SSH, RFC 4253 4.2: SSH-protoversion-softwareversion SP comments ----------------------------
 */

/* "libssh_0.9.6", "Cisco-1.25", "Erlang/4.15": a name, a separator, and at least two numbers. */
static struct cursor greeting_ssh_name(struct cursor software, struct cursor *version)
{
    *version = cursor_init("", 0);
    for (size_t i = 1; i < cursor_left(&software); i++) {
        struct cursor rest = software, name = cursor_sub(&rest, i);

        if (strchr("-_/ ", version_scan_peek(&rest, 0))) {
            cursor_skip(&rest, 1);
            if (version_scan_version(&rest, 2, version) && !cursor_left(&rest))
                return name;
        }
    }
    return software;
}

/* "Debian-2+deb12u3": who builds OpenSSH says so there (VersionAddendum, DebianBanner). */
static void greeting_ssh_comment(struct version_product *product, struct cursor comment)
{
    static const char *const builders[] = {"FreeBSD", "NetBSD", "Raspbian", "Debian", "Ubuntu"};

    version_set_text(product->comment, sizeof(product->comment), comment);
    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++) {
        struct cursor at = comment;

        if (version_scan_literal(&at, builders[i]))
            version_set_distro(product, comment);
    }
}

static void greeting_ssh_software(struct cursor line, struct cursor *name, struct cursor *version,
                                  struct cursor *comment)
{
    struct cursor software = version_scan_until(&line, " ");

    *name = greeting_ssh_name(software, version);
    version_scan_blanks(&line);
    *comment = line;
}

struct decode version_read_ssh(enum version_kind kind, struct cursor banner,
                               struct version_list *list)
{
    struct cursor line = version_scan_line(&banner), raw = line, name, version, comment;
    struct version_product *product;
    struct version_shape shape;

    version_skip_status(kind, &line);
    if (!cursor_left(&line) || version_scan_is_blank(version_scan_peek(&line, 0)))
        return decode_fail(DECODE_TRUNCATED, "no software version", raw.len);
    greeting_ssh_software(line, &name, &version, &comment);
    if (version_shape_take(kind, &line, &shape)) {
        name = cursor_init(shape.name, strlen(shape.name));
        version = shape.version;
    }
    product = version_add(list, kind);
    if (!product)
        return decode_ok();
    version_set_text(product->name, sizeof(product->name), name);
    version_set_text(product->raw, sizeof(product->raw), raw);
    version_set_version(product, version);
    greeting_ssh_comment(product, comment);
    version_settle(product);
    return decode_ok();
}

/* --- version.bind ------------------------------------------------------------------------------
 */

/* BIND answers with its bare version, which has begun with 9 since 2000; others name themselves. */
struct decode version_read_dns(enum version_kind kind, struct cursor banner,
                               struct version_list *list)
{
    struct cursor line = version_scan_line(&banner), at = line, version;

    version_scan_literal(&at, "BIND ");
    if (version_scan_peek(&at, 0) == '9' && version_scan_version(&at, 2, &version))
        version_put(list, kind, "BIND", version, line);
    else
        greeting_shape(kind, line, list);
    return decode_ok();
}
