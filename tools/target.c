#include "tools/target.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "io/dns_message.h"
#include "io/route.h"

const char *target_refusal(const struct address *address)
{
    if (address_is_unspecified(address))
        return "is the unspecified address";
    if (address_is_multicast(address))
        return "is a multicast or broadcast address";
    if (address_is_mapped4(address))
        return "is an IPv4-mapped address; write the IPv4 address itself";
    return NULL;
}

static int target_refuse(char error[OPTIONS_ERROR_SIZE], const char *text, const char *complaint)
{
    options_refuse(error, "target", text, complaint);
    return -EINVAL;
}

/* What has no place in a name, an address or a URL ever. */
static const char *target_bad_bytes(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            return "is not ASCII; write international names in their xn-- form";
        if (iscntrl((unsigned char)*c) || *c == ' ')
            return "holds a blank or a control character";
    }
    return NULL;
}

struct target_scheme {
    const char *prefix;
    uint16_t port;
};

/* The part of a URL that names the host and its port; the text itself when it is no URL. */
static const char *target_authority(const char *text, size_t *len, uint16_t *port)
{
    static const struct target_scheme schemes[] = {
        {"http://",  80 },
        {"https://", 443},
        {"ws://",    80 },
        {"wss://",   443},
        {"ftp://",   21 },
        {"ssh://",   22 },
    };
    const char *start = strstr(text, "://"), *at;

    *len = strlen(text);
    if (!start)
        return text;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (!strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)))
            *port = schemes[i].port;
    start += 3;
    *len = strcspn(start, "/?#");
    at = memrchr(start, '@', *len);
    if (at) {
        *len -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    return start;
}

static int target_port(const char *text, size_t len, uint16_t *port, char *error)
{
    char digits[16];
    uint32_t n = 0;
    int err;

    snprintf(digits, sizeof(digits), "%.*s", (int)(len < 15 ? len : 15), text);
    err = options_number("port", digits, 1, UINT16_MAX, &n, error);
    if (!err)
        *port = (uint16_t)n;
    return err;
}

/* Splits "host:port" and "[v6]:port"; more than one colon without brackets is a bare IPv6. */
static int target_split(const char *text, const char *part, size_t len, struct target *target,
                        char *error)
{
    const char *colon = memchr(part, ':', len), *host = part, *port = NULL;
    const char *end = part + len;
    size_t host_len = len;

    if (len && *part == '[') {
        const char *close = memchr(part, ']', len);

        if (!close || (close + 1 < end && close[1] != ':'))
            return target_refuse(error, text, "has no matching bracket");
        host = part + 1;
        host_len = (size_t)(close - host);
        port = close + 1 < end ? close + 2 : NULL;
    } else if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
        host_len = (size_t)(colon - part);
        port = colon + 1;
    }
    if (!host_len)
        return target_refuse(error, text, "names no host");
    if (host_len >= TARGET_HOST_SIZE)
        return target_refuse(error, text, "is too long for a name (253 characters)");
    memcpy(target->host, host, host_len);
    target->host[host_len] = '\0';
    return port ? target_port(port, (size_t)(end - port), &target->port, error) : 0;
}

int target_parse(const char *text, struct target *target, char error[OPTIONS_ERROR_SIZE])
{
    const char *complaint = target_bad_bytes(text), *part;
    size_t len;
    int err;

    *target = (struct target){0};
    if (complaint)
        return target_refuse(error, text, complaint);
    part = target_authority(text, &len, &target->port);
    err = target_split(text, part, len, target, error);
    if (err)
        return err;
    err = route_parse_address(target->host, &target->address);
    target->is_address = !err;
    if (err == -ENODEV) {
        target_refuse(error, text, "names an interface that does not exist");
        return err;
    }
    if (!err)
        complaint = target_refusal(&target->address);
    else if (strchr(target->host, ':'))
        complaint = "is not a valid IPv6 address";
    else if (!dns_name_is_valid(target->host))
        complaint = "is neither a name nor an address";
    return complaint ? target_refuse(error, text, complaint) : 0;
}
