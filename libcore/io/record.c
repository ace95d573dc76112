#include "io/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/timespan.h"
#include "base/writer.h"

/* pcapng block types, options and lengths: draft-ietf-opsawg-pcapng. */
enum {
    PCAPNG_SECTION = 0x0a0d0d0a,
    PCAPNG_BYTE_ORDER = 0x1a2b3c4d,
    PCAPNG_INTERFACE = 1,
    PCAPNG_PACKET = 6,
    PCAPNG_OPTION_TSRESOL = 9,
    PCAPNG_OPTION_FLAGS = 2,
    PCAPNG_INBOUND = 1,
    PCAPNG_OUTBOUND = 2,
    PCAPNG_NANOSECONDS = 9, /* 10^-9 s */
};

#define RECORD_PACKET_HEADER 28 /* block header and the fixed fields of an enhanced packet */
#define RECORD_PACKET_TAIL   16 /* flags, end of options, length */
#define RECORD_LINKS_MAX     8
#define RECORD_BLOCK_SIZE    64

struct record {
    struct netio io;
    struct netio *inner; /* owned */
    int fd;
    bool is_file; /* can be cut back after a write that stopped in the middle */
    off_t whole;  /* bytes of the file that are whole blocks */
    int error;
    size_t nlinks; /* one pcapng interface for each link type seen */
    enum link_type links[RECORD_LINKS_MAX];
};

static size_t record_padding(size_t len)
{
    return (4 - len % 4) % 4;
}

static int record_write_all(int fd, struct iovec *parts, int nparts)
{
    while (nparts > 0) {
        ssize_t n = writev(fd, parts, nparts);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        for (; nparts > 0 && (size_t)n >= parts->iov_len; parts++, nparts--)
            n -= (ssize_t)parts->iov_len;
        if (nparts > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* One block in one write: a kill between two of them leaves a whole file. */
static void record_write(struct record *record, struct iovec *parts, int nparts)
{
    off_t len = 0;

    for (int i = 0; i < nparts; i++)
        len += (off_t)parts[i].iov_len;
    int error = record_write_all(record->fd, parts, nparts);
    if (error == 0) {
        record->whole += len;
        return;
    }
    record->error = error;
    if (record->is_file && ftruncate(record->fd, record->whole) < 0)
        return; /* the first error is the one to tell */
}

static void record_write_block(struct record *record, const struct writer *w)
{
    struct iovec part = {.iov_base = w->bytes, .iov_len = w->len};

    record_write(record, &part, 1);
}

static void record_section(struct record *record)
{
    uint8_t block[RECORD_BLOCK_SIZE];
    struct writer w = writer_init(block, sizeof(block));

    writer_u32le(&w, PCAPNG_SECTION);
    writer_u32le(&w, 28);
    writer_u32le(&w, PCAPNG_BYTE_ORDER);
    writer_u16le(&w, 1); /* version 1.0 */
    writer_u16le(&w, 0);
    writer_u32le(&w, UINT32_MAX); /* section length: not known, 64 bits */
    writer_u32le(&w, UINT32_MAX);
    writer_u32le(&w, 28);
    record_write_block(record, &w);
}

static void record_interface(struct record *record, enum link_type link)
{
    uint8_t block[RECORD_BLOCK_SIZE];
    struct writer w = writer_init(block, sizeof(block));

    writer_u32le(&w, PCAPNG_INTERFACE);
    writer_u32le(&w, 32);
    writer_u16le(&w, (uint16_t)link);
    writer_u16le(&w, 0);
    writer_u32le(&w, 0); /* snaplen: no limit */
    writer_u16le(&w, PCAPNG_OPTION_TSRESOL);
    writer_u16le(&w, 1);
    writer_u8(&w, PCAPNG_NANOSECONDS);
    writer_zero(&w, 3);
    writer_u32le(&w, 0); /* end of options */
    writer_u32le(&w, 32);
    record_write_block(record, &w);
}

/* The number of the pcapng interface for `link`, or -1 with an error kept. */
static int record_link(struct record *record, enum link_type link)
{
    for (size_t i = 0; i < record->nlinks; i++)
        if (record->links[i] == link)
            return (int)i;
    if (record->nlinks == RECORD_LINKS_MAX)
        record->error = -EOVERFLOW;
    else
        record_interface(record, link);
    if (record->error)
        return -1;
    record->links[record->nlinks] = link;
    return (int)record->nlinks++;
}

static uint32_t record_flags(enum packet_direction direction)
{
    switch (direction) {
    case PACKET_INCOMING:
        return PCAPNG_INBOUND;
    case PACKET_OUTGOING:
        return PCAPNG_OUTBOUND;
    default:
        return 0;
    }
}

static void record_frame(struct record *record, const struct netio_frame *frame)
{
    uint8_t head[RECORD_PACKET_HEADER], tail[RECORD_PACKET_TAIL + 3];
    struct writer h = writer_init(head, sizeof(head)), t = writer_init(tail, sizeof(tail));
    size_t padding = record_padding(frame->len);
    size_t total = sizeof(head) + frame->len + padding + RECORD_PACKET_TAIL;
    uint64_t unix_ns = (uint64_t)netio_to_unix(record->inner, frame->when_ns);
    int interface = record->error ? -1 : record_link(record, frame->link);

    if (interface < 0 || total > UINT32_MAX)
        return;
    writer_u32le(&h, PCAPNG_PACKET);
    writer_u32le(&h, (uint32_t)total);
    writer_u32le(&h, (uint32_t)interface);
    writer_u32le(&h, (uint32_t)(unix_ns >> 32));
    writer_u32le(&h, (uint32_t)unix_ns);
    writer_u32le(&h, (uint32_t)frame->len);
    writer_u32le(&h, (uint32_t)frame->wire_len);
    writer_zero(&t, padding);
    writer_u16le(&t, PCAPNG_OPTION_FLAGS);
    writer_u16le(&t, 4);
    writer_u32le(&t, record_flags(frame->direction));
    writer_u32le(&t, 0); /* end of options */
    writer_u32le(&t, (uint32_t)total);
    struct iovec parts[] = {
        {.iov_base = head,                            .iov_len = h.len     },
        {.iov_base = (void *)(uintptr_t)frame->bytes, .iov_len = frame->len},
        {.iov_base = tail,                            .iov_len = t.len     }
    };
    record_write(record, parts, 3);
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
    close(record->fd);
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
    struct stat status;

    if (!record)
        return -ENOMEM;
    record->io = *inner;
    record->io.ops = &record_ops;
    record->inner = inner;
    record->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (record->fd < 0) {
        int error = -errno;
        free(record);
        return error;
    }
    record->is_file = fstat(record->fd, &status) == 0 && S_ISREG(status.st_mode);
    record_section(record);
    if (record->error) {
        int error = record->error;
        close(record->fd);
        free(record);
        return error;
    }
    *out = &record->io;
    return 0;
}

int record_error(const struct netio *io)
{
    return io->ops == &record_ops ? ((const struct record *)io)->error : 0;
}
