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
#include "base/text.h"
#include "base/timespan.h"
#include "io/savefile.h"
#include "io/stream.h"

#define FILE_HEAD_SIZE   64
#define FILE_PACKET_MAX  262144 /* libpcap's MAXIMUM_SNAPLEN */
#define FILE_COPIES_SIZE (2 * FILE_PACKET_MAX)
#define FILE_STDIO_SIZE  (64 * 1024)
#define FILE_PATH_SHOWN  80 /* bytes of a path worth repeating */

struct file {
    struct netio io;
    struct stream *stream;
    struct savefile records; /* without a buffer when libpcap reads */
    pcap_t *capture;         /* NULL when `records` does */
    int ended;               /* what libpcap said last: asked again it says something else */
    uint8_t *copies;         /* of the frames of a batch; NULL until there is one */
    struct expression *own_filter;
    struct bpf_program *program; /* NULL: no filter; borrowed from the expression */
    size_t head_len, head_pos;
    uint8_t head[FILE_HEAD_SIZE]; /* looked at before anybody reads: pipes do not seek */
    enum link_type link;
    uint64_t read; /* frames, before the filter */
    int64_t now_ns;
    struct netio_counters counters;
    char error[IO_ERROR_SIZE];
};

static int file_fail(char error[IO_ERROR_SIZE], int code, const char *path, const char *why)
{
    char shown[TEXT_ESCAPED_SIZE(FILE_PATH_SHOWN)];
    size_t len = strnlen(path, FILE_PATH_SHOWN);

    text_escape(shown, sizeof(shown), path, len);
    text_format(error, IO_ERROR_SIZE, "'%s%s': %s", shown, path[len] ? "..." : "", why);
    return code;
}

/* --- the stream under libpcap -------------------------------------------------- */

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
    ssize_t n = stream_read(file->stream, bytes, size);
    if (n >= 0)
        return n;
    errno = (int)-n;
    return -1;
}

static int file_read_head(struct file *file)
{
    while (file->head_len < sizeof(file->head)) {
        ssize_t n = stream_read(file->stream, file->head + file->head_len,
                                sizeof(file->head) - file->head_len);
        if (n < 0)
            return (int)n;
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
    {"\xfd"
     "7zXZ",
     5, "xz-compressed data: decompress it first (xz -dc)"},
    {"BZh", 3, "bzip2-compressed data: decompress it first (bzip2 -dc)"},
    {"\x1f\x8b", 2, "gzip-compressed data once more: decompress it first (gzip -dc)"},
    {"\x28\xb5\x2f\xfd", 4, "zstd-compressed data once more: decompress it first (zstd -dc)"},
    {"\x7f"
     "ELF",
     4, "an ELF program, not a capture"},
    {"#!", 2, "a script, not a capture"},
    {"PK\x03\x04", 4, "a zip archive: unpack it first"},
    {"%PDF", 4, "a PDF document, not a capture"},
    {"snoop\0\0\0", 8, "a snoop capture: convert it first (editcap -F pcapng)"},
    {"GMBU", 4, "a Network Monitor capture: convert it first (editcap -F pcapng)"},
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
    if (!file_is_text(file))
        return "not a capture (pcap or pcapng)";
    size_t at = 0;
    while (at < file->head_len && isspace(file->head[at]))
        at++;
    if (at < file->head_len && (file->head[at] == '{' || file->head[at] == '['))
        return "JSON, not a capture";
    return "text, not a capture";
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
    const char *unread = stream_error(file->stream);

    if (got == PCAP_ERROR_BREAK && !*unread)
        return -ENODATA;
    /* Of a stream that broke libpcap knows only that it is cut. */
    snprintf(file->error, sizeof(file->error), "%s", *unread ? unread : pcap_geterr(file->capture));
    ssize_t code = stream_read(file->stream, file->head, 0);
    return code < 0 ? (int)code : -EPROTO;
}

/* A frame whose bytes are libpcap's, valid until it reads the next. */
static int file_next(struct file *file, struct netio_frame *frame)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;

    if (file->ended)
        return file->ended;
    int got = pcap_next_ex(file->capture, &header, &bytes);
    if (got != 1)
        return file->ended = file_end(file, got);
    *frame = (struct netio_frame){.when_ns = file_stamp(&header->ts),
                                  .bytes = bytes,
                                  .len = header->caplen,
                                  .wire_len =
                                      header->len > header->caplen ? header->len : header->caplen};
    return 1;
}

/* libpcap has one buffer for all packets, so that those of a batch are copied. */
static int file_next_batch(struct file *file, struct netio_frame *frames, int max)
{
    int count = 0, got = 1;

    if (max == 1)
        return file_next(file, frames);
    if (!file->copies && !(file->copies = malloc(FILE_COPIES_SIZE)))
        return -ENOMEM;
    for (size_t used = 0; count < max && used <= FILE_COPIES_SIZE - FILE_PACKET_MAX; count++) {
        got = file_next(file, &frames[count]);
        if (got != 1)
            break;
        frames[count].bytes = memcpy(file->copies + used, frames[count].bytes, frames[count].len);
        used += frames[count].len;
    }
    return count ? count : got;
}

static int file_read(struct file *file, struct netio_frame *frames, int max)
{
    if (file->capture)
        return file_next_batch(file, frames, max);
    int got = savefile_read(&file->records, frames, max);
    if (got < 0)
        snprintf(file->error, sizeof(file->error), "%s", file->records.message);
    return got ? got : -ENODATA;
}

static bool file_wants(const struct file *file, const struct netio_frame *frame)
{
    struct pcap_pkthdr header = {.caplen = (uint32_t)frame->len, .len = (uint32_t)frame->wire_len};

    return !file->program || pcap_offline_filter(file->program, &header, frame->bytes);
}

/* Completes the frames that pass the filter, and closes the gaps between them. */
static int file_keep(struct file *file, struct netio_frame *frames, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++) {
        struct netio_frame *frame = &frames[i];

        frame->number = ++file->read;
        if (!file_wants(file, frame))
            continue;
        frame->link = file->link;
        file_read_cooked(frame);
        file->now_ns = frame->when_ns;
        if (kept != i)
            frames[kept] = *frame;
        kept++;
    }
    file->counters.received += (uint64_t)kept;
    return kept;
}

static int file_receive_batch(struct netio *io, struct netio_frame *frames, int max)
{
    struct file *file = (struct file *)io;

    for (;;) {
        int got = file_read(file, frames, max);
        if (got <= 0)
            return got;
        int kept = file_keep(file, frames, got);
        if (kept)
            return kept;
    }
}

static int file_receive(struct netio *io, struct netio_frame *frame)
{
    return file_receive_batch(io, frame, 1);
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
    savefile_release(&file->records);
    stream_free(file->stream);
    expression_free(file->own_filter);
    free(file->copies);
    free(file);
}

static const struct netio_ops file_ops = {
    .now = file_now,
    .to_unix = file_to_unix,
    .send = file_send,
    .receive = file_receive,
    .receive_batch = file_receive_batch,
    .wait = file_wait,
    .counters = file_counters,
    .close = file_close,
};

/* --- opening ------------------------------------------------------------------- */

static int file_open_pcap(struct file *file, const char *path, char error[IO_ERROR_SIZE])
{
    cookie_io_functions_t functions = {.read = file_cookie_read};
    FILE *stream = fopencookie(file, "r", functions);
    char text[PCAP_ERRBUF_SIZE] = "";

    if (!stream)
        return file_fail(error, -ENOMEM, path, strerror(ENOMEM));
    setvbuf(stream, NULL, _IOFBF, FILE_STDIO_SIZE);
    file->capture =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
    if (file->capture)
        return 0;
    fclose(stream);
    if (*stream_error(file->stream))
        return file_fail(error, -EPROTO, path, stream_error(file->stream));
    return file_fail(error, -EPROTO, path, text);
}

static int file_link(const struct file *file)
{
    if (!file->capture)
        return file->records.linktype;
    int link = pcap_datalink(file->capture);
    return link == DLT_RAW ? LINK_RAW : link; /* 12 on Linux for LINKTYPE_RAW */
}

static int file_check_link(struct file *file, const char *path, char error[IO_ERROR_SIZE])
{
    int link = file_link(file);
    char text[80];

    switch (link) {
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

static int file_filter(struct file *file, struct expression *filter, const char *path,
                       char error[IO_ERROR_SIZE])
{
    const char *message;

    if (!filter)
        return 0;
    file->program = expression_program(filter, file->link, &message);
    return file->program ? 0 : file_fail(error, -EINVAL, path, message);
}

static int file_refuse(const struct file *file, const char *path, char error[IO_ERROR_SIZE])
{
    const char *packing = stream_packing(file->stream);
    char text[120];

    snprintf(text, sizeof(text), "%s%s%s", file_looks_like(file), packing ? ", packed with " : "",
             packing ? packing : "");
    return file_fail(error, -EPROTO, path, text);
}

static int file_start(struct file *file, const char *path, struct expression *filter,
                      char error[IO_ERROR_SIZE])
{
    int code = file_read_head(file);

    if (code)
        return file_fail(error, code, path, stream_error(file->stream));
    if (!file_is_capture(file))
        return file_refuse(file, path, error);
    code = savefile_init(&file->records, file->stream, file->head, file->head_len);
    if (code == -ENOTSUP)
        code = file_open_pcap(file, path, error);
    else if (code)
        code = file_fail(error, code, path, strerror(-code));
    if (!code)
        code = file_check_link(file, path, error);
    if (!code)
        code = file_filter(file, filter, path, error);
    return code;
}

int file_open_fd(int fd, const char *path, struct expression *filter, struct netio **out,
                 char error[IO_ERROR_SIZE])
{
    struct file *file = calloc(1, sizeof(*file));
    int code = file ? stream_new(fd, &file->stream) : -ENOMEM;

    error[0] = '\0';
    if (code) {
        free(file);
        if (fd > STDIN_FILENO)
            close(fd);
        return file_fail(error, code, path, strerror(-code));
    }
    file->io = (struct netio){.ops = &file_ops, .name = "file", .privilege = "file"};
    code = file_start(file, path, filter, error);
    if (code) {
        file_close(&file->io);
        return code;
    }
    *out = &file->io;
    return 0;
}

int file_open(const char *path, const char *filter, struct netio **out, char error[IO_ERROR_SIZE])
{
    struct expression *expression = NULL;
    int code = 0;

    error[0] = '\0';
    if (filter && *filter)
        code = expression_new(filter, &expression, error);
    if (code)
        return code;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        code = file_fail(error, -errno, path, strerror(errno));
    else
        code = file_open_fd(fd, path, expression, out, error);
    if (code)
        expression_free(expression);
    else
        ((struct file *)*out)->own_filter = expression;
    return code;
}

const char *file_error(const struct netio *io)
{
    return io->ops == &file_ops ? ((const struct file *)io)->error : "";
}
