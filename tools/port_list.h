/* Ports as users list them: "443", "80,443", "8000-8010,443". */
#ifndef NETDX_TOOLS_PORT_LIST_H
#define NETDX_TOOLS_PORT_LIST_H

#include "tools/options.h"

struct port_list {
    uint16_t *ports; /* owned; in the order given, each once */
    size_t count;
};

/*
 * `what` names the list in messages. 0, -ENOMEM, or -EINVAL with a message; the list is set on
 * success only. Release what is set.
 */
int port_list_parse(const char *what, const char *text, struct port_list *list,
                    char error[OPTIONS_ERROR_SIZE]);
void port_list_release(struct port_list *list);

/* "N" or "N-M". 0, or -EINVAL with a message. */
int port_list_range(const char *what, const char *text, uint16_t *first, uint16_t *last,
                    char error[OPTIONS_ERROR_SIZE]);

#endif
