/*
 * The hosts file (hosts(5)), read once into memory so that names in it are known after every file
 * has become unreachable, and searched line by line: it is small, or it is a block list that is
 * not worth a table.
 */
#ifndef NETDX_IO_DNS_HOSTS_H
#define NETDX_IO_DNS_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/address.h"

#define DNS_HOSTS_BYTES_MAX (16u << 20)

struct dns_hosts {
    char *text; /* owned; NULL when there is no file */
    size_t len;
};

/* A file that is absent or unreadable leaves it empty. 0 or -ENOMEM. */
int dns_hosts_load(struct dns_hosts *hosts, const char *path);
void dns_hosts_release(struct dns_hosts *hosts);

/*
 * Addresses of `name` in file order, at most `max`; family 4, 6 or 0 for both. localhost, and what
 * ends in it, has the loopback's when the file has none. Returns how many.
 */
size_t dns_hosts_addresses(const struct dns_hosts *hosts, const char *name, int family,
                           struct address *out, size_t max);

/* The first name of `address`; false when it has none. */
bool dns_hosts_name(const struct dns_hosts *hosts, const struct address *address, char *out,
                    size_t size);

#endif
