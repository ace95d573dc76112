/*
 * One process per connection, blocking, in the lab's PID namespace: what hangs or misbehaves on
 * purpose holds up nobody else, and all of them end with the lab.
 */
#include "tools/lab.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/timespan.h"

#define LAB_REQUEST_MAX  8192
#define LAB_DATAGRAM_MAX 65536
#define LAB_BACKLOG      128
/* A client that stays silent that long is gone. */
#define LAB_SILENCE_SECONDS 60

const char *lab_services_name(const struct scenario_service *service)
{
    switch (service->kind) {
    case SERVICE_HTTP:
        return "http";
    case SERVICE_TCP_ECHO:
        return "tcp-echo";
    case SERVICE_UDP_ECHO:
        return "udp-echo";
    }
    return "service";
}

/* A socket of both families. */
static int lab_services_listen(const struct scenario_service *service)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(service->port)};
    int type = service->kind == SERVICE_UDP_ECHO ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    int off = 0, on = 1, err;

    if (fd < 0)
        return -errno;
    if (!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) &&
        !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
        !bind(fd, (struct sockaddr *)&any, sizeof(any)) &&
        (type == SOCK_DGRAM || !listen(fd, LAB_BACKLOG)))
        return fd;
    err = -errno;
    close(fd);
    return err;
}

int lab_services_open(struct lab_services *services, const struct scenario_host *host,
                      const struct scenario_service **failed)
{
    services->count = 0;
    for (size_t i = 0; i < host->nservices && !host->dead; i++) {
        int fd =
            services->count < LAB_LISTENERS_MAX ? lab_services_listen(&host->services[i]) : -EMFILE;

        if (fd < 0) {
            *failed = &host->services[i];
            lab_services_close(services);
            return fd;
        }
        services->listeners[services->count++] = (struct lab_listener){fd, &host->services[i]};
    }
    return 0;
}

void lab_services_close(struct lab_services *services)
{
    for (size_t i = 0; i < services->count; i++)
        close(services->listeners[i].fd);
    services->count = 0;
}

static void lab_services_sleep(int64_t delay_ns)
{
    struct timespec left = {.tv_sec = delay_ns / NS_PER_SEC, .tv_nsec = delay_ns % NS_PER_SEC};

    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static void lab_services_send(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* the client has gone: that is its business */
        bytes += sent;
        len -= (size_t)sent;
    }
}

static const char *lab_services_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {/* RFC 9110 (15) */
                   {200, "OK"},
                   {204, "No Content"},
                   {301, "Moved Permanently"},
                   {302, "Found"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {429, "Too Many Requests"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"},
                   {500, "Internal Server Error"}};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unnamed";
}

/* Reads up to the empty line. 0 at the end or when the client goes or says too much. */
static size_t lab_services_request(int fd, char request[LAB_REQUEST_MAX])
{
    size_t len = 0;

    while (len < LAB_REQUEST_MAX) {
        ssize_t got = recv(fd, request + len, LAB_REQUEST_MAX - len, 0);

        if (got <= 0)
            return 0;
        len += (size_t)got;
        if (memmem(request, len, "\r\n\r\n", 4))
            return len;
    }
    return 0;
}

/* Closing with unread bytes would make the kernel send a RST that may overtake the answer. */
static void lab_services_drain(int fd)
{
    char rest[4096];

    shutdown(fd, SHUT_WR);
    while (recv(fd, rest, sizeof(rest), 0) > 0)
        ;
}

static void lab_services_http(int fd, const struct scenario_service *service)
{
    const char *body = service->body ? service->body : "A page of the lab.\n";
    const char *server = service->server ? service->server : "netdx-lab";
    int status = service->status ? service->status : 200;
    char request[LAB_REQUEST_MAX], head[1024];
    size_t len = lab_services_request(fd, request);
    int head_len;

    if (!len)
        return;
    lab_services_sleep(service->delay_ns);
    head_len = snprintf(head, sizeof(head),
                        "HTTP/1.1 %d %s\r\nServer: %s\r\nContent-Type: text/plain\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        status, lab_services_reason(status), server, strlen(body));
    if (head_len < 0 || (size_t)head_len >= sizeof(head))
        return;
    lab_services_send(fd, head, (size_t)head_len);
    if (memcmp(request, "HEAD ", 5))
        lab_services_send(fd, body, strlen(body));
    lab_services_drain(fd);
}

static void lab_services_echo(int fd, const struct scenario_service *service)
{
    char bytes[LAB_REQUEST_MAX];
    ssize_t len;

    while ((len = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        lab_services_sleep(service->delay_ns);
        lab_services_send(fd, bytes, (size_t)len);
    }
}

static void lab_services_accept(const struct lab_listener *listener)
{
    const struct timeval silence = {.tv_sec = LAB_SILENCE_SECONDS};
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid = fd < 0 ? -1 : fork();

    if (!pid) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
        if (listener->service->kind == SERVICE_HTTP)
            lab_services_http(fd, listener->service);
        else
            lab_services_echo(fd, listener->service);
        _exit(0);
    }
    if (fd >= 0)
        close(fd);
}

static void lab_services_datagram(const struct lab_listener *listener)
{
    static char bytes[LAB_DATAGRAM_MAX];
    struct sockaddr_in6 peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t len =
        recvfrom(listener->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &peer_len);

    if (len < 0 || (listener->service->delay_ns && fork()))
        return;
    lab_services_sleep(listener->service->delay_ns);
    sendto(listener->fd, bytes, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&peer, peer_len);
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
        if (poll(fds, services->count, -1) < 0)
            continue;
        for (size_t i = 0; i < services->count; i++) {
            if (!fds[i].revents)
                continue;
            if (services->listeners[i].service->kind == SERVICE_UDP_ECHO)
                lab_services_datagram(&services->listeners[i]);
            else
                lab_services_accept(&services->listeners[i]);
        }
    }
}
