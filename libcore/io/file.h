/*
 * A capture file (pcap or pcapng, as it is or packed by gzip or zstd) as a network that only
 * receives, as fast as asked.
 */
#ifndef NETDX_IO_FILE_H
#define NETDX_IO_FILE_H

#include "io/expression.h"
#include "io/netio.h"
#include "io/raw.h"

/*
 * `path` "-" is standard input. netio_now() is the stamp of the last frame. receive ends with
 * -ENODATA; a file cut in the middle of a record gives -EPROTO there, with the message in `error`
 * kept by file_error(). Sending is -EOPNOTSUPP.
 */
int file_open(const char *path, const char *filter, struct netio **out, char error[IO_ERROR_SIZE]);

/*
 * The same from a descriptor, which is taken over also on failure: for programs that open files
 * first, give privileges away, and only then read. `path` is for messages; `filter` is borrowed,
 * NULL for none.
 */
int file_open_fd(int fd, const char *path, struct expression *filter, struct netio **out,
                 char error[IO_ERROR_SIZE]);

const char *file_error(const struct netio *io);

#endif
