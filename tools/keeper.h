/*
 * A file that is replaced as a whole when the run is over, by a process that keeps the right to do
 * so: by then this one may open nothing any more. The keeper reads no bytes but those it is to
 * write, and never more than the run itself could have written before.
 */
#ifndef NETDX_TOOLS_KEEPER_H
#define NETDX_TOOLS_KEEPER_H

#include <stddef.h>

struct keeper { /* starts as {-1} */
    int fd;
};

/* Before the privileges go, and before there are threads. 0 or -errno, also when `path` could not
 * be replaced later. */
int keeper_open(const char *path, struct keeper *keeper);

/*
 * All or nothing: a reader sees the old file or the new one, also when the machine fails (rename(2)
 * after fsync(2)). Once. 0 or -errno.
 */
int keeper_write(struct keeper *keeper, const char *text, size_t len);

/* What was not written stays as it was. */
void keeper_close(struct keeper *keeper);

#endif
