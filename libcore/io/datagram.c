#include "io/datagram.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/socket.h"

#define DATAGRAM_READ_SIZE 2048 /* more than a path carries; what is longer is cut */
#define DATAGRAM_READS_MAX 16   /* in a row, before others get their turn */

struct datagram {
    struct loop *loop; /* borrowed */
    const struct datagram_events *events;
    void *context;
    int fd;
    struct ev_io readable;
    bool *freed; /* set when a callback closes the socket under us */
};

/* The ICMP message, when there is one, says more than the errno that the read gave. */
static void datagram_error(struct datagram *d, int error)
{
    struct connection_refusal refusal = {0};

    if (socket_refusal(d->fd, &refusal))
        d->events->refused(d->context, error, &refusal);
}

static void datagram_readable(struct ev_loop *ev, struct ev_io *watcher, int revents)
{
    struct datagram *d = watcher->data;
    uint8_t bytes[DATAGRAM_READ_SIZE];
    bool freed = false;

    (void)ev;
    (void)revents;
    loop_wake(d->loop);
    d->freed = &freed;
    for (int i = 0; i < DATAGRAM_READS_MAX && !freed; i++) {
        ssize_t got = recv(d->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (got >= 0)
            d->events->received(d->context, bytes, (size_t)got);
        else if (errno != EAGAIN && errno != EINTR)
            datagram_error(d, errno);
        else
            break;
    }
    if (!freed)
        d->freed = NULL;
}

static int datagram_connect(struct datagram *d, const struct datagram_options *options)
{
    union socket_address here, there;
    socklen_t len = socket_address(&options->destination, options->port, &there);
    int err = socket_prepare(d->fd, options->destination.family, options->interface);

    if (err)
        return err;
    if (options->source.family) {
        socklen_t own = socket_address(&options->source, 0, &here);

        if (bind(d->fd, &here.any, own) < 0)
            return -errno;
    }
    return connect(d->fd, &there.any, len) < 0 ? -errno : 0;
}

int datagram_open(struct loop *loop, const struct datagram_options *options,
                  const struct datagram_events *events, void *context, struct datagram **out)
{
    struct datagram *d = calloc(1, sizeof(*d));
    int family = options->destination.family == 6 ? AF_INET6 : AF_INET, err;

    if (!d)
        return -ENOMEM;
    d->loop = loop;
    d->events = events;
    d->context = context;
    d->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    err = d->fd < 0 ? -errno : datagram_connect(d, options);
    if (err) {
        if (d->fd >= 0)
            close(d->fd);
        free(d);
        return err;
    }
    ev_io_init(&d->readable, datagram_readable, d->fd, EV_READ);
    d->readable.data = d;
    ev_io_start(loop_ev(loop), &d->readable);
    *out = d;
    return 0;
}

void datagram_close(struct datagram *d)
{
    if (!d)
        return;
    if (d->freed)
        *d->freed = true;
    ev_io_stop(loop_ev(d->loop), &d->readable);
    close(d->fd);
    free(d);
}

int datagram_send(struct datagram *d, const uint8_t *bytes, size_t len)
{
    if (send(d->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
        return 0;
    return errno == EAGAIN ? 0 : -errno;
}
