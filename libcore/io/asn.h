/*
 * Address to AS number and name: by DNS (the TXT form of origin.asn.cymru.com) or a MaxMind file.
 * Answers by DNS are kept with the prefix they are for, so that the neighbours of an address cost
 * no further question.
 */
#ifndef NETDX_IO_ASN_H
#define NETDX_IO_ASN_H

#include <stdint.h>

#include "io/dns.h"

#define ASN_TEXT_SIZE    128
#define ASN_ZONE_DEFAULT "origin.asn.cymru.com"

struct asn; /* opaque */

/*
 * `database` is a MaxMind file (opened now), or NULL for DNS. `zone` is the DNS suffix, NULL for
 * the default; IPv6 uses "origin6" in place of its first label. `dns` is borrowed and may be NULL
 * with a database. 0, -ENOMEM, -EINVAL (not a MaxMind file, a zone that is no name) or what
 * opening the file gave (-ENOENT, -EACCES).
 */
int asn_new(struct dns *dns, const char *database, const char *zone, struct asn **out);
void asn_free(struct asn *asn); /* what is pending is called back with DNS_CANCELLED */

/*
 * `text` is "AS64500" or "AS64500 NAME", the name raw; NULL with a status when there is none. As
 * with DNS, `done` is called exactly once, maybe from the call itself. 0 or -ENOMEM.
 */
int asn_lookup(struct asn *asn, const struct address *address, dns_text_fn *done, void *context);

#endif
