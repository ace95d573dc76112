/*
 * A place on the wire that is listened to: libpcap's ring (packet(7), TPACKET_V3) read in batches,
 * for traffic that comes faster than raw.h's handle, made for probes and their answers, takes it.
 *
 * Several taps can share what comes by flow (PACKET_FANOUT_HASH; both directions of a flow have
 * the same hash), each read by a thread of its own. Nothing is captured before tap_start, so that
 * none of them sees what another one should have.
 *
 * Always on "any" with the cooked header, narrowed to the interfaces by their indexes, as raw.h
 * explains. A packet on the loopback is given out once.
 */
#ifndef NETDX_IO_TAP_H
#define NETDX_IO_TAP_H

#include "io/netio.h"
#include "io/raw.h"

#define TAP_INTERFACES_MAX 16

struct tap_options {
    const char *const *interfaces;
    size_t ninterfaces;    /* 0: all */
    int snaplen;           /* bytes, cooked header included; 0: 256 */
    int buffer_bytes;      /* the ring; 0: 16 MiB */
    const char *filter;    /* pcap-filter(7); NULL: all */
    bool promiscuous;      /* the named interfaces; "any" cannot */
    struct netio *sibling; /* an open tap that gives this one a share; NULL: the first */
    bool shared;           /* there will be siblings */
    int stop_fd;           /* readable: waiting ends with -EINTR; -1: none */
};

/*
 * Needs CAP_NET_RAW. 0, or -errno and a message: -EPERM, -ENODEV (no such interface), -ENETDOWN,
 * -EINVAL with libpcap's message when the filter does not compile.
 *
 * receive says -ENETDOWN once for an interface that goes down (others go on, and this one when it
 * is up again) and -ENODEV when the last one is removed; only the first of siblings watches.
 */
int tap_open(const struct tap_options *options, struct netio **out, char error[IO_ERROR_SIZE]);

/* Captures from now on; needs no privilege. 0 or -EIO with a message. */
int tap_start(struct netio *io, char error[IO_ERROR_SIZE]);

/* Captures nothing more; what is waiting can still be received. For the thread that receives. */
void tap_stop(struct netio *io);

/* After tap_stop, whether everything has been received: the ring hands out late what is few. */
bool tap_drained(struct netio *io);

#endif
