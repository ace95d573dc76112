/* Memory in blocks that never move: it grows with what is used, up to a limit, and is reused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/flow_internal.h"

#define POOL_BLOCK_BYTES 65536
/* Flows lie far apart: on small pages, nearly each packet would miss the TLB. */
#define POOL_HUGE_BYTES ((size_t)2 << 20)
#define POOL_HUGE_MAX   ((size_t)8 << 20)
#define POOL_ALIGNMENT  64 /* a cache line */

/* On huge pages where they fit; released with free(). */
static void *flow_pool_block(size_t bytes)
{
    bool huge = bytes % POOL_HUGE_BYTES == 0;
    void *block = aligned_alloc(huge ? POOL_HUGE_BYTES : POOL_ALIGNMENT, bytes);

    if (block && huge)
        madvise(block, bytes, MADV_HUGEPAGE); /* a wish */
    return block;
}

void *flow_pool_zeroed(size_t bytes)
{
    void *block = flow_pool_block(bytes);

    return block ? memset(block, 0, bytes) : NULL;
}

/* The least power of two of them that fills whole huge pages, or what a small block holds. */
static size_t flow_pool_block_bytes(size_t size)
{
    size_t bytes = size;

    while (bytes < POOL_HUGE_MAX && bytes % POOL_HUGE_BYTES != 0)
        bytes *= 2;
    return bytes <= POOL_HUGE_MAX ? bytes : POOL_BLOCK_BYTES;
}

int flow_pool_init(struct flow_pool *pool, size_t size, uint32_t limit)
{
    size_t block = flow_pool_block_bytes(size);

    *pool = (struct flow_pool){.size = size, .limit = limit, .per_block = 1};
    while (pool->per_block * size * 2 <= block && pool->per_block < limit) {
        pool->per_block *= 2;
        pool->shift++;
    }
    return 0;
}

void flow_pool_release(struct flow_pool *pool)
{
    for (uint32_t i = 0; i < pool->nblocks; i++)
        free(pool->blocks[i]);
    free(pool->blocks);
    *pool = (struct flow_pool){0};
}

static bool flow_pool_grow(struct flow_pool *pool)
{
    if (pool->nblocks == pool->room) {
        uint32_t room = pool->room ? pool->room * 2 : 16;
        uint8_t **grown = realloc(pool->blocks, room * sizeof(*grown));
        if (!grown)
            return false;
        pool->blocks = grown;
        pool->room = room;
    }
    size_t bytes =
        (pool->per_block * pool->size + POOL_ALIGNMENT - 1) & ~(size_t)(POOL_ALIGNMENT - 1);
    pool->blocks[pool->nblocks] = flow_pool_block(bytes);
    if (!pool->blocks[pool->nblocks])
        return false;
    pool->bytes += bytes;
    pool->nblocks++;
    return true;
}

uint32_t flow_pool_get(struct flow_pool *pool)
{
    uint32_t id = pool->free;

    if (id) {
        memcpy(&pool->free, flow_pool_at(pool, id), sizeof(pool->free));
        return id;
    }
    if (pool->used == pool->limit)
        return 0;
    if (pool->used == pool->nblocks * pool->per_block && !flow_pool_grow(pool))
        return 0;
    return ++pool->used;
}

void flow_pool_put(struct flow_pool *pool, uint32_t id)
{
    memcpy(flow_pool_at(pool, id), &pool->free, sizeof(pool->free));
    pool->free = id;
}

void flow_pool_clear(struct flow_pool *pool)
{
    pool->used = pool->free = 0;
}
