/*
 * Wraps a network and writes every frame that passes to a pcapng file. Also our own sends where
 * the network underneath does not show them.
 */
#ifndef NETDX_IO_RECORD_H
#define NETDX_IO_RECORD_H

#include "io/netio.h"

/* Takes `inner` over on success. 0, or -errno of opening or writing `path`, which is truncated. */
int record_open(struct netio *inner, const char *path, struct netio **out);

/*
 * 0, or the first -errno a write gave: a recording that is not whole must be said. Nothing is
 * written after it, and a regular file is cut back to its last whole frame.
 */
int record_error(const struct netio *io);

#endif
