/*
 * The sockets of the unprivileged network, a bounded number of them: one ping socket for a source
 * address, one UDP socket for a source port, one TCP socket for each probe.
 */
#include <errno.h>
#include <ev.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/unprivileged_internal.h"

#ifndef IP_RECVERR_RFC4884
#define IP_RECVERR_RFC4884 26 /* linux/in.h since 5.9 */
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif

/* The kernel repeats a SYN after a second; answers to the first are waited for this long. */
#define TCP_WAIT_NS    (3 * NS_PER_SEC)
#define TCP_GIVE_UP_NS NS_PER_SEC
#define UDP_WAIT_NS    (3 * NS_PER_SEC)
#define TIMESTAMPING                                                                               \
    (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |     \
     SOF_TIMESTAMPING_OPT_CMSG | SOF_TIMESTAMPING_OPT_TSONLY)

void slot_close(struct slot *slot)
{
    struct linger at_once = {.l_onoff = 1}; /* a reset instead of a conversation */

    ev_io_stop(loop_ev(slot->owner->loop), &slot->watcher);
    if (slot->protocol == PROTO_TCP)
        setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(slot->fd);
    for (size_t i = 0; i < PROBES_MAX && i < slot->owner->nsent; i++)
        if (slot->owner->sent[i].slot == slot)
            slot->owner->sent[i].slot = NULL;
    slot->owner = NULL;
}

/* How long its answers may be waited for; after that it may be closed for another. */
static bool slot_is_spent(const struct slot *slot, int64_t now_ns, bool urgent)
{
    int64_t wait_ns = slot->protocol != PROTO_TCP ? UDP_WAIT_NS
                      : urgent                    ? TCP_GIVE_UP_NS
                                                  : TCP_WAIT_NS;

    return now_ns - slot->used_ns > wait_ns;
}

static struct slot *slot_free_one(struct unprivileged *u, int64_t now_ns)
{
    struct slot *oldest = NULL;

    for (size_t i = 0; i < u->nslots; i++) {
        struct slot *slot = &u->slots[i];

        if (slot->owner && slot->protocol == PROTO_TCP && slot_is_spent(slot, now_ns, false))
            slot_close(slot);
        if (!slot->owner)
            return slot;
        if (!oldest || slot->used_ns < oldest->used_ns)
            oldest = slot;
    }
    if (!oldest || !slot_is_spent(oldest, now_ns, true))
        return NULL;
    slot_close(oldest);
    return oldest;
}

static struct slot *slot_find(struct unprivileged *u, const struct unprivileged_probe *probe,
                              uint32_t ifindex)
{
    for (size_t i = 0; i < u->nslots; i++) {
        struct slot *slot = &u->slots[i];

        if (slot->owner && slot->protocol == probe->ip.protocol && slot->ifindex == ifindex &&
            slot->source_port == probe->source_port &&
            address_equal(&slot->source, &probe->ip.source))
            return slot;
    }
    return NULL;
}

void slot_set(int fd, bool is4, int option4, int option6, int value)
{
    setsockopt(fd, is4 ? IPPROTO_IP : IPPROTO_IPV6, is4 ? option4 : option6, &value, sizeof(value));
}

/* Setting it off and on starts the numbers of transmit stamps anew. */
void slot_start_stamps(struct slot *slot)
{
    int off = TIMESTAMPING, on = TIMESTAMPING | SOF_TIMESTAMPING_OPT_ID;

    setsockopt(slot->fd, SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof(off));
    if (slot->protocol != PROTO_TCP)
        setsockopt(slot->fd, SOL_SOCKET, SO_TIMESTAMPING, &on, sizeof(on));
    slot->key = 0;
}

/*
 * From the source that the probe has; a UDP port in use is replaced by one that the kernel chooses
 * and only the frames say otherwise.
 */
static int slot_bind(struct slot *slot)
{
    union sockaddr_any local;
    uint16_t port = is_ping(slot->protocol) ? 0 : slot->source_port;
    socklen_t len = unprivileged_sockaddr(&slot->source, port, slot->ifindex, &local);
    char name[IF_NAMESIZE];

    if (slot->ifindex && if_indextoname(slot->ifindex, name))
        setsockopt(slot->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
    if (slot->protocol == PROTO_TCP)
        return slot_tcp_bind(slot);
    if (!bind(slot->fd, &local.any, len))
        return 0;
    if (errno != EADDRINUSE || port == 0)
        return -errno;
    len = unprivileged_sockaddr(&slot->source, 0, slot->ifindex, &local);
    return bind(slot->fd, &local.any, len) ? -errno : 0;
}

static void slot_on_ready(struct ev_loop *ev, struct ev_io *watcher, int events)
{
    struct slot *slot = watcher->data;

    (void)ev;
    (void)events;
    slot->ready = true;
    loop_wake(slot->owner->loop);
}

int slot_open(struct unprivileged *u, struct slot *slot, const struct unprivileged_probe *probe,
              uint32_t ifindex)
{
    bool is4 = probe->ip.version == 4, tcp = probe->ip.protocol == PROTO_TCP;
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(is4 ? AF_INET : AF_INET6, type, probe->ip.protocol);

    if (fd < 0) /* a ping socket outside of the group range is EACCES */
        return errno == EMFILE || errno == ENFILE ? -EAGAIN : -errno;
    *slot = (struct slot){.fd = fd,
                          .protocol = probe->ip.protocol,
                          .source = probe->ip.source,
                          .source_port = probe->source_port,
                          .ifindex = ifindex,
                          .df = -1,
                          .tos = -1,
                          .ttl = -1};
    int rc = slot_bind(slot);

    if (rc) {
        close(fd);
        return rc;
    }
    slot_set(fd, is4, IP_RECVERR, IPV6_RECVERR, 1);
    slot_set(fd, is4, IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884, 1);
    slot_set(fd, is4, IP_RECVTTL, IPV6_RECVHOPLIMIT, 1);
    slot_start_stamps(slot);
    slot->owner = u;
    ev_io_init(&slot->watcher, slot_on_ready, fd, tcp ? EV_WRITE : EV_READ);
    slot->watcher.data = slot;
    if (!tcp)
        ev_io_start(loop_ev(u->loop), &slot->watcher);
    return 0;
}

int slot_get(struct unprivileged *u, const struct unprivileged_probe *probe, uint32_t ifindex,
             struct slot **out)
{
    struct slot *slot = NULL;

    if (probe->ip.protocol != PROTO_TCP)
        slot = slot_find(u, probe, ifindex);
    if (!slot) {
        slot = slot_free_one(u, unprivileged_clock());
        int rc = slot ? slot_open(u, slot, probe, ifindex) : -EAGAIN;

        if (rc)
            return rc;
    }
    *out = slot;
    return 0;
}
