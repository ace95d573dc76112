#include "report/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/icmp.h"

void words_add(struct words *w, const char *format, ...)
{
    size_t left = w->len < w->size ? w->size - w->len : 0;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(left ? w->out + w->len : NULL, left, format, args);
    va_end(args);
    w->len += n > 0 ? (size_t)n : 0;
}

struct words words_init(char *out, size_t size)
{
    if (size)
        out[0] = '\0';
    return (struct words){out, size, 0};
}

void words_address(struct words *w, const char *before, const struct address *address,
                   const char *after)
{
    char text[ADDRESS_TEXT_SIZE];

    if (!address->family)
        return;
    address_format(address, text);
    words_add(w, "%s%s%s", before, text, after);
}

void words_icmp(struct words *w, uint8_t family, uint8_t type, uint8_t code)
{
    const char *name = icmp_name(family, type, code);

    if (name)
        words_add(w, "%s", name);
    else
        words_add(w, "ICMP%s type %u code %u", family == 6 ? "v6" : "", type, code);
}

void words_loss_share(struct words *w, double loss_pct, const struct interval *loss)
{
    words_add(w, "loss %.1f %%", loss_pct);
    if (!isnan(loss->low))
        words_add(w, " (%.1f to %.1f %%)", 100 * loss->low, 100 * loss->high);
}

void words_errno(struct words *w, int error)
{
    char text[128];

    if (error)
        words_add(w, ": %s", strerror_r(error, text, sizeof(text)));
}

const char *words_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

const char *report_severity_name(int severity)
{
    static const char *const names[] = {"note", "notice", "warning", "critical"};

    return (size_t)severity < sizeof(names) / sizeof(names[0]) ? names[severity] : "note";
}
