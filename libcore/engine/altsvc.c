#include "engine/altsvc.h"

#include <string.h>

/* Bytes up to a comma that is not within quotes. */
static size_t altsvc_entry_len(const uint8_t *value, size_t len)
{
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        if (value[i] == '"')
            quoted = !quoted;
        else if (value[i] == ',' && !quoted)
            return i;
    }
    return len;
}

/* h3=":443", h3-29=":443"; another host before the colon is another server's affair. */
static bool altsvc_entry(const uint8_t *entry, size_t len, uint16_t *port)
{
    const uint8_t *equals = memchr(entry, '=', len);
    size_t name = equals ? (size_t)(equals - entry) : 0, at = name + 3;
    uint32_t number = 0;

    if (name < 2 || memcmp(entry, "h3", 2) != 0 || (name > 2 && entry[2] != '-') || at >= len ||
        memcmp(equals, "=\":", 3) != 0)
        return false;
    for (; at < len && entry[at] >= '0' && entry[at] <= '9' && number <= UINT16_MAX; at++)
        number = number * 10 + (uint32_t)(entry[at] - '0');
    if (at >= len || entry[at] != '"' || !number || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool altsvc_value(const uint8_t *value, size_t len, uint16_t *port)
{
    while (len > 0) {
        size_t entry = altsvc_entry_len(value, len);
        size_t blank = 0;

        while (blank < entry && (value[blank] == ' ' || value[blank] == '\t'))
            blank++;
        if (altsvc_entry(value + blank, entry - blank, port))
            return true;
        entry += entry < len; /* the comma */
        value += entry;
        len -= entry;
    }
    return false;
}

bool altsvc_promises_h3(const struct http_facts *response, uint16_t *port)
{
    const uint8_t *value;
    size_t len;

    for (size_t n = 0; http_find(response, "Alt-Svc", n, &value, &len); n++)
        if (altsvc_value(value, len, port))
            return true;
    return false;
}
