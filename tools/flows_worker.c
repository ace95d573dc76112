#include "tools/flows_worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "base/timespan.h"
#include "io/clockmap.h"
#include "io/tap.h"

#define WORKER_WAIT_NS  (500 * NS_PER_MS) /* quiet interfaces let time pass this often */
#define WORKER_COUNT_NS (200 * NS_PER_MS) /* and what was dropped is looked up */

/* --- packets ---------------------------------------------------------------------------------- */

static void worker_event(void *context, const struct flow_event *event)
{
    struct flows_worker *worker = context;
    const struct flows_run *run = worker->team->run;

    if (run->save)
        flows_save_event(run->save, event);
    if (run->options->common.format == FORMAT_JSONL)
        flows_output_event(run->output, event, worker->unix_offset_ns);
}

static void worker_flush(struct flows_worker *worker)
{
    if (worker->count)
        flows_receive(worker->flows, worker->segments, worker->count);
    worker->count = 0;
}

/* Both directions are one worker's. The engine's table mixes with a key of its own. */
static bool worker_is_ours(const struct flows_worker *worker, const struct segment *s)
{
    uint64_t a[2], b[2];

    memcpy(a, s->source, sizeof(a));
    memcpy(b, s->destination, sizeof(b));
    uint64_t both = a[0] + b[0] + a[1] + b[1];
    both += (uint64_t)(s->source_port + s->destination_port) << 32;
    both *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 by the golden ratio: Knuth, TAOCP 3, 6.4 */
    return (both >> 32) % worker->team->shares == worker->index;
}

static void worker_frame(struct flows_worker *worker, const struct netio_frame *frame)
{
    struct segment *segment = &worker->segments[worker->count];
    struct flows_save *save = worker->team->run->save;
    enum segment_kind kind;

    segment->ifindex = frame->ifindex;
    segment->direction = (uint8_t)frame->direction;
    kind = segment_decode(frame->link, frame->bytes, frame->len, frame->wire_len, segment);
    if (kind != SEGMENT_TCP) {
        if (worker->counts_frames)
            flows_count_other(worker->flows, kind);
        return;
    }
    if (worker->team->shares > 1 && !worker_is_ours(worker, segment))
        return;
    segment->when_ns = frame->when_ns;
    segment->frame = frame->number;
    if (save)
        flows_save_packet(save, frame, segment, worker->unix_offset_ns);
    worker->count++;
}

/* --count, shared by all. */
static int worker_limit(struct flows_team *team, int count)
{
    uint_fast64_t left = atomic_load(&team->left), taken;

    do
        taken = left < (uint_fast64_t)count ? left : (uint_fast64_t)count;
    while (!atomic_compare_exchange_weak(&team->left, &left, left - taken));
    if (left == taken)
        atomic_store(&team->stop, true);
    return (int)taken;
}

static void worker_take(struct flows_worker *worker, const struct netio_frame *frames, int count)
{
    struct flows_rates *rates = worker->team->rates;

    if (worker->team->run->options->count)
        count = worker_limit(worker->team, count);
    pthread_mutex_lock(&worker->lock);
    for (int i = 0; i < count && !worker->closed; i++) {
        if (rates && flows_rates_due(rates, frames[i].when_ns)) {
            worker_flush(worker);
            flows_rates_emit(rates, frames[i].when_ns, worker->unix_offset_ns);
        }
        worker_frame(worker, &frames[i]);
        worker->frames += worker->counts_frames;
    }
    /* Of a share alone, batches would be too short to fetch memory ahead. */
    if (!worker->closed && (worker->team->shares == 1 || worker->count >= FLOWS_BATCH))
        worker_flush(worker);
    pthread_mutex_unlock(&worker->lock);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* For the main thread, which must not ask an input that this one reads. */
static void worker_count(struct flows_worker *worker)
{
    struct netio_counters counters;

    worker->counted_ns = clockmap_clock(NULL, CLOCK_MONOTONIC);
    int err = netio_counters(worker->io, &counters);
    int64_t offset_ns = netio_to_unix(worker->io, 0);
    pthread_mutex_lock(&worker->lock);
    if (!err)
        worker->counters = counters;
    worker->unix_offset_ns = offset_ns;
    pthread_mutex_unlock(&worker->lock);
}

static void worker_idle(struct flows_worker *worker)
{
    int64_t now = netio_now(worker->io);

    pthread_mutex_lock(&worker->lock);
    if (!worker->closed)
        flows_tick(worker->flows, now);
    pthread_mutex_unlock(&worker->lock);
    netio_wait(worker->io, time_add(now, WORKER_WAIT_NS));
}

/* Goes on, or why not. */
static int worker_step(struct flows_worker *worker, bool live)
{
    bool stop = atomic_load(&worker->team->stop);
    struct netio_frame frames[FLOWS_BATCH];

    if (stop && !live)
        return -EINTR;
    if (stop)
        tap_stop(worker->io);
    if (live && netio_now(worker->io) - worker->counted_ns >= WORKER_COUNT_NS)
        worker_count(worker);
    int got = netio_receive_batch(worker->io, frames, FLOWS_BATCH);
    if (got > 0)
        worker_take(worker, frames, got);
    else if (got == -ENETDOWN) {
        pthread_mutex_lock(&worker->lock);
        worker->downs++;
        pthread_mutex_unlock(&worker->lock);
    } else if (got < 0)
        return got;
    else if (live && tap_drained(worker->io))
        return -EINTR;
    else
        worker_idle(worker);
    return 0;
}

static void worker_finish(struct flows_worker *worker)
{
    worker_flush(worker);
    flows_finish(worker->flows);
}

static void *worker_main(void *context)
{
    struct flows_worker *worker = context;
    bool live = flows_input_is_live(worker->team->run->input);
    int ended = 0;

    while (!ended)
        ended = worker_step(worker, live);
    worker_count(worker);
    pthread_mutex_lock(&worker->lock);
    if (!live && !worker->closed)
        worker_finish(worker);
    worker->ended = ended;
    pthread_mutex_unlock(&worker->lock);
    loop_notify(worker->team->run->loop);
    return NULL;
}

int flows_worker_init(struct flows_worker *worker, struct flows_team *team, uint32_t index,
                      struct netio *io)
{
    const struct flows_options *o = team->run->options;
    struct flows_config config = o->config;

    memset(worker, 0, sizeof(*worker));
    worker->team = team;
    worker->io = io;
    worker->index = index;
    worker->counts_frames = team->shares == 1 || index == 0;
    worker->unix_offset_ns = netio_to_unix(io, 0);
    pthread_mutex_init(&worker->lock, NULL);
    if (getrandom(&config.seed, sizeof(config.seed), 0) < 0)
        config.seed = (uint64_t)clockmap_clock(NULL, CLOCK_MONOTONIC);
    if (team->run->save || o->common.format == FORMAT_JSONL)
        config.event = worker_event;
    config.context = worker;
    return flows_new(&config, &worker->flows, NULL);
}

/* Signals are the main thread's. */
int flows_worker_start(struct flows_worker *worker)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int err = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->started = err == 0;
    return -err;
}

bool flows_worker_join(struct flows_worker *worker, int64_t until_ns)
{
    struct timespec until = {.tv_sec = until_ns / NS_PER_SEC, .tv_nsec = until_ns % NS_PER_SEC};

    if (worker->started && !worker->joined)
        worker->joined = pthread_clockjoin_np(worker->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
    return worker->joined || !worker->started;
}

int flows_worker_close(struct flows_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    int ended = worker->ended;
    worker->closed = true;
    worker_finish(worker);
    pthread_mutex_unlock(&worker->lock);
    return ended;
}

void flows_worker_release(struct flows_worker *worker)
{
    flows_free(worker->flows);
    pthread_mutex_destroy(&worker->lock);
}
