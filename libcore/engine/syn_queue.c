/* What is to be sent at its time, in the order it came up. */
#include <errno.h>
#include <stdlib.h>

#include "engine/syn_internal.h"

#define QUEUE_FIRST 64

static int queue_grow(struct syn_queue *queue)
{
    uint32_t capacity = queue->capacity ? 2 * queue->capacity : QUEUE_FIRST;
    struct syn_due *items = calloc(capacity, sizeof(*items));

    if (!items)
        return -ENOMEM;
    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->head + i) & (queue->capacity - 1)];
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

int syn_queue_push(struct syn_queue *queue, uint32_t handle, int64_t due_ns)
{
    if (queue->count == queue->capacity && queue_grow(queue) < 0)
        return -ENOMEM;
    queue->items[(queue->head + queue->count++) & (queue->capacity - 1)] =
        (struct syn_due){handle, due_ns};
    return 0;
}

bool syn_queue_pop(struct syn_queue *queue, int64_t now_ns, uint32_t *handle, int64_t *wake_ns)
{
    if (queue->count == 0)
        return false;
    const struct syn_due *first = &queue->items[queue->head];
    if (first->due_ns > now_ns) {
        if (first->due_ns < *wake_ns)
            *wake_ns = first->due_ns;
        return false;
    }
    *handle = first->handle;
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    return true;
}

void syn_queue_shift(struct syn_queue *queue, int64_t paused_ns)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        struct syn_due *item = &queue->items[(queue->head + i) & (queue->capacity - 1)];
        item->due_ns = time_add(item->due_ns, paused_ns);
    }
}
