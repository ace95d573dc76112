#include "base/text.h"

#include <stdio.h>

#include <string.h>
#include <strings.h>

struct text_range {
    uint32_t first, last;
};

/*
 * What is invisible or moves other characters about: controls, soft hyphen, joiners and zero
 * widths, bidirectional controls (UAX 9), fillers, line separators, variation selectors, tags,
 * interlinear marks, surrogates and noncharacters. Sorted.
 */
static const struct text_range text_unsafe[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x3164, 0x3164},   {0xd800, 0xdfff}, {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* Combining marks that occur in names and messages; they take no column of their own. */
static const struct text_range text_combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},
    {0x064b, 0x065f}, {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x20d0, 0x20ff}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

#define TEXT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool text_in_ranges(uint32_t point, const struct text_range *ranges, size_t count)
{
    for (size_t i = 0; i < count && ranges[i].first <= point; i++) {
        if (point <= ranges[i].last)
            return true;
    }
    return false;
}

/* Bytes of the sequence that `first` starts and the least code point it may encode; 0: none. */
static size_t text_sequence(uint8_t first, uint32_t *bits, uint32_t *least)
{
    if (first < 0x80) {
        *bits = first;
        *least = 0;
        return 1;
    }
    if (first >= 0xc0 && first < 0xe0) {
        *bits = first & 0x1f;
        *least = 0x80;
        return 2;
    }
    if (first >= 0xe0 && first < 0xf0) {
        *bits = first & 0x0f;
        *least = 0x800;
        return 3;
    }
    if (first >= 0xf0 && first < 0xf8) {
        *bits = first & 0x07;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

/* The code point at the start of `bytes` and its length, or 0 when it is not UTF-8 (RFC 3629). */
static size_t text_decode(const uint8_t *bytes, size_t len, uint32_t *point)
{
    uint32_t value, least;
    size_t need = text_sequence(bytes[0], &value, &least);

    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    if (value < least || value > 0x10ffff)
        return 0;
    *point = value;
    return need;
}

/* Length of the safe character at the start of `bytes`; 0 when its first byte must be escaped. */
static size_t text_safe_len(const uint8_t *bytes, size_t len)
{
    uint32_t point;
    size_t n = text_decode(bytes, len, &point);

    if (n == 0 || point == '\\' || (point & 0xfffe) == 0xfffe)
        return 0;
    return text_in_ranges(point, text_unsafe, TEXT_COUNT(text_unsafe)) ? 0 : n;
}

/* One byte as `\xNN`, the backslash as two of them; the length written to `out`. */
static size_t text_escape_byte(uint8_t byte, char out[4])
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    if (byte == '\\') {
        out[1] = '\\';
        return 2;
    }
    out[1] = 'x';
    out[2] = hex[byte >> 4];
    out[3] = hex[byte & 15];
    return 4;
}

size_t text_escape(char *out, size_t size, const void *bytes, size_t len)
{
    const uint8_t *in = bytes;
    size_t total = 0, written = 0;
    bool full = false;

    for (size_t pos = 0, taken; pos < len; pos += taken) {
        char piece[4];
        size_t piece_len = taken = text_safe_len(in + pos, len - pos);
        if (taken > 0) {
            memcpy(piece, in + pos, taken);
        } else {
            piece_len = text_escape_byte(in[pos], piece);
            taken = 1;
        }
        total += piece_len;
        full = full || total >= size; /* one is for the NUL */
        if (!full) {
            memcpy(out + written, piece, piece_len);
            written += piece_len;
        }
    }
    if (size > 0)
        out[written] = '\0';
    return total;
}

static int text_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Length of the escape at the start of `text` and its byte, or 0. */
static size_t text_unescape_one(const char *text, size_t len, uint8_t *byte)
{
    *byte = '\\';
    if (len >= 2 && text[0] == '\\' && text[1] == '\\')
        return 2;
    if (len < 4 || text[0] != '\\' || text[1] != 'x' || text_hex(text[2]) < 0 ||
        text_hex(text[3]) < 0)
        return 0;
    *byte = (uint8_t)(text_hex(text[2]) << 4 | text_hex(text[3]));
    return 4;
}

size_t text_unescape(void *out, const char *text, size_t len)
{
    uint8_t *bytes = out, byte;
    size_t written = 0;

    for (size_t pos = 0; pos < len;) {
        size_t taken = text_unescape_one(text + pos, len - pos, &byte);

        bytes[written++] = taken ? byte : (uint8_t)text[pos];
        pos += taken ? taken : 1;
    }
    return written;
}

bool text_begins(const void *bytes, size_t len, const char *text)
{
    size_t want = strlen(text);

    return len >= want && !strncasecmp(bytes, text, want);
}

bool text_is_safe(const void *bytes, size_t len)
{
    const uint8_t *in = bytes;

    for (size_t pos = 0; pos < len;) {
        size_t n = text_safe_len(in + pos, len - pos);
        if (n == 0)
            return false;
        pos += n;
    }
    return true;
}

size_t text_columns(const char *safe)
{
    const uint8_t *in = (const uint8_t *)safe;
    size_t len = strlen(safe), columns = 0;

    for (size_t pos = 0, n; pos < len; pos += n) {
        uint32_t point;
        n = text_decode(in + pos, len - pos, &point);
        if (n == 0) {
            n = 1;
            columns++;
        } else if (!text_in_ranges(point, text_combining, TEXT_COUNT(text_combining))) {
            columns++;
        }
    }
    return columns;
}

size_t text_format_list(char *out, size_t size, const char *format, va_list list)
{
    int len;

    if (size == 0)
        return 0;
    len = vsnprintf(out, size, format, list);
    if (len < 0) {
        out[0] = '\0';
        return 0;
    }
    return (size_t)len < size ? (size_t)len : size - 1;
}

size_t text_format(char *out, size_t size, const char *format, ...)
{
    va_list list;
    size_t len;

    va_start(list, format);
    len = text_format_list(out, size, format, list);
    va_end(list);
    return len;
}
