/* TARGET as users write it: a name, an address, host:port, [v6]:port or a URL. */
#ifndef NETDX_TOOLS_TARGET_H
#define NETDX_TOOLS_TARGET_H

#include "tools/options.h"
#include "wire/address.h"

#define TARGET_HOST_SIZE 256 /* a DNS name has at most 253 characters (RFC 1035 2.3.4) */

struct target {
    char host[TARGET_HOST_SIZE];
    uint16_t port; /* 0: none given */
    bool is_address;
    struct address address; /* when is_address */
};

/* -EINVAL or -ENODEV (no such zone) with a message. Nothing is looked up. */
int target_parse(const char *text, struct target *target, char error[OPTIONS_ERROR_SIZE]);

/* Why nobody should probe this address (multicast, unspecified ...), or NULL. */
const char *target_refusal(const struct address *address);

#endif
