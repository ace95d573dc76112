/*
 * The bytes of a file, pipe or terminal, in order. What is packed by gzip (RFC 1952) or zstd
 * (RFC 8878) is unpacked on the way, several members one after the other too; the first bytes
 * tell. Memory is a buffer and the unpacker's window (zstd: at most 128 MiB), whatever the data
 * unpacks to.
 */
#ifndef NETDX_IO_STREAM_H
#define NETDX_IO_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream;

/* Takes `fd` over on success; nothing is read yet. 0, -ENOMEM. */
int stream_new(int fd, struct stream **out);
void stream_free(struct stream *stream); /* NULL is fine; standard input stays open */

/*
 * Up to `size` bytes, as read(2): 0 at the end, -errno. -EPROTO: the packed data is damaged or
 * ends too early; stream_error says how. An error stays.
 */
ssize_t stream_read(struct stream *stream, void *bytes, size_t size);

const char *stream_error(const struct stream *stream);   /* "" when there is none */
const char *stream_packing(const struct stream *stream); /* "gzip", "zstd"; NULL: as it is */

#endif
