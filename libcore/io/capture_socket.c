/*
 * A packet socket (packet(7)) that gives one frame a system call. Its stamps are the ones that the
 * kernel puts on packets (Documentation/networking/timestamping), which a ring passes on, too.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants struct timespec */

#include "base/timespan.h"
#include "base/writer.h"
#include "io/capture_internal.h"

#define SOCKET_COOKED_LEN 20     /* tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
#define SOCKET_PREFIX     8      /* instructions before the filter's */
#define SOCKET_PREFIX_ALL 5      /* of these, without those that ask for an interface */
#define SOCKET_WHOLE      262144 /* libpcap's longest; we cut, so that the length is still told */

struct capture_socket {
    struct capture base;
    size_t snaplen; /* of what follows the cooked header */
    uint8_t bytes[];
};

/* --- the filter --------------------------------------------------------------- */

static int socket_attach(struct capture *capture, struct sock_filter *program, size_t len)
{
    struct sock_fprog attached = {.len = (unsigned short)len, .filter = program};

    if (len > BPF_MAXINSNS)
        return -E2BIG;
    return setsockopt(capture->fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) < 0
               ? -errno
               : 0;
}

/*
 * Before the program, by a frame's ancillary data (linux/filter.h): of a packet on the loopback the
 * arriving copy alone, as libpcap does it, and the interface.
 */
static int socket_set_program(struct capture *capture, struct bpf_program *program,
                              uint32_t ifindex)
{
    const struct sock_filter prefix[SOCKET_PREFIX] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, PACKET_OUTGOING},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ARPHRD_LOOPBACK},
        {BPF_RET | BPF_K, 0, 0, 0},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)},
        {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ifindex},
        {BPF_RET | BPF_K, 0, 0, 0},
    };
    size_t skipped = ifindex ? SOCKET_PREFIX : SOCKET_PREFIX_ALL, len = skipped + program->bf_len;
    struct sock_filter *all = calloc(len, sizeof(*all));
    int code;

    if (!all)
        return -ENOMEM;
    memcpy(all, prefix, skipped * sizeof(*all));
    for (size_t i = skipped; i < len; i++) {
        const struct bpf_insn *from = &program->bf_insns[i - skipped];
        all[i] = (struct sock_filter){from->code, from->jt, from->jf, from->k};
    }
    code = socket_attach(capture, all, len);
    free(all);
    return code;
}

/* --- frames ------------------------------------------------------------------- */

static void socket_write_cooked(struct capture_socket *s, const struct sockaddr_ll *from)
{
    struct writer w = writer_init(s->bytes, SOCKET_COOKED_LEN);

    writer_u16(&w, ntohs(from->sll_protocol));
    writer_u16(&w, 0);
    writer_u32(&w, (uint32_t)from->sll_ifindex);
    writer_u16(&w, from->sll_hatype);
    writer_u8(&w, from->sll_pkttype);
    writer_u8(&w, from->sll_halen);
    writer_bytes(&w, from->sll_addr, sizeof(from->sll_addr));
}

static int64_t socket_stamp(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        struct scm_timestamping stamps;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING ||
            c->cmsg_len < CMSG_LEN(sizeof(stamps)))
            continue;
        memcpy(&stamps, CMSG_DATA(c), sizeof(stamps));
        return (int64_t)stamps.ts[0].tv_sec * NS_PER_SEC + stamps.ts[0].tv_nsec;
    }
    return 0;
}

static ssize_t socket_receive(struct capture_socket *s, struct sockaddr_ll *from, int64_t *unix_ns)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(struct scm_timestamping))];
    } control;
    struct iovec part = {.iov_base = s->bytes + SOCKET_COOKED_LEN, .iov_len = s->snaplen};
    struct msghdr message = {.msg_name = from,
                             .msg_namelen = sizeof(*from),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t len = recvmsg(s->base.fd, &message, MSG_DONTWAIT | MSG_TRUNC);

    *unix_ns = len < 0 ? 0 : socket_stamp(&message);
    return len < 0 ? -errno : len;
}

static int socket_next(struct capture *capture, struct capture_frame *frame)
{
    struct capture_socket *s = (struct capture_socket *)capture;
    struct sockaddr_ll from = {0};
    int64_t unix_ns;
    ssize_t len;

    len = socket_receive(s, &from, &unix_ns);
    if (len < 0) /* an interface went down: its frames have ended, others go on */
        return len == -EAGAIN || len == -EINTR || len == -ENETDOWN ? 0 : (int)len;
    socket_write_cooked(s, &from);
    *frame = (struct capture_frame){.unix_ns = unix_ns,
                                    .bytes = s->bytes,
                                    .len = SOCKET_COOKED_LEN +
                                           ((size_t)len < s->snaplen ? (size_t)len : s->snaplen),
                                    .wire_len = SOCKET_COOKED_LEN + (size_t)len};
    return 1;
}

static int socket_add_dropped(struct capture *capture, uint64_t *dropped)
{
    struct tpacket_stats stats; /* cleared by reading */
    socklen_t len = sizeof(stats);

    if (getsockopt(capture->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
        return -errno;
    *dropped += stats.tp_drops;
    return 0;
}

/* --- opening ------------------------------------------------------------------ */

static void socket_close(struct capture *capture)
{
    if (capture->pcap)
        pcap_close(capture->pcap);
    if (capture->fd >= 0)
        close(capture->fd);
    free(capture);
}

static const struct capture_ops socket_ops = {
    .set_program = socket_set_program,
    .next = socket_next,
    .add_dropped = socket_add_dropped,
    .close = socket_close,
};

/* More than net.core.rmem_max where we may, and as much as it allows otherwise (socket(7)). */
static void socket_set_buffer(int fd, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int socket_configure(int fd, const struct capture_options *options)
{
    const int on = 1, stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

    socket_set_buffer(fd, options->buffer_bytes);
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps)) < 0)
        return -errno;
    if (options->incoming_only)
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
    return 0;
}

/* Nothing arrives before the socket is bound to a protocol, and then nothing passes the filter. */
static int socket_start(struct capture *capture)
{
    struct sock_filter reject = {BPF_RET | BPF_K, 0, 0, 0};
    const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int code = socket_attach(capture, &reject, 1);

    if (code)
        return code;
    return bind(capture->fd, (const struct sockaddr *)&all, sizeof(all)) < 0 ? -errno : 0;
}

int capture_socket_open(const struct capture_options *options, struct capture **out,
                        char error[IO_ERROR_SIZE])
{
    size_t snaplen = (size_t)options->snaplen;
    struct capture_socket *s = calloc(1, sizeof(*s) + SOCKET_COOKED_LEN + snaplen);
    int code;

    if (!s)
        return io_fail(error, -ENOMEM, "capture", strerror(ENOMEM));
    s->snaplen = snaplen;
    /* Filters are compiled for what follows the cooked header, which is the kernel's own. */
    s->base = (struct capture){.ops = &socket_ops,
                               .pcap = pcap_open_dead(DLT_RAW, SOCKET_WHOLE),
                               .fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    *out = &s->base;
    if (s->base.fd < 0)
        return io_fail(error, -errno, "capture", strerror(errno));
    if (!s->base.pcap)
        return io_fail(error, -ENOMEM, "capture", strerror(ENOMEM));
    code = socket_configure(s->base.fd, options);
    if (!code)
        code = socket_start(&s->base);
    return code ? io_fail(error, code, "capture", strerror(-code)) : 0;
}
