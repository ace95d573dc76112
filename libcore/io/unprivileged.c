/*
 * Probes go out through sockets of the pool. Answers of the kernel become frames in a queue; a
 * probe's own frame (its send time) is queued before its first answer.
 */
#include "io/unprivileged.h"

#include <errno.h>
#include <ev.h>
#include <linux/errqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/unprivileged_internal.h"

#define POOL_MIN 8
#define DATA_MAX 2048

/* A message received, with room for everything that comes along. */
struct message {
    struct msghdr header;
    union sockaddr_any from;
    struct iovec iov;
    uint8_t data[DATA_MAX];
    size_t len;
    union {
        struct cmsghdr align;
        char room[512];
    } control;
};

socklen_t unprivileged_sockaddr(const struct address *a, uint16_t port, uint32_t ifindex,
                                union sockaddr_any *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == 4) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(port);
        memcpy(&out->in.sin_addr, a->bytes, 4);
        return sizeof(out->in);
    }
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_port = htons(port);
    memcpy(&out->in6.sin6_addr, a->bytes, 16);
    if (address_is_link_local(a) || address_is_multicast(a))
        out->in6.sin6_scope_id = a->scope ? a->scope : ifindex;
    return sizeof(out->in6);
}

static struct address unprivileged_address(const union sockaddr_any *from)
{
    if (from->any.sa_family == AF_INET)
        return address_from4((const uint8_t *)&from->in.sin_addr);
    return address_from6(from->in6.sin6_addr.s6_addr);
}

static uint16_t unprivileged_port(const union sockaddr_any *from)
{
    return ntohs(from->any.sa_family == AF_INET ? from->in.sin_port : from->in6.sin6_port);
}

int64_t unprivileged_clock(void)
{
    return clockmap_clock(NULL, CLOCK_MONOTONIC);
}

/* --- what is remembered, what is queued ---------------------------------------- */

/* The latest probe that `matches`; they are few, and the latest is the likeliest. */
static struct sent *sent_find(struct unprivileged *u, const struct slot *slot,
                              bool (*matches)(const struct sent *, const void *), const void *what)
{
    uint64_t oldest = u->nsent > PROBES_MAX ? u->nsent - PROBES_MAX : 0;

    for (uint64_t i = u->nsent; i > oldest; i--) {
        struct sent *sent = &u->sent[(i - 1) % PROBES_MAX];

        if (sent->slot == slot && matches(sent, what))
            return sent;
    }
    return NULL;
}

static void frame_push(struct unprivileged *u, const uint8_t *bytes, size_t len, size_t wire_len,
                       enum packet_direction direction, int64_t when_ns, bool user_stamp)
{
    if (u->nframes == FRAMES_MAX) {
        u->counters.capture_dropped++;
        return;
    }
    struct frame *frame = &u->frames[(u->first + u->nframes++) % FRAMES_MAX];

    *frame = (struct frame){.when_ns = when_ns,
                            .direction = direction,
                            .user_stamp = user_stamp,
                            .len = len,
                            .wire_len = wire_len};
    memcpy(frame->bytes, bytes, len);
}

/* Its send time is told once: when the kernel gave the stamp, or else before its first answer. */
void sent_show(struct unprivileged *u, struct sent *sent)
{
    if (sent->shown)
        return;
    sent->shown = true;
    frame_push(u, sent->probe.bytes, sent->probe.kept, sent->probe.len, PACKET_OUTGOING,
               sent->sent_ns, !sent->kernel_stamp);
}

void sent_answered(struct unprivileged *u, struct sent *sent, const uint8_t *bytes, size_t len,
                   const struct unprivileged_control *control, int64_t when_ns)
{
    if (len == 0)
        return;
    sent_show(u, sent);
    if (when_ns < sent->sent_ns) /* a stamp of reading against one of sending */
        when_ns = sent->sent_ns;
    frame_push(u, bytes, len, len, PACKET_INCOMING, when_ns, !control->has_stamp);
}

/* --- sending ------------------------------------------------------------------- */

static void slot_prepare(struct slot *slot, const struct unprivileged_probe *probe)
{
    bool is4 = probe->ip.version == 4;
    int df = is4 && !probe->ip.df ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE;
    int tos = probe->ip.dscp << 2 | probe->ip.ecn;

    if (slot->df != df)
        slot_set(slot->fd, is4, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, df);
    if (slot->tos != tos)
        slot_set(slot->fd, is4, IP_TOS, IPV6_TCLASS, tos);
    if (slot->ttl != probe->ip.ttl)
        slot_set(slot->fd, is4, IP_TTL, IPV6_UNICAST_HOPS, probe->ip.ttl);
    slot->df = df;
    slot->tos = tos;
    slot->ttl = probe->ip.ttl;
}

/* An ICMP error for an earlier probe is a pending error of the socket: not this send's. */
static void slot_clear_error(struct slot *slot)
{
    int error;
    socklen_t len = sizeof(error);

    getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

static bool is_try_later(int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

static int slot_send_datagram(struct slot *slot, const struct unprivileged_probe *probe,
                              const struct netio_packet *packet)
{
    size_t skip = is_ping(probe->ip.protocol) ? probe->ip.header_len : probe->payload_offset;
    uint16_t port = probe->ip.protocol == PROTO_UDP ? probe->destination_port : 0;
    union sockaddr_any to;
    socklen_t len = unprivileged_sockaddr(&probe->ip.destination, port, packet->ifindex, &to);

    for (int attempt = 0;; attempt++) {
        slot_clear_error(slot);
        if (sendto(slot->fd, packet->bytes + skip, packet->len - skip, MSG_DONTWAIT, &to.any,
                   len) >= 0)
            return 0;
        int error = errno;

        slot_start_stamps(slot); /* a failed send may have used up a number */
        if (attempt || is_try_later(error))
            return -error;
    }
}

/*
 * Where another SYN from this port is still under way to the same target the kernel chooses a
 * port, and only the frames say otherwise.
 */
static int slot_connect_anywhere(struct unprivileged *u, struct slot *slot,
                                 const struct unprivileged_probe *probe, uint32_t ifindex)
{
    struct unprivileged_probe anywhere = *probe;
    struct slot before = *slot;
    int rc;

    anywhere.source_port = 0;
    slot_close(slot);
    rc = slot_open(u, slot, &anywhere, ifindex);
    if (rc)
        return rc;
    slot->used_ns = before.used_ns;
    slot->probe = slot->repeat = before.probe;
    slot_prepare(slot, probe);
    rc = slot_tcp_connect(slot, probe);
    if (rc)
        slot_close(slot);
    return rc;
}

static int slot_connect(struct unprivileged *u, struct slot *slot,
                        const struct unprivileged_probe *probe, uint32_t ifindex)
{
    int rc = slot_tcp_connect(slot, probe);

    if (rc == -EADDRNOTAVAIL)
        return slot_connect_anywhere(u, slot, probe, ifindex);
    if (rc)
        slot_close(slot);
    return rc;
}

/* A SYN sent again is the kernel's doing: it repeats those of its connections by itself. */
static bool unprivileged_send_again(struct unprivileged *u, const struct unprivileged_probe *probe)
{
    struct sent *sent = &u->sent[u->nsent % PROBES_MAX];
    struct slot *slot = probe->ip.protocol == PROTO_TCP ? slot_tcp_find(u, probe) : NULL;

    if (!slot)
        return false;
    *sent = (struct sent){.probe = *probe, .slot = slot, .sent_ns = unprivileged_clock()};
    slot->used_ns = sent->sent_ns;
    slot->repeat = u->nsent++;
    slot->ready |= slot->held_until_ns != 0;
    sent_show(u, sent);
    return true;
}

static int unprivileged_send_one(struct unprivileged *u, const struct netio_packet *packet)
{
    struct sent *sent = &u->sent[u->nsent % PROBES_MAX];
    struct unprivileged_probe probe;
    struct slot *slot;
    int rc = unprivileged_read_probe(packet->bytes, packet->len, &probe);

    if (!rc && unprivileged_send_again(u, &probe))
        return 0;
    if (!rc)
        rc = slot_get(u, &probe, packet->ifindex, &slot);
    if (rc)
        return rc;
    slot_prepare(slot, &probe);
    *sent = (struct sent){.probe = probe, .slot = slot, .sent_ns = unprivileged_clock()};
    slot->used_ns = sent->sent_ns;
    slot->probe = slot->repeat = u->nsent;
    if (probe.ip.protocol == PROTO_TCP)
        rc = slot_connect(u, slot, &probe, packet->ifindex);
    else
        rc = slot_send_datagram(slot, &probe, packet);
    sent->slot = rc ? NULL : slot;
    if (rc)
        return rc;
    sent->key = slot->key++;
    slot->ready = true; /* its transmit stamp is there at once, where the driver gives one */
    u->nsent++;
    return 0;
}

static int unprivileged_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct unprivileged *u = (struct unprivileged *)io;

    for (size_t i = 0; i < count; i++) {
        int rc = unprivileged_send_one(u, &packets[i]);

        if (is_try_later(-rc))
            return i ? (int)i : rc == -EAGAIN ? rc : -ENOBUFS;
        packets[i].error = rc;
        u->counters.sent += rc == 0;
        u->counters.send_errors += rc != 0;
    }
    return (int)count;
}

/* --- receiving ----------------------------------------------------------------- */

static bool message_read(struct message *m, int fd, int flags)
{
    m->iov = (struct iovec){m->data, sizeof(m->data)};
    m->header = (struct msghdr){.msg_name = &m->from,
                                .msg_namelen = sizeof(m->from),
                                .msg_iov = &m->iov,
                                .msg_iovlen = 1,
                                .msg_control = m->control.room,
                                .msg_controllen = sizeof(m->control.room)};
    ssize_t n = recvmsg(fd, &m->header, flags | MSG_DONTWAIT);

    m->len = n > 0 ? (size_t)n : 0;
    return n >= 0;
}

/* The kernel's stamp on our line, or the time of reading when there is none. */
static int64_t unprivileged_when(struct unprivileged *u, const struct unprivileged_control *control,
                                 int64_t floor_ns)
{
    int64_t now_ns = unprivileged_clock();

    if (!control->has_stamp)
        return now_ns;
    return clockmap_map(&u->clock, control->stamp_unix_ns, floor_ns, now_ns);
}

static bool sent_has_key(const struct sent *sent, const void *what)
{
    return sent->key == *(const uint32_t *)what && !sent->kernel_stamp;
}

static void slot_take_transmit_stamp(struct slot *slot, const struct unprivileged_control *control)
{
    struct unprivileged *u = slot->owner;
    struct sent *sent = sent_find(u, slot, sent_has_key, &control->key);

    if (!sent || sent->shown || !control->has_stamp)
        return;
    sent->sent_ns = unprivileged_when(u, control, sent->sent_ns);
    sent->kernel_stamp = true;
    sent_show(u, sent);
}

struct sent_identity {
    const struct address *destination; /* NULL: any */
    uint16_t value;                    /* destination port or echo sequence */
};

static bool sent_has_identity(const struct sent *sent, const void *what)
{
    const struct sent_identity *id = what;
    uint16_t value =
        is_ping(sent->probe.ip.protocol) ? sent->probe.icmp_seq : sent->probe.destination_port;

    return value == id->value &&
           (!id->destination || address_equal(id->destination, &sent->probe.ip.destination));
}

/* An echo's sequence number is in its header, which is what a ping socket's messages start with. */
static bool message_identity(const struct message *m, uint8_t protocol, uint16_t *value)
{
    if (!is_ping(protocol)) {
        *value = unprivileged_port(&m->from);
        return true;
    }
    if (m->len < 8)
        return false;
    *value = (uint16_t)(m->data[6] << 8 | m->data[7]);
    return true;
}

static struct sent *slot_probe_of(struct slot *slot, const struct message *m, bool any_address)
{
    struct unprivileged *u = slot->owner;
    struct address address = unprivileged_address(&m->from);
    struct sent_identity id = {&address, 0};
    struct sent *sent;

    if (slot->protocol == PROTO_TCP)
        return &u->sent[slot->repeat % PROBES_MAX];
    if (!message_identity(m, slot->protocol, &id.value))
        return NULL;
    sent = sent_find(u, slot, sent_has_identity, &id);
    if (sent || !any_address)
        return sent;
    id.destination = NULL;
    return sent_find(u, slot, sent_has_identity, &id);
}

/* True: there was a message. `answered` is set when it was an ICMP error for a probe. */
bool slot_read_error(struct slot *slot, bool *answered)
{
    struct unprivileged *u = slot->owner;
    struct unprivileged_control control;
    uint8_t bytes[UNPRIVILEGED_ANSWER_MAX];
    struct message m;

    if (!message_read(&m, slot->fd, MSG_ERRQUEUE))
        return false;
    unprivileged_read_control(&m.header, &control);
    if (control.is_transmit)
        slot_take_transmit_stamp(slot, &control);
    if (!control.has_error)
        return true;
    struct sent *sent = slot_probe_of(slot, &m, false);

    if (!sent)
        return true;
    size_t len =
        unprivileged_write_error(&sent->probe, &control, m.data, m.len, bytes, sizeof(bytes));

    sent_answered(u, sent, bytes, len, &control, unprivileged_when(u, &control, sent->sent_ns));
    *answered = len > 0;
    return true;
}

/* -1: nothing more; an error of the socket is in its error queue, or was. */
static bool slot_read_data(struct slot *slot)
{
    struct unprivileged *u = slot->owner;
    struct unprivileged_control control;
    uint8_t bytes[UNPRIVILEGED_ANSWER_MAX];
    struct message m;
    size_t len;

    if (!message_read(&m, slot->fd, 0))
        return errno != EAGAIN && errno != EBADF;
    unprivileged_read_control(&m.header, &control);
    struct sent *sent = slot_probe_of(slot, &m, true);

    if (!sent)
        return true;
    struct address from = unprivileged_address(&m.from);

    if (is_ping(slot->protocol))
        len = unprivileged_write_echo_reply(&sent->probe, &from, control.ttl, m.data, m.len, bytes,
                                            sizeof(bytes));
    else
        len = unprivileged_write_udp_reply(&sent->probe, &from, control.ttl, m.data, m.len, bytes,
                                           sizeof(bytes));
    sent_answered(u, sent, bytes, len, &control, unprivileged_when(u, &control, sent->sent_ns));
    return true;
}

static bool unprivileged_has_room(const struct unprivileged *u)
{
    return u->nframes + 2 <= FRAMES_MAX; /* an answer may bring its probe's frame along */
}

static void slot_read(struct slot *slot)
{
    struct unprivileged *u = slot->owner;
    bool answered = false;

    slot->ready = false;
    if (slot->protocol == PROTO_TCP) {
        slot_tcp_read(slot);
        return;
    }
    while (unprivileged_has_room(u) && slot_read_error(slot, &answered))
        ;
    while (unprivileged_has_room(u) && slot_read_data(slot))
        ;
    slot->ready = !unprivileged_has_room(u);
}

static bool slot_is_due(const struct slot *slot, int64_t now_ns)
{
    return slot->owner && (slot->ready || (slot->held_until_ns && slot->held_until_ns <= now_ns));
}

static int unprivileged_receive(struct netio *io, struct netio_frame *frame)
{
    struct unprivileged *u = (struct unprivileged *)io;

    if (u->nframes == 0) {
        int64_t now_ns = unprivileged_clock();

        clockmap_update(&u->clock);
        for (size_t i = 0; i < u->nslots && unprivileged_has_room(u); i++)
            if (slot_is_due(&u->slots[i], now_ns))
                slot_read(&u->slots[i]);
    }
    if (u->nframes == 0)
        return 0;
    u->out = u->frames[u->first];
    u->first = (u->first + 1) % FRAMES_MAX;
    u->nframes--;
    u->counters.received += u->out.direction == PACKET_INCOMING;
    u->counters.user_stamps += u->out.user_stamp;
    *frame = (struct netio_frame){.when_ns = u->out.when_ns,
                                  .link = LINK_RAW,
                                  .direction = u->out.direction,
                                  .bytes = u->out.bytes,
                                  .len = u->out.len,
                                  .wire_len = u->out.wire_len,
                                  .user_stamp = u->out.user_stamp};
    return 1;
}

/* --- the interface ------------------------------------------------------------- */

static int64_t unprivileged_now(struct netio *io)
{
    return loop_now(((struct unprivileged *)io)->loop);
}

static int64_t unprivileged_to_unix(struct netio *io, int64_t when_ns)
{
    return clockmap_to_unix(&((struct unprivileged *)io)->clock, when_ns);
}

static int unprivileged_wait(struct netio *io, int64_t until_ns)
{
    struct unprivileged *u = (struct unprivileged *)io;

    for (size_t i = 0; i < u->nslots; i++) {
        const struct slot *slot = &u->slots[i];

        if (slot->owner && slot->held_until_ns && slot->held_until_ns < until_ns)
            until_ns = slot->held_until_ns;
    }
    return u->nframes ? 0 : loop_wait(u->loop, until_ns);
}

static int unprivileged_counters(struct netio *io, struct netio_counters *counters)
{
    *counters = ((struct unprivileged *)io)->counters;
    return 0;
}

static void unprivileged_close(struct netio *io)
{
    struct unprivileged *u = (struct unprivileged *)io;

    for (size_t i = 0; i < u->nslots; i++)
        if (u->slots[i].owner)
            slot_close(&u->slots[i]);
    free(u);
}

static const struct netio_ops unprivileged_ops = {
    .now = unprivileged_now,
    .to_unix = unprivileged_to_unix,
    .send = unprivileged_send,
    .receive = unprivileged_receive,
    .wait = unprivileged_wait,
    .counters = unprivileged_counters,
    .close = unprivileged_close,
};

/* Half of what the process may open: the rest is for names and outputs. */
static size_t unprivileged_pool_size(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 2 > POOL_MAX)
        return POOL_MAX;
    return limit.rlim_cur / 2 > POOL_MIN ? limit.rlim_cur / 2 : POOL_MIN;
}

static bool unprivileged_try(int family, int type, int protocol)
{
    int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

unsigned unprivileged_probe(int family)
{
    unsigned means = 0;

    if (unprivileged_try(family, SOCK_DGRAM, family == 4 ? PROTO_ICMP : PROTO_ICMPV6))
        means |= UNPRIVILEGED_PING;
    if (unprivileged_try(family, SOCK_DGRAM, PROTO_UDP))
        means |= UNPRIVILEGED_UDP;
    if (unprivileged_try(family, SOCK_STREAM, PROTO_TCP))
        means |= UNPRIVILEGED_TCP;
    return means;
}

int unprivileged_open(struct loop *loop, struct netio **out, char error[IO_ERROR_SIZE])
{
    struct unprivileged *u;

    if (!unprivileged_probe(4) && !unprivileged_probe(6)) {
        snprintf(error, IO_ERROR_SIZE, "no socket of any kind can be opened");
        return -EPERM;
    }
    u = calloc(1, sizeof(*u));
    if (!u) {
        snprintf(error, IO_ERROR_SIZE, "out of memory");
        return -ENOMEM;
    }
    u->io = (struct netio){
        .ops = &unprivileged_ops, .name = "unprivileged", .privilege = "unprivileged"};
    u->loop = loop;
    u->nslots = unprivileged_pool_size();
    clockmap_init(&u->clock, NULL, NULL);
    *out = &u->io;
    return 0;
}
