/*
 * TCP probes without privilege: one connection each, reset as soon as it is made. What the kernel
 * measured of it (tcp(7), TCP_INFO) becomes the SYN-ACK that nobody showed us.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/unprivileged_internal.h"

#define TCP_HOLD_NS (50 * NS_PER_MS)

/* The connection that is under way for a SYN with this number. */
struct slot *slot_tcp_find(struct unprivileged *u, const struct unprivileged_probe *probe)
{
    for (size_t i = 0; i < u->nslots; i++) {
        struct slot *slot = &u->slots[i];

        if (!slot->owner || slot->protocol != PROTO_TCP)
            continue;
        const struct unprivileged_probe *first = &u->sent[slot->probe % PROBES_MAX].probe;

        if (first->tcp_seq == probe->tcp_seq && first->source_port == probe->source_port &&
            first->destination_port == probe->destination_port &&
            address_equal(&first->ip.destination, &probe->ip.destination))
            return slot;
    }
    return NULL;
}

/* 0: a port that connect() chooses. */
static int slot_tcp_bind_port(struct slot *slot, uint16_t port)
{
    union sockaddr_any local;
    socklen_t len = unprivileged_sockaddr(&slot->source, port, slot->ifindex, &local);
    int on = 1;

    setsockopt(slot->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!port)
        setsockopt(slot->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(slot->fd, &local.any, len) ? -errno : 0;
}

int slot_tcp_bind(struct slot *slot)
{
    int rc = slot_tcp_bind_port(slot, slot->source_port);

    return rc == -EADDRINUSE || rc == -EACCES ? slot_tcp_bind_port(slot, 0) : rc;
}

int slot_tcp_connect(struct slot *slot, const struct unprivileged_probe *probe)
{
    union sockaddr_any to;
    socklen_t len =
        unprivileged_sockaddr(&probe->ip.destination, probe->destination_port, slot->ifindex, &to);

    if (connect(slot->fd, &to.any, len) && errno != EINPROGRESS && errno != ECONNREFUSED)
        return -errno;
    slot->ready = true; /* on loopback it has ended already */
    ev_io_start(loop_ev(slot->owner->loop), &slot->watcher);
    return 0;
}

static void slot_tcp_info(const struct slot *slot, struct tcp_info *info)
{
    socklen_t len = sizeof(*info);

    if (getsockopt(slot->fd, IPPROTO_TCP, TCP_INFO, info, &len))
        *info = (struct tcp_info){0};
}

/*
 * The kernel's repetition may be answered before the engine's, which is due at the same time, was
 * noted. Then the end of the attempt is looked at a little later, so that it is the repetition's.
 */
static bool slot_tcp_hold(struct slot *slot, const struct tcp_info *info)
{
    if (slot->held_until_ns || !info->tcpi_total_retrans || slot->repeat != slot->probe ||
        info->tcpi_state == TCP_SYN_SENT)
        return false;
    slot->held_until_ns = unprivileged_clock() + TCP_HOLD_NS;
    ev_io_stop(loop_ev(slot->owner->loop), &slot->watcher);
    return true;
}

/*
 * When the answer came, so that the time since this copy is what the kernel measured; that is
 * better than when we got to look. A copy that the kernel sent by itself has no time of its own.
 */
static int64_t slot_tcp_when(const struct slot *slot, const struct sent *sent,
                             const struct tcp_info *info)
{
    bool unknown = info->tcpi_total_retrans && slot->repeat == slot->probe;
    int64_t now_ns = unprivileged_clock();
    int64_t when_ns = sent->sent_ns + info->tcpi_rtt * NS_PER_US;

    return info->tcpi_rtt && !unknown && when_ns < now_ns ? when_ns : now_ns;
}

/* When the SYN was repeated, it is the latest copy that is answered (RFC 7323 4.1). */
static void slot_tcp_answer(struct slot *slot, uint16_t flags, const struct tcp_info *info)
{
    struct unprivileged *u = slot->owner;
    struct sent *first = &u->sent[slot->probe % PROBES_MAX];
    struct sent *sent = info->tcpi_total_retrans ? &u->sent[slot->repeat % PROBES_MAX] : first;
    struct unprivileged_control nothing = {0};
    uint8_t bytes[UNPRIVILEGED_ANSWER_MAX];
    size_t n = unprivileged_write_tcp_answer(&sent->probe, flags, bytes, sizeof(bytes));

    sent_show(u, first);
    sent_answered(u, sent, bytes, n, &nothing, slot_tcp_when(slot, sent, info));
}

/* The attempt is over when the socket is connected or has an error; then it is closed. */
void slot_tcp_read(struct slot *slot)
{
    union sockaddr_any peer;
    socklen_t len = sizeof(peer), error_len = sizeof(int);
    struct tcp_info info;
    bool answered = false;
    int error = 0;

    slot_tcp_info(slot, &info);
    if (slot_tcp_hold(slot, &info))
        return;
    while (slot_read_error(slot, &answered))
        ;
    getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
    if (!getpeername(slot->fd, &peer.any, &len))
        slot_tcp_answer(slot, TCP_SYN | TCP_ACK, &info);
    else if (error == ECONNREFUSED && !answered)
        slot_tcp_answer(slot, TCP_RST | TCP_ACK, &info);
    else if (!error && !answered)
        return; /* still waiting */
    slot_close(slot);
}
