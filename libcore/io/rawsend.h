/*
 * The sending half of io/raw: whole IP packets through raw(7) sockets, routed by the kernel and
 * subject to its firewall as any other packet is.
 *
 * What a packet costs is the kernel's work (routing, filters, queueing), which is done on the
 * processor that sends it. So large batches can be shared among threads: each takes the next few
 * packets until none is left. The order on the wire is then that of the batch only roughly.
 */
#ifndef NETDX_IO_RAWSEND_H
#define NETDX_IO_RAWSEND_H

#include "io/netio.h"

#define RAWSEND_SENDERS_MAX 8

struct rawsend; /* opaque */

/*
 * `interface` NULL: routing decides. `senders` (0 as 1, at most RAWSEND_SENDERS_MAX) counts the
 * caller; the other threads start with the first large batch, so that they are born with the
 * privileges and the sandbox of their time. 0 or -errno.
 */
int rawsend_open(const char *interface, unsigned senders, struct rawsend **out);
void rawsend_close(struct rawsend *send); /* NULL is fine */

/* As netio_send. */
int rawsend_packets(struct rawsend *send, struct netio_packet *packets, size_t count);

#endif
