/* Parts of capture filters in pcap-filter(7) syntax: what answers probes besides their target. */
#ifndef NETDX_TOOLS_FILTER_H
#define NETDX_TOOLS_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#define FILTER_SIZE 1024

/*
 * ICMP errors that quote a probe, and with `echo` echo requests and replies. `family` 4, 6 or 0
 * for both. Also all IPv6 packets whose first header is an extension header, which a filter cannot
 * look behind.
 */
void filter_icmp(int family, bool echo, char *out, size_t size);

#endif
