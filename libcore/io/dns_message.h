/*
 * What a DNS response says (RFC 1035 4), read from untrusted bytes. Names come out with their
 * bytes as sent, except that a dot or backslash inside a label is escaped by a backslash and a
 * NUL is written \000, so that the text is unambiguous and a C string.
 */
#ifndef NETDX_IO_DNS_MESSAGE_H
#define NETDX_IO_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28
};

#define DNS_NAME_MAX      253 /* characters without the final dot (RFC 1035 2.3.4) */
#define DNS_LABEL_MAX     63
#define DNS_TEXT_MAX      1024 /* characters of a PTR or TXT text that are kept */
#define DNS_ADDRESSES_MAX 4096 /* more A records than a TCP message of 64 KiB can carry */

enum dns_message_status {
    DNS_MESSAGE_OK,     /* at least one record of the type asked for */
    DNS_MESSAGE_NODATA, /* none */
    DNS_MESSAGE_BAD,    /* cut, self-contradicting, or its CNAMEs go in a circle */
};

/* Collects up to `max` addresses of `type` (A or AAAA) that the question's name leads to. */
enum dns_message_status dns_message_addresses(const uint8_t *bytes, size_t len, enum dns_type type,
                                              struct address *out, size_t max, size_t *count);

/* The first PTR name, or the first TXT record with its strings joined; cut at the buffer's end. */
enum dns_message_status dns_message_text(const uint8_t *bytes, size_t len, enum dns_type type,
                                         char *out, size_t size);

/*
 * Whether `name` can be asked for: ASCII labels of 1 to 63 letters, digits, hyphens and
 * underscores, no hyphen first, 253 characters in all, a final dot allowed. Text whose last label
 * is a number is an address gone wrong ("0x7f.1", "10.1"), not a name.
 */
bool dns_name_is_valid(const char *name);

/* "4.3.2.1.in-addr.arpa" or its IPv6 form (RFC 3596 2.5), with another `suffix` than the usual one
 * when not NULL. -ENAMETOOLONG when it does not fit. */
int dns_reverse_name(const struct address *address, const char *suffix, char *out, size_t size);

#endif
