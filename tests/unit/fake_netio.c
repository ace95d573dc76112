#include "tests/unit/fake_netio.h"

#include <errno.h>

static int64_t fake_now(struct netio *io)
{
    return ((struct fake_netio *)io)->now_ns;
}

static int64_t fake_to_unix(struct netio *io, int64_t when_ns)
{
    return when_ns + ((struct fake_netio *)io)->unix_offset_ns;
}

static int fake_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct fake_netio *fake = (struct fake_netio *)io;

    if (fake->send_result < 0)
        return fake->send_result;
    for (size_t i = 0; i < count; i++)
        packets[i].error = 0;
    fake->sent += count;
    return (int)count;
}

static int fake_receive(struct netio *io, struct netio_frame *frame)
{
    struct fake_netio *fake = (struct fake_netio *)io;

    if (fake->given == fake->nframes)
        return -ENODATA;
    *frame = fake->frames[fake->given++ % fake->list_len];
    return 1;
}

static int fake_wait(struct netio *io, int64_t until_ns)
{
    struct fake_netio *fake = (struct fake_netio *)io;

    fake->waits++;
    fake->now_ns = until_ns;
    return 0;
}

static int fake_counters(struct netio *io, struct netio_counters *counters)
{
    struct fake_netio *fake = (struct fake_netio *)io;

    *counters = (struct netio_counters){.sent = fake->sent, .received = fake->given};
    return 0;
}

static void fake_close(struct netio *io)
{
    ((struct fake_netio *)io)->closed = true;
}

static const struct netio_ops fake_ops = {
    .now = fake_now,
    .to_unix = fake_to_unix,
    .send = fake_send,
    .receive = fake_receive,
    .wait = fake_wait,
    .counters = fake_counters,
    .close = fake_close,
};

void fake_netio_init(struct fake_netio *fake, const struct netio_frame *frames, size_t list_len)
{
    *fake = (struct fake_netio){
        .io = {.ops = &fake_ops, .name = "fake", .privilege = "fake"},
        .frames = frames,
        .list_len = list_len,
        .nframes = list_len,
    };
}
