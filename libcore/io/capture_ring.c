/* A ring of libpcap's on "any": frames of all interfaces, in memory that the kernel writes to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/timespan.h"
#include "io/capture_internal.h"

/*
 * PACKET_IGNORE_OUTGOING of linux/if_packet.h; since Linux 4.20. Older kernels go on giving
 * copies, which the caller tells by their direction.
 */
#define RING_IGNORE_OUTGOING 23

struct capture_ring {
    struct capture base;
    uint32_t seen_dropped; /* libpcap's counters are 32 bits wide and wrap */
};

static int ring_set_program(struct capture *capture, struct bpf_program *program, uint32_t ifindex)
{
    (void)ifindex;
    return pcap_setfilter(capture->pcap, program) < 0 ? -EIO : 0;
}

static int ring_next(struct capture *capture, struct capture_frame *frame)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int got = pcap_next_ex(capture->pcap, &header, &bytes);

    if (got != 1)
        return got == 0 ? 0 : -EIO;
    *frame = (struct capture_frame){.unix_ns = (int64_t)header->ts.tv_sec * NS_PER_SEC +
                                               header->ts.tv_usec,
                                    .bytes = bytes,
                                    .len = header->caplen,
                                    .wire_len = header->len};
    return 1;
}

static int ring_add_dropped(struct capture *capture, uint64_t *dropped)
{
    struct capture_ring *ring = (struct capture_ring *)capture;
    struct pcap_stat stat;

    if (pcap_stats(capture->pcap, &stat) < 0)
        return -EIO;
    *dropped += (uint32_t)(stat.ps_drop - ring->seen_dropped);
    ring->seen_dropped = stat.ps_drop;
    return 0;
}

static void ring_close(struct capture *capture)
{
    if (capture->pcap)
        pcap_close(capture->pcap);
    free(capture);
}

static const struct capture_ops ring_ops = {
    .set_program = ring_set_program,
    .next = ring_next,
    .add_dropped = ring_add_dropped,
    .close = ring_close,
    .ifindex_in_text = true,
};

static int ring_errno(int status)
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

static void ring_configure(pcap_t *pcap, const struct capture_options *options)
{
    pcap_set_snaplen(pcap, options->snaplen);
    pcap_set_buffer_size(pcap, options->buffer_bytes);
    pcap_set_promisc(pcap, 0);
    if (options->block_ms)
        pcap_set_timeout(pcap, options->block_ms);
    else
        pcap_set_immediate_mode(pcap, 1);
    pcap_set_tstamp_type(pcap, PCAP_TSTAMP_HOST);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
}

int capture_ring_filter(pcap_t *pcap, struct bpf_program *program, char error[IO_ERROR_SIZE])
{
    if (pcap_setfilter(pcap, program) < 0)
        return io_fail(error, -EIO, "capture filter", pcap_geterr(pcap));
    return 0;
}

static int ring_activate(pcap_t *pcap, const struct capture_options *options,
                         char error[IO_ERROR_SIZE])
{
    const int on = 1;
    struct bpf_program reject = CAPTURE_REJECT_ALL;
    char text[PCAP_ERRBUF_SIZE] = "";
    int status;

    ring_configure(pcap, options);
    status = pcap_activate(pcap);
    if (status < 0)
        return io_fail(error, ring_errno(status), "capture", pcap_geterr(pcap));
    status = capture_ring_filter(pcap, &reject, error);
    if (status)
        return status;
    if (pcap_set_datalink(pcap, DLT_LINUX_SLL2) < 0 ||
        pcap_get_tstamp_precision(pcap) != PCAP_TSTAMP_PRECISION_NANO)
        return io_fail(error, -EOPNOTSUPP, "capture",
                       "this libpcap lacks cooked captures (SLL2) with nanosecond stamps");
    if (pcap_setnonblock(pcap, 1, text) < 0)
        return io_fail(error, -EIO, "capture", text);
    if (options->incoming_only)
        setsockopt(pcap_fileno(pcap), SOL_PACKET, RING_IGNORE_OUTGOING, &on, sizeof(on));
    return 0;
}

int capture_ring_new(const struct capture_options *options, pcap_t **out, char error[IO_ERROR_SIZE])
{
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = pcap_create("any", text);
    int code;

    if (!pcap)
        return io_fail(error, -EIO, "capture", text);
    code = ring_activate(pcap, options, error);
    if (code) {
        pcap_close(pcap);
        return code;
    }
    *out = pcap;
    return 0;
}

int capture_ring_open(const struct capture_options *options, struct capture **out,
                      char error[IO_ERROR_SIZE])
{
    struct capture_ring *ring = calloc(1, sizeof(*ring));
    int code;

    if (!ring)
        return io_fail(error, -ENOMEM, "capture", strerror(ENOMEM));
    ring->base = (struct capture){.ops = &ring_ops, .fd = -1};
    *out = &ring->base;
    code = capture_ring_new(options, &ring->base.pcap, error);
    if (!code)
        ring->base.fd = pcap_get_selectable_fd(ring->base.pcap);
    return code;
}
