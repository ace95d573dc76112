/* What the parts of the unprivileged network share. Nobody else includes it. */
#ifndef NETDX_IO_UNPRIVILEGED_INTERNAL_H
#define NETDX_IO_UNPRIVILEGED_INTERNAL_H

#include <ev.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/clockmap.h"
#include "io/loop.h"
#include "io/netio.h"
#include "io/unprivileged_answer.h"

#define POOL_MAX   256
#define PROBES_MAX 4096 /* remembered */
#define FRAMES_MAX 128  /* queued */

struct slot { /* one socket */
    struct ev_io watcher;
    struct unprivileged *owner; /* borrowed; NULL: free */
    int fd;
    uint8_t protocol;
    struct address source;
    uint16_t source_port; /* as crafted */
    uint32_t ifindex;
    int64_t used_ns;
    uint32_t key;     /* number of the next datagram, for its transmit stamp */
    int df, tos, ttl; /* as set on the socket; -1: not yet */
    bool ready;
    uint64_t probe;        /* TCP: the one it was opened for ... */
    int64_t held_until_ns; /* TCP: looked at then; 0: when it is ready */
    uint64_t repeat; /* ... and its latest repetition, which is the kernel's; the same: none */
};

struct sent { /* one probe on its way */
    struct unprivileged_probe probe;
    const struct slot *slot;
    uint32_t key;
    int64_t sent_ns;
    bool kernel_stamp, shown;
};

struct frame {
    int64_t when_ns;
    enum packet_direction direction;
    bool user_stamp;
    size_t len, wire_len;
    uint8_t bytes[UNPRIVILEGED_ANSWER_MAX];
};

struct unprivileged {
    struct netio io;
    struct loop *loop; /* borrowed */
    struct clockmap clock;
    size_t nslots;
    struct slot slots[POOL_MAX];
    uint64_t nsent; /* sent[i % PROBES_MAX] */
    struct sent sent[PROBES_MAX];
    size_t first, nframes;
    struct frame frames[FRAMES_MAX];
    struct frame out; /* the one handed out */
    struct netio_counters counters;
};

union sockaddr_any {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

socklen_t unprivileged_sockaddr(const struct address *address, uint16_t port, uint32_t ifindex,
                                union sockaddr_any *out);
int64_t unprivileged_clock(void);

static inline bool is_ping(uint8_t protocol)
{
    return protocol == PROTO_ICMP || protocol == PROTO_ICMPV6;
}

/* unprivileged_pool.c: 0, -EAGAIN when all are in use or files run out, or another -errno */
int slot_get(struct unprivileged *u, const struct unprivileged_probe *probe, uint32_t ifindex,
             struct slot **out);
int slot_open(struct unprivileged *u, struct slot *slot, const struct unprivileged_probe *probe,
              uint32_t ifindex);
void slot_close(struct slot *slot);
void slot_set(int fd, bool is4, int option4, int option6, int value);
void slot_start_stamps(struct slot *slot);

/* A message from the error queue; false: none. `answered` is set when it was an ICMP error. */
bool slot_read_error(struct slot *slot, bool *answered);

void sent_show(struct unprivileged *u, struct sent *sent);
void sent_answered(struct unprivileged *u, struct sent *sent, const uint8_t *bytes, size_t len,
                   const struct unprivileged_control *control, int64_t when_ns);

/* unprivileged_tcp.c: connections, one per probe */
struct slot *slot_tcp_find(struct unprivileged *u, const struct unprivileged_probe *probe);
int slot_tcp_bind(struct slot *slot);
int slot_tcp_connect(struct slot *slot, const struct unprivileged_probe *probe);
void slot_tcp_read(struct slot *slot);

#endif
