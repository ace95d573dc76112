#include "io/connection.h"

#include <errno.h>
#include <ev.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/socket.h"

#define CONNECTION_READ_SIZE 16384
#define CONNECTION_READS_MAX 16 /* in a row, before others get their turn */

struct connection {
    struct loop *loop; /* borrowed */
    const struct connection_events *events;
    void *context;
    int fd;
    uint16_t port;
    union socket_address to;
    struct ev_io readable, writable;
    bool connected, ended;
    bool *freed; /* set when a callback closes the connection under us */
    bool refused;
    struct connection_refusal refusal;
};

bool connection_refusal(const struct connection *s, struct connection_refusal *refusal)
{
    *refusal = s->refusal;
    return s->refused;
}

/* --- events ------------------------------------------------------------------------------------
 */

static void connection_stop(struct connection *s)
{
    struct ev_loop *ev = loop_ev(s->loop);

    ev_io_stop(ev, &s->readable);
    ev_io_stop(ev, &s->writable);
}

static void connection_end(struct connection *s, enum connection_close how, int error)
{
    s->ended = true;
    connection_stop(s);
    s->events->closed(s->context, how, error);
}

static void connection_readable(struct ev_loop *ev, struct ev_io *watcher, int revents)
{
    struct connection *s = watcher->data;
    uint8_t bytes[CONNECTION_READ_SIZE];
    bool freed = false;

    (void)ev;
    (void)revents;
    loop_wake(s->loop);
    s->freed = &freed;
    for (int i = 0; i < CONNECTION_READS_MAX && !freed && !s->ended; i++) {
        ssize_t got = recv(s->fd, bytes, sizeof(bytes), 0);

        if (got > 0)
            s->events->received(s->context, bytes, (size_t)got);
        else if (got == 0)
            connection_end(s, CONNECTION_FIN, 0);
        else if (errno == EAGAIN || errno == EINTR)
            break;
        else
            connection_end(
                s, errno == ECONNRESET || errno == EPIPE ? CONNECTION_RESET : CONNECTION_FAILED,
                errno);
    }
    if (!freed)
        s->freed = NULL;
}

static void connection_finish_connect(struct connection *s)
{
    struct ev_loop *ev = loop_ev(s->loop);
    socklen_t len = sizeof(int);
    int error = 0;

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    s->refused |= socket_refusal(s->fd, &s->refusal);
    if (error) {
        s->ended = true;
        connection_stop(s);
    } else {
        s->connected = true;
        ev_io_stop(ev, &s->writable);
        ev_io_start(ev, &s->readable);
    }
    s->events->connected(s->context, error);
}

static void connection_writable(struct ev_loop *ev, struct ev_io *watcher, int revents)
{
    struct connection *s = watcher->data;

    (void)revents;
    loop_wake(s->loop);
    if (!s->connected) {
        connection_finish_connect(s);
        return;
    }
    ev_io_stop(ev, &s->writable);
    s->events->writable(s->context);
}

/* --- opening -----------------------------------------------------------------------------------
 */

static int connection_bind(struct connection *s, const struct connection_options *options)
{
    union socket_address from;
    struct address any = {.family = options->destination.family};
    socklen_t len = socket_address(options->source.family ? &options->source : &any,
                                   options->source_port, &from);
    const int on = 1;

    if (options->source_port)
        setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    else if (options->source.family) /* the port is chosen at connect, by the whole 4-tuple */
        setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if ((options->source_port || options->source.family) && bind(s->fd, &from.any, len) < 0)
        return -errno;
    s->port = options->source_port;
    return 0;
}

static int connection_set_options(const struct connection *s,
                                  const struct connection_options *options)
{
    const int on = 1;

    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (options->receive_buffer)
        setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer,
                   sizeof(options->receive_buffer));
    return socket_prepare(s->fd, options->destination.family, options->interface);
}

int connection_open(struct loop *loop, const struct connection_options *options,
                    const struct connection_events *events, void *context, struct connection **out)
{
    struct connection *s = calloc(1, sizeof(*s));
    int err;

    if (!s)
        return -ENOMEM;
    s->loop = loop;
    s->events = events;
    s->context = context;
    socket_address(&options->destination, options->port, &s->to);
    s->fd = socket(s->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    err = s->fd < 0 ? -errno : connection_set_options(s, options);
    if (!err)
        err = connection_bind(s, options);
    if (err) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        return err;
    }
    ev_io_init(&s->readable, connection_readable, s->fd, EV_READ);
    ev_io_init(&s->writable, connection_writable, s->fd, EV_WRITE);
    s->readable.data = s->writable.data = s;
    *out = s;
    return 0;
}

int connection_connect(struct connection *s)
{
    union socket_address own;
    socklen_t len = s->to.any.sa_family == AF_INET6 ? sizeof(s->to.in6) : sizeof(s->to.in);

    if (connect(s->fd, &s->to.any, len) < 0 && errno != EINPROGRESS)
        return -errno;
    len = sizeof(own);
    if (!s->port && getsockname(s->fd, &own.any, &len) == 0)
        s->port = ntohs(own.any.sa_family == AF_INET6 ? own.in6.sin6_port : own.in.sin_port);
    ev_io_start(loop_ev(s->loop), &s->writable);
    return 0;
}

void connection_close(struct connection *s)
{
    if (!s)
        return;
    if (s->freed)
        *s->freed = true;
    connection_stop(s);
    close(s->fd);
    free(s);
}

uint16_t connection_port(const struct connection *s)
{
    return s->port;
}

int connection_write(struct connection *s, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send(s->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return -errno;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < len)
        ev_io_start(loop_ev(s->loop), &s->writable);
    return (int)sent;
}

int connection_info(const struct connection *s, struct connection_info *info)
{
    struct tcp_info kernel = {0};
    socklen_t len = sizeof(kernel);
    int waiting = 0;

    if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &kernel, &len) < 0)
        return -errno;
    if (ioctl(s->fd, SIOCOUTQ, &waiting) < 0)
        return -errno;
    *info = (struct connection_info){
        .rtt_ns = (int64_t)kernel.tcpi_rtt * NS_PER_US,
        .retransmissions = kernel.tcpi_total_retrans,
        .unacknowledged = (uint32_t)waiting,
        .mss = kernel.tcpi_snd_mss,
    };
    return 0;
}
