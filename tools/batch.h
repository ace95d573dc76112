/* Probes gathered from several engines, sent together. */
#ifndef NETDX_TOOLS_BATCH_H
#define NETDX_TOOLS_BATCH_H

#include "io/netio.h"
#include "wire/craft.h"

#define BATCH_MAX      64
#define BATCH_SLOT_MIN 2048 /* bytes of a probe */

/* Tells the owner of a probe what became of it: 0 or -errno, as netio_send has it. */
typedef void batch_sent_fn(void *owner, uint32_t id, int error, int64_t now_ns);

struct batch {
    struct netio *io; /* borrowed */
    batch_sent_fn *sent;
    struct craft *craft;
    uint8_t *bytes; /* BATCH_MAX slots */
    size_t slot_size, count;
    uint64_t put_off; /* sends that the kernel had no room for */
    struct netio_packet packets[BATCH_MAX];
    void *owners[BATCH_MAX];
    uint32_t ids[BATCH_MAX];
};

/* 0 or -ENOMEM; release in either case. */
int batch_init(struct batch *batch, struct netio *io, size_t slot_size, batch_sent_fn *sent);
void batch_release(struct batch *batch);

/* Sends when it is full; what cannot be crafted is told at once. */
void batch_add(struct batch *batch, void *owner, const struct probe *probe, uint32_t id);
void batch_flush(struct batch *batch);

#endif
