/* What TCP and UDP sockets of the kernel's have in common: addresses, options, the error queue. */
#ifndef NETDX_IO_SOCKET_H
#define NETDX_IO_SOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "io/connection.h"

union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

socklen_t socket_address(const struct address *address, uint16_t port, union socket_address *out);

/* Errors of ICMP messages are queued (ip(7), IP_RECVERR); out by `interface` unless it is NULL. 0
 * or -errno. */
int socket_prepare(int fd, int family, const char *interface);

/* Empties the error queue. True: an ICMP message was there; the last one is in *out. */
bool socket_refusal(int fd, struct connection_refusal *out);

#endif
