#include "tools/flows_save.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "io/pcapng.h"
#include "tools/hash_table.h"

#define SAVE_ALIGN      16
#define SAVE_MARKS_MANY 65536 /* look for marks that nothing waits for any more */

/* Both directions of a flow, the smaller end first. */
struct save_key {
    uint8_t address[2][16];
    uint16_t port[2];
};

/* What is known of a flow that matters. */
struct save_mark {
    struct save_key key;
    bool trouble; /* it is going on, and something has happened to it */
    bool found;   /* it has ended with findings: these packets are saved */
    int64_t since_ns, until_ns;
    int64_t gone_ns; /* when it became known, packets up to this time were gone already */
    UT_hash_handle hh;
};

/* A packet that waits; its bytes follow. */
struct save_packet {
    size_t size; /* of this and its bytes, aligned; 0: nothing more before the buffer's end */
    struct netio_frame frame;
    int64_t unix_ns;
    struct save_key key;
};

struct flows_save {
    pthread_mutex_t lock;
    struct pcapng *file;
    uint8_t *buffer; /* a ring of packets */
    size_t size, head, tail, used;
    struct save_mark *marks;
    int64_t gone_ns; /* time of the latest packet that was handed on */
    uint64_t written, cut;
};

/* --- keys and marks --------------------------------------------------------------------------- */

static void save_key_set(struct save_key *key, const uint8_t *a, uint16_t a_port, const uint8_t *b,
                         uint16_t b_port)
{
    int order = memcmp(a, b, 16);
    bool swap = order > 0 || (order == 0 && a_port > b_port);

    memcpy(key->address[swap], a, 16);
    memcpy(key->address[!swap], b, 16);
    key->port[swap] = a_port;
    key->port[!swap] = b_port;
}

static void save_key_of_segment(struct save_key *key, const struct segment *s)
{
    save_key_set(key, s->source, s->source_port, s->destination, s->destination_port);
}

static void save_key_of_flow(struct save_key *key, const struct flow_key *flow)
{
    uint8_t ends[2][16] = {{0}, {0}};

    for (int i = 0; i < 2; i++)
        memcpy(ends[i], flow->address[i].bytes, flow->address[i].family == 6 ? 16 : 4);
    save_key_set(key, ends[0], flow->port[0], ends[1], flow->port[1]);
}

static struct save_mark *save_find(const struct flows_save *save, const struct save_key *key)
{
    struct save_mark *mark = NULL;

    HASH_FIND(hh, save->marks, key, sizeof(*key), mark);
    return mark;
}

static struct save_mark *save_get(struct flows_save *save, const struct save_key *key)
{
    struct save_mark *mark = save_find(save, key);

    if (mark)
        return mark;
    mark = calloc(1, sizeof(*mark));
    if (!mark)
        return NULL;
    mark->key = *key;
    mark->gone_ns = save->gone_ns;
    HASH_ADD(hh, save->marks, key, sizeof(mark->key), mark);
    return mark;
}

static void save_forget(struct flows_save *save, struct save_mark *mark)
{
    HASH_DEL(save->marks, mark);
    free(mark);
}

/* Flows whose last packet was handed on. */
static void save_sweep(struct flows_save *save, int64_t oldest_ns)
{
    struct save_mark *mark, *next;

    HASH_ITER(hh, save->marks, mark, next)
    if (!mark->trouble && mark->until_ns < oldest_ns)
        save_forget(save, mark);
}

/* --- the ring --------------------------------------------------------------------------------- */

static struct save_packet *save_oldest(struct flows_save *save)
{
    struct save_packet *packet = (struct save_packet *)(save->buffer + save->head);

    if (save->head + sizeof(*packet) > save->size || packet->size == 0) {
        save->used -= save->size - save->head;
        save->head = 0;
        packet = (struct save_packet *)save->buffer;
    }
    return packet;
}

static bool save_wanted(const struct flows_save *save, const struct save_packet *packet)
{
    const struct save_mark *mark = save_find(save, &packet->key);
    int64_t when = packet->frame.when_ns;

    if (!mark)
        return false;
    return mark->trouble || (mark->found && when >= mark->since_ns && when <= mark->until_ns);
}

static void save_hand_on(struct flows_save *save)
{
    struct save_packet *packet = save_oldest(save);

    packet->frame.bytes = (const uint8_t *)(packet + 1);
    if (save_wanted(save, packet)) {
        pcapng_frame(save->file, &packet->frame, packet->unix_ns);
        save->written += pcapng_error(save->file) == 0;
    }
    save->gone_ns = packet->frame.when_ns;
    save->head += packet->size;
    save->used -= packet->size;
    if (HASH_COUNT(save->marks) > SAVE_MARKS_MANY && save->used)
        save_sweep(save, packet->frame.when_ns);
}

/* Room for `need` bytes in one piece, at the tail. */
static bool save_make_room(struct flows_save *save, size_t need)
{
    if (need > save->size / 2)
        return false;
    if (save->tail + need > save->size) {
        size_t rest = save->size - save->tail;

        while (save->used && save->head >= save->tail)
            save_hand_on(save);
        if (!save->used)
            save->head = save->tail = 0;
        else {
            if (rest >= sizeof(struct save_packet))
                ((struct save_packet *)(save->buffer + save->tail))->size = 0;
            save->used += rest;
            save->tail = 0;
        }
    }
    while (save->size - save->used < need)
        save_hand_on(save);
    return true;
}

static size_t save_size(size_t len)
{
    return (sizeof(struct save_packet) + len + SAVE_ALIGN - 1) / SAVE_ALIGN * SAVE_ALIGN;
}

void flows_save_packet(struct flows_save *save, const struct netio_frame *frame,
                       const struct segment *segment, int64_t unix_offset_ns)
{
    size_t size = save_size(frame->len);

    pthread_mutex_lock(&save->lock);
    if (save_make_room(save, size)) {
        struct save_packet *packet = (struct save_packet *)(save->buffer + save->tail);

        *packet = (struct save_packet){
            .size = size, .frame = *frame, .unix_ns = frame->when_ns + unix_offset_ns};
        save_key_of_segment(&packet->key, segment);
        memcpy(packet + 1, frame->bytes, frame->len);
        save->tail += size;
        save->used += size;
    }
    pthread_mutex_unlock(&save->lock);
}

/* --- what the engine says --------------------------------------------------------------------- */

static bool save_is_trouble(enum flow_event_kind kind)
{
    switch (kind) {
    case FLOW_EVENT_RETRANSMISSION:
    case FLOW_EVENT_SYN_RETRANSMISSION:
    case FLOW_EVENT_SYNACK_RETRANSMISSION:
    case FLOW_EVENT_ZERO_WINDOW:
    case FLOW_EVENT_CAPTURE_GAP:
    case FLOW_EVENT_RESET:
        return true;
    default:
        return false;
    }
}

/* A flow of the same ends before it may still have packets waiting. */
static void save_keep(struct flows_save *save, struct save_mark *mark,
                      const struct flow_facts *facts)
{
    if (!mark->found || facts->start_ns < mark->since_ns)
        mark->since_ns = facts->start_ns;
    if (!mark->found || facts->last_ns > mark->until_ns)
        mark->until_ns = facts->last_ns;
    mark->found = true;
    if (facts->start_ns <= mark->gone_ns)
        save->cut++;
}

static void save_ended(struct flows_save *save, const struct save_key *key,
                       const struct flow_facts *facts)
{
    struct save_mark *mark = facts->findings ? save_get(save, key) : save_find(save, key);

    if (!mark)
        return;
    if (!mark->trouble)
        mark->gone_ns = save->gone_ns;
    mark->trouble = false;
    if (facts->findings)
        save_keep(save, mark, facts);
    else if (!mark->found)
        save_forget(save, mark);
}

void flows_save_event(struct flows_save *save, const struct flow_event *event)
{
    struct save_mark *mark;
    struct save_key key;

    if (event->kind != FLOW_EVENT_END && !save_is_trouble(event->kind))
        return;
    save_key_of_flow(&key, &event->key);
    pthread_mutex_lock(&save->lock);
    if (event->kind == FLOW_EVENT_END)
        save_ended(save, &key, event->facts);
    else if ((mark = save_get(save, &key)) && !mark->trouble) {
        mark->trouble = true;
        mark->gone_ns = save->gone_ns;
    }
    pthread_mutex_unlock(&save->lock);
}

/* ---------------------------------------------------------------------------------------------- */

int flows_save_new(const char *path, size_t memory_bytes, struct flows_save **out)
{
    struct flows_save *save = calloc(1, sizeof(*save));
    int err = -ENOMEM;

    if (save && (save->buffer = malloc(memory_bytes)))
        err = pcapng_new(path, &save->file);
    if (err) {
        free(save ? save->buffer : NULL);
        free(save);
        return err;
    }
    save->size = memory_bytes / SAVE_ALIGN * SAVE_ALIGN;
    save->gone_ns = INT64_MIN;
    pthread_mutex_init(&save->lock, NULL);
    *out = save;
    return 0;
}

void flows_save_free(struct flows_save *save)
{
    struct save_mark *mark, *next;

    if (!save)
        return;
    HASH_ITER(hh, save->marks, mark, next)
    save_forget(save, mark);
    pcapng_free(save->file);
    pthread_mutex_destroy(&save->lock);
    free(save->buffer);
    free(save);
}

int flows_save_finish(struct flows_save *save)
{
    pthread_mutex_lock(&save->lock);
    while (save->used)
        save_hand_on(save);
    pthread_mutex_unlock(&save->lock);
    return pcapng_error(save->file);
}

uint64_t flows_save_written(const struct flows_save *save)
{
    return save->written;
}

uint64_t flows_save_cut(const struct flows_save *save)
{
    return save->cut;
}
