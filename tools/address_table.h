/* Hash tables (uthash) whose key is an address, without its scope. */
#ifndef NETDX_TOOLS_ADDRESS_TABLE_H
#define NETDX_TOOLS_ADDRESS_TABLE_H

#include "wire/address.h"

#define ADDRESS_KEY_LEN (1 + sizeof(((struct address *)0)->bytes)) /* family and bytes */

/* uthash's own hash falls through its cases without saying so, which clang warns of. */
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)address_hash((const void *)(key), 0))
#include <uthash.h>

#endif
