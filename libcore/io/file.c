#include "io/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/timespan.h"

#define FILE_HEAD_SIZE 64

struct file {
    struct netio io;
    pcap_t *capture;
    int fd;
    int read_errno; /* what read(2) said; libpcap would call it a cut file */
    size_t head_len, head_pos;
    uint8_t head[FILE_HEAD_SIZE]; /* looked at before libpcap sees it: pipes do not seek */
    enum link_type link;
    int64_t now_ns;
    struct netio_counters counters;
    char error[IO_ERROR_SIZE];
};

static int file_fail(char error[IO_ERROR_SIZE], int code, const char *path, const char *why)
{
    snprintf(error, IO_ERROR_SIZE, "'%.100s': %s", path, why);
    return code;
}

/* --- the stream under libpcap -------------------------------------------------- */

static ssize_t file_read(int fd, void *bytes, size_t size)
{
    ssize_t n;

    do
        n = read(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t file_cookie_read(void *cookie, char *bytes, size_t size)
{
    struct file *file = cookie;
    size_t left = file->head_len - file->head_pos;

    if (left > 0) {
        size_t n = left < size ? left : size;
        memcpy(bytes, file->head + file->head_pos, n);
        file->head_pos += n;
        return (ssize_t)n;
    }
    ssize_t n = file_read(file->fd, bytes, size);
    if (n < 0)
        file->read_errno = errno;
    return n;
}

static int file_read_head(struct file *file)
{
    while (file->head_len < sizeof(file->head)) {
        ssize_t n =
            file_read(file->fd, file->head + file->head_len, sizeof(file->head) - file->head_len);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        file->head_len += (size_t)n;
    }
    return 0;
}

/* --- what it is when it is no capture ------------------------------------------ */

static const struct {
    const char *magic;
    size_t len;
    const char *what;
} file_kinds[] = {
    {"\x1f\x8b",         2, "gzip-compressed data: decompress it first (gzip -dc)"           },
    {"\x28\xb5\x2f\xfd", 4, "zstd-compressed data: decompress it first (zstd -dc)"           },
    {"\xfd"
     "7zXZ",        5, "xz-compressed data: decompress it first (xz -dc)"               },
    {"BZh",              3, "bzip2-compressed data: decompress it first (bzip2 -dc)"         },
    {"\x7f"
     "ELF",         4, "a program (ELF), not a capture"                                 },
    {"PK\x03\x04",       4, "a zip archive: unpack it first"                                 },
    {"snoop\0\0\0",      8, "a snoop capture: convert it first (editcap -F pcapng)"          },
    {"GMBU",             4, "a Network Monitor capture: convert it first (editcap -F pcapng)"},
};

static bool file_is_capture(const struct file *file)
{
    static const uint32_t magics[] = {
        0xa1b2c3d4, 0xd4c3b2a1, /* pcap, microseconds, both byte orders */
        0xa1b23c4d, 0x4d3cb2a1, /* pcap, nanoseconds */
        0xa1b2cd34, 0x34cdb2a1, /* pcap as some old kernels patched it */
        0x0a0d0d0a,             /* pcapng */
    };
    struct cursor c = cursor_init(file->head, file->head_len);
    uint32_t magic = cursor_u32(&c);

    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (!c.failed && magic == magics[i])
            return true;
    return false;
}

static bool file_is_text(const struct file *file)
{
    for (size_t i = 0; i < file->head_len; i++)
        if (!isprint(file->head[i]) && !isspace(file->head[i]) && file->head[i] < 0x80)
            return false;
    return true;
}

static const char *file_looks_like(const struct file *file)
{
    if (file->head_len == 0)
        return "empty, not a capture";
    for (size_t i = 0; i < sizeof(file_kinds) / sizeof(file_kinds[0]); i++)
        if (file->head_len >= file_kinds[i].len &&
            memcmp(file->head, file_kinds[i].magic, file_kinds[i].len) == 0)
            return file_kinds[i].what;
    return file_is_text(file) ? "text, not a capture" : "not a capture (pcap or pcapng)";
}

/* --- receiving ----------------------------------------------------------------- */

/* A file may claim any number. */
static int64_t file_stamp(const struct timeval *nanoseconds)
{
    int64_t ns;

    if (__builtin_mul_overflow((int64_t)nanoseconds->tv_sec, NS_PER_SEC, &ns))
        return nanoseconds->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return time_add(ns, nanoseconds->tv_usec);
}

/* tcpdump.org/linktypes: LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2; 4 is "sent by us". */
static void file_read_cooked(struct netio_frame *frame)
{
    struct cursor c = cursor_init(frame->bytes, frame->len);
    uint16_t type = 0;

    if (frame->link == LINK_LINUX_SLL) {
        type = cursor_u16(&c);
    } else if (frame->link == LINK_LINUX_SLL2) {
        cursor_skip(&c, 4);
        frame->ifindex = cursor_u32(&c);
        cursor_skip(&c, 2);
        type = cursor_u8(&c);
    } else {
        return;
    }
    if (!c.failed)
        frame->direction = type == 4 ? PACKET_OUTGOING : PACKET_INCOMING;
}

static int file_end(struct file *file, int got)
{
    if (file->read_errno) {
        snprintf(file->error, sizeof(file->error), "%s", strerror(file->read_errno));
        return -file->read_errno;
    }
    if (got == PCAP_ERROR_BREAK)
        return -ENODATA;
    snprintf(file->error, sizeof(file->error), "%s", pcap_geterr(file->capture));
    return -EPROTO;
}

static int file_receive(struct netio *io, struct netio_frame *frame)
{
    struct file *file = (struct file *)io;
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int got = pcap_next_ex(file->capture, &header, &bytes);

    if (got != 1)
        return file_end(file, got);
    *frame = (struct netio_frame){.when_ns = file_stamp(&header->ts),
                                  .link = file->link,
                                  .bytes = bytes,
                                  .len = header->caplen,
                                  .wire_len =
                                      header->len > header->caplen ? header->len : header->caplen};
    file_read_cooked(frame);
    file->now_ns = frame->when_ns;
    file->counters.received++;
    return 1;
}

static int64_t file_now(struct netio *io)
{
    return ((struct file *)io)->now_ns;
}

static int64_t file_to_unix(struct netio *io, int64_t when_ns)
{
    (void)io;
    return when_ns;
}

static int file_send(struct netio *io, struct netio_packet *packets, size_t count)
{
    (void)io;
    (void)packets;
    (void)count;
    return -EOPNOTSUPP;
}

static int file_wait(struct netio *io, int64_t until_ns)
{
    (void)io;
    (void)until_ns;
    return 0;
}

static int file_counters(struct netio *io, struct netio_counters *counters)
{
    *counters = ((struct file *)io)->counters;
    return 0;
}

static void file_close(struct netio *io)
{
    struct file *file = (struct file *)io;

    if (file->capture)
        pcap_close(file->capture);
    if (file->fd > STDIN_FILENO)
        close(file->fd);
    free(file);
}

static const struct netio_ops file_ops = {
    .now = file_now,
    .to_unix = file_to_unix,
    .send = file_send,
    .receive = file_receive,
    .wait = file_wait,
    .counters = file_counters,
    .close = file_close,
};

/* --- opening ------------------------------------------------------------------- */

static int file_start_pcap(struct file *file, const char *path, char error[IO_ERROR_SIZE])
{
    cookie_io_functions_t functions = {.read = file_cookie_read};
    FILE *stream = fopencookie(file, "r", functions);
    char text[PCAP_ERRBUF_SIZE] = "";

    if (!stream)
        return file_fail(error, -ENOMEM, path, strerror(ENOMEM));
    file->capture =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
    if (file->capture)
        return 0;
    fclose(stream);
    if (file->read_errno)
        return file_fail(error, -file->read_errno, path, strerror(file->read_errno));
    return file_fail(error, -EPROTO, path, text);
}

static int file_check_link(struct file *file, const char *path, char error[IO_ERROR_SIZE])
{
    int link = pcap_datalink(file->capture);
    char text[80];

    switch (link) {
    case DLT_RAW: /* 12 on Linux for LINKTYPE_RAW */
        file->link = LINK_RAW;
        return 0;
    case LINK_NULL:
    case LINK_ETHERNET:
    case LINK_RAW:
    case LINK_LOOP:
    case LINK_LINUX_SLL:
    case LINK_IPV4:
    case LINK_IPV6:
    case LINK_LINUX_SLL2:
        file->link = (enum link_type)link;
        return 0;
    }
    const char *name = pcap_datalink_val_to_name(link);
    snprintf(text, sizeof(text), "link type %d (%.40s) is not known here", link,
             name ? name : "unnamed");
    return file_fail(error, -EPROTONOSUPPORT, path, text);
}

static int file_filter(struct file *file, const char *expression, char error[IO_ERROR_SIZE])
{
    struct bpf_program program;

    if (!expression || !*expression)
        return 0;
    if (pcap_compile(file->capture, &program, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return file_fail(error, -EINVAL, expression, pcap_geterr(file->capture));
    int failed = pcap_setfilter(file->capture, &program);
    pcap_freecode(&program);
    return failed ? file_fail(error, -EINVAL, expression, pcap_geterr(file->capture)) : 0;
}

static int file_start(struct file *file, const char *path, const char *filter,
                      char error[IO_ERROR_SIZE])
{
    bool is_stdin = strcmp(path, "-") == 0;

    file->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return file_fail(error, -errno, path, strerror(errno));
    int code = file_read_head(file);
    if (code)
        return file_fail(error, code, path, strerror(-code));
    if (!file_is_capture(file))
        return file_fail(error, -EPROTO, path, file_looks_like(file));
    code = file_start_pcap(file, path, error);
    if (!code)
        code = file_check_link(file, path, error);
    if (!code)
        code = file_filter(file, filter, error);
    return code;
}

int file_open(const char *path, const char *filter, struct netio **out, char error[IO_ERROR_SIZE])
{
    struct file *file = calloc(1, sizeof(*file));

    error[0] = '\0';
    if (!file)
        return file_fail(error, -ENOMEM, path, strerror(ENOMEM));
    file->io = (struct netio){.ops = &file_ops, .name = "file", .privilege = "file"};
    file->fd = -1;
    int code = file_start(file, path, filter, error);
    if (code) {
        file_close(&file->io);
        return code;
    }
    *out = &file->io;
    return 0;
}

const char *file_error(const struct netio *io)
{
    return io->ops == &file_ops ? ((const struct file *)io)->error : "";
}
