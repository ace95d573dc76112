/*
 * Names with deadlines (c-ares on the event loop). No look-up delays anything else: all are
 * asked for, answered by callback, and given up at their deadline.
 */
#ifndef NETDX_IO_DNS_H
#define NETDX_IO_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"
#include "wire/address.h"

struct dns; /* opaque */

enum dns_status {
    DNS_OK,
    DNS_NXDOMAIN,
    DNS_NODATA,
    DNS_SERVFAIL,
    DNS_REFUSED,
    DNS_TIMEOUT,
    DNS_UNREACHABLE,
    DNS_BAD_NAME, /* not a name that can be asked for */
    DNS_BAD_ANSWER,
    DNS_CANCELLED,
    DNS_NO_MEMORY,
};

/* Lower-case words: "no such name (NXDOMAIN)". */
const char *dns_status_text(enum dns_status status);
const char *dns_status_code(enum dns_status status); /* "dns.nxdomain" */

struct dns_options {
    const char *servers; /* "address[:port],..." or NULL for /etc/resolv.conf */
    int64_t timeout_ns;  /* the longest a look-up takes, retries and search list included; 0: 5 s */
    int tries;           /* per server within that time; 0: 2 */
};

/*
 * Reads the resolver's configuration and the hosts file now and no file later, so that it works
 * on behind a sandbox that opens nothing. 0, -ENOMEM, or -EINVAL: `servers` does not parse.
 */
int dns_new(struct loop *loop, const struct dns_options *options, struct dns **out);
void dns_free(struct dns *dns); /* pending look-ups are called back with DNS_CANCELLED */

/*
 * Each callback is called exactly once, from loop_wait or (answers known at once) from the call
 * itself; not at all when the call returns an error (-ENOMEM). A callback may start further
 * look-ups but not free `dns`. What is passed is valid during the call.
 */
typedef void dns_addresses_fn(void *context, enum dns_status status,
                              const struct address *addresses, size_t count);
typedef void dns_text_fn(void *context, enum dns_status status, const char *text);

/*
 * family 4, 6 or 0 for both. Literal addresses and names in the hosts file are answered at once.
 * Addresses of the family that has a route come first, IPv6 before IPv4. When the deadline comes
 * with one family answered, its addresses are the answer.
 */
int dns_resolve(struct dns *dns, const char *name, int family, dns_addresses_fn *done,
                void *context);
/* `text` is the first PTR name, raw bytes as the server sent them: escape before showing. */
int dns_reverse(struct dns *dns, const struct address *address, dns_text_fn *done, void *context);
/* The first TXT record of `name`, its strings joined, raw bytes. */
int dns_txt(struct dns *dns, const char *name, dns_text_fn *done, void *context);

size_t dns_pending(const struct dns *dns);

#endif
