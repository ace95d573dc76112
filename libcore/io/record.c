#include "io/record.h"

#include <errno.h>
#include <stdlib.h>

#include "io/pcapng.h"

struct record {
    struct netio io;
    struct netio *inner; /* owned */
    struct pcapng *file; /* owned */
};

static void record_frame(struct record *record, const struct netio_frame *frame)
{
    pcapng_frame(record->file, frame, netio_to_unix(record->inner, frame->when_ns));
}

/* --- the network underneath ---------------------------------------------------- */

static int64_t record_now(struct netio *io)
{
    return netio_now(((struct record *)io)->inner);
}

static int64_t record_to_unix(struct netio *io, int64_t when_ns)
{
    return netio_to_unix(((struct record *)io)->inner, when_ns);
}

static int record_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct record *record = (struct record *)io;
    int taken = netio_send(record->inner, packets, count);

    if (!record->inner->hides_sent)
        return taken;
    for (int i = 0; i < taken; i++) {
        struct netio_frame frame = {.when_ns = netio_now(record->inner),
                                    .link = LINK_RAW,
                                    .direction = PACKET_OUTGOING,
                                    .bytes = packets[i].bytes,
                                    .len = packets[i].len,
                                    .wire_len = packets[i].len};
        if (packets[i].error == 0)
            record_frame(record, &frame);
    }
    return taken;
}

static int record_receive(struct netio *io, struct netio_frame *frame)
{
    struct record *record = (struct record *)io;
    int got = netio_receive(record->inner, frame);

    if (got == 1)
        record_frame(record, frame);
    return got;
}

static int record_wait(struct netio *io, int64_t until_ns)
{
    return netio_wait(((struct record *)io)->inner, until_ns);
}

static int record_counters(struct netio *io, struct netio_counters *counters)
{
    return netio_counters(((struct record *)io)->inner, counters);
}

static void record_close(struct netio *io)
{
    struct record *record = (struct record *)io;

    netio_close(record->inner);
    pcapng_free(record->file);
    free(record);
}

static const struct netio_ops record_ops = {
    .now = record_now,
    .to_unix = record_to_unix,
    .send = record_send,
    .receive = record_receive,
    .wait = record_wait,
    .counters = record_counters,
    .close = record_close,
};

int record_open(struct netio *inner, const char *path, struct netio **out)
{
    struct record *record = calloc(1, sizeof(*record));

    if (!record)
        return -ENOMEM;
    record->io = *inner;
    record->io.ops = &record_ops;
    record->inner = inner;
    int error = pcapng_new(path, &record->file);
    if (error) {
        free(record);
        return error;
    }
    *out = &record->io;
    return 0;
}

int record_error(const struct netio *io)
{
    return io->ops == &record_ops ? pcapng_error(((const struct record *)io)->file) : 0;
}
