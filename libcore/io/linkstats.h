/* What interfaces lost before anybody could capture it: rtnetlink(7), no privilege. */
#ifndef NETDX_IO_LINKSTATS_H
#define NETDX_IO_LINKSTATS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Packets missed since the interfaces exist, for want of room in the adapter or its queue
 * (rx_missed_errors and rx_fifo_errors of struct rtnl_link_stats64, as libpcap has it). `count` 0:
 * all interfaces. 0, -ENODEV (one is gone), or -errno.
 */
int linkstats_dropped(const uint32_t *ifindexes, size_t count, uint64_t *dropped);

/* One datagram of the kernel: adds to *dropped. 1: more will come, 0: that was all, -errno. */
int linkstats_message(const void *bytes, size_t len, uint64_t *dropped);

#endif
