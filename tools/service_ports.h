/*
 * The source ports of a run: one contiguous range, so that a capture's filter is two compares, and
 * used in turn. Within the kernel's own range for clients and outside of what is reserved there,
 * so that no service's port is taken; those in use by others were avoided when it was chosen, and
 * what becomes taken later is skipped.
 */
#ifndef NETDX_TOOLS_SERVICE_PORTS_H
#define NETDX_TOOLS_SERVICE_PORTS_H

#include <stdint.h>

struct service_ports {
    uint16_t first, last; /* 0: the kernel chooses */
    uint16_t next;
};

/* About `wanted` ports that nobody uses now; `random` says where to look first. */
void service_ports_choose(struct service_ports *ports, unsigned wanted, uint64_t random);

/* The range the user named. */
void service_ports_set(struct service_ports *ports, uint16_t first, uint16_t last);

uint16_t service_ports_next(struct service_ports *ports); /* 0 when the kernel chooses */

#endif
