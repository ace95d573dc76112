#include "io/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/writer.h"

/* pcapng block types, options and lengths: draft-ietf-opsawg-pcapng. */
enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    SECTION_BYTE_ORDER = 0x1a2b3c4d,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    OPTION_TSRESOL = 9,
    OPTION_FLAGS = 2,
    FLAG_INBOUND = 1,
    FLAG_OUTBOUND = 2,
    TSRESOL_NANOSECONDS = 9, /* 10^-9 s */
};

#define PCAPNG_PACKET_HEADER 28 /* block header and the fixed fields of an enhanced packet */
#define PCAPNG_PACKET_TAIL   16 /* flags, end of options, length */
#define PCAPNG_LINKS_MAX     8
#define PCAPNG_BLOCK_SIZE    64

struct pcapng {
    int fd;
    bool is_file; /* can be cut back after a write that stopped in the middle */
    off_t whole;  /* bytes of the file that are whole blocks */
    int error;
    size_t nlinks; /* one pcapng interface for each link type seen */
    enum link_type links[PCAPNG_LINKS_MAX];
};

static size_t pcapng_padding(size_t len)
{
    return (4 - len % 4) % 4;
}

static int pcapng_write_all(int fd, struct iovec *parts, int nparts)
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
static void pcapng_write(struct pcapng *file, struct iovec *parts, int nparts)
{
    off_t len = 0;

    for (int i = 0; i < nparts; i++)
        len += (off_t)parts[i].iov_len;
    int error = pcapng_write_all(file->fd, parts, nparts);
    if (error == 0) {
        file->whole += len;
        return;
    }
    file->error = error;
    if (file->is_file && ftruncate(file->fd, file->whole) < 0)
        return; /* the first error is the one to tell */
}

static void pcapng_write_block(struct pcapng *file, const struct writer *w)
{
    struct iovec part = {.iov_base = w->bytes, .iov_len = w->len};

    pcapng_write(file, &part, 1);
}

static void pcapng_section(struct pcapng *file)
{
    uint8_t block[PCAPNG_BLOCK_SIZE];
    struct writer w = writer_init(block, sizeof(block));

    writer_u32le(&w, BLOCK_SECTION);
    writer_u32le(&w, 28);
    writer_u32le(&w, SECTION_BYTE_ORDER);
    writer_u16le(&w, 1); /* version 1.0 */
    writer_u16le(&w, 0);
    writer_u32le(&w, UINT32_MAX); /* section length: not known, 64 bits */
    writer_u32le(&w, UINT32_MAX);
    writer_u32le(&w, 28);
    pcapng_write_block(file, &w);
}

static void pcapng_interface(struct pcapng *file, enum link_type link)
{
    uint8_t block[PCAPNG_BLOCK_SIZE];
    struct writer w = writer_init(block, sizeof(block));

    writer_u32le(&w, BLOCK_INTERFACE);
    writer_u32le(&w, 32);
    writer_u16le(&w, (uint16_t)link);
    writer_u16le(&w, 0);
    writer_u32le(&w, 0); /* snaplen: no limit */
    writer_u16le(&w, OPTION_TSRESOL);
    writer_u16le(&w, 1);
    writer_u8(&w, TSRESOL_NANOSECONDS);
    writer_zero(&w, 3);
    writer_u32le(&w, 0); /* end of options */
    writer_u32le(&w, 32);
    pcapng_write_block(file, &w);
}

/* The number of the pcapng interface for `link`, or -1 with an error kept. */
static int pcapng_link(struct pcapng *file, enum link_type link)
{
    for (size_t i = 0; i < file->nlinks; i++)
        if (file->links[i] == link)
            return (int)i;
    if (file->nlinks == PCAPNG_LINKS_MAX)
        file->error = -EOVERFLOW;
    else
        pcapng_interface(file, link);
    if (file->error)
        return -1;
    file->links[file->nlinks] = link;
    return (int)file->nlinks++;
}

static uint32_t pcapng_flags(enum packet_direction direction)
{
    switch (direction) {
    case PACKET_INCOMING:
        return FLAG_INBOUND;
    case PACKET_OUTGOING:
        return FLAG_OUTBOUND;
    default:
        return 0;
    }
}

void pcapng_frame(struct pcapng *file, const struct netio_frame *frame, int64_t unix_ns)
{
    uint8_t head[PCAPNG_PACKET_HEADER], tail[PCAPNG_PACKET_TAIL + 3];
    struct writer h = writer_init(head, sizeof(head)), t = writer_init(tail, sizeof(tail));
    size_t padding = pcapng_padding(frame->len);
    size_t total = sizeof(head) + frame->len + padding + PCAPNG_PACKET_TAIL;
    int interface = file->error ? -1 : pcapng_link(file, frame->link);

    if (interface < 0 || total > UINT32_MAX)
        return;
    writer_u32le(&h, BLOCK_PACKET);
    writer_u32le(&h, (uint32_t)total);
    writer_u32le(&h, (uint32_t)interface);
    writer_u32le(&h, (uint32_t)((uint64_t)unix_ns >> 32));
    writer_u32le(&h, (uint32_t)(uint64_t)unix_ns);
    writer_u32le(&h, (uint32_t)frame->len);
    writer_u32le(&h, (uint32_t)frame->wire_len);
    writer_zero(&t, padding);
    writer_u16le(&t, OPTION_FLAGS);
    writer_u16le(&t, 4);
    writer_u32le(&t, pcapng_flags(frame->direction));
    writer_u32le(&t, 0); /* end of options */
    writer_u32le(&t, (uint32_t)total);
    struct iovec parts[] = {{.iov_base = head, .iov_len = h.len},
                            {.iov_base = (void *)(uintptr_t)frame->bytes, .iov_len = frame->len},
                            {.iov_base = tail, .iov_len = t.len}};
    pcapng_write(file, parts, 3);
}

int pcapng_new(const char *path, struct pcapng **out)
{
    struct pcapng *file = calloc(1, sizeof(*file));
    struct stat status;

    if (!file)
        return -ENOMEM;
    file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file->fd < 0) {
        int error = -errno;
        free(file);
        return error;
    }
    file->is_file = fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode);
    pcapng_section(file);
    if (file->error) {
        int error = file->error;
        pcapng_free(file);
        return error;
    }
    *out = file;
    return 0;
}

int pcapng_error(const struct pcapng *file)
{
    return file->error;
}

void pcapng_free(struct pcapng *file)
{
    if (!file)
        return;
    close(file->fd);
    free(file);
}
