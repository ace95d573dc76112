/* A TUN device: the kernel's own stack on the other side of a descriptor. Needs CAP_NET_ADMIN. */
#ifndef NETDX_IO_TUN_H
#define NETDX_IO_TUN_H

#include "io/loop.h"
#include "io/netio.h"

/*
 * Creates `name` in the current network namespace, up, with `mtu`. Frames are raw IP, stamps are
 * user-space ones. -EPERM, -ENOENT (no /dev/net/tun), -EBUSY.
 */
int tun_open(struct loop *loop, const char *name, int mtu, struct netio **out);
int tun_fd(const struct netio *io);

/*
 * The descriptor alone, non-blocking, one raw IP packet per read and write; link.h brings the
 * interface up. It goes on working when the process moves to another network namespace.
 * 0 and *fd, or as tun_open.
 */
int tun_create(const char *name, int *fd);

#endif
