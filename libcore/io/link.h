/*
 * Interfaces of the current network namespace: rtnetlink(7), what ip(8) would do. Needs
 * CAP_NET_ADMIN there.
 */
#ifndef NETDX_IO_LINK_H
#define NETDX_IO_LINK_H

#include "wire/address.h"

/*
 * Up, with `mtu` (0: as it is). No link-local address and no multicast of its own: a link brought
 * up here sends nothing unasked. 0, -ENODEV, -EPERM, -EINVAL (mtu).
 */
int link_up(const char *name, unsigned mtu);

/* How many packets wait for a slow reader (txqueuelen) before the kernel drops some. */
int link_set_queue(const char *name, unsigned packets);

/* Usable at once (no duplicate address detection), alone on its link: a /32 or /128. */
int link_add_address(const char *name, const struct address *address);

/* Everything of that family (4 or 6) goes out there, without a gateway, from `source`. */
int link_add_default_route(const char *name, const struct address *source);

#endif
