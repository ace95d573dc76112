/*
 * The network as root or CAP_NET_RAW has it: IPv4 and IPv6 raw sockets send whole IP packets, a
 * capture of its own hears both directions with nanosecond kernel stamps.
 *
 * Opening is in two steps, because privileges are dropped between them: raw_open needs
 * CAP_NET_RAW, raw_filter needs nothing.
 *
 * Sending: the kernel fills in the IPv4 total length and header checksum always, the
 * identification when it is 0 and the source address when it is 0.0.0.0 (raw(7)); IPv6 leaves as
 * it is. A packet over the interface's MTU is -EMSGSIZE: fragments are the caller's own work.
 *
 * Capturing: always on "any" with the cooked header (LINK_LINUX_SLL2), narrowed to the interface
 * by its index in the kernel's filter. The kernel's packet type there tells outgoing from
 * incoming on every kind of link, where the addresses of an Ethernet header can only hint at it
 * (and a tunnel has none), and frames of all links decode alike. A packet on the loopback is given
 * out twice with one stamp, outgoing and then incoming.
 */
#ifndef NETDX_IO_RAW_H
#define NETDX_IO_RAW_H

#include "io/error.h"
#include "io/loop.h"
#include "io/netio.h"

struct raw_options {
    const char *interface; /* NULL: all interfaces ("any") */
    bool ring;             /* for high rates, and 10 to 20 ms to open (io/capture.h) */
    int snaplen;           /* bytes; 0: 1800. buffer_bytes / snaplen is how many frames can wait */
    int buffer_bytes;      /* 0: 2 MiB */
    bool loopback_once;    /* a packet there is given out once, of unknown direction */
    bool incoming_only;    /* what leaves is not captured: half the work at high rates */
    unsigned senders;      /* threads that share large batches; 0: the caller alone */
};

/*
 * 0 and *out, or -errno and a message: -EPERM (CAP_NET_RAW is missing), -ENODEV (no such
 * interface), -ENETDOWN. Nothing is captured before raw_filter.
 *
 * With `interface`, receive says -ENETDOWN once when it goes down (sending and capturing go on
 * when it is up again) and -ENODEV when it is removed.
 */
int raw_open(struct loop *loop, const struct raw_options *options, struct netio **out,
             char error[IO_ERROR_SIZE]);

/*
 * A filter in pcap-filter(7) syntax; -EINVAL and libpcap's message when it does not compile.
 * Frames that an earlier filter let through and nobody has read are discarded.
 */
int raw_filter(struct netio *io, const char *expression, char error[IO_ERROR_SIZE]);

#endif
