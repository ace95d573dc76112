/*
 * Writes frames to a pcapng file (draft-ietf-opsawg-pcapng), one write per frame, so that others
 * read what is there after a kill; at worst the last block is cut, when the kill fell into its
 * write at the end of a page.
 */
#ifndef NETDX_IO_PCAPNG_H
#define NETDX_IO_PCAPNG_H

#include "io/netio.h"

struct pcapng;

/* 0, or -errno of opening or writing `path`, which is truncated. */
int pcapng_new(const char *path, struct pcapng **out);
void pcapng_free(struct pcapng *file); /* NULL is fine */

/* `unix_ns` is the frame's time since 1970. Each link type becomes an interface of its own. */
void pcapng_frame(struct pcapng *file, const struct netio_frame *frame, int64_t unix_ns);

/*
 * 0, or the first -errno a write gave. Nothing is written after it, and a regular file is cut back
 * to its last whole frame.
 */
int pcapng_error(const struct pcapng *file);

#endif
