#include "tools/syn_sweep.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "wire/craft.h"

#define SYN_SWEEP_BATCH  SWEEP_BATCH_MAX
#define SYN_SWEEP_FRAMES 4096 /* read before probes are looked after again */
#define SYN_SWEEP_SLOT   128  /* bytes: IPv6, TCP and all the options there can be, 100 */
/* Bytes of an answer: cooked header, and an ICMP error that quotes a SYN behind long headers. */
#define SYN_SWEEP_SNAPLEN     256
#define SYN_SWEEP_RING_BYTES  (8 << 20) /* 25,000 frames: a tenth of a second at full speed */
#define SYN_SWEEP_SENDERS_MAX 4
#define SYN_SWEEP_PROGRESS_NS (500 * NS_PER_MS)
#define SYN_SWEEP_TTL         64
#define SYN_SWEEP_WINDOW      64240
#define SYN_SWEEP_MSS4        1460 /* of an Ethernet, RFC 9293 3.7.1 */
#define SYN_SWEEP_MSS6        1440

struct syn_sweep_template {
    uint8_t bytes[SYN_SWEEP_SLOT];
    size_t len; /* 0: the family is not asked */
};

struct syn_sweep {
    const struct syn_sweep_network *network;
    const struct syn_sweep_output *output;
    struct syn_sweep_result *result;
    struct sweep *sweep; /* owned */
    struct syn_sweep_template four, six;
    int64_t start_ns, paused_ns;
    int64_t progress_ns, progress_sent_ns; /* when the next one is due; when the latest was */
    uint64_t progress_sent;
    struct sweep_probe probes[SYN_SWEEP_BATCH];
    struct netio_packet packets[SYN_SWEEP_BATCH];
    uint8_t slots[SYN_SWEEP_BATCH][SYN_SWEEP_SLOT];
};

static int syn_sweep_fail(char error[IO_ERROR_SIZE], int code, const char *what, const char *why)
{
    snprintf(error, IO_ERROR_SIZE, "%s: %s", what, why);
    return code;
}

/* --- how it looks -------------------------------------------------------------- */

/*
 * One thread more than there are processors: where others want them too, a batch does not wait
 * for the one that was put aside.
 */
void syn_sweep_raw_options(double rate_pps, struct raw_options *options)
{
    cpu_set_t cpus;

    options->snaplen = SYN_SWEEP_SNAPLEN;
    options->ring = true;
    options->buffer_bytes = SYN_SWEEP_RING_BYTES;
    options->incoming_only = true;
    if (rate_pps > 0 || sched_getaffinity(0, sizeof(cpus), &cpus))
        return;
    int count = CPU_COUNT(&cpus) + 1;
    options->senders = (unsigned)(count < SYN_SWEEP_SENDERS_MAX ? count : SYN_SWEEP_SENDERS_MAX);
}

void syn_sweep_shape(struct probe *shape)
{
    *shape = (struct probe){.ttl = SYN_SWEEP_TTL,
                            .df = true,
                            .tcp_window = SYN_SWEEP_WINDOW,
                            .tcp_options = PROBE_TCP_MSS};
}

/* Built once per family; addresses, ports and number of each probe are patched into copies. */
static int syn_sweep_template(struct craft *craft, const struct probe *shape,
                              const struct sweep_range *range, struct syn_sweep_template *out)
{
    struct probe probe = *shape;

    if (out->len)
        return 0;
    probe.protocol = PROBE_TCP;
    probe.tcp_flags |= TCP_SYN;
    probe.source = range->source;
    probe.destination = range->first;
    if (!probe.tcp_mss)
        probe.tcp_mss = probe.source.family == 4 ? SYN_SWEEP_MSS4 : SYN_SWEEP_MSS6;
    return craft_probe(craft, &probe, out->bytes, sizeof(out->bytes), &out->len);
}

static int syn_sweep_templates(struct syn_sweep *s, const struct sweep_config *config,
                               const struct probe *shape, char error[IO_ERROR_SIZE])
{
    struct probe standard;
    struct craft *craft;
    int err = craft_new(&craft);

    if (err)
        return syn_sweep_fail(error, err, "SYN", strerror(-err));
    syn_sweep_shape(&standard);
    for (size_t i = 0; i < config->nranges && !err; i++) {
        const struct sweep_range *range = &config->ranges[i];

        err = syn_sweep_template(craft, shape ? shape : &standard, range,
                                 range->first.family == 4 ? &s->four : &s->six);
    }
    if (err)
        syn_sweep_fail(error, err, "SYN", craft_error(craft));
    craft_free(craft);
    return err;
}

/* --- sending ------------------------------------------------------------------- */

static void syn_sweep_patch(struct syn_sweep *s, size_t i)
{
    const struct sweep_probe *probe = &s->probes[i];
    const struct syn_sweep_template *from = probe->destination.family == 4 ? &s->four : &s->six;
    uint8_t *slot = s->slots[i];

    memcpy(slot, from->bytes, from->len);
    craft_patch_source(slot, from->len, &probe->source);
    craft_patch_destination(slot, from->len, &probe->destination);
    craft_patch_ports(slot, from->len, probe->source_port, probe->port);
    craft_patch_tcp_seq(slot, from->len, probe->seq);
    s->packets[i] =
        (struct netio_packet){.bytes = slot, .len = from->len, .ifindex = probe->destination.scope};
}

/* A batch of what may leave now. How many there were. */
static size_t syn_sweep_send(struct syn_sweep *s, int64_t *wake_ns, bool *done)
{
    struct netio *io = s->network->io;
    size_t n = sweep_next(s->sweep, netio_now(io), s->probes, SYN_SWEEP_BATCH, wake_ns, done);

    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        syn_sweep_patch(s, i);
    int taken = netio_send(io, s->packets, n);
    int refusal = taken < 0 ? taken : -EAGAIN;
    int64_t now = netio_now(io);
    for (size_t i = 0; i < n; i++)
        sweep_sent(s->sweep, &s->probes[i],
                   taken > 0 && i < (size_t)taken ? s->packets[i].error : refusal, now);
    return n;
}

/* --- receiving ----------------------------------------------------------------- */

static int syn_sweep_take(struct syn_sweep *s, const struct netio_frame *frame)
{
    struct sweep_observation seen;
    struct packet packet;

    if (frame->direction == PACKET_OUTGOING)
        return 0;
    packet_decode(frame->link, frame->bytes, frame->len, frame->wire_len, &packet);
    if (!(packet.layers & LAYER_IP) || packet.link.direction == PACKET_OUTGOING ||
        sweep_receive(s->sweep, &packet, &seen) == SWEEP_FOREIGN || !s->output->answer)
        return 0;
    return s->output->answer(s->output->context, &seen, frame->when_ns);
}

static int syn_sweep_receive(struct syn_sweep *s)
{
    struct netio_frame frame;

    for (int i = 0; i < SYN_SWEEP_FRAMES; i++) {
        int got = netio_receive(s->network->io, &frame);

        if (got == -ENETDOWN)
            s->result->link_downs++;
        else if (got == 0 || got == -EAGAIN || got == -EINTR)
            return 0;
        else if (got < 0)
            return got;
        int err = got > 0 ? syn_sweep_take(s, &frame) : 0;
        if (err)
            return err;
    }
    return 0;
}

/* --- the run ------------------------------------------------------------------- */

static void syn_sweep_state(struct syn_sweep *s, int64_t now, struct syn_sweep_progress *progress)
{
    struct netio_counters counters = {0};

    netio_counters(s->network->io, &counters);
    sweep_counts(s->sweep, now, &progress->counts);
    progress->capture_dropped = counters.capture_dropped;
    progress->elapsed_ns = now - s->start_ns;
}

static int syn_sweep_show(struct syn_sweep *s)
{
    int64_t now = netio_now(s->network->io);
    struct syn_sweep_progress progress;

    if (!s->output->progress || now < s->progress_ns)
        return 0;
    syn_sweep_state(s, now, &progress);
    progress.rate_pps = (double)(progress.counts.sent - s->progress_sent) * 1e9 /
                        (double)(now - s->progress_sent_ns);
    s->progress_sent = progress.counts.sent;
    s->progress_sent_ns = now;
    s->progress_ns =
        now + (s->output->progress_ns ? s->output->progress_ns : SYN_SWEEP_PROGRESS_NS);
    return s->output->progress(s->output->context, &progress);
}

/* Sleeps, looks for signals even when there is no time to sleep, and for pauses. */
static int syn_sweep_wait(struct syn_sweep *s, int64_t wake_ns)
{
    if (s->output->progress && s->progress_ns < wake_ns)
        wake_ns = s->progress_ns;
    int err = netio_wait(s->network->io, wake_ns);
    int64_t paused = s->network->loop ? loop_paused_ns(s->network->loop) - s->paused_ns : 0;

    s->paused_ns += paused;
    sweep_shift(s->sweep, paused);
    return err;
}

static int syn_sweep_loop(struct syn_sweep *s)
{
    for (;;) {
        int64_t wake_ns;
        bool done;

        syn_sweep_send(s, &wake_ns, &done);
        int err = syn_sweep_receive(s);
        if (!err)
            err = syn_sweep_show(s);
        if (err || done)
            return err;
        err = syn_sweep_wait(s, wake_ns);
        if (err)
            return err;
    }
}

static int syn_sweep_filter(struct syn_sweep *s, char error[IO_ERROR_SIZE])
{
    char filter[512];
    uint16_t first, last;

    if (!s->network->raw)
        return 0;
    sweep_source_ports(s->sweep, &first, &last);
    snprintf(filter, sizeof(filter), "(tcp dst portrange %u-%u)%s%s", first, last,
             s->four.len ? " or (icmp and (icmp[0] = 3 or icmp[0] = 11 or icmp[0] = 12))" : "",
             s->six.len ? " or (icmp6 and ip6[40] < 5)" : "");
    return raw_filter(s->network->raw, filter, error);
}

static int syn_sweep_begin(struct syn_sweep *s, const struct sweep_config *config,
                           const struct probe *shape, char error[IO_ERROR_SIZE])
{
    const char *why = NULL;
    int err = sweep_new(config, netio_now(s->network->io), &s->sweep, &why);

    if (err)
        return syn_sweep_fail(error, err, "sweep", why);
    err = syn_sweep_templates(s, config, shape, error);
    if (!err)
        err = syn_sweep_filter(s, error);
    s->start_ns = s->progress_sent_ns = netio_now(s->network->io);
    s->progress_ns = s->start_ns;
    s->paused_ns = s->network->loop ? loop_paused_ns(s->network->loop) : 0;
    return err;
}

static void syn_sweep_end(struct syn_sweep *s)
{
    struct syn_sweep_progress state;

    syn_sweep_state(s, netio_now(s->network->io), &state);
    s->result->counts = state.counts;
    s->result->elapsed_ns = state.elapsed_ns;
    s->result->capture_dropped = state.capture_dropped;
}

int syn_sweep_run(const struct syn_sweep_network *network, const struct sweep_config *config,
                  const struct probe *shape, const struct syn_sweep_output *output,
                  struct syn_sweep_result *result, char error[IO_ERROR_SIZE])
{
    static const struct syn_sweep_output silent;
    struct syn_sweep *s = calloc(1, sizeof(*s));

    error[0] = '\0';
    *result = (struct syn_sweep_result){.counts.achieved_pps = NAN};
    if (!s)
        return syn_sweep_fail(error, -ENOMEM, "sweep", strerror(ENOMEM));
    s->network = network;
    s->output = output ? output : &silent;
    s->result = result;
    int err = syn_sweep_begin(s, config, shape, error);
    if (!err) {
        err = syn_sweep_loop(s);
        if (err)
            sweep_stop(s->sweep);
        if (err == -EINTR)
            syn_sweep_receive(s);
        else if (err && !*error)
            syn_sweep_fail(error, err, "sweep", strerror(-err));
        syn_sweep_end(s);
    }
    sweep_free(s->sweep);
    free(s);
    return err;
}
