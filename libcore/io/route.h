/* What the kernel's routing says of a destination. Sends nothing, needs nothing. */
#ifndef NETDX_IO_ROUTE_H
#define NETDX_IO_ROUTE_H

#include "wire/address.h"

/*
 * The source address the kernel would use towards `destination` (whose scope may name the
 * interface). `interface` may be NULL. 0, or -ENETUNREACH, -EHOSTUNREACH, -EADDRNOTAVAIL, -ENODEV.
 */
int route_source(const struct address *destination, const char *interface, struct address *source);

/* Whether packets may be sent from `source`. 0, -EADDRNOTAVAIL (it is nobody's here), or -errno. */
int route_check_source(const struct address *source);
/* The largest packet, in bytes, that leaves towards it whole. The same errors. */
int route_mtu(const struct address *destination, const char *interface, uint32_t *mtu);

/* Reads "fe80::1%eth0" and plain addresses: address_parse plus the zone. -ENODEV: no such zone. */
int route_parse_address(const char *text, struct address *out);

#endif
