/*
 * Text that came from outside, made safe to show. The only place where this is decided.
 *
 * Safe means: no C0 control but what the style allows, no DEL, no C1 control (raw or as UTF-8),
 * no bidirectional control or other invisible format character, no invalid UTF-8. What is not
 * safe becomes \xNN (one per byte), a backslash becomes \\ so that the result reads back.
 */
#ifndef NETDX_BASE_TEXT_H
#define NETDX_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes `text_escape` may need for `len` input bytes, the final NUL included. */
#define TEXT_ESCAPED_SIZE(len) (4 * (size_t)(len) + 1)

/*
 * Writes the safe form of `bytes` to `out`, always NUL-terminated when size > 0, cut at a whole
 * character when it does not fit. Returns the length the whole result has, as snprintf does.
 */
size_t text_escape(char *out, size_t size, const void *bytes, size_t len);

/*
 * The bytes that text_escape made `text` from: \xNN is one, a doubled backslash is a backslash.
 * What is no such escape stays as it is. `out` has room for `len` bytes and may be `text` itself.
 * Returns how many bytes there are.
 */
size_t text_unescape(void *out, const char *text, size_t len);

/* Whether the bytes begin with `text`, in letters of either case. */
bool text_begins(const void *bytes, size_t len, const char *text);

/* Whether text_escape would change nothing. */
bool text_is_safe(const void *bytes, size_t len);

/* Terminal columns of safe UTF-8 text (each code point counts as one, combining marks as none). */
size_t text_columns(const char *safe);

/*
 * Formats as snprintf does, for messages made where there is no stdio. Returns the length written,
 * at most size - 1: a message that does not fit is cut.
 */
size_t text_format(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t text_format_list(char *out, size_t size, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));

#endif
