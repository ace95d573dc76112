#include "tools/port_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORT_LIST_PART_SIZE 16 /* "65535-65535" and room for what is refused */

int port_list_range(const char *what, const char *text, uint16_t *first, uint16_t *last,
                    char error[OPTIONS_ERROR_SIZE])
{
    const char *dash = strchr(text, '-');
    char low[PORT_LIST_PART_SIZE];
    uint32_t from = 0, to = 0;
    int err;

    snprintf(low, sizeof(low), "%.*s", dash ? (int)(dash - text) : PORT_LIST_PART_SIZE - 1, text);
    err = options_number(what, low, 1, UINT16_MAX, &from, error);
    to = from;
    if (!err && dash)
        err = options_number(what, dash + 1, 1, UINT16_MAX, &to, error);
    if (!err && to < from) {
        options_refuse(error, what, text, "ends before it begins");
        err = -EINVAL;
    }
    if (!err) {
        *first = (uint16_t)from;
        *last = (uint16_t)to;
    }
    return err;
}

/* Adds those of a range that are not there yet. */
static void port_list_add(struct port_list *list, bool *listed, uint16_t first, uint16_t last)
{
    for (uint32_t port = first; port <= last; port++) {
        if (!listed[port])
            list->ports[list->count++] = (uint16_t)port;
        listed[port] = true;
    }
}

static int port_list_parts(const char *what, const char *text, struct port_list *list, bool *listed,
                           char *error)
{
    char part[PORT_LIST_PART_SIZE];
    uint16_t first, last;
    int err;

    for (;;) {
        size_t len = strcspn(text, ",");

        if (len >= sizeof(part)) {
            options_refuse(error, what, text, "is no list of ports");
            return -EINVAL;
        }
        snprintf(part, sizeof(part), "%.*s", (int)len, text);
        err = port_list_range(what, part, &first, &last, error);
        if (err)
            return err;
        port_list_add(list, listed, first, last);
        if (!text[len])
            return 0;
        text += len + 1;
    }
}

/* One number, which is what most targets have: without room for all that a list may hold. */
static int port_list_single(const char *what, const char *text, struct port_list *list, char *error)
{
    uint32_t port = 0;
    uint16_t *ports;
    int err = options_number(what, text, 1, UINT16_MAX, &port, error);

    if (err)
        return err;
    ports = malloc(sizeof(*ports));
    if (!ports) {
        snprintf(error, OPTIONS_ERROR_SIZE, "out of memory");
        return -ENOMEM;
    }
    *ports = (uint16_t)port;
    *list = (struct port_list){.ports = ports, .count = 1};
    return 0;
}

int port_list_parse(const char *what, const char *text, struct port_list *list,
                    char error[OPTIONS_ERROR_SIZE])
{
    struct port_list parsed = {0};
    bool *listed;
    uint16_t *shrunk;
    int err = -ENOMEM;

    if (*text && !text[strspn(text, "0123456789")])
        return port_list_single(what, text, list, error);
    parsed.ports = calloc(UINT16_MAX, sizeof(*parsed.ports));
    listed = calloc(UINT16_MAX + 1, sizeof(*listed));
    if (parsed.ports && listed)
        err = port_list_parts(what, text, &parsed, listed, error);
    else
        snprintf(error, OPTIONS_ERROR_SIZE, "out of memory");
    free(listed);
    if (err) {
        free(parsed.ports);
        return err;
    }
    shrunk = realloc(parsed.ports, parsed.count * sizeof(*shrunk));
    if (shrunk)
        parsed.ports = shrunk;
    *list = parsed;
    return 0;
}

void port_list_release(struct port_list *list)
{
    free(list->ports);
    *list = (struct port_list){0};
}
