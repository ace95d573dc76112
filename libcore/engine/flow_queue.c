/*
 * When flows leave. Packets do not move a flow in its queue: it is looked at when its bucket has
 * become the oldest, and filed again by its latest packet when there was one since. So the first
 * of the oldest bucket that needs no filing is the flow that is idle for longest, to a grain of a
 * 256th of the time that idle flows may stay.
 */
#include <string.h>

#include "engine/flow_internal.h"

#define QUEUE_GRAINS   256                          /* in a lifetime */
#define QUEUE_LOOK     64                           /* flows of a bucket compared for the oldest */
#define STEP_PLAUSIBLE (INT64_C(3600) * NS_PER_SEC) /* longer ones must be confirmed */
#define SYN_STALE_NS   (3 * NS_PER_SEC)             /* Linux sends SYNs again after 1 and 3 s */
#define STEP_BACK      NS_PER_SEC /* captures of several interfaces swap a little */

static void flow_queue_init_one(struct flow_queue *queue, int64_t lifetime_ns)
{
    memset(queue, 0, sizeof(*queue));
    int64_t ticks = lifetime_ns >> TICK_SHIFT;
    if (ticks > INT32_MAX / 2)
        ticks = INT32_MAX / 2;
    queue->lifetime = (uint32_t)ticks;
    queue->grain = queue->lifetime / QUEUE_GRAINS + 1;
}

void flow_queue_init(struct flows *flows)
{
    flow_queue_init_one(&flows->queues[QUEUE_SYN], flows->config.syn_ns);
    flow_queue_init_one(&flows->queues[QUEUE_OPEN], flows->config.idle_ns);
    flow_queue_init_one(&flows->queues[QUEUE_CLOSED], flows->config.linger_ns);
}

void flow_queue_add(struct flows *flows, struct flow *flow, enum flow_queue_kind kind)
{
    struct flow_queue *queue = &flows->queues[kind];
    struct flow_cold *cold = flow_cold(flows, flow);
    uint32_t number = flow->tick / queue->grain, now = flows->tick / queue->grain;
    bool reaches = now - number < QUEUE_BUCKETS;

    /* Out of another queue it may be so old that the ring cannot tell it from new ones. */
    if (queue->count == 0)
        queue->oldest = reaches ? number : now;
    else if (number < queue->oldest && reaches)
        queue->oldest = number;
    if (number < queue->oldest)
        number = queue->oldest;
    cold->bucket = number % QUEUE_BUCKETS;
    cold->older = queue->last[cold->bucket];
    cold->newer = 0;
    if (cold->older)
        flow_cold(flows, flow_at(flows, cold->older))->newer = flow->self;
    else
        queue->first[cold->bucket] = flow->self;
    queue->last[cold->bucket] = flow->self;
    flow->queue = (uint8_t)kind;
    queue->count++;
}

void flow_queue_drop(struct flows *flows, struct flow *flow)
{
    struct flow_queue *queue = &flows->queues[flow->queue];
    struct flow_cold *cold = flow_cold(flows, flow);

    if (cold->older)
        flow_cold(flows, flow_at(flows, cold->older))->newer = cold->newer;
    else
        queue->first[cold->bucket] = cold->newer;
    if (cold->newer)
        flow_cold(flows, flow_at(flows, cold->newer))->older = cold->older;
    else
        queue->last[cold->bucket] = cold->older;
    queue->count--;
}

/* Steps over empty buckets; false when the queue is empty. */
static bool flow_queue_seek(struct flow_queue *queue)
{
    if (queue->count == 0)
        return false;
    while (!queue->first[queue->oldest % QUEUE_BUCKETS])
        queue->oldest++;
    return true;
}

/* SYNs that were answered are moved when they are met: most of them have ended by then. */
static enum flow_queue_kind flow_queue_of(const struct flow *flow, enum flow_queue_kind kind)
{
    bool open = flow->state == FLOW_STATE_HANDSHAKE || flow->state == FLOW_STATE_OPEN;

    return kind == QUEUE_SYN && open ? QUEUE_OPEN : kind;
}

/* Of the oldest bucket: files those again that do not belong there, gives the oldest of the rest.
 */
static struct flow *flow_queue_oldest(struct flows *flows, enum flow_queue_kind kind)
{
    struct flow_queue *queue = &flows->queues[kind];

    while (flow_queue_seek(queue)) {
        struct flow *oldest = NULL;
        uint32_t number = queue->oldest;
        uint32_t id = queue->first[number % QUEUE_BUCKETS];
        for (unsigned looked = 0; id && looked < QUEUE_LOOK; looked++) {
            struct flow *flow = flow_at(flows, id);
            id = flow_cold(flows, flow)->newer;
            enum flow_queue_kind now = flow_queue_of(flow, kind);
            if (now != kind || flow->tick / queue->grain > number) {
                flow_queue_drop(flows, flow);
                flow_queue_add(flows, flow, now);
            } else if (!oldest || flow->tick < oldest->tick) {
                oldest = flow;
            }
        }
        if (oldest)
            return oldest;
    }
    return NULL;
}

static void flow_queue_expire(struct flows *flows, enum flow_queue_kind kind)
{
    struct flow_queue *queue = &flows->queues[kind];

    while (flow_queue_seek(queue)) {
        if ((queue->oldest + 1) * (uint64_t)queue->grain + queue->lifetime > flows->tick)
            return;
        struct flow *flow = flow_queue_oldest(flows, kind);
        if (!flow || (uint64_t)flow->tick + queue->lifetime > flows->tick)
            return;
        flow_close(flows, flow, flow_close_reason(flow, FLOW_END_IDLE));
    }
}

/* A long step counts when the next packet does not take it back. */
static void flow_queue_clock(struct flows *flows, int64_t when_ns)
{
    int64_t step = since_ns(when_ns, flows->when_ns);

    flows->when_ns = when_ns;
    if (flows->step_ns) {
        if (step > -STEP_PLAUSIBLE)
            flows->clock_ns = time_add(flows->clock_ns, flows->step_ns);
        flows->step_ns = 0;
    }
    if (step > STEP_PLAUSIBLE) {
        flows->step_ns = step;
        flows->summary.time_steps++;
    } else if (step > 0) {
        flows->clock_ns = time_add(flows->clock_ns, step);
    } else if (step < -STEP_BACK) {
        flows->summary.time_steps++;
    }
}

/* So far that no lifetime is longer, and no tick overflows. */
#define TICK_MAX (UINT32_MAX - 2)

void flow_queue_time(struct flows *flows, int64_t when_ns)
{
    flow_queue_clock(flows, when_ns);
    int64_t ticks = flows->clock_ns >> TICK_SHIFT;
    uint32_t tick = ticks > TICK_MAX ? TICK_MAX : (uint32_t)ticks;
    int64_t left = INT64_C(1) << TICK_SHIFT;
    flows->tick_left_ns = tick < TICK_MAX ? left - (flows->clock_ns & (left - 1)) : 0;
    if (tick == flows->tick)
        return;
    flows->tick = tick;
    for (int kind = 0; kind < QUEUES; kind++)
        flow_queue_expire(flows, (enum flow_queue_kind)kind);
}

/* What has ended goes first, then who was never answered, then the one idle for longest. */
static bool flow_queue_evict(struct flows *flows, enum flow_queue_kind kind)
{
    struct flow *flow = flow_queue_oldest(flows, kind);

    if (!flow)
        return false;
    enum flow_end end = flow_close_reason(flow, FLOW_END_EVICTED);
    flows->summary.evicted += flow->state != FLOW_STATE_CLOSED;
    flow_close(flows, flow, end);
    return true;
}

/* Beyond their share, SYNs stay no longer than the first that would be sent again. */
static bool flow_queue_syn_is_stale(struct flows *flows)
{
    if (flows->queues[QUEUE_SYN].count < flows->syn_share)
        return false;
    const struct flow_queue *queue = &flows->queues[QUEUE_SYN];
    if ((uint64_t)queue->oldest * queue->grain + (SYN_STALE_NS >> TICK_SHIFT) >= flows->tick)
        return false;
    const struct flow *flow = flow_queue_oldest(flows, QUEUE_SYN);
    return flow && flows->tick - flow->tick > SYN_STALE_NS >> TICK_SHIFT;
}

void flow_queue_make_room(struct flows *flows, bool syn)
{
    if (syn && flow_queue_syn_is_stale(flows))
        flow_queue_evict(flows, QUEUE_SYN);
    if (flows->table_count < flows->config.max_flows)
        return;
    if (!flow_queue_evict(flows, QUEUE_CLOSED) && !flow_queue_evict(flows, QUEUE_SYN))
        flow_queue_evict(flows, QUEUE_OPEN);
}
