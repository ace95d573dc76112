#include "io/merge.h"

#include <errno.h>
#include <stdlib.h>

struct merge_part {
    struct netio *io; /* owned */
    struct netio_frame frame;
    bool waiting; /* the frame has not been handed out */
    bool ended;
};

struct merge {
    struct netio io;
    size_t count;
    const struct netio *failed;
    int error;
    uint64_t number;
    int64_t now_ns;
    struct merge_part parts[];
};

static void merge_advance(struct merge *merge, struct merge_part *part)
{
    int got = netio_receive(part->io, &part->frame);

    part->waiting = got == 1;
    part->ended = got < 0;
    if (got >= 0 || got == -ENODATA || merge->failed)
        return;
    merge->failed = part->io;
    merge->error = got;
}

static int merge_receive(struct netio *io, struct netio_frame *frame)
{
    struct merge *merge = (struct merge *)io;
    struct merge_part *first = NULL;

    for (size_t i = 0; i < merge->count; i++) {
        struct merge_part *part = &merge->parts[i];

        if (!part->waiting && !part->ended)
            merge_advance(merge, part);
        if (part->waiting && (!first || part->frame.when_ns < first->frame.when_ns))
            first = part;
    }
    if (!first)
        return merge->error ? merge->error : -ENODATA;
    *frame = first->frame;
    frame->number = ++merge->number;
    first->waiting = false;
    merge->now_ns = frame->when_ns;
    return 1;
}

static int64_t merge_now(struct netio *io)
{
    return ((struct merge *)io)->now_ns;
}

static int64_t merge_to_unix(struct netio *io, int64_t when_ns)
{
    (void)io;
    return when_ns;
}

static int merge_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    (void)io;
    (void)packets;
    (void)count;
    return -EOPNOTSUPP;
}

static int merge_wait(struct netio *io, int64_t until_ns)
{
    (void)io;
    (void)until_ns;
    return 0;
}

static int merge_counters(struct netio *io, struct netio_counters *counters)
{
    const struct merge *merge = (const struct merge *)io;

    *counters = (struct netio_counters){.received = merge->number};
    return 0;
}

static void merge_close(struct netio *io)
{
    struct merge *merge = (struct merge *)io;

    for (size_t i = 0; i < merge->count; i++)
        netio_close(merge->parts[i].io);
    free(merge);
}

static const struct netio_ops merge_ops = {
    .now = merge_now,
    .to_unix = merge_to_unix,
    .send = merge_send,
    .receive = merge_receive,
    .wait = merge_wait,
    .counters = merge_counters,
    .close = merge_close,
};

int merge_open(struct netio *const *parts, size_t count, struct netio **out)
{
    struct merge *merge = calloc(1, sizeof(*merge) + count * sizeof(merge->parts[0]));

    if (!merge)
        return -ENOMEM;
    merge->io = (struct netio){.ops = &merge_ops, .name = parts[0]->name};
    merge->io.privilege = parts[0]->privilege;
    merge->count = count;
    for (size_t i = 0; i < count; i++)
        merge->parts[i].io = parts[i];
    *out = &merge->io;
    return 0;
}

const struct netio *merge_failed(const struct netio *io)
{
    return io->ops == &merge_ops ? ((const struct merge *)io)->failed : NULL;
}
