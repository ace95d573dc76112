/*
 * uthash.h's tables with a hash that peers cannot guess: keys hold their addresses and ports. (And
 * uthash's own falls through its cases without saying so, which clang warns of.)
 * Include this instead of uthash.h.
 */
#ifndef NETDX_TOOLS_HASH_TABLE_H
#define NETDX_TOOLS_HASH_TABLE_H

#include "base/siphash.h"

const struct siphash_key *hash_table_key(void); /* of this process */

#define HASH_FUNCTION(bytes, len, hash) ((hash) = (unsigned)siphash(hash_table_key(), bytes, len))
#include <uthash.h>

#endif
