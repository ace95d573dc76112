#include "io/tun.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/link.h"

#define TUN_PACKET_MAX 65536

struct tun {
    struct netio io;
    struct loop *loop; /* borrowed */
    int fd;            /* owned */
    uint32_t ifindex;
    ev_io readable;
    struct netio_counters counters;
    uint8_t packet[TUN_PACKET_MAX];
};

int tun_create(const char *name, int *fd)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    size_t len = strlen(name);
    int err;

    if (!len || len >= sizeof(request.ifr_name))
        return -EINVAL;
    memcpy(request.ifr_name, name, len);
    *fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return -errno;
    if (!ioctl(*fd, TUNSETIFF, &request))
        return 0;
    err = -errno;
    close(*fd);
    *fd = -1;
    return err;
}

static int64_t tun_now(struct netio *io)
{
    return loop_now(((struct tun *)io)->loop);
}

static int64_t tun_to_unix(struct netio *io, int64_t when_ns)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (int64_t)wall.tv_sec * NS_PER_SEC + wall.tv_nsec - tun_now(io) + when_ns;
}

static int tun_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct tun *tun = (struct tun *)io;
    size_t taken = 0;

    for (; taken < count; taken++) {
        struct netio_packet *packet = &packets[taken];

        packet->error = write(tun->fd, packet->bytes, packet->len) < 0 ? -errno : 0;
        if (packet->error == -EAGAIN || packet->error == -ENOBUFS)
            return taken ? (int)taken : packet->error;
        if (packet->error)
            tun->counters.send_errors++;
        else
            tun->counters.sent++;
    }
    return (int)taken;
}

static int tun_receive(struct netio *io, struct netio_frame *frame)
{
    struct tun *tun = (struct tun *)io;
    ssize_t len = read(tun->fd, tun->packet, sizeof(tun->packet));

    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    tun->counters.received++;
    *frame = (struct netio_frame){.when_ns = tun_now(io),
                                  .link = LINK_RAW,
                                  .direction = PACKET_INCOMING,
                                  .ifindex = tun->ifindex,
                                  .bytes = tun->packet,
                                  .len = (size_t)len,
                                  .wire_len = (size_t)len};
    return 1;
}

static int tun_wait(struct netio *io, int64_t until_ns)
{
    return loop_wait(((struct tun *)io)->loop, until_ns);
}

static int tun_counters(struct netio *io, struct netio_counters *counters)
{
    *counters = ((struct tun *)io)->counters;
    return 0;
}

static void tun_close(struct netio *io)
{
    struct tun *tun = (struct tun *)io;

    ev_io_stop(loop_ev(tun->loop), &tun->readable);
    close(tun->fd);
    free(tun);
}

static const struct netio_ops tun_ops = {
    .now = tun_now,
    .to_unix = tun_to_unix,
    .send = tun_send,
    .receive = tun_receive,
    .wait = tun_wait,
    .counters = tun_counters,
    .close = tun_close,
};

static void tun_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)ev;
    (void)events;
    loop_wake(watcher->data);
}

int tun_open(struct loop *loop, const char *name, int mtu, struct netio **out)
{
    struct tun *tun = calloc(1, sizeof(*tun));
    int err;

    if (!tun)
        return -ENOMEM;
    tun->io = (struct netio){.ops = &tun_ops, .name = "tun", .privilege = "raw"};
    tun->loop = loop;
    err = tun_create(name, &tun->fd);
    if (err)
        goto fail;
    err = link_up(name, (unsigned)mtu);
    if (err) {
        close(tun->fd);
        goto fail;
    }
    tun->ifindex = if_nametoindex(name);
    ev_io_init(&tun->readable, tun_ready, tun->fd, EV_READ);
    tun->readable.data = loop;
    ev_io_start(loop_ev(loop), &tun->readable);
    *out = &tun->io;
    return 0;
fail:
    free(tun);
    return err;
}

int tun_fd(const struct netio *io)
{
    return ((const struct tun *)io)->fd;
}
