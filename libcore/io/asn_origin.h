/* AS numbers from the text that origin.asn.cymru.com answers with (TXT records, untrusted). */
#ifndef NETDX_IO_ASN_ORIGIN_H
#define NETDX_IO_ASN_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/address.h"

/*
 * "64500 | 192.0.2.0/24 | ZZ | registry | date"; of several AS numbers the first counts. False
 * when it says none. prefix->family is 0 without a prefix that makes sense.
 */
bool asn_origin_parse(const char *text, uint32_t *number, struct address *prefix,
                      unsigned *prefix_bits);

#endif
