/* What is asked: our SETTINGS, and the request as a list of fields (RFC 9113 6.5.2 and 8.3.1). */
#include <errno.h>
#include <string.h>

#include "engine/http2_internal.h"

enum { REQUEST_FIELDS_MAX = 64, REQUEST_NAMES_SIZE = 8192 };

struct http2_request {
    nghttp2_nv fields[REQUEST_FIELDS_MAX];
    size_t count;
    uint8_t names[REQUEST_NAMES_SIZE]; /* in lower case */
    size_t names_len;
    bool overflow;
};

static uint8_t request_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* RFC 9113 8.2: names are in lower case. */
static void request_add(struct http2_request *r, const char *name, size_t name_len,
                        const char *value, size_t value_len)
{
    uint8_t *lower = r->names + r->names_len;
    nghttp2_nv *field = &r->fields[r->count];

    if (r->count == REQUEST_FIELDS_MAX || name_len > sizeof(r->names) - r->names_len) {
        r->overflow = true;
        return;
    }
    for (size_t i = 0; i < name_len; i++)
        lower[i] = request_lower((uint8_t)name[i]);
    r->names_len += name_len;
    r->count++;
    field->name = lower;
    field->namelen = name_len;
    field->value = (uint8_t *)(uintptr_t)value; /* copied by nghttp2 and never written */
    field->valuelen = value_len;
    field->flags = NGHTTP2_NV_FLAG_NONE;
}

static void request_field(struct http2_request *r, const char *name, const char *value)
{
    request_add(r, name, strlen(name), value, strlen(value));
}

/* "Name: value", blanks around the value left out. */
static void request_line(struct http2_request *r, const char *line)
{
    const char *colon = strchr(line, ':');
    const char *value = colon ? colon + 1 + strspn(colon + 1, " \t") : NULL;
    size_t len = value ? strlen(value) : 0;

    while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (colon)
        request_add(r, line, (size_t)(colon - line), value, len);
}

static int request_settings(struct http2 *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->head_limit},
    };

    return nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof(settings) / sizeof(settings[0]));
}

int http2_submit(struct http2 *h, const struct http2_config *config)
{
    struct http2_request r = {0};

    request_field(&r, ":method", config->method);
    request_field(&r, ":scheme", config->scheme);
    request_field(&r, ":authority", config->authority);
    request_field(&r, ":path", config->path);
    request_field(&r, "user-agent", config->user_agent);
    request_field(&r, "accept", "*/*");
    for (const char *const *line = config->headers; line && *line; line++)
        request_line(&r, *line);
    if (r.overflow)
        return -EINVAL;
    if (request_settings(h))
        return -ENOMEM;
    h->stream = nghttp2_submit_request(h->session, NULL, r.fields, r.count, NULL, NULL);
    if (h->stream >= 0)
        return 0;
    return h->stream == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EINVAL;
}
