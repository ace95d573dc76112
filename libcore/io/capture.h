/*
 * What raw.c listens with: frames of all interfaces in both directions, with nanosecond kernel
 * stamps, behind a filter. Of two kinds, which give the same:
 *
 *   a plain packet socket (packet(7)) reads one frame a system call and opens at once;
 *   a ring of libpcap's reads any rate, but the kernel takes 10 to 20 ms to set one up.
 *
 * Nothing is captured before capture_filter. Not thread-safe.
 */
#ifndef NETDX_IO_CAPTURE_H
#define NETDX_IO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/error.h"

struct capture_options {
    bool ring;
    bool incoming_only; /* what leaves is not captured */
    int snaplen;        /* bytes */
    int buffer_bytes;   /* frames that wait for us */
    int block_ms;       /* a ring hands frames out in blocks, full or this old; 0: each at once */
};

/* Begins with the cooked header of LINKTYPE_LINUX_SLL2. */
struct capture_frame {
    int64_t unix_ns;      /* 0: the kernel gave no stamp */
    const uint8_t *bytes; /* borrowed, valid until the next call */
    size_t len, wire_len;
};

struct capture; /* opaque */

/* 0 and *out, or -errno and a message: -EPERM, -ENODEV, -ENETDOWN, -EOPNOTSUPP, -ENOMEM. */
int capture_open(const struct capture_options *options, struct capture **out,
                 char error[IO_ERROR_SIZE]);
void capture_close(struct capture *capture); /* NULL is fine */

/*
 * pcap-filter(7), and of one interface only unless `ifindex` is 0. Frames that an earlier filter
 * let through and nobody has read are discarded. -EINVAL: it does not compile; or -errno.
 */
int capture_filter(struct capture *capture, const char *expression, uint32_t ifindex,
                   char error[IO_ERROR_SIZE]);

int capture_next(struct capture *capture, struct capture_frame *frame); /* 1, 0: none, -errno */

/* Adds what the kernel dropped since the latest call, because we read too slowly. 0 or -errno. */
int capture_add_dropped(struct capture *capture, uint64_t *dropped);

int capture_fd(const struct capture *capture); /* readable when frames wait */

#endif
