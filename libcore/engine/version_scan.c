#include <string.h>
#include <strings.h>

#include "engine/version_internal.h"
#include "engine/version_product.h"

int version_scan_peek(const struct cursor *c, size_t ahead)
{
    return ahead < cursor_left(c) ? c->bytes[c->pos + ahead] : -1;
}

bool version_scan_is_blank(int byte)
{
    return byte == ' ' || byte == '\t';
}

void version_scan_blanks(struct cursor *c)
{
    while (version_scan_is_blank(version_scan_peek(c, 0)))
        cursor_skip(c, 1);
}

struct cursor version_scan_until(struct cursor *c, const char *stops)
{
    size_t len = 0;
    int byte;

    while ((byte = version_scan_peek(c, len)) >= 0 && (!byte || !strchr(stops, byte)))
        len++;
    return cursor_sub(c, len);
}

struct cursor version_scan_line(struct cursor *c)
{
    struct cursor line = version_scan_until(c, "\r\n");

    while (version_scan_peek(c, 0) == '\r')
        cursor_skip(c, 1);
    if (version_scan_peek(c, 0) == '\n')
        cursor_skip(c, 1);
    return line;
}

bool version_scan_literal(struct cursor *c, const char *text)
{
    size_t len = strlen(text);

    if (cursor_left(c) < len ||
        (len && strncasecmp((const char *)c->bytes + c->pos, text, len) != 0))
        return false;
    cursor_skip(c, len);
    return true;
}

bool version_scan_equal(struct cursor span, const char *text)
{
    return version_scan_literal(&span, text) && !cursor_left(&span);
}

static bool scan_in_version(int byte)
{
    return byte > 0 && (version_is_alnum((char)byte) || strchr(".-_+~", byte));
}

static bool scan_is_digit(int byte)
{
    return byte >= 0 && version_is_digit((char)byte);
}

/*
 * The bytes from `from` on that a version is made of; it ends in none of its separators. One that
 * is too long is as long as none may be, and not looked through: hostile ones have no end.
 */
static size_t scan_version_len(const struct cursor *c, size_t from)
{
    size_t len = 0;

    while (len < VERSION_TEXT_SIZE && scan_in_version(version_scan_peek(c, from + len)))
        len++;
    while (len && len < VERSION_TEXT_SIZE &&
           !version_is_alnum((char)version_scan_peek(c, from + len - 1)))
        len--;
    return len;
}

static int scan_numbers(const struct cursor *c, size_t from, size_t len)
{
    int numbers = 0;

    for (size_t i = 0; i < len; i++) {
        int byte = version_scan_peek(c, from + i);

        if (scan_is_digit(byte))
            numbers += i == 0 || !scan_is_digit(version_scan_peek(c, from + i - 1));
        else if (byte != '.' && byte != '_')
            break;
    }
    return numbers;
}

bool version_scan_version(struct cursor *c, int numbers, struct cursor *version)
{
    int first = version_scan_peek(c, 0);
    size_t from = first > 0 && strchr("vVrR", first) && scan_is_digit(version_scan_peek(c, 1));
    size_t len;

    if (!scan_is_digit(version_scan_peek(c, from)))
        return false;
    len = scan_version_len(c, from);
    if (scan_numbers(c, from, len) < numbers)
        return false;
    cursor_skip(c, from);
    *version = cursor_sub(c, len);
    return true;
}

struct cursor version_scan_since(const struct cursor *c, size_t start)
{
    struct cursor whole = cursor_init(c->bytes, c->pos);

    cursor_seek(&whole, start);
    return cursor_rest(&whole);
}
