#include "io/rawsend.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"

#define RAWSEND_CALL  32                 /* packets per sendmmsg, and what a thread takes at once */
#define RAWSEND_SHARE (2 * RAWSEND_CALL) /* below that, waking a thread costs more than it saves   \
                                          */

/* A batch that threads share. */
struct rawsend_share {
    struct netio_packet *packets; /* borrowed from the caller, who waits */
    size_t count;
    atomic_size_t next; /* first packet that nobody has taken */
    atomic_int full;    /* -errno of a queue without room: what is left is not tried */
};

struct rawsend {
    int send4, send6; /* -1 where the kernel lacks the family */
    unsigned wanted;  /* threads beside the caller */
    unsigned running;
    pthread_t threads[RAWSEND_SENDERS_MAX];
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t begin, end;
    uint64_t round;
    unsigned busy;
    bool closing;
    struct rawsend_share share;
};

/* What one message of a call needs until the kernel has taken it. */
struct rawsend_message {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } to;
    struct iovec bytes;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
};

/* --- one call ----------------------------------------------------------------- */

/* Which interface to leave by: a control message works for every kind of destination. */
static void rawsend_put_interface(struct msghdr *header, struct rawsend_message *message,
                                  uint32_t ifindex)
{
    bool is6 = message->to.any.sa_family == AF_INET6;
    struct in_pktinfo info4 = {.ipi_ifindex = (int)ifindex};
    struct in6_pktinfo info6 = {.ipi6_ifindex = ifindex};
    size_t len = is6 ? sizeof(info6) : sizeof(info4);

    memset(&message->control, 0, sizeof(message->control));
    header->msg_control = message->control.room;
    header->msg_controllen = CMSG_SPACE(len);
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    control->cmsg_level = is6 ? IPPROTO_IPV6 : IPPROTO_IP;
    control->cmsg_type = is6 ? IPV6_PKTINFO : IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(control), is6 ? (void *)&info6 : (void *)&info4, len);
}

/* The family of the packet and where it goes, from its own header. 0 or -EINVAL. */
static int rawsend_address(const struct netio_packet *packet, struct rawsend_message *message)
{
    struct cursor c = cursor_init(packet->bytes, packet->len);
    unsigned version = cursor_u8(&c) >> 4;

    memset(&message->to, 0, sizeof(message->to));
    if (version == 4) {
        cursor_seek(&c, 16);
        message->to.in.sin_family = AF_INET;
        cursor_copy(&c, &message->to.in.sin_addr, 4);
    } else if (version == 6) {
        cursor_seek(&c, 24);
        message->to.in6.sin6_family = AF_INET6;
        message->to.in6.sin6_scope_id = packet->ifindex;
        cursor_copy(&c, &message->to.in6.sin6_addr, 16);
    }
    return message->to.any.sa_family == AF_UNSPEC || c.failed ? -EINVAL : 0;
}

static int rawsend_prepare(const struct netio_packet *packet, struct rawsend_message *message,
                           struct msghdr *header)
{
    int error = rawsend_address(packet, message);

    if (error)
        return error;
    message->bytes =
        (struct iovec){.iov_base = (void *)(uintptr_t)packet->bytes, .iov_len = packet->len};
    *header = (struct msghdr){.msg_name = &message->to,
                              .msg_namelen = message->to.any.sa_family == AF_INET
                                                 ? sizeof(message->to.in)
                                                 : sizeof(message->to.in6),
                              .msg_iov = &message->bytes,
                              .msg_iovlen = 1};
    if (packet->ifindex)
        rawsend_put_interface(header, message, packet->ifindex);
    return 0;
}

/*
 * Hands the kernel what goes through one socket in one call. Returns how many it took, or -errno
 * of the first.
 */
static int rawsend_call(const struct rawsend *send, const struct netio_packet *packets,
                        size_t count)
{
    struct rawsend_message messages[RAWSEND_CALL];
    struct mmsghdr headers[RAWSEND_CALL];
    sa_family_t family = AF_UNSPEC;
    unsigned n = 0;

    for (; n < count && n < RAWSEND_CALL; n++) {
        int error = rawsend_prepare(&packets[n], &messages[n], &headers[n].msg_hdr);
        if (error && n == 0)
            return error;
        if (n == 0)
            family = messages[0].to.any.sa_family;
        if (error || messages[n].to.any.sa_family != family)
            break;
    }
    int fd = family == AF_INET ? send->send4 : send->send6;
    if (fd < 0)
        return -EAFNOSUPPORT;
    int sent;
    do
        sent = sendmmsg(fd, headers, n, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static bool rawsend_try_later(int error)
{
    return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

/* In order until there is no room: then *full says so. Returns how many were taken. */
static size_t rawsend_run(const struct rawsend *send, struct netio_packet *packets, size_t count,
                          int *full)
{
    size_t taken = 0;

    while (taken < count) {
        int n = rawsend_call(send, packets + taken, count - taken);
        if (rawsend_try_later(n)) {
            *full = n == -EAGAIN ? n : -ENOBUFS;
            break;
        }
        if (n <= 0) {
            packets[taken++].error = n;
            continue;
        }
        for (int i = 0; i < n; i++)
            packets[taken++].error = 0;
    }
    return taken;
}

/* --- several threads ---------------------------------------------------------- */

static void rawsend_take_share(const struct rawsend *send, struct rawsend_share *share)
{
    for (;;) {
        size_t at = atomic_fetch_add(&share->next, RAWSEND_CALL);
        int full = atomic_load(&share->full);

        if (at >= share->count)
            return;
        size_t n = share->count - at < RAWSEND_CALL ? share->count - at : RAWSEND_CALL;
        size_t taken = full ? 0 : rawsend_run(send, share->packets + at, n, &full);
        if (taken == n)
            continue;
        atomic_store(&share->full, full);
        for (; taken < n; taken++)
            share->packets[at + taken].error = full;
    }
}

static void *rawsend_thread(void *argument)
{
    struct rawsend *send = argument;
    uint64_t seen = 0;

    pthread_mutex_lock(&send->mutex);
    for (;;) {
        while (send->round == seen && !send->closing)
            pthread_cond_wait(&send->begin, &send->mutex);
        if (send->closing)
            break;
        seen = send->round;
        pthread_mutex_unlock(&send->mutex);
        rawsend_take_share(send, &send->share);
        pthread_mutex_lock(&send->mutex);
        if (--send->busy == 0)
            pthread_cond_signal(&send->end);
    }
    pthread_mutex_unlock(&send->mutex);
    return NULL;
}

/* Signals stay with the caller. Where no thread can be had, there are fewer. */
static void rawsend_start(struct rawsend *send)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (send->running < send->wanted &&
           pthread_create(&send->threads[send->running], NULL, rawsend_thread, send) == 0)
        send->running++;
    send->wanted = send->running;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void rawsend_shared(struct rawsend *send, struct netio_packet *packets, size_t count)
{
    struct rawsend_share *share = &send->share;

    pthread_mutex_lock(&send->mutex);
    share->packets = packets;
    share->count = count;
    atomic_store(&share->next, 0);
    atomic_store(&share->full, 0);
    send->busy = send->running;
    send->round++;
    pthread_cond_broadcast(&send->begin);
    pthread_mutex_unlock(&send->mutex);
    rawsend_take_share(send, share);
    pthread_mutex_lock(&send->mutex);
    while (send->busy > 0)
        pthread_cond_wait(&send->end, &send->mutex);
    pthread_mutex_unlock(&send->mutex);
}

int rawsend_packets(struct rawsend *send, struct netio_packet *packets, size_t count)
{
    int full = 0;

    if (count >= RAWSEND_SHARE && send->running < send->wanted)
        rawsend_start(send);
    if (count >= RAWSEND_SHARE && send->running > 0) {
        rawsend_shared(send, packets, count);
        return (int)count;
    }
    size_t taken = rawsend_run(send, packets, count, &full);
    return taken == 0 && full ? full : (int)taken;
}

/* --- opening ------------------------------------------------------------------ */

static int rawsend_options(int fd, int family, const char *interface)
{
    const int on = 1, interface_mtu = IPV6_PMTUDISC_PROBE;

    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on)) < 0)
        return -errno;
    /* Without this, a packet that a full queue dropped counts as sent (ENOBUFS is kept back). */
    if (family == AF_INET)
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    else
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    /* Packets are measured against the interface, not against what the kernel remembers of the
     * path: a search for the path MTU would only find its memory. */
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &interface_mtu, sizeof(interface_mtu));
    if (interface &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0)
        return -errno;
    return 0;
}

/* IPPROTO_RAW implies IP_HDRINCL, and receives nothing. */
static int rawsend_open_family(int family, const char *interface, int *out)
{
    int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

    if (fd < 0)
        return errno == EAFNOSUPPORT ? 0 : -errno;
    int code = rawsend_options(fd, family, interface);
    if (code) {
        close(fd);
        return code;
    }
    *out = fd;
    return 0;
}

int rawsend_open(const char *interface, unsigned senders, struct rawsend **out)
{
    struct rawsend *send = calloc(1, sizeof(*send));

    if (!send)
        return -ENOMEM;
    send->send4 = send->send6 = -1;
    if (senders > RAWSEND_SENDERS_MAX)
        senders = RAWSEND_SENDERS_MAX;
    send->wanted = senders > 0 ? senders - 1 : 0;
    pthread_mutex_init(&send->mutex, NULL);
    pthread_cond_init(&send->begin, NULL);
    pthread_cond_init(&send->end, NULL);
    int code = rawsend_open_family(AF_INET, interface, &send->send4);
    if (!code)
        code = rawsend_open_family(AF_INET6, interface, &send->send6);
    if (code) {
        rawsend_close(send);
        return code;
    }
    *out = send;
    return 0;
}

void rawsend_close(struct rawsend *send)
{
    if (!send)
        return;
    pthread_mutex_lock(&send->mutex);
    send->closing = true;
    pthread_cond_broadcast(&send->begin);
    pthread_mutex_unlock(&send->mutex);
    for (unsigned i = 0; i < send->running; i++)
        pthread_join(send->threads[i], NULL);
    pthread_cond_destroy(&send->end);
    pthread_cond_destroy(&send->begin);
    pthread_mutex_destroy(&send->mutex);
    if (send->send4 >= 0)
        close(send->send4);
    if (send->send6 >= 0)
        close(send->send6);
    free(send);
}
