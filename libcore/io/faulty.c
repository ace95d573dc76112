#include "io/faulty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

struct faulty {
    struct netio io;
    struct netio *inner; /* owned */
    struct faulty_options options;
    struct random random;
    uint64_t send_errors;
    struct netio_frame frame; /* the latest, for giving it out again */
    bool again;
    uint8_t *bytes; /* owned copy of a frame that is changed */
    size_t size;
};

/* --- sending ------------------------------------------------------------------- */

static bool faulty_send_fails(struct faulty *faulty)
{
    uint64_t most = faulty->options.send_error_count;

    return (most == 0 || faulty->send_errors < most) &&
           random_chance(&faulty->random, faulty->options.send_error_share);
}

static bool faulty_is_later(int error)
{
    return error == EAGAIN || error == ENOBUFS;
}

static int faulty_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct faulty *faulty = (struct faulty *)io;
    int error = faulty->options.send_errno;

    for (size_t i = 0; i < count; i++) {
        int taken = 1;
        if (faulty_send_fails(faulty)) {
            faulty->send_errors++;
            packets[i].error = -error;
            taken = faulty_is_later(error) ? -error : 1;
        } else {
            taken = netio_send(faulty->inner, &packets[i], 1);
        }
        if (taken <= 0)
            return i > 0 ? (int)i : taken;
    }
    return (int)count;
}

/* --- receiving ----------------------------------------------------------------- */

static int faulty_copy(struct faulty *faulty, struct netio_frame *frame)
{
    if (frame->len > faulty->size) {
        uint8_t *bytes = realloc(faulty->bytes, frame->len);
        if (!bytes)
            return -ENOMEM;
        faulty->bytes = bytes;
        faulty->size = frame->len;
    }
    memcpy(faulty->bytes, frame->bytes, frame->len);
    frame->bytes = faulty->bytes;
    return 0;
}

static int faulty_change(struct faulty *faulty, struct netio_frame *frame)
{
    if (frame->len == 0)
        return 0;
    if (random_chance(&faulty->random, faulty->options.receive_cut_share))
        frame->len = random_below(&faulty->random, (uint32_t)frame->len);
    if (frame->len == 0 || !random_chance(&faulty->random, faulty->options.receive_flip_share))
        return 0;
    int error = faulty_copy(faulty, frame);
    if (error)
        return error;
    uint32_t bit = random_below(&faulty->random, (uint32_t)frame->len * 8);
    faulty->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    return 0;
}

static int faulty_receive(struct netio *io, struct netio_frame *frame)
{
    struct faulty *faulty = (struct faulty *)io;
    int got = 1;

    if (faulty->again) {
        faulty->again = false;
        *frame = faulty->frame;
        return 1;
    }
    do
        got = netio_receive(faulty->inner, frame);
    while (got == 1 && random_chance(&faulty->random, faulty->options.receive_drop_share));
    if (got != 1)
        return got;
    int error = faulty_change(faulty, frame);
    if (error)
        return error;
    faulty->again = random_chance(&faulty->random, faulty->options.receive_double_share);
    faulty->frame = *frame;
    return 1;
}

/* --- the rest ------------------------------------------------------------------ */

static int64_t faulty_now(struct netio *io)
{
    return netio_now(((struct faulty *)io)->inner);
}

static int64_t faulty_to_unix(struct netio *io, int64_t when_ns)
{
    return netio_to_unix(((struct faulty *)io)->inner, when_ns);
}

static int faulty_wait(struct netio *io, int64_t until_ns)
{
    struct faulty *faulty = (struct faulty *)io;

    return faulty->again ? 0 : netio_wait(faulty->inner, until_ns);
}

static int faulty_counters(struct netio *io, struct netio_counters *counters)
{
    struct faulty *faulty = (struct faulty *)io;
    int error = netio_counters(faulty->inner, counters);

    if (error)
        return error;
    counters->send_errors += faulty->send_errors;
    counters->capture_dropped += faulty->options.capture_dropped;
    return 0;
}

static void faulty_close(struct netio *io)
{
    struct faulty *faulty = (struct faulty *)io;

    netio_close(faulty->inner);
    free(faulty->bytes);
    free(faulty);
}

static const struct netio_ops faulty_ops = {
    .now = faulty_now,
    .to_unix = faulty_to_unix,
    .send = faulty_send,
    .receive = faulty_receive,
    .wait = faulty_wait,
    .counters = faulty_counters,
    .close = faulty_close,
};

static bool faulty_is_share(double share)
{
    return share >= 0 && share <= 1;
}

int faulty_open(struct netio *inner, const struct faulty_options *options, struct netio **out)
{
    if (!faulty_is_share(options->send_error_share) ||
        !faulty_is_share(options->receive_drop_share) ||
        !faulty_is_share(options->receive_double_share) ||
        !faulty_is_share(options->receive_cut_share) ||
        !faulty_is_share(options->receive_flip_share))
        return -EINVAL;
    struct faulty *faulty = calloc(1, sizeof(*faulty));
    if (!faulty)
        return -ENOMEM;
    faulty->io = *inner;
    faulty->io.ops = &faulty_ops;
    faulty->inner = inner;
    faulty->options = *options;
    random_seed(&faulty->random, options->seed);
    *out = &faulty->io;
    return 0;
}
