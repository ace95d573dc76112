#include "io/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define STREAM_BUFFER_SIZE (128 * 1024)
#define STREAM_MAGIC_LEN   4
#define STREAM_GZIP_WINDOW (15 + 16) /* zlib.h: the largest window, and a gzip header */
#define STREAM_ERROR_SIZE  120

enum stream_kind { STREAM_NEW, STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD };

struct stream {
    int fd;
    enum stream_kind kind;
    bool drained;   /* read(2) has come to the end */
    bool in_member; /* packed data that must not end here */
    bool had_member;
    bool ended; /* of what is given out */
    int error;
    size_t len, pos; /* of `bytes`, read and not yet given out or unpacked */
    z_stream gzip;
    ZSTD_DStream *zstd;
    char message[STREAM_ERROR_SIZE];
    uint8_t bytes[STREAM_BUFFER_SIZE];
};

int stream_new(int fd, struct stream **out)
{
    struct stream *stream = malloc(sizeof(*stream));

    if (!stream)
        return -ENOMEM;
    memset(stream, 0, offsetof(struct stream, bytes));
    stream->fd = fd;
    *out = stream;
    return 0;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    if (stream->kind == STREAM_GZIP)
        inflateEnd(&stream->gzip);
    ZSTD_freeDStream(stream->zstd);
    if (stream->fd > STDIN_FILENO)
        close(stream->fd);
    free(stream);
}

static ssize_t stream_fail(struct stream *stream, int error, const char *message)
{
    stream->error = error;
    snprintf(stream->message, sizeof(stream->message), "%s", message);
    return error;
}

static ssize_t stream_read_fd(struct stream *stream, void *bytes, size_t size)
{
    ssize_t n;

    do
        n = read(stream->fd, bytes, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        int error = errno;

        return stream_fail(stream, -error, strerror(error));
    }
    stream->drained = n == 0;
    return n;
}

/* Appends to the buffer, which is empty or holds a first few bytes. */
static int stream_fill(struct stream *stream)
{
    if (stream->pos == stream->len)
        stream->pos = stream->len = 0;
    ssize_t n =
        stream_read_fd(stream, stream->bytes + stream->len, sizeof(stream->bytes) - stream->len);

    if (n < 0)
        return (int)n;
    stream->len += (size_t)n;
    return 0;
}

/* --- what it is ----------------------------------------------------------------- */

static enum stream_kind stream_recognise(const struct stream *stream)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};

    if (stream->len >= sizeof(gzip) && !memcmp(stream->bytes, gzip, sizeof(gzip)))
        return STREAM_GZIP;
    if (stream->len >= sizeof(zstd) && !memcmp(stream->bytes, zstd, sizeof(zstd)))
        return STREAM_ZSTD;
    return STREAM_PLAIN;
}

static int stream_begin(struct stream *stream)
{
    int err = 0;

    while (!err && !stream->drained && stream->len < STREAM_MAGIC_LEN)
        err = stream_fill(stream);
    if (err)
        return err;
    enum stream_kind kind = stream_recognise(stream);
    if (kind == STREAM_GZIP && inflateInit2(&stream->gzip, STREAM_GZIP_WINDOW) != Z_OK)
        return (int)stream_fail(stream, -ENOMEM, strerror(ENOMEM));
    if (kind == STREAM_ZSTD && !(stream->zstd = ZSTD_createDStream()))
        return (int)stream_fail(stream, -ENOMEM, strerror(ENOMEM));
    stream->kind = kind;
    return 0;
}

const char *stream_packing(const struct stream *stream)
{
    return stream->kind == STREAM_GZIP ? "gzip" : stream->kind == STREAM_ZSTD ? "zstd" : NULL;
}

const char *stream_error(const struct stream *stream)
{
    return stream->message;
}

/* --- giving out ----------------------------------------------------------------- */

static ssize_t stream_plain(struct stream *stream, void *bytes, size_t size)
{
    size_t left = stream->len - stream->pos;

    if (!left)
        return stream->drained ? 0 : stream_read_fd(stream, bytes, size);
    if (left > size)
        left = size;
    memcpy(bytes, stream->bytes + stream->pos, left);
    stream->pos += left;
    return (ssize_t)left;
}

/* What follows a whole member and is no other one is padding, as gzip(1) has it. */
static int stream_inflate(struct stream *stream, uint8_t *bytes, size_t size, size_t *made)
{
    z_stream *z = &stream->gzip;
    bool further = stream->had_member && !stream->in_member;

    z->next_in = stream->bytes + stream->pos;
    z->avail_in = (uInt)(stream->len - stream->pos);
    z->next_out = bytes;
    z->avail_out = (uInt)size;
    int got = inflate(z, Z_NO_FLUSH);
    stream->pos = stream->len - z->avail_in;
    *made = size - z->avail_out;
    stream->in_member = got != Z_STREAM_END;
    if (got == Z_STREAM_END) {
        stream->had_member = true;
        inflateReset(z);
    }
    if (got == Z_OK || got == Z_STREAM_END || got == Z_BUF_ERROR)
        return 0;
    if (further && !*made) {
        stream->ended = true;
        return 0;
    }
    return (int)stream_fail(stream, -EPROTO, "the gzip data is damaged");
}

static int stream_unzstd(struct stream *stream, uint8_t *bytes, size_t size, size_t *made)
{
    ZSTD_inBuffer in = {stream->bytes, stream->len, stream->pos};
    ZSTD_outBuffer out = {bytes, size, 0};
    size_t hint = ZSTD_decompressStream(stream->zstd, &out, &in);

    if (ZSTD_isError(hint)) {
        snprintf(stream->message, sizeof(stream->message), "the zstd data is damaged: %s",
                 ZSTD_getErrorName(hint));
        return stream->error = -EPROTO;
    }
    stream->pos = in.pos;
    stream->in_member = hint != 0;
    *made = out.pos;
    return 0;
}

static ssize_t stream_unpack(struct stream *stream, void *bytes, size_t size)
{
    size_t made = 0;
    int err = 0;

    if (size > UINT32_MAX)
        size = UINT32_MAX;
    while (!err && !made && !stream->ended) {
        if (stream->pos == stream->len && !stream->drained)
            err = stream_fill(stream);
        if (err)
            break;
        bool dry = stream->pos == stream->len; /* the unpacker may still hold some */
        if (!dry || stream->in_member)
            err = stream->kind == STREAM_GZIP ? stream_inflate(stream, bytes, size, &made)
                                              : stream_unzstd(stream, bytes, size, &made);
        if (!dry || made || err)
            continue;
        stream->ended = true;
        if (stream->in_member)
            err = (int)stream_fail(stream, -EPROTO,
                                   stream->kind == STREAM_GZIP ? "the gzip data ends too early"
                                                               : "the zstd data ends too early");
    }
    return err ? err : (ssize_t)made;
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    int err = stream->error;

    if (!err && stream->kind == STREAM_NEW)
        err = stream_begin(stream);
    if (err)
        return err;
    return stream->kind == STREAM_PLAIN ? stream_plain(stream, bytes, size)
                                        : stream_unpack(stream, bytes, size);
}
