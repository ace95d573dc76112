#include "io/tap.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/timespan.h"
#include "io/capture_internal.h"
#include "io/clockmap.h"
#include "io/linkstats.h"
#include "io/linkwatch.h"
#include "io/tap_socket.h"

#define TAP_SNAPLEN      256
#define TAP_BUFFER_BYTES (16 * 1024 * 1024)
#define TAP_BLOCK_MS     20 /* after this a block that is not full is handed out */
/* What came before the last look may still be in a block that was not handed out then. */
#define TAP_BLOCK_NS    (2 * TAP_BLOCK_MS * NS_PER_MS)
#define TAP_COPIES_SIZE (512 * 1024)
#define TAP_FILTER_SIZE 8192
#define TAP_LOOPBACK    772 /* linux/if_arp.h: ARPHRD_LOOPBACK */
#define TAP_OUTGOING    4   /* linux/if_packet.h: PACKET_OUTGOING */

struct tap {
    struct netio io;
    pcap_t *capture;
    struct bpf_program program;
    bool compiled, watches, stopped;
    int stop_fd, promiscuous_fd, group; /* -1: none */
    struct linkwatch links[TAP_INTERFACES_MAX];
    uint32_t ifindexes[TAP_INTERFACES_MAX];
    size_t nlinks;
    uint64_t interface_dropped; /* before the start */
    struct clockmap clock;
    int64_t drained_ns, now_ns; /* everything stamped before was read; this batch's time */
    int64_t started_unix_ns, stopped_ns;
    struct netio_counters counters;
    uint32_t seen_dropped;      /* libpcap's counters are 32 bits wide and wrap */
    struct netio_frame *frames; /* of the batch under way, borrowed */
    int count, max;
    size_t used;
    uint8_t *copies; /* owned: the ring takes a block back once its last frame was handed out */
};

static int64_t tap_clock(void)
{
    return clockmap_clock(NULL, CLOCK_MONOTONIC);
}

/* --- receiving ---------------------------------------------------------------------- */

/* tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
static void tap_read_cooked(struct netio_frame *frame)
{
    struct cursor c = cursor_init(frame->bytes, frame->len);

    cursor_skip(&c, 4);
    frame->ifindex = cursor_u32(&c);
    uint16_t hardware = cursor_u16(&c);
    uint8_t type = cursor_u8(&c);
    if (!c.failed && hardware != TAP_LOOPBACK)
        frame->direction = type == TAP_OUTGOING ? PACKET_OUTGOING : PACKET_INCOMING;
}

static void tap_take(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct tap *tap = (struct tap *)context;
    struct netio_frame *frame = &tap->frames[tap->count];
    int64_t unix_ns = (int64_t)header->ts.tv_sec * NS_PER_SEC + header->ts.tv_usec;
    size_t len = header->caplen;

    if (unix_ns < tap->started_unix_ns)
        return; /* came before this tap shared with others */
    if (len > TAP_COPIES_SIZE - tap->used)
        len = TAP_COPIES_SIZE - tap->used; /* never with the snaplens that are allowed */
    *frame = (struct netio_frame){.link = LINK_LINUX_SLL2,
                                  .bytes = memcpy(tap->copies + tap->used, bytes, len),
                                  .len = len,
                                  .wire_len = header->len};
    tap->used += len;
    tap_read_cooked(frame);
    frame->when_ns =
        clockmap_map(&tap->clock, unix_ns, tap->drained_ns - TAP_BLOCK_NS, tap->now_ns);
    frame->number = ++tap->counters.received;
    tap->count++;
}

/* -ENETDOWN, -ENODEV: news of the interfaces. */
static int tap_watch(struct tap *tap)
{
    size_t removed = 0;
    int news = 0;

    for (size_t i = 0; tap->watches && i < tap->nlinks; i++) {
        int change = linkwatch_poll(&tap->links[i]);

        news = change ? -ENETDOWN : news;
        removed += tap->links[i].removed;
    }
    return news && removed == tap->nlinks ? -ENODEV : news;
}

static int tap_receive_batch(struct netio *io, struct netio_frame *frames, int max)
{
    struct tap *tap = (struct tap *)io;
    int fits = (int)(TAP_COPIES_SIZE / (size_t)pcap_snapshot(tap->capture));

    clockmap_update(&tap->clock);
    tap->now_ns = tap_clock();
    tap->frames = frames;
    tap->count = 0;
    tap->used = 0;
    int got = pcap_dispatch(tap->capture, max < fits ? max : fits, tap_take, (u_char *)tap);
    if (tap->count)
        return tap->count;
    tap->drained_ns = tap->now_ns;
    int news = tap_watch(tap);
    if (news)
        return news;
    return got < 0 ? -EIO : 0;
}

static int tap_receive(struct netio *io, struct netio_frame *frame)
{
    return tap_receive_batch(io, frame, 1);
}

static int tap_wait_ms(int64_t until_ns)
{
    int64_t left = until_ns - tap_clock();

    if (left <= 0)
        return 0;
    return left > 1000 * NS_PER_MS ? 1000 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
}

static int tap_wait(struct netio *io, int64_t until_ns)
{
    struct tap *tap = (struct tap *)io;
    struct pollfd fds[TAP_INTERFACES_MAX + 2] = {
        {.fd = tap->stopped ? -1 : tap->stop_fd, .events = POLLIN},
        {.fd = pcap_get_selectable_fd(tap->capture), .events = POLLIN},
    };
    nfds_t count = 2;

    for (size_t i = 0; i < tap->nlinks; i++)
        fds[count++] = (struct pollfd){.fd = tap->links[i].fd, .events = POLLIN};
    if (poll(fds, count, tap_wait_ms(until_ns)) < 0)
        return errno == EINTR ? 0 : -errno;
    return fds[0].revents ? -EINTR : 0;
}

/* --- counters and clocks -------------------------------------------------------------- */

static int tap_counters(struct netio *io, struct netio_counters *counters)
{
    struct tap *tap = (struct tap *)io;
    struct pcap_stat stat;
    uint64_t dropped;

    if (pcap_stats(tap->capture, &stat) < 0)
        return -EIO;
    tap->counters.capture_dropped += (uint32_t)(stat.ps_drop - tap->seen_dropped);
    tap->seen_dropped = stat.ps_drop;
    if (tap->watches && !linkstats_dropped(tap->ifindexes, tap->nlinks, &dropped) &&
        dropped > tap->interface_dropped)
        tap->counters.interface_dropped = dropped - tap->interface_dropped;
    *counters = tap->counters;
    return 0;
}

static int64_t tap_now(struct netio *io)
{
    (void)io;
    return tap_clock();
}

static int64_t tap_to_unix(struct netio *io, int64_t when_ns)
{
    return clockmap_to_unix(&((struct tap *)io)->clock, when_ns);
}

static int tap_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    (void)io;
    (void)packets;
    (void)count;
    return -EOPNOTSUPP;
}

static void tap_close(struct netio *io)
{
    struct tap *tap = (struct tap *)io;

    if (tap->compiled)
        pcap_freecode(&tap->program);
    if (tap->capture)
        pcap_close(tap->capture);
    if (tap->promiscuous_fd >= 0)
        close(tap->promiscuous_fd);
    for (size_t i = 0; i < tap->nlinks; i++)
        linkwatch_close(&tap->links[i]);
    free(tap->copies);
    free(tap);
}

static const struct netio_ops tap_ops = {
    .now = tap_now,
    .to_unix = tap_to_unix,
    .send = tap_send,
    .receive = tap_receive,
    .receive_batch = tap_receive_batch,
    .wait = tap_wait,
    .counters = tap_counters,
    .close = tap_close,
};

/* --- opening -------------------------------------------------------------------------- */

static int tap_find_interface(struct tap *tap, const char *name, char error[IO_ERROR_SIZE])
{
    struct linkwatch *link = &tap->links[tap->nlinks];
    int code = linkwatch_open_named(link, name, error);

    tap->ifindexes[tap->nlinks++] = link->ifindex;
    return code;
}

static int tap_find_interfaces(struct tap *tap, const struct tap_options *options,
                               char error[IO_ERROR_SIZE])
{
    int code = 0;

    if (options->ninterfaces > TAP_INTERFACES_MAX)
        return io_fail(error, -EINVAL, "interfaces", "more than 16");
    for (size_t i = 0; i < options->ninterfaces && !code; i++)
        code = tap_find_interface(tap, options->interfaces[i], error);
    return code;
}

static int tap_open_capture(struct tap *tap, const struct tap_options *options,
                            char error[IO_ERROR_SIZE])
{
    const struct capture_options capture = {
        .ring = true,
        .snaplen = options->snaplen > 0 ? options->snaplen : TAP_SNAPLEN,
        .buffer_bytes = options->buffer_bytes > 0 ? options->buffer_bytes : TAP_BUFFER_BYTES,
        .block_ms = TAP_BLOCK_MS,
    };

    return capture_ring_new(&capture, &tap->capture, error);
}

static int tap_share(struct tap *tap, const struct tap_options *options, char error[IO_ERROR_SIZE])
{
    const struct tap *sibling = (const struct tap *)options->sibling;
    int group = tap_socket_share(pcap_fileno(tap->capture), sibling ? sibling->group : -1);

    if (group < 0)
        return io_fail(error, group, "sharing a capture (PACKET_FANOUT)", strerror(-group));
    tap->group = group;
    return 0;
}

static int tap_be_promiscuous(struct tap *tap, char error[IO_ERROR_SIZE])
{
    int fd = tap_socket_promiscuous(tap->ifindexes, tap->nlinks);

    if (fd < 0)
        return io_fail(error, fd, "promiscuous mode", strerror(-fd));
    tap->promiscuous_fd = fd;
    return 0;
}

/* "(ifindex 2 or ifindex 3) and (FILTER)"; frames of other interfaces never leave the kernel. */
static int tap_compile(struct tap *tap, const char *filter, char error[IO_ERROR_SIZE])
{
    char text[TAP_FILTER_SIZE] = "";
    size_t len = 0;

    for (size_t i = 0; i < tap->nlinks; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ifindex %u", i ? " or" : "(",
                                tap->links[i].ifindex);
    if (tap->nlinks)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ")%s", *filter ? " and" : "");
    if (*filter)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " (%s)", filter);
    if (len >= sizeof(text))
        return io_fail(error, -EINVAL, "filter", "too long");
    if (pcap_compile(tap->capture, &tap->program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return io_fail(error, -EINVAL, "filter", pcap_geterr(tap->capture));
    tap->compiled = true;
    return 0;
}

static int tap_open_all(struct tap *tap, const struct tap_options *options,
                        char error[IO_ERROR_SIZE])
{
    int code = tap_find_interfaces(tap, options, error);

    if (!code)
        code = tap_open_capture(tap, options, error);
    if (!code)
        code = tap_compile(tap, options->filter ? options->filter : "", error);
    if (!code && (options->shared || options->sibling))
        code = tap_share(tap, options, error);
    if (!code && options->promiscuous && tap->watches)
        code = tap_be_promiscuous(tap, error);
    if (!code && tap->watches)
        linkstats_dropped(tap->ifindexes, tap->nlinks, &tap->interface_dropped);
    return code;
}

int tap_open(const struct tap_options *options, struct netio **out, char error[IO_ERROR_SIZE])
{
    struct tap *tap = calloc(1, sizeof(*tap));
    uint8_t *copies = malloc(TAP_COPIES_SIZE);

    error[0] = '\0';
    if (!tap || !copies) {
        free(tap);
        free(copies);
        return io_fail(error, -ENOMEM, "capture", strerror(ENOMEM));
    }
    tap->io = (struct netio){.ops = &tap_ops, .name = "tap", .privilege = "raw"};
    tap->copies = copies;
    tap->stop_fd = options->stop_fd;
    tap->promiscuous_fd = tap->group = -1;
    tap->watches = !options->sibling;
    clockmap_init(&tap->clock, NULL, NULL);
    tap->drained_ns = tap_clock();
    int code = tap_open_all(tap, options, error);
    if (code) {
        tap_close(&tap->io);
        return code;
    }
    *out = &tap->io;
    return 0;
}

int tap_start(struct netio *io, char error[IO_ERROR_SIZE])
{
    struct tap *tap = (struct tap *)io;

    error[0] = '\0';
    tap->drained_ns = tap_clock();
    tap->started_unix_ns = clockmap_clock(NULL, CLOCK_REALTIME);
    return capture_ring_filter(tap->capture, &tap->program, error);
}

void tap_stop(struct netio *io)
{
    struct tap *tap = (struct tap *)io;

    if (tap->stopped)
        return;
    tap_socket_deafen(pcap_fileno(tap->capture));
    tap->stopped = true;
    tap->stopped_ns = tap_clock();
}

bool tap_drained(struct netio *io)
{
    struct tap *tap = (struct tap *)io;

    return tap->stopped && tap->drained_ns - tap->stopped_ns > TAP_BLOCK_NS;
}
