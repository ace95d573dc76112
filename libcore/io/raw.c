#include "io/raw.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "io/capture.h"
#include "io/clockmap.h"
#include "io/linkwatch.h"
#include "io/rawsend.h"

/* Each frame has a slot of this size (and 2 KiB slots fill pages): 1500 bytes of IP fit whole. */
#define RAW_SNAPLEN      1800
#define RAW_BUFFER_BYTES (2 * 1024 * 1024)

struct raw {
    struct netio io;
    struct loop *loop; /* borrowed */
    struct rawsend *send;
    struct capture *capture;
    ev_io readable, link_changed;
    struct linkwatch link; /* fd -1 and ifindex 0 without an interface */
    struct clockmap clock;
    struct netio_frame twin; /* the incoming side of a loopback frame, if twin_waits */
    bool twin_waits, no_twins;
    bool drained;       /* the latest receive found nothing */
    int64_t drained_ns; /* everything stamped before this was read */
    struct netio_counters counters;
};

/* --- sending ------------------------------------------------------------------ */

static int raw_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct raw *raw = (struct raw *)io;
    int taken = rawsend_packets(raw->send, packets, count);

    for (int i = 0; i < taken; i++) {
        raw->counters.sent += packets[i].error == 0;
        raw->counters.send_errors += packets[i].error != 0;
    }
    return taken;
}

/* --- receiving ---------------------------------------------------------------- */

/* linux/if_packet.h: PACKET_OUTGOING; linux/if_arp.h: ARPHRD_LOOPBACK. */
#define RAW_SLL_OUTGOING 4
#define RAW_SLL_LOOPBACK 772

/*
 * tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html. A packet on the loopback leaves and arrives, and
 * libpcap keeps the arriving copy alone: it is given out as both.
 */
static void raw_read_cooked(struct raw *raw, struct netio_frame *frame)
{
    struct cursor c = cursor_init(frame->bytes, frame->len);

    cursor_seek(&c, 4);
    frame->ifindex = cursor_u32(&c);
    bool loopback = cursor_u16(&c) == RAW_SLL_LOOPBACK;
    uint8_t type = cursor_u8(&c);
    raw->twin_waits = loopback && !raw->no_twins;
    if (c.failed || (loopback && raw->no_twins))
        return;
    frame->direction =
        raw->twin_waits || type == RAW_SLL_OUTGOING ? PACKET_OUTGOING : PACKET_INCOMING;
}

static void raw_stamp(struct raw *raw, int64_t unix_ns, struct netio_frame *frame)
{
    int64_t now = loop_now(raw->loop);

    if (unix_ns == 0) {
        frame->user_stamp = true;
        frame->when_ns = now;
        raw->counters.user_stamps++;
        return;
    }
    frame->when_ns = clockmap_map(&raw->clock, unix_ns, raw->drained_ns, now);
}

static int raw_receive(struct netio *io, struct netio_frame *frame)
{
    struct raw *raw = (struct raw *)io;
    struct capture_frame captured;

    if (raw->twin_waits) {
        *frame = raw->twin;
        raw->twin_waits = false;
        return 1;
    }
    if (raw->link.fd >= 0 && raw->drained) {
        int change = linkwatch_poll(&raw->link);
        if (change)
            return change;
    }
    int64_t before = loop_now(raw->loop);
    clockmap_update(&raw->clock);
    int got = capture_next(raw->capture, &captured);
    raw->drained = got != 1;
    if (got == 0)
        raw->drained_ns = before;
    if (got != 1)
        return got;
    *frame = (struct netio_frame){.link = LINK_LINUX_SLL2,
                                  .bytes = captured.bytes,
                                  .len = captured.len,
                                  .wire_len = captured.wire_len};
    raw_read_cooked(raw, frame);
    raw_stamp(raw, captured.unix_ns, frame);
    raw->twin = *frame;
    raw->twin.direction = PACKET_INCOMING;
    raw->counters.received++;
    return 1;
}

static void raw_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)ev;
    (void)events;
    loop_wake(watcher->data);
}

/* Watches only while somebody waits for frames: other waits on the loop are not woken by them. */
static int raw_wait(struct netio *io, int64_t until_ns)
{
    struct raw *raw = (struct raw *)io;
    struct ev_loop *ev = loop_ev(raw->loop);

    if (raw->twin_waits)
        return 0;
    ev_io_start(ev, &raw->readable);
    if (raw->link.fd >= 0)
        ev_io_start(ev, &raw->link_changed);
    int error = loop_wait(raw->loop, until_ns);
    ev_io_stop(ev, &raw->readable);
    if (raw->link.fd >= 0)
        ev_io_stop(ev, &raw->link_changed);
    return error;
}

static int raw_counters(struct netio *io, struct netio_counters *counters)
{
    struct raw *raw = (struct raw *)io;
    int code = capture_add_dropped(raw->capture, &raw->counters.capture_dropped);

    if (code)
        return code;
    *counters = raw->counters;
    return 0;
}

static int64_t raw_now(struct netio *io)
{
    return loop_now(((struct raw *)io)->loop);
}

static int64_t raw_to_unix(struct netio *io, int64_t when_ns)
{
    return clockmap_to_unix(&((struct raw *)io)->clock, when_ns);
}

static void raw_close(struct netio *io)
{
    struct raw *raw = (struct raw *)io;

    capture_close(raw->capture);
    rawsend_close(raw->send);
    linkwatch_close(&raw->link);
    free(raw);
}

static const struct netio_ops raw_ops = {
    .now = raw_now,
    .to_unix = raw_to_unix,
    .send = raw_send,
    .receive = raw_receive,
    .wait = raw_wait,
    .counters = raw_counters,
    .close = raw_close,
};

/* --- opening ------------------------------------------------------------------ */

static int raw_open_capture(struct raw *raw, const struct raw_options *options,
                            char error[IO_ERROR_SIZE])
{
    const struct capture_options capture = {
        .ring = options->ring,
        .incoming_only = options->incoming_only,
        .snaplen = options->snaplen > 0 ? options->snaplen : RAW_SNAPLEN,
        .buffer_bytes = options->buffer_bytes > 0 ? options->buffer_bytes : RAW_BUFFER_BYTES,
    };

    return capture_open(&capture, &raw->capture, error);
}

static int raw_open_all(struct raw *raw, const struct raw_options *options,
                        char error[IO_ERROR_SIZE])
{
    int code = options->interface ? linkwatch_open_named(&raw->link, options->interface, error) : 0;

    if (code)
        return code;
    code = rawsend_open(options->interface, options->senders, &raw->send);
    if (code)
        return io_fail(error, code, "raw socket", strerror(-code));
    return raw_open_capture(raw, options, error);
}

int raw_open(struct loop *loop, const struct raw_options *options, struct netio **out,
             char error[IO_ERROR_SIZE])
{
    struct raw *raw = calloc(1, sizeof(*raw));

    error[0] = '\0';
    if (!raw)
        return io_fail(error, -ENOMEM, "capture", strerror(ENOMEM));
    raw->io = (struct netio){.ops = &raw_ops, .name = "raw", .privilege = "raw"};
    raw->loop = loop;
    raw->no_twins = options->loopback_once;
    raw->link.fd = -1;
    int code = raw_open_all(raw, options, error);
    if (code) {
        raw_close(&raw->io);
        return code;
    }
    clockmap_init(&raw->clock, NULL, NULL);
    raw->drained = true;
    raw->drained_ns = loop_now(loop);
    ev_io_init(&raw->readable, raw_ready, capture_fd(raw->capture), EV_READ);
    ev_io_init(&raw->link_changed, raw_ready, raw->link.fd, EV_READ);
    raw->readable.data = raw->link_changed.data = loop;
    *out = &raw->io;
    return 0;
}

int raw_filter(struct netio *io, const char *expression, char error[IO_ERROR_SIZE])
{
    struct raw *raw = (struct raw *)io;

    error[0] = '\0';
    if (io->ops != &raw_ops)
        return io_fail(error, -EINVAL, "capture filter", "not a live capture");
    int64_t before = loop_now(raw->loop);
    int code = capture_filter(raw->capture, expression, raw->link.ifindex, error);
    if (!code) {
        raw->twin_waits = false;
        raw->drained_ns = before;
    }
    return code;
}
