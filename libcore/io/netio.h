/*
 * One network interface, several networks: raw sockets with a capture, a capture file, TUN, the
 * simulator in virtual time, ordinary sockets without privilege. Recording and fault injection
 * wrap any of them.
 *
 * All times are one monotonic line per netio, in nanoseconds: netio_now(), the frames' stamps and
 * the deadlines. Real backends map the kernel's wall-clock stamps onto CLOCK_MONOTONIC, so that a
 * stepped clock moves nothing; netio_to_unix() gives wall-clock time for showing.
 */
#ifndef NETDX_IO_NETIO_H
#define NETDX_IO_NETIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/packet.h"

struct netio_frame {
    int64_t when_ns; /* when the kernel (or the simulator) saw it */
    enum link_type link;
    enum packet_direction direction;
    uint32_t ifindex;     /* 0 when unknown */
    const uint8_t *bytes; /* borrowed, valid until the next call on this netio */
    size_t len, wire_len;
    uint64_t number; /* of a file's frame, from 1, those that a filter left out included */
    bool user_stamp; /* the kernel gave no stamp: when_ns is the time of reading */
};

struct netio_packet {
    const uint8_t *bytes; /* from the IP header on */
    size_t len;
    uint32_t ifindex; /* leave through this interface (link-local scopes); 0: routing decides */
    int error;        /* set by send: 0 or -errno of this packet */
};

struct netio_counters {
    uint64_t sent, received;
    uint64_t send_errors;
    uint64_t capture_dropped;   /* by the kernel, because we read too slowly */
    uint64_t interface_dropped; /* by the interface, where it tells */
    uint64_t user_stamps;       /* frames without a kernel stamp: their times are less exact */
};

struct netio;

struct netio_ops {
    int64_t (*now)(struct netio *io);
    int64_t (*to_unix)(struct netio *io, int64_t when_ns);
    int (*send)(struct netio *io, struct netio_packet *packets, size_t count);
    int (*receive)(struct netio *io, struct netio_frame *frame);
    int (*receive_batch)(struct netio *io, struct netio_frame *frames, int max); /* or NULL */
    int (*wait)(struct netio *io, int64_t until_ns);
    int (*counters)(struct netio *io, struct netio_counters *counters);
    void (*close)(struct netio *io);
};

/* Backends embed this as their first member. */
struct netio {
    const struct netio_ops *ops;
    const char *name;      /* "raw", "file", "tun", "virtual", "unprivileged" */
    const char *privilege; /* "raw" or "unprivileged", shown in results */
    bool hides_sent;       /* what is sent is not seen again as outgoing frames */
};

static inline int64_t netio_now(struct netio *io)
{
    return io->ops->now(io);
}

static inline int64_t netio_to_unix(struct netio *io, int64_t when_ns)
{
    return io->ops->to_unix(io, when_ns);
}

/*
 * Sends packets in order. Returns how many were taken (each taken packet's `error` is 0 or what
 * the kernel said of it, -EPERM, -ENETUNREACH, -EMSGSIZE ...), or a negative errno when the first
 * could not be tried now (-EAGAIN, -ENOBUFS: wait and try again). Where several threads send, a
 * taken packet, too, may have been left without room: its `error` is -EAGAIN or -ENOBUFS.
 */
static inline int netio_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    return io->ops->send(io, packets, count);
}

/*
 * 1: one frame; 0: none now; -ENODATA: the file or network has ended; -ENETDOWN: the interface
 * went down (said once, goes on when it is up again); other -errno: broken.
 */
static inline int netio_receive(struct netio *io, struct netio_frame *frame)
{
    return io->ops->receive(io, frame);
}

/*
 * As netio_receive, of as many frames as there are at once, at most `max`: their number. All are
 * valid until the next call. Saves a good part of the cost where frames come by the million.
 */
static inline int netio_receive_batch(struct netio *io, struct netio_frame *frames, int max)
{
    return io->ops->receive_batch ? io->ops->receive_batch(io, frames, max)
                                  : io->ops->receive(io, frames);
}

/*
 * Sleeps until a frame is there or `until_ns`. 0: look again; -EINTR: a stop was asked for
 * (loop_stop, SIGINT or SIGTERM). Runs other work of the same event loop (DNS) meanwhile.
 */
static inline int netio_wait(struct netio *io, int64_t until_ns)
{
    return io->ops->wait(io, until_ns);
}

static inline int netio_counters(struct netio *io, struct netio_counters *counters)
{
    return io->ops->counters(io, counters);
}

static inline void netio_close(struct netio *io)
{
    if (io)
        io->ops->close(io);
}

#endif
