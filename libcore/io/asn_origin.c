#include "io/asn_origin.h"

#include <string.h>

static const char *asn_origin_skip(const char *p)
{
    while (*p == ' ' || *p == '"')
        p++;
    return p;
}

/* Digits of at most UINT32_MAX; NULL when there are none or too many. */
static const char *asn_origin_number(const char *p, uint32_t *number)
{
    uint64_t value = 0;

    if (*p < '0' || *p > '9')
        return NULL;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > UINT32_MAX)
            return NULL;
    }
    *number = (uint32_t)value;
    return p;
}

static bool asn_origin_prefix(const char *p, struct address *prefix, unsigned *bits)
{
    size_t len = strcspn(p, "/");
    char text[ADDRESS_TEXT_SIZE];
    uint32_t value;

    if (p[len] != '/' || len >= sizeof(text))
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    if (address_parse(text, prefix) || !asn_origin_number(p + len + 1, &value))
        return false;
    *bits = value;
    return value <= 8 * address_len(prefix);
}

bool asn_origin_parse(const char *text, uint32_t *number, struct address *prefix,
                      unsigned *prefix_bits)
{
    const char *p = asn_origin_number(asn_origin_skip(text), number);

    if (!p || *number == 0 || (*p != ' ' && *p != '|' && *p != '\0'))
        return false;
    p = strchr(p, '|');
    if (!p || !asn_origin_prefix(asn_origin_skip(p + 1), prefix, prefix_bits))
        *prefix = (struct address){0};
    return true;
}
