/*
 * One TCP connection of the kernel's, non-blocking on the event loop. Needs no privilege.
 *
 * The port is bound when the connection is opened and the SYN leaves with connection_connect, so
 * that a capture's filter can be in place before it.
 */
#ifndef NETDX_IO_CONNECTION_H
#define NETDX_IO_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"
#include "wire/address.h"

struct connection; /* opaque */

enum connection_close {
    CONNECTION_FIN,
    CONNECTION_RESET,
    CONNECTION_FAILED, /* another error: its errno */
};

/* Called from loop_wait. A callback may close its own connection. `error` is a positive errno. */
struct connection_events {
    void (*connected)(void *context, int error); /* 0: it stands; no more calls after an error */
    void (*received)(void *context, const uint8_t *bytes, size_t len);
    void (*writable)(void *context); /* after a short write */
    void (*closed)(void *context, enum connection_close how, int error);
};

struct connection_options {
    struct address source, destination; /* source.family 0: the kernel chooses */
    uint16_t source_port, port;         /* source_port 0: the kernel chooses */
    const char *interface;              /* NULL: routing decides */
    int receive_buffer;                 /* bytes; 0: the kernel's default */
};

/* `events` and `context` are borrowed. 0 or -errno (-EMFILE, -EADDRINUSE, -EADDRNOTAVAIL ...). */
int connection_open(struct loop *loop, const struct connection_options *options,
                    const struct connection_events *events, void *context, struct connection **out);
/* 0: under way, `connected` will tell; or -errno at once (-ENETUNREACH ...). */
int connection_connect(struct connection *connection);
void connection_close(
    struct connection *connection); /* NULL is fine; with a RST where data is unread */

uint16_t connection_port(const struct connection *connection); /* our own; 0: not known yet */

/* How much was taken, less than `len` when the kernel's buffer is full; or -errno. */
int connection_write(struct connection *connection, const uint8_t *bytes, size_t len);

struct connection_info {      /* TCP_INFO: what the kernel knows of the connection */
    int64_t rtt_ns;           /* smoothed; 0: none yet */
    uint32_t retransmissions; /* segments sent again, SYN included */
    uint32_t unacknowledged;  /* bytes that the peer has not acknowledged */
    uint32_t mss;             /* bytes, of what we send */
};

int connection_info(const struct connection *connection,
                    struct connection_info *info); /* 0 or -errno */

/*
 * Who refused and how, from the socket's error queue, after `connected` gave an error: an ICMP
 * message's sender, type and code. False: no ICMP message (a RST, silence, or our own kernel).
 */
struct connection_refusal {
    struct address sender;
    bool own; /* our own kernel: the next hop did not answer ARP or neighbour discovery */
    uint8_t icmp_type, icmp_code;
};

bool connection_refusal(const struct connection *connection, struct connection_refusal *refusal);

#endif
