#include "tools/aim.h"

#include <errno.h>
#include <string.h>

/* The pieces of "HOST/BITS:PORTS", each cut out of the text. */
struct aim_text {
    char host[TARGET_HOST_SIZE + 2]; /* with brackets */
    char bits[8];
    const char *ports; /* NULL: none */
};

static int aim_refuse(char *error, const char *text, const char *complaint)
{
    options_refuse(error, "target", text, complaint);
    return -EINVAL;
}

/* Where the ports begin: after a bracket, or after the only colon. */
static const char *aim_colon(const char *text)
{
    const char *close = strchr(text, ']'), *colon = strchr(text, ':');

    if (*text == '[' && close)
        return strchr(close, ':');
    return colon && !strchr(colon + 1, ':') ? colon : NULL;
}

/* Takes "/BITS" off the host, also from inside brackets. */
static int aim_cut_bits(const char *text, struct aim_text *cut, char *error)
{
    char *slash = strchr(cut->host, '/');
    size_t len;

    if (!slash)
        return 0;
    len = strspn(slash + 1, "0123456789");
    if (!len || len >= sizeof(cut->bits) || (slash[1 + len] && strcmp(slash + 1 + len, "]")))
        return aim_refuse(error, text, "has a prefix length that is not a number");
    memcpy(cut->bits, slash + 1, len);
    memmove(slash, slash + 1 + len, strlen(slash + 1 + len) + 1);
    return 0;
}

static int aim_cut(const char *text, struct aim_text *cut, char *error)
{
    const char *colon = aim_colon(text);
    size_t len = colon ? (size_t)(colon - text) : strlen(text);

    *cut = (struct aim_text){.ports = colon ? colon + 1 : NULL};
    if (len >= sizeof(cut->host))
        return aim_refuse(error, text, "is too long for a name (253 characters)");
    memcpy(cut->host, text, len);
    return aim_cut_bits(text, cut, error);
}

/* Clears the bits behind the prefix. */
static void aim_mask(struct address *address, int prefix_bits)
{
    size_t len = address->family == 4 ? 4 : 16;

    for (size_t i = 0; i < len; i++) {
        int kept = prefix_bits - (int)(8 * i);

        if (kept < 8)
            address->bytes[i] &= (uint8_t)(kept <= 0 ? 0 : 0xff << (8 - kept));
    }
}

static int aim_network(const char *text, const char *bits, struct aim *aim, char *error)
{
    uint32_t prefix = 0, longest = aim->target.address.family == 4 ? 32 : 128;
    int err;

    if (!aim->target.is_address)
        return aim_refuse(error, text, "has a prefix length but is no address");
    err = options_number("prefix length", bits, 0, longest, &prefix, error);
    if (err)
        return err;
    aim->prefix_bits = (int)prefix;
    aim_mask(&aim->target.address, aim->prefix_bits);
    return 0;
}

static int aim_url(const char *text, struct aim *aim, char *error)
{
    char port[8];
    int err = target_parse(text, &aim->target, error);

    if (err || !aim->target.port)
        return err;
    snprintf(port, sizeof(port), "%u", aim->target.port);
    return port_list_parse("port", port, &aim->ports, error);
}

int aim_parse(const char *text, struct aim *aim, char error[OPTIONS_ERROR_SIZE])
{
    struct aim_text cut;
    struct aim parsed = {.prefix_bits = -1};
    int err;

    if (strstr(text, "://")) {
        err = aim_url(text, &parsed, error);
    } else {
        err = aim_cut(text, &cut, error);
        if (!err)
            err = target_parse(cut.host, &parsed.target, error);
        if (!err && *cut.bits)
            err = aim_network(text, cut.bits, &parsed, error);
        if (!err && cut.ports)
            err = port_list_parse("port", cut.ports, &parsed.ports, error);
    }
    if (!err)
        *aim = parsed;
    return err;
}

void aim_release(struct aim *aim)
{
    port_list_release(&aim->ports);
}

uint64_t aim_addresses(const struct aim *aim)
{
    int bits = aim->target.address.family == 4 ? 32 : 128;

    if (aim->prefix_bits < 0)
        return 1;
    return bits - aim->prefix_bits >= 64 ? UINT64_MAX : UINT64_C(1) << (bits - aim->prefix_bits);
}

struct address aim_address(const struct aim *aim, uint64_t n)
{
    struct address address = aim->target.address;
    size_t len = address.family == 4 ? 4 : 16;

    for (size_t i = len; n && i > 0; i--, n >>= 8)
        address.bytes[i - 1] |= (uint8_t)n;
    return address;
}
