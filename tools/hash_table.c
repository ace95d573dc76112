#include "tools/hash_table.h"

#include <stdbool.h>
#include <sys/random.h>
#include <unistd.h>

const struct siphash_key *hash_table_key(void)
{
    static struct siphash_key key;
    static bool drawn;
    uint64_t seed;

    if (!drawn && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = (uint64_t)getpid(); /* early in boot */
    if (!drawn)
        key = siphash_key(seed);
    drawn = true;
    return &key;
}
