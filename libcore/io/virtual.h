/*
 * The simulator as a network in virtual time: waiting moves the clock to the next event, so that
 * a thousand seconds take milliseconds and a seed reproduces a run. Sent packets are seen as
 * outgoing frames, as a capture on a real interface shows them.
 */
#ifndef NETDX_IO_VIRTUAL_H
#define NETDX_IO_VIRTUAL_H

#include "engine/netsim.h"
#include "io/netio.h"

/* `sim` is borrowed. The netio is its client side. Time starts at `start_ns`. */
int virtual_open(struct netsim *sim, int64_t start_ns, struct netio **out);

#endif
