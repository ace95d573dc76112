/*
 * One process per connection, blocking, in the lab's PID namespace: what hangs or misbehaves on
 * purpose holds up nobody else, and all of them end with the lab.
 */
#include "tools/lab.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timespan.h"

#define LAB_DATAGRAM_MAX    65536
#define LAB_BACKLOG         128
#define LAB_FAST_OPEN_QUEUE 16
/* How long a busy accept queue is full, and then has room: a SYN is repeated after as long. */
#define LAB_BUSY_NS NS_PER_SEC

const char *lab_services_name(const struct scenario_service *service)
{
    switch (service->kind) {
    case SERVICE_HTTP:
        return "http";
    case SERVICE_TCP_ECHO:
        return "tcp-echo";
    case SERVICE_TCP_SINK:
        return "tcp-sink";
    case SERVICE_UDP_ECHO:
        return "udp-echo";
    case SERVICE_SCRIPT:
        return "script";
    case SERVICE_DNS:
        return "dns";
    case SERVICE_QUIC:
        return "quic";
    }
    return "service";
}

static int lab_services_set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* What the scenario says of a service's TCP; a listening socket hands it on to its connections. */
static int lab_services_tune(int fd, const struct scenario_service *service)
{
    const struct scenario_handshake *handshake = &service->handshake;
    const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_MAXSEG, handshake->mss},
        {IPPROTO_TCP, TCP_WINDOW_CLAMP, handshake->window},
        {IPPROTO_TCP, TCP_SYNCNT, handshake->synack_retries}, /* of SYN-ACKs, when it listens */
        {IPPROTO_TCP, TCP_FASTOPEN, handshake->fast_open ? LAB_FAST_OPEN_QUEUE : 0},
        {IPPROTO_IP, IP_TTL, handshake->ttl},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, handshake->ttl},
        {SOL_SOCKET, SO_RCVBUF, (int)service->receive_buffer},
    };
    int err = 0;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !err; i++)
        if (options[i].value)
            err = lab_services_set(fd, options[i].level, options[i].option, options[i].value);
    return err;
}

static bool lab_services_is_udp(const struct scenario_service *service)
{
    return service->kind == SERVICE_UDP_ECHO || service->kind == SERVICE_DNS ||
           service->kind == SERVICE_QUIC;
}

/* A socket of both families. */
static int lab_services_bind(const struct scenario_service *service, int *fd)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(service->port)};
    int type = lab_services_is_udp(service) ? SOCK_DGRAM : SOCK_STREAM, err;

    *fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return -errno;
    err = lab_services_set(*fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (!err)
        err = lab_services_set(*fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!err && type == SOCK_STREAM)
        err = lab_services_tune(*fd, service);
    if (!err && bind(*fd, (struct sockaddr *)&any, sizeof(any)))
        err = -errno;
    if (!err && type == SOCK_STREAM && listen(*fd, LAB_BACKLOG))
        err = -errno;
    return err;
}

static int lab_services_listen(const struct scenario_service *service,
                               struct lab_listener *listener)
{
    int err = lab_services_bind(service, &listener->fd);

    listener->service = service;
    listener->filler = -1;
    if (err || lab_services_is_udp(service) || service->handshake.backlog == BACKLOG_ROOM)
        return err;
    listener->filler = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return listener->filler < 0 ? -errno : 0;
}

/* Everybody's certificates are of one authority. */
static int lab_services_secure(struct lab_services *services, const struct scenario_host *host,
                               struct lab_listener *listener)
{
    int err = 0;

    if (!listener->service->tls.present)
        return 0;
    if (!services->authority)
        err = lab_authority_new(host, &services->authority);
    return err ? err : lab_tls_new(services->authority, &listener->service->tls, &listener->tls);
}

int lab_services_open(struct lab_services *services, const struct scenario_host *host,
                      const struct scenario_service **failed)
{
    int err = 0;

    *services = (struct lab_services){0};
    for (size_t i = 0; i < host->nservices && !host->dead && !err; i++) {
        struct lab_listener *listener = &services->listeners[services->count];

        if (services->count == LAB_LISTENERS_MAX)
            err = -EMFILE;
        else
            err = lab_services_listen(&host->services[i], listener);
        services->count += services->count < LAB_LISTENERS_MAX;
        if (!err)
            err = lab_services_secure(services, host, listener);
        if (err)
            *failed = &host->services[i];
    }
    if (err)
        lab_services_close(services);
    return err;
}

void lab_services_close(struct lab_services *services)
{
    for (size_t i = 0; i < services->count; i++) {
        if (services->listeners[i].fd >= 0)
            close(services->listeners[i].fd);
        if (services->listeners[i].filler >= 0)
            close(services->listeners[i].filler);
        lab_tls_free(services->listeners[i].tls);
    }
    lab_authority_free(services->authority);
    services->authority = NULL;
    services->count = 0;
}

/* --- accept queues -------------------------------------------------------------------------- */

/* A queue of no places takes one connection, our own. */
static void lab_services_fill(const struct lab_listener *listener)
{
    struct sockaddr_in6 self = {.sin6_family = AF_INET6,
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                                .sin6_port = htons(listener->service->port)};

    listen(listener->fd, 0);
    connect(listener->filler, (struct sockaddr *)&self, sizeof(self));
}

static void lab_services_empty(const struct lab_listener *listener)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    connect(listener->filler, &none, sizeof(none)); /* connect(2): ends the connection */
    listen(listener->fd, LAB_BACKLOG);
}

/* Fills and empties as the time demands. The milliseconds until that changes, -1: never. */
static int lab_services_turn(const struct lab_services *services, struct pollfd *fds)
{
    int64_t now_ns = lab_now(), turn = now_ns / LAB_BUSY_NS;
    bool any = false;

    for (size_t i = 0; i < services->count; i++) {
        const struct lab_listener *listener = &services->listeners[i];
        enum scenario_backlog backlog = listener->service->handshake.backlog;
        bool full = fds[i].fd < 0;

        if (listener->filler < 0)
            continue;
        any |= backlog == BACKLOG_BUSY;
        if (!full && (backlog == BACKLOG_FULL || turn % 2 == 0)) {
            lab_services_fill(listener);
            fds[i].fd = -1; /* nobody accepts */
        } else if (full && backlog == BACKLOG_BUSY && turn % 2 == 1) {
            lab_services_empty(listener);
            fds[i].fd = listener->fd;
        }
    }
    return any ? (int)(((turn + 1) * LAB_BUSY_NS - now_ns) / NS_PER_MS) + 1 : -1;
}

/* --- clients --------------------------------------------------------------------------------- */

static void lab_services_accept(const struct lab_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid = fd < 0 ? -1 : fork();

    if (!pid) {
        lab_serve(fd, listener);
        _exit(0);
    }
    if (fd >= 0)
        close(fd);
}

static void lab_services_datagram(const struct lab_listener *listener)
{
    static uint8_t bytes[LAB_DATAGRAM_MAX];
    struct sockaddr_in6 peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t len =
        recvfrom(listener->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &peer_len);
    size_t answer = len < 0 ? 0 : lab_serve_datagram(listener->service, bytes, (size_t)len);

    if (len < 0 || (len > 0 && !answer) || (listener->service->delay_ns && fork()))
        return;
    lab_serve_sleep(listener->service->delay_ns);
    sendto(listener->fd, bytes, answer, MSG_NOSIGNAL, (struct sockaddr *)&peer, peer_len);
    if (listener->service->delay_ns)
        _exit(0);
}

_Noreturn void lab_services_run(const struct lab_services *services)
{
    struct pollfd fds[LAB_LISTENERS_MAX];

    signal(SIGCHLD, SIG_IGN); /* children need no wait(2) */
    for (size_t i = 0; i < services->count; i++)
        fds[i] = (struct pollfd){.fd = services->listeners[i].fd, .events = POLLIN};
    for (;;) {
        if (poll(fds, services->count, lab_services_turn(services, fds)) < 0)
            continue;
        for (size_t i = 0; i < services->count; i++) {
            if (!fds[i].revents)
                continue;
            if (lab_services_is_udp(services->listeners[i].service))
                lab_services_datagram(&services->listeners[i]);
            else
                lab_services_accept(&services->listeners[i]);
        }
    }
}
