/*
 * The network without CAP_NET_RAW: probes go out through ping sockets, UDP sockets with the error
 * queue, and connect() with IP_TTL. What the kernel tells in return is given back as the packets
 * it stands for (an ICMP error quoting the probe, an echo reply, a SYN-ACK), so that the same
 * engines run. The kernel's stamps and RFC 4884 extensions are kept where it hands them out.
 *
 * The kernel chooses some fields: the ICMP identifier is put back in what is received; TTL, ports,
 * size, DSCP and DF are as asked. A TCP probe makes a connection attempt of its own, from its port
 * unless that is taken; the kernel repeats its SYNs by itself (after 1 s, 3 s ...), so a SYN sent
 * again is only noted, and the answer echoes the TSval of the copy that was answered. The TTL left
 * in a quote is not handed out: quotes carry 1 in a time exceeded and 0, for unknown, in other
 * errors.
 */
#ifndef NETDX_IO_UNPRIVILEGED_H
#define NETDX_IO_UNPRIVILEGED_H

#include "io/loop.h"
#include "io/netio.h"
#include "io/raw.h"

enum unprivileged_means { UNPRIVILEGED_PING = 1, UNPRIVILEGED_UDP = 2, UNPRIVILEGED_TCP = 4 };

/* Which of them this process may use, for IPv4 (4) or IPv6 (6): a set of unprivileged_means. */
unsigned unprivileged_probe(int family);

int unprivileged_open(struct loop *loop, struct netio **out, char error[IO_ERROR_SIZE]);

#endif
