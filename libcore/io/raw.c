#include "io/raw.h"

#include <errno.h>
#include <ev.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/timespan.h"
#include "io/clockmap.h"
#include "io/linkwatch.h"

/* Each frame has a slot of this size (and 2 KiB slots fill pages): 1500 bytes of IP fit whole. */
#define RAW_SNAPLEN      1800
#define RAW_BUFFER_BYTES (2 * 1024 * 1024)
#define RAW_BATCH        32 /* packets per sendmmsg */
#define RAW_FILTER_SIZE  8192

struct raw {
    struct netio io;
    struct loop *loop; /* borrowed */
    int send4, send6;  /* -1 where the kernel lacks the family */
    pcap_t *capture;
    ev_io readable, link_changed;
    struct linkwatch link; /* fd -1 without an interface */
    uint32_t ifindex;      /* 0: all */
    struct clockmap clock;
    struct netio_frame twin; /* the incoming side of a loopback frame, if twin_waits */
    bool twin_waits;
    bool drained;       /* the latest receive found nothing */
    int64_t drained_ns; /* everything stamped before this was read */
    struct netio_counters counters;
    uint32_t seen_dropped; /* libpcap's counters are 32 bits wide and wrap */
};

/* What one message of a batch needs until the kernel has taken it. */
struct raw_message {
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

static int raw_fail(char error[IO_ERROR_SIZE], int code, const char *what, const char *why)
{
    snprintf(error, IO_ERROR_SIZE, "%s: %s", what, why);
    return code;
}

/* --- sending ------------------------------------------------------------------ */

/* Which interface to leave by: a control message works for every kind of destination. */
static void raw_put_interface(struct msghdr *header, struct raw_message *message, uint32_t ifindex)
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
static int raw_address(const struct netio_packet *packet, struct raw_message *message)
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

static int raw_prepare(const struct netio_packet *packet, struct raw_message *message,
                       struct msghdr *header)
{
    int error = raw_address(packet, message);

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
        raw_put_interface(header, message, packet->ifindex);
    return 0;
}

/*
 * Hands the kernel what goes through one socket in one call. Returns how many it took, or -errno
 * of the first.
 */
static int raw_send_batch(struct raw *raw, const struct netio_packet *packets, size_t count)
{
    struct raw_message messages[RAW_BATCH];
    struct mmsghdr headers[RAW_BATCH];
    sa_family_t family = AF_UNSPEC;
    unsigned n = 0;

    for (; n < count && n < RAW_BATCH; n++) {
        int error = raw_prepare(&packets[n], &messages[n], &headers[n].msg_hdr);
        if (error && n == 0)
            return error;
        if (n == 0)
            family = messages[0].to.any.sa_family;
        if (error || messages[n].to.any.sa_family != family)
            break;
    }
    int fd = family == AF_INET ? raw->send4 : raw->send6;
    if (fd < 0)
        return -EAFNOSUPPORT;
    int sent;
    do
        sent = sendmmsg(fd, headers, n, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static bool raw_try_later(int error)
{
    return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

static int raw_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    struct raw *raw = (struct raw *)io;
    size_t taken = 0;

    while (taken < count) {
        int n = raw_send_batch(raw, packets + taken, count - taken);
        if (raw_try_later(n)) {
            if (taken == 0)
                return n == -EAGAIN ? n : -ENOBUFS;
            break;
        }
        if (n <= 0) {
            raw->counters.send_errors++;
            packets[taken++].error = n;
            continue;
        }
        raw->counters.sent += (uint64_t)n;
        for (int i = 0; i < n; i++)
            packets[taken++].error = 0;
    }
    return (int)taken;
}

/* --- receiving ---------------------------------------------------------------- */

/* linux/if_packet.h: PACKET_OUTGOING; linux/if_arp.h: ARPHRD_LOOPBACK. */
#define RAW_SLL_OUTGOING 4
#define RAW_SLL_LOOPBACK 772

/*
 * tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html. A packet on the loopback leaves and arrives, and
 * libpcap keeps the arriving copy alone: it is given out as both.
 */
static void raw_read_cooked(struct raw *raw, struct netio_frame *frame)
{
    struct cursor c = cursor_init(frame->bytes, frame->len);

    cursor_seek(&c, 4);
    frame->ifindex = cursor_u32(&c);
    raw->twin_waits = cursor_u16(&c) == RAW_SLL_LOOPBACK;
    uint8_t type = cursor_u8(&c);
    if (c.failed)
        return;
    frame->direction =
        raw->twin_waits || type == RAW_SLL_OUTGOING ? PACKET_OUTGOING : PACKET_INCOMING;
}

static void raw_stamp(struct raw *raw, const struct timeval *nanoseconds, struct netio_frame *frame)
{
    int64_t unix_ns = (int64_t)nanoseconds->tv_sec * NS_PER_SEC + nanoseconds->tv_usec;
    int64_t now = loop_now(raw->loop);

    if (unix_ns == 0) {
        frame->user_stamp = true;
        frame->when_ns = now;
        raw->counters.user_stamps++;
        return;
    }
    frame->when_ns = clockmap_map(&raw->clock, unix_ns, raw->drained_ns, now);
}

static int raw_receive(struct netio *io, struct netio_frame *frame)
{
    struct raw *raw = (struct raw *)io;
    struct pcap_pkthdr *header;
    const uint8_t *bytes;

    if (raw->twin_waits) {
        *frame = raw->twin;
        raw->twin_waits = false;
        return 1;
    }
    if (raw->link.fd >= 0 && raw->drained) {
        int change = linkwatch_poll(&raw->link);
        if (change)
            return change;
    }
    int64_t before = loop_now(raw->loop);
    clockmap_update(&raw->clock);
    int got = pcap_next_ex(raw->capture, &header, &bytes);
    raw->drained = got != 1;
    if (got == 0)
        raw->drained_ns = before;
    if (got != 1)
        return got == 0 ? 0 : -EIO;
    *frame = (struct netio_frame){
        .link = LINK_LINUX_SLL2, .bytes = bytes, .len = header->caplen, .wire_len = header->len};
    raw_read_cooked(raw, frame);
    raw_stamp(raw, &header->ts, frame);
    raw->twin = *frame;
    raw->twin.direction = PACKET_INCOMING;
    raw->counters.received++;
    return 1;
}

static void raw_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)ev;
    (void)events;
    loop_wake(watcher->data);
}

/* Watches only while somebody waits for frames: other waits on the loop are not woken by them. */
static int raw_wait(struct netio *io, int64_t until_ns)
{
    struct raw *raw = (struct raw *)io;
    struct ev_loop *ev = loop_ev(raw->loop);

    if (raw->twin_waits)
        return 0;
    ev_io_start(ev, &raw->readable);
    if (raw->link.fd >= 0)
        ev_io_start(ev, &raw->link_changed);
    int error = loop_wait(raw->loop, until_ns);
    ev_io_stop(ev, &raw->readable);
    if (raw->link.fd >= 0)
        ev_io_stop(ev, &raw->link_changed);
    return error;
}

static int raw_counters(struct netio *io, struct netio_counters *counters)
{
    struct raw *raw = (struct raw *)io;
    struct pcap_stat stat;

    if (pcap_stats(raw->capture, &stat) < 0)
        return -EIO;
    raw->counters.capture_dropped += (uint32_t)(stat.ps_drop - raw->seen_dropped);
    raw->seen_dropped = stat.ps_drop;
    *counters = raw->counters;
    return 0;
}

static int64_t raw_now(struct netio *io)
{
    return loop_now(((struct raw *)io)->loop);
}

static int64_t raw_to_unix(struct netio *io, int64_t when_ns)
{
    return clockmap_to_unix(&((struct raw *)io)->clock, when_ns);
}

static void raw_close(struct netio *io)
{
    struct raw *raw = (struct raw *)io;

    if (raw->capture)
        pcap_close(raw->capture);
    if (raw->send4 >= 0)
        close(raw->send4);
    if (raw->send6 >= 0)
        close(raw->send6);
    linkwatch_close(&raw->link);
    free(raw);
}

static const struct netio_ops raw_ops = {
    .now = raw_now,
    .to_unix = raw_to_unix,
    .send = raw_send,
    .receive = raw_receive,
    .wait = raw_wait,
    .counters = raw_counters,
    .close = raw_close,
};

/* --- opening ------------------------------------------------------------------ */

static int raw_find_interface(struct raw *raw, const char *name, char error[IO_ERROR_SIZE])
{
    struct ifreq request = {0};
    char what[IF_NAMESIZE + 32];

    snprintf(what, sizeof(what), "interface '%.*s'", IF_NAMESIZE, name);
    raw->ifindex = strlen(name) < IF_NAMESIZE ? if_nametoindex(name) : 0;
    if (raw->ifindex == 0)
        return raw_fail(error, -ENODEV, what, "no such interface");
    int code = linkwatch_open(&raw->link, raw->ifindex);
    if (code)
        return raw_fail(error, code, "rtnetlink socket", strerror(-code));
    memcpy(request.ifr_name, name, strlen(name));
    /* Any socket will do, and this one hears of what changes from now on. */
    if (ioctl(raw->link.fd, SIOCGIFFLAGS, &request) < 0)
        return raw_fail(error, -errno, what, strerror(errno));
    if (!(request.ifr_flags & IFF_UP))
        return raw_fail(error, -ENETDOWN, what, "is down");
    return 0;
}

static int raw_send_options(int fd, int family, const char *interface)
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
static int raw_open_send(int family, const char *interface, int *out, char error[IO_ERROR_SIZE])
{
    int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

    if (fd < 0 && errno == EAFNOSUPPORT)
        return 0;
    if (fd < 0)
        return raw_fail(error, -errno, "raw socket", strerror(errno));
    int code = raw_send_options(fd, family, interface);
    if (code) {
        close(fd);
        return raw_fail(error, code, "raw socket", strerror(-code));
    }
    *out = fd;
    return 0;
}

static int raw_capture_errno(int status)
{
    switch (status) {
    case PCAP_ERROR_PERM_DENIED:
        return -EPERM;
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return -ENODEV;
    case PCAP_ERROR_IFACE_NOT_UP:
        return -ENETDOWN;
    default:
        return -EIO;
    }
}

static int raw_set_program(struct raw *raw, struct bpf_program *program, char error[IO_ERROR_SIZE])
{
    if (pcap_setfilter(raw->capture, program) < 0)
        return raw_fail(error, -EIO, "capture filter", pcap_geterr(raw->capture));
    return 0;
}

static int raw_reject_all(struct raw *raw, char error[IO_ERROR_SIZE])
{
    struct bpf_insn reject = BPF_STMT(BPF_RET | BPF_K, 0);
    struct bpf_program program = {.bf_len = 1, .bf_insns = &reject};

    return raw_set_program(raw, &program, error);
}

static void raw_configure(pcap_t *capture, const struct raw_options *options)
{
    pcap_set_snaplen(capture, options->snaplen > 0 ? options->snaplen : RAW_SNAPLEN);
    pcap_set_buffer_size(capture,
                         options->buffer_bytes > 0 ? options->buffer_bytes : RAW_BUFFER_BYTES);
    pcap_set_promisc(capture, 0);
    pcap_set_immediate_mode(capture, 1);
    pcap_set_tstamp_type(capture, PCAP_TSTAMP_HOST);
    pcap_set_tstamp_precision(capture, PCAP_TSTAMP_PRECISION_NANO);
}

/* Linux 4.20. Older kernels go on giving copies, which the caller tells by their direction. */
static void raw_ignore_outgoing(pcap_t *capture)
{
    const int on = 1;

    setsockopt(pcap_fileno(capture), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
}

static int raw_open_capture(struct raw *raw, const struct raw_options *options,
                            char error[IO_ERROR_SIZE])
{
    char text[PCAP_ERRBUF_SIZE] = "";

    raw->capture = pcap_create("any", text);
    if (!raw->capture)
        return raw_fail(error, -EIO, "capture", text);
    raw_configure(raw->capture, options);
    int status = pcap_activate(raw->capture);
    if (status < 0)
        return raw_fail(error, raw_capture_errno(status), "capture", pcap_geterr(raw->capture));
    int code = raw_reject_all(raw, error);
    if (code)
        return code;
    if (pcap_set_datalink(raw->capture, LINK_LINUX_SLL2) < 0 ||
        pcap_get_tstamp_precision(raw->capture) != PCAP_TSTAMP_PRECISION_NANO)
        return raw_fail(error, -EOPNOTSUPP, "capture",
                        "this libpcap lacks cooked captures (SLL2) with nanosecond stamps");
    if (pcap_setnonblock(raw->capture, 1, text) < 0)
        return raw_fail(error, -EIO, "capture", text);
    if (options->incoming_only)
        raw_ignore_outgoing(raw->capture);
    return 0;
}

static int raw_open_all(struct raw *raw, const struct raw_options *options,
                        char error[IO_ERROR_SIZE])
{
    int code = options->interface ? raw_find_interface(raw, options->interface, error) : 0;

    if (!code)
        code = raw_open_send(AF_INET, options->interface, &raw->send4, error);
    if (!code)
        code = raw_open_send(AF_INET6, options->interface, &raw->send6, error);
    if (!code)
        code = raw_open_capture(raw, options, error);
    return code;
}

int raw_open(struct loop *loop, const struct raw_options *options, struct netio **out,
             char error[IO_ERROR_SIZE])
{
    struct raw *raw = calloc(1, sizeof(*raw));

    error[0] = '\0';
    if (!raw)
        return raw_fail(error, -ENOMEM, "capture", strerror(ENOMEM));
    raw->io = (struct netio){.ops = &raw_ops, .name = "raw", .privilege = "raw"};
    raw->loop = loop;
    raw->send4 = raw->send6 = raw->link.fd = -1;
    int code = raw_open_all(raw, options, error);
    if (code) {
        raw_close(&raw->io);
        return code;
    }
    clockmap_init(&raw->clock, NULL, NULL);
    raw->drained = true;
    raw->drained_ns = loop_now(loop);
    ev_io_init(&raw->readable, raw_ready, pcap_get_selectable_fd(raw->capture), EV_READ);
    ev_io_init(&raw->link_changed, raw_ready, raw->link.fd, EV_READ);
    raw->readable.data = raw->link_changed.data = loop;
    *out = &raw->io;
    return 0;
}

/* --- the filter --------------------------------------------------------------- */

/* A filter that rejects all stands before each new one, so that this comes to an end. */
static void raw_discard_queued(struct raw *raw)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;

    while (pcap_next_ex(raw->capture, &header, &bytes) == 1)
        ;
}

int raw_filter(struct netio *io, const char *expression, char error[IO_ERROR_SIZE])
{
    struct raw *raw = (struct raw *)io;
    struct bpf_program program;
    char narrowed[RAW_FILTER_SIZE];
    int len;

    error[0] = '\0';
    if (io->ops != &raw_ops)
        return raw_fail(error, -EINVAL, "capture filter", "not a live capture");
    if (raw->ifindex && *expression)
        len = snprintf(narrowed, sizeof(narrowed), "ifindex %u and (%s)", raw->ifindex, expression);
    else if (raw->ifindex)
        len = snprintf(narrowed, sizeof(narrowed), "ifindex %u", raw->ifindex);
    else
        len = snprintf(narrowed, sizeof(narrowed), "%s", expression);
    if (len < 0 || (size_t)len >= sizeof(narrowed))
        return raw_fail(error, -EINVAL, "capture filter", "too long");
    if (pcap_compile(raw->capture, &program, narrowed, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return raw_fail(error, -EINVAL, "capture filter", pcap_geterr(raw->capture));
    int code = raw_reject_all(raw, error);
    if (!code) {
        raw_discard_queued(raw);
        raw->twin_waits = false;
        raw->drained_ns = loop_now(raw->loop);
        code = raw_set_program(raw, &program, error);
    }
    pcap_freecode(&program);
    return code;
}
