#include "io/virtual.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"

struct sent { /* an outgoing frame not read yet */
    struct sent *next;
    int64_t when_ns;
    size_t len;
    uint8_t bytes[];
};

struct virtual
{
    struct netio io;
    struct netsim *sim; /* borrowed */
    int64_t now_ns;
    struct sent *first, **last; /* owned queue */
    struct sent *lent;          /* owned: the frame last handed out */
    bool waiting;               /* `packet` was taken from the simulator and not read yet */
    struct netsim_packet packet;
    struct netio_counters counters;
};

static int64_t virtual_now(struct netio *io)
{
    return ((struct virtual *)io)->now_ns;
}

static int64_t virtual_to_unix(struct netio *io, int64_t when_ns)
{
    (void)io;
    return when_ns;
}

static int queue_sent(struct virtual *v, const struct netio_packet *packet)
{
    struct sent *sent = malloc(sizeof(*sent) + packet->len);

    if (!sent)
        return -ENOMEM;
    *sent = (struct sent){.when_ns = v->now_ns, .len = packet->len};
    memcpy(sent->bytes, packet->bytes, packet->len);
    *v->last = sent;
    v->last = &sent->next;
    return 0;
}

static int virtual_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct virtual *v = (struct virtual *)io;

    for (size_t i = 0; i < count; i++) {
        packets[i].error =
            netsim_send(v->sim, NETSIM_CLIENT, packets[i].bytes, packets[i].len, v->now_ns);
        if (packets[i].error == 0)
            packets[i].error = queue_sent(v, &packets[i]);
        v->counters.sent += packets[i].error == 0;
        v->counters.send_errors += packets[i].error != 0;
    }
    return (int)count;
}

/* What comes out at the server's side has nobody to read it here. */
static bool take(struct virtual *v)
{
    while (!v->waiting && netsim_receive(v->sim, v->now_ns, &v->packet) == 1)
        v->waiting = v->packet.side == NETSIM_CLIENT;
    return v->waiting;
}

static void fill(struct netio_frame *frame, const uint8_t *bytes, size_t len, int64_t when_ns,
                 enum packet_direction direction)
{
    *frame = (struct netio_frame){.when_ns = when_ns,
                                  .link = LINK_RAW,
                                  .direction = direction,
                                  .bytes = bytes,
                                  .len = len,
                                  .wire_len = len};
}

static int virtual_receive(struct netio *io, struct netio_frame *frame)
{
    struct virtual *v = (struct virtual *)io;

    free(v->lent);
    v->lent = v->first;
    if (v->lent) {
        v->first = v->lent->next;
        if (!v->first)
            v->last = &v->first;
        fill(frame, v->lent->bytes, v->lent->len, v->lent->when_ns, PACKET_OUTGOING);
        return 1;
    }
    if (!take(v))
        return 0;
    v->waiting = false;
    v->counters.received++;
    fill(frame, v->packet.bytes, v->packet.len, v->packet.when_ns, PACKET_INCOMING);
    return 1;
}

static int virtual_wait(struct netio *io, int64_t until_ns)
{
    struct virtual *v = (struct virtual *)io;

    while (!v->first && !take(v)) {
        int64_t next = netsim_next_ns(v->sim);

        if (next == TIME_NEVER && until_ns == TIME_NEVER)
            return -ENODATA;
        if (next > until_ns) {
            if (until_ns > v->now_ns)
                v->now_ns = until_ns;
            return 0;
        }
        if (next > v->now_ns)
            v->now_ns = next;
    }
    return 0;
}

static int virtual_counters(struct netio *io, struct netio_counters *counters)
{
    *counters = ((struct virtual *)io)->counters;
    return 0;
}

static void virtual_close(struct netio *io)
{
    struct virtual *v = (struct virtual *)io;

    free(v->lent);
    while (v->first) {
        struct sent *next = v->first->next;

        free(v->first);
        v->first = next;
    }
    free(v);
}

static const struct netio_ops virtual_ops = {
    .now = virtual_now,
    .to_unix = virtual_to_unix,
    .send = virtual_send,
    .receive = virtual_receive,
    .wait = virtual_wait,
    .counters = virtual_counters,
    .close = virtual_close,
};

int virtual_open(struct netsim *sim, int64_t start_ns, struct netio **out)
{
    struct virtual *v = calloc(1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    v->io = (struct netio){.ops = &virtual_ops, .name = "virtual", .privilege = "raw"};
    v->sim = sim;
    v->now_ns = start_ns;
    v->last = &v->first;
    *out = &v->io;
    return 0;
}
