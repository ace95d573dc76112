#include "tools/service_save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/pcapng.h"

#define SAVE_MEMORY_BYTES (64 * 1024 * 1024) /* of all connections */
#define SAVE_LEAST_BYTES  (16 * 1024)        /* of one */
#define SAVE_MOST_BYTES   (1024 * 1024)
#define SAVE_BEGIN_BYTES  4096
#define SAVE_ALIGN        16

struct service_save {
    struct pcapng *file;
    size_t limit; /* bytes of each connection */
    uint64_t cut;
};

struct save_packet { /* its bytes follow */
    size_t size;     /* of both, aligned */
    struct netio_frame frame;
    int64_t unix_ns;
};

int service_save_new(const char *path, uint32_t connections, struct service_save **out)
{
    struct service_save *save = calloc(1, sizeof(*save));
    size_t share = SAVE_MEMORY_BYTES / (connections ? connections : 1);
    int err = save ? pcapng_new(path, &save->file) : -ENOMEM;

    if (err) {
        free(save);
        return err;
    }
    save->limit = share < SAVE_LEAST_BYTES  ? SAVE_LEAST_BYTES
                  : share > SAVE_MOST_BYTES ? SAVE_MOST_BYTES
                                            : share;
    *out = save;
    return 0;
}

void service_save_free(struct service_save *save)
{
    if (!save)
        return;
    pcapng_free(save->file);
    free(save);
}

int service_save_error(const struct service_save *save)
{
    return pcapng_error(save->file);
}

uint64_t service_save_cut(const struct service_save *save)
{
    return save->cut;
}

/* Room for `need` bytes at the end; the oldest packets go where the limit is reached. */
static bool save_make_room(const struct service_save *save, struct service_packets *p, size_t need)
{
    while (p->start < p->end && p->end - p->start + need > save->limit) {
        p->start += ((const struct save_packet *)(p->bytes + p->start))->size;
        p->cut = true;
    }
    if (p->end + need <= p->size)
        return true;
    if (p->start) {
        memmove(p->bytes, p->bytes + p->start, p->end - p->start);
        p->end -= p->start;
        p->start = 0;
    }
    if (p->end + need > p->size) {
        size_t size = 2 * p->size > p->end + need ? 2 * p->size : p->end + need;
        uint8_t *grown = realloc(p->bytes, size > SAVE_BEGIN_BYTES ? size : SAVE_BEGIN_BYTES);

        if (!grown)
            return false;
        p->bytes = grown;
        p->size = size > SAVE_BEGIN_BYTES ? size : SAVE_BEGIN_BYTES;
    }
    return true;
}

void service_packets_add(struct service_save *save, struct service_packets *packets,
                         const struct netio_frame *frame, int64_t unix_ns)
{
    size_t size =
        (sizeof(struct save_packet) + frame->len + SAVE_ALIGN - 1) / SAVE_ALIGN * SAVE_ALIGN;
    struct save_packet *packet;

    if (size > save->limit || !save_make_room(save, packets, size)) {
        packets->cut = true;
        return;
    }
    packet = (struct save_packet *)(packets->bytes + packets->end);
    *packet = (struct save_packet){.size = size, .frame = *frame, .unix_ns = unix_ns};
    memcpy(packet + 1, frame->bytes, frame->len);
    packets->end += size;
}

void service_packets_write(struct service_save *save, const struct service_packets *packets)
{
    save->cut += packets->cut;
    for (size_t at = packets->start; at < packets->end;) {
        const struct save_packet *packet = (const struct save_packet *)(packets->bytes + at);
        struct netio_frame frame = packet->frame;

        frame.bytes = (const uint8_t *)(packet + 1);
        pcapng_frame(save->file, &frame, packet->unix_ns);
        at += packet->size;
    }
}

void service_packets_release(struct service_packets *packets)
{
    free(packets->bytes);
    *packets = (struct service_packets){0};
}
