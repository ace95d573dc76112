#include "tools/batch.h"

#include <errno.h>
#include <stdlib.h>

int batch_init(struct batch *batch, struct netio *io, size_t slot_size, batch_sent_fn *sent)
{
    *batch = (struct batch){.io = io, .sent = sent, .slot_size = slot_size};
    batch->bytes = malloc(BATCH_MAX * slot_size);
    return batch->bytes ? craft_new(&batch->craft) : -ENOMEM;
}

void batch_release(struct batch *batch)
{
    craft_free(batch->craft);
    free(batch->bytes);
}

void batch_flush(struct batch *batch)
{
    int sent, refusal;
    int64_t now;

    if (!batch->count)
        return;
    sent = netio_send(batch->io, batch->packets, batch->count);
    refusal = sent < 0 ? sent : -EAGAIN;
    now = netio_now(batch->io);
    for (size_t i = 0; i < batch->count; i++) {
        bool taken = sent > 0 && i < (size_t)sent;

        batch->put_off += !taken;
        batch->sent(batch->owners[i], batch->ids[i], taken ? batch->packets[i].error : refusal,
                    now);
    }
    batch->count = 0;
}

void batch_add(struct batch *batch, void *owner, const struct probe *probe, uint32_t id)
{
    uint8_t *slot = batch->bytes + batch->count * batch->slot_size;
    size_t len = 0;
    int err = craft_probe(batch->craft, probe, slot, batch->slot_size, &len);

    if (err) {
        batch->sent(owner, id, err, netio_now(batch->io));
        return;
    }
    batch->packets[batch->count] =
        (struct netio_packet){.bytes = slot, .len = len, .ifindex = probe->destination.scope};
    batch->owners[batch->count] = owner;
    batch->ids[batch->count++] = id;
    if (batch->count == BATCH_MAX)
        batch_flush(batch);
}
