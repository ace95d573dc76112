/*
 * Several networks that only receive, as one: their frames in the order of time. Of equal stamps
 * the earlier network comes first. Meant for capture files: each is one frame ahead.
 */
#ifndef NETDX_IO_MERGE_H
#define NETDX_IO_MERGE_H

#include "io/netio.h"

/* Takes all of them over on success; `count` from 1. Frames are numbered anew. 0 or -ENOMEM. */
int merge_open(struct netio *const *parts, size_t count, struct netio **out);

/*
 * The first of them that ended with an error, or NULL: the others are read to their end, and the
 * merged one then ends with that error.
 */
const struct netio *merge_failed(const struct netio *io);

#endif
