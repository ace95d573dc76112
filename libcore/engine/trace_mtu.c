/*
 * The path MTU: probes that may not be fragmented. Routers that say "too big" name it; where they
 * vanish without a word it is searched, several sizes at a time, with small probes beside the
 * large ones so that loss is not taken for an MTU.
 */
#include "engine/trace_internal.h"

#define COPIES         2
#define CONFIRM_COPIES 3
#define TRIES          5  /* of a batch of which not even the small probes came back */
#define BATCHES        64 /* at most, however much is lost */
#define CONTROL        0  /* slot->tag: a small probe; else the index of the size, plus one */

/* RFC 791: every link carries 68 bytes; RFC 8200 (5): 1280. */
#define MTU_MIN4       68
#define MTU_MIN6       1280
#define MTU_PLAUSIBLE4 296 /* RFC 1191 (7): the least in use */

static bool mtu_size_settled(const struct mtu_search *mtu)
{
    for (size_t i = 0; i < mtu->nsizes; i++) {
        if (mtu->fates[i] == MTU_FATE_UNKNOWN)
            return false;
    }
    return true;
}

static void mtu_begin_batch(struct trace *trace, unsigned planned)
{
    struct mtu_search *mtu = &trace->mtu;

    for (size_t i = 0; i < mtu->nsizes; i++)
        mtu->fates[i] = MTU_FATE_UNKNOWN;
    mtu->planned = planned;
    mtu->handed_out = 0;
    mtu->controls = 0;
    mtu->first_id = trace->next_id;
}

/* The sizes to try next: what was named, or equally spaced ones between what passes and not. */
static void mtu_choose_sizes(struct trace *trace)
{
    struct mtu_search *mtu = &trace->mtu;
    unsigned between = mtu->high - mtu->low - 1u;

    if (mtu->high == mtu->top + 1 || (mtu->signalled > mtu->low && mtu->signalled < mtu->high)) {
        mtu->nsizes = 1;
        mtu->sizes[0] = mtu->high == mtu->top + 1 ? mtu->top : mtu->signalled;
    } else {
        mtu->nsizes = between < MTU_SIZES_MAX ? between : MTU_SIZES_MAX;
        for (unsigned i = 0; i < mtu->nsizes; i++)
            mtu->sizes[i] =
                (uint16_t)(mtu->low + (between + 1) * (i + 1) / ((unsigned)mtu->nsizes + 1));
    }
    mtu->tries = 0;
    mtu_begin_batch(trace, COPIES * ((unsigned)mtu->nsizes + 1));
}

static void mtu_confirm(struct trace *trace)
{
    trace->mtu.stage = MTU_CONFIRM;
    trace->mtu.nsizes = 1;
    trace->mtu.sizes[0] = trace->mtu.high;
    trace->mtu.tries = 0;
    mtu_begin_batch(trace, 2 * CONFIRM_COPIES);
}

/* Where do packets that are too big vanish? One to every TTL says how far they come. */
static void mtu_locate(struct trace *trace)
{
    unsigned ttls = trace->length - trace->config.first_ttl + 1u;

    trace->mtu.stage = MTU_LOCATE;
    trace->mtu.nsizes = 0;
    mtu_begin_batch(trace, COPIES * ttls);
}

static void mtu_finish(struct trace *trace, uint16_t result)
{
    trace->mtu.mtu = result;
    trace->mtu.stage = MTU_DONE;
}

void trace_mtu_start(struct trace *trace)
{
    struct mtu_search *mtu = &trace->mtu;

    if (mtu->stage != MTU_IDLE)
        return;
    mtu->top = trace->config.link_mtu;
    mtu->low = trace->config.size;
    mtu->high = (uint16_t)(mtu->top + 1);
    mtu->stage = MTU_SEARCH;
    if (trace->length_kind != LENGTH_TARGET || mtu->top <= mtu->low)
        mtu_finish(trace, 0);
    else
        mtu_choose_sizes(trace);
}

bool trace_mtu_done(const struct trace *trace)
{
    return trace->mtu.stage == MTU_DONE;
}

bool trace_mtu_is_blackhole(const struct trace *trace)
{
    return trace->mtu.silent;
}

uint8_t trace_mtu_ttl(const struct trace *trace)
{
    return trace->mtu.silent ? trace->mtu.located_ttl : trace->mtu.signaller_ttl;
}

/* What a batch has shown, once it is answered or overdue: the bounds move together. */
static void mtu_narrow(struct mtu_search *mtu)
{
    for (size_t i = 0; i < mtu->nsizes; i++) {
        if (mtu->fates[i] == MTU_FATE_PASSED && mtu->sizes[i] > mtu->low)
            mtu->low = mtu->sizes[i];
    }
    if (mtu->high <= mtu->low)
        mtu->high = (uint16_t)(mtu->top + 1); /* what seemed too big was lost */
    for (size_t i = 0; i < mtu->nsizes; i++) {
        if (mtu->sizes[i] <= mtu->low || mtu->sizes[i] >= mtu->high)
            continue;
        mtu->high = mtu->sizes[i];
        mtu->silent = mtu->fates[i] == MTU_FATE_UNKNOWN;
    }
    if (mtu->signalled > mtu->low && mtu->signalled < mtu->high - 1)
        mtu->high = (uint16_t)(mtu->signalled + 1);
}

/* What vanishes below this is no link's doing: the target answers small probes only. */
static uint16_t mtu_least(const struct trace *trace)
{
    return trace->config.destination.family == 6 ? MTU_MIN6 : MTU_PLAUSIBLE4;
}

static void mtu_evaluate(struct trace *trace)
{
    struct mtu_search *mtu = &trace->mtu;

    if (mtu->stage == MTU_LOCATE) {
        mtu_finish(trace, mtu->low);
        return;
    }
    if (!mtu_size_settled(mtu) && mtu->controls == 0) { /* loss, or nobody is there any more */
        if (++mtu->tries < TRIES)
            mtu_begin_batch(trace, mtu->planned);
        else
            mtu_finish(trace, 0);
        return;
    }
    if (++mtu->batches > BATCHES) {
        mtu_finish(trace, 0);
        return;
    }
    bool confirming = mtu->stage == MTU_CONFIRM;
    mtu->stage = MTU_SEARCH;
    mtu_narrow(mtu);
    if (mtu->high - mtu->low > 1)
        mtu_choose_sizes(trace);
    else if (!mtu->silent || mtu->low == mtu->top)
        mtu_finish(trace, mtu->low);
    else if (mtu->low < mtu_least(trace))
        mtu_finish(trace, 0);
    else if (confirming)
        mtu_locate(trace);
    else
        mtu_confirm(trace);
}

/* Nothing of the batch is worth waiting for any more; else *wake_ns is when that may be so. */
static bool mtu_batch_over(const struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    const struct mtu_search *mtu = &trace->mtu;
    int64_t patience_ns = trace_wait_patience(trace), due_ns = 0;

    if (mtu->stage != MTU_LOCATE && mtu_size_settled(mtu))
        return true;
    for (uint32_t id = mtu->first_id; id != trace->next_id; id++) {
        const struct trace_slot *slot = trace_slot_get(trace, id);
        if (!slot || slot->purpose != TRACE_FOR_MTU)
            continue;
        bool waits =
            slot->state == SLOT_FLIGHT || slot->state == SLOT_OFFERED || slot->state == SLOT_AGAIN;
        if (waits && time_add(slot->wait_ns, patience_ns) > due_ns)
            due_ns = time_add(slot->wait_ns, patience_ns);
    }
    if (now_ns >= due_ns)
        return true;
    if (due_ns < *wake_ns)
        *wake_ns = due_ns;
    return false;
}

static struct trace_slot *mtu_hand_out(struct trace *trace, int64_t now_ns)
{
    struct mtu_search *mtu = &trace->mtu;
    unsigned turn = mtu->handed_out++;
    uint8_t ttl = trace->config.max_ttl;
    uint8_t tag = (uint8_t)(turn % (mtu->nsizes + 1)); /* small ones among the large ones */

    if (mtu->stage == MTU_LOCATE)
        ttl = (uint8_t)(trace->config.first_ttl +
                        turn % (trace->length - trace->config.first_ttl + 1u));
    struct trace_slot *slot = trace_slot_new(trace, TRACE_FOR_MTU, ttl, 0, now_ns);
    if (!slot)
        return NULL;
    if (trace->config.protocol == PROBE_TCP) /* an open port answers one SYN of a pair of ports */
        slot->flow = 1 + slot->id % MDA_FLOWS_MAX;
    slot->tag = tag;
    if (mtu->stage == MTU_LOCATE)
        slot->size = mtu->high;
    else if (tag != CONTROL)
        slot->size = mtu->sizes[tag - 1];
    return slot;
}

bool trace_mtu_next(struct trace *trace, int64_t now_ns, struct trace_slot **slot, int64_t *wake_ns)
{
    struct mtu_search *mtu = &trace->mtu;

    while (mtu->stage != MTU_DONE && mtu->handed_out == mtu->planned) {
        if (!mtu_batch_over(trace, now_ns, wake_ns))
            return false;
        mtu_evaluate(trace);
    }
    if (mtu->stage == MTU_DONE)
        return false;
    *slot = mtu_hand_out(trace, now_ns);
    if (!*slot)
        trace->broken = true;
    return *slot != NULL;
}

/* The TTL at which the trace met this address; else as the TTL left in the quote tells it. */
static uint8_t mtu_ttl_of(const struct trace *trace, const struct trace_slot *slot,
                          const struct packet *packet)
{
    const struct address *who = &packet->ip.source;
    uint8_t left = packet->icmp.quote.ip.ttl;

    for (size_t i = 0; i < trace->nhops; i++) {
        for (size_t r = 0; r < trace->hops[i].hop.nresponders; r++) {
            if (address_equal(&trace->hops[i].hop.responders[r].address, who))
                return trace->hops[i].hop.ttl;
        }
    }
    return left > 0 && left <= slot->ttl ? (uint8_t)(slot->ttl - left + 1) : 0;
}

static void mtu_refused(struct trace *trace, const struct trace_slot *slot,
                        const struct packet *packet)
{
    struct mtu_search *mtu = &trace->mtu;
    uint32_t least = packet->ip.version == 6 ? MTU_MIN6 : MTU_MIN4;
    uint32_t named = packet->icmp.mtu;

    if (slot->tag != CONTROL && slot->tag <= mtu->nsizes)
        mtu->fates[slot->tag - 1] = MTU_FATE_REFUSED;
    bool usable = named >= least && named < slot->size;
    if (mtu->refused && !(usable && (!mtu->signalled || named < mtu->signalled)))
        return;
    mtu->refused = true;
    if (usable)
        mtu->signalled = (uint16_t)named;
    mtu->signaller = packet->ip.source;
    mtu->signaller_ttl = mtu_ttl_of(trace, slot, packet);
}

/* The first link that is too narrow says so; what routers behind it would say nobody hears. */
void trace_mtu_refusal(struct trace *trace, const struct trace_slot *slot,
                       const struct packet *packet)
{
    struct mtu_refusals *refusals = &trace->refusals;
    uint8_t ttl = mtu_ttl_of(trace, slot, packet);
    uint32_t named = packet->icmp.mtu;

    if (!refusals->count || (ttl && ttl < refusals->ttl)) {
        refusals->ttl = ttl;
        refusals->router = packet->ip.source;
    }
    if (named > 0 && named < slot->size && (!refusals->mtu || named < refusals->mtu))
        refusals->mtu = (uint16_t)named;
    refusals->count++;
    refusals->latest_round = slot->round;
}

/* The newest round's answers may not all be there. */
bool trace_mtu_still_refused(const struct trace *trace)
{
    return trace->refusals.count && trace->refusals.latest_round + 2 >= trace->rounds;
}

static bool mtu_is_too_big(const struct packet *packet)
{
    if (!(packet->layers & LAYER_ICMP))
        return false;
    if (packet->ip.version == 6)
        return packet->icmp.type == 2;
    return packet->icmp.type == 3 && packet->icmp.code == 4;
}

void trace_mtu_answer(struct trace *trace, const struct trace_slot *slot,
                      const struct packet *packet, bool is_target)
{
    struct mtu_search *mtu = &trace->mtu;

    if (mtu->stage == MTU_DONE || (int32_t)(slot->id - mtu->first_id) < 0)
        return;
    if (mtu->stage == MTU_LOCATE) {
        if (!mtu_is_too_big(packet) && !is_target && slot->ttl > mtu->located_ttl)
            mtu->located_ttl = slot->ttl;
    } else if (mtu_is_too_big(packet)) {
        mtu_refused(trace, slot, packet);
    } else if (!is_target) {
        return;
    } else if (slot->tag == CONTROL) {
        mtu->controls++;
    } else {
        mtu->fates[slot->tag - 1] = MTU_FATE_PASSED;
    }
}

/* Our own interface refused it: the narrow link is the first one. */
void trace_mtu_too_big(struct trace *trace, const struct trace_slot *slot)
{
    struct mtu_search *mtu = &trace->mtu;

    if (mtu->stage == MTU_DONE || mtu->stage == MTU_LOCATE || slot->tag == CONTROL ||
        (int32_t)(slot->id - mtu->first_id) < 0)
        return;
    mtu->fates[slot->tag - 1] = MTU_FATE_REFUSED;
    mtu->refused = true;
}
