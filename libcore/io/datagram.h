/*
 * One UDP socket of the kernel's towards one address and port, on the event loop, with what ICMP
 * says of it (the error queue). Needs no privilege.
 */
#ifndef NETDX_IO_DATAGRAM_H
#define NETDX_IO_DATAGRAM_H

#include "io/connection.h" /* struct connection_refusal */

struct datagram; /* opaque */

/* Called from loop_wait. A callback may close its own socket. `error` is a positive errno. */
struct datagram_events {
    void (*received)(void *context, const uint8_t *bytes, size_t len);
    void (*refused)(void *context, int error, const struct connection_refusal *refusal);
};

struct datagram_options {
    struct address source, destination; /* source.family 0: the kernel chooses */
    uint16_t port;
    const char *interface; /* NULL: routing decides */
};

/* `events` and `context` are borrowed. 0 or -errno. */
int datagram_open(struct loop *loop, const struct datagram_options *options,
                  const struct datagram_events *events, void *context, struct datagram **out);
void datagram_close(struct datagram *datagram); /* NULL is fine */

int datagram_send(struct datagram *datagram, const uint8_t *bytes, size_t len); /* 0 or -errno */

#endif
