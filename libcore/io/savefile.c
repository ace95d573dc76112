#include "io/savefile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/timespan.h"

#define SAVEFILE_RECORD_LEN 16
#define SAVEFILE_PACKET_MAX 262144      /* libpcap's MAXIMUM_SNAPLEN */
#define SAVEFILE_CHUNK      (64 * 1024) /* stays in the cache */
#define SAVEFILE_BUFFER     (SAVEFILE_PACKET_MAX + 2 * SAVEFILE_CHUNK) /* the largest record fits */

enum { SAVEFILE_MICROSECONDS = 0xa1b2c3d4, SAVEFILE_NANOSECONDS = 0xa1b23c4d };

static inline uint32_t savefile_u32(const struct savefile *file, struct cursor *c)
{
    uint32_t value = cursor_u32(c);

    return file->little_endian ? __builtin_bswap32(value) : value;
}

/* Version 2.4 and no frame check sequence announced; what is older or odd is libpcap's. */
static bool savefile_header(struct savefile *file, const uint8_t *head, size_t head_len)
{
    struct cursor c = cursor_init(head, head_len);
    uint32_t magic = cursor_u32(&c);

    file->little_endian = (magic & 0xff) == 0xa1;
    magic = file->little_endian ? __builtin_bswap32(magic) : magic;
    file->nanoseconds = magic == SAVEFILE_NANOSECONDS;
    uint32_t version = savefile_u32(file, &c);
    cursor_skip(&c, 12);
    file->linktype = (int32_t)savefile_u32(file, &c);
    return !c.failed && (magic == SAVEFILE_MICROSECONDS || magic == SAVEFILE_NANOSECONDS) &&
           version == (file->little_endian ? 0x00040002 : 0x00020004) && file->linktype >= 0 &&
           file->linktype <= UINT16_MAX;
}

int savefile_init(struct savefile *file, struct stream *stream, const uint8_t *head,
                  size_t head_len)
{
    *file = (struct savefile){.stream = stream};
    if (!savefile_header(file, head, head_len))
        return -ENOTSUP;
    file->buffer = malloc(SAVEFILE_BUFFER);
    if (!file->buffer)
        return -ENOMEM;
    memcpy(file->buffer, head, head_len);
    file->start = SAVEFILE_HEADER_LEN;
    file->end = head_len;
    return 0;
}

void savefile_release(struct savefile *file)
{
    free(file->buffer);
    file->buffer = NULL;
}

/* Moves what is left to the front and reads on. */
static int savefile_fill(struct savefile *file)
{
    size_t left = file->end - file->start;

    if (file->ended)
        return 0;
    memmove(file->buffer, file->buffer + file->start, left);
    file->start = 0;
    file->end = left;
    size_t room = SAVEFILE_BUFFER - left;
    ssize_t n = stream_read(file->stream, file->buffer + left,
                            room < SAVEFILE_CHUNK ? room : SAVEFILE_CHUNK);
    if (n < 0) {
        snprintf(file->message, sizeof(file->message), "%s", stream_error(file->stream));
        return file->error = (int)n;
    }
    file->end += (size_t)n;
    file->ended = n == 0;
    return 0;
}

/* A file may claim any number. */
static int64_t savefile_stamp(const struct savefile *file, uint32_t seconds, uint32_t fraction)
{
    return (int64_t)seconds * NS_PER_SEC +
           (file->nanoseconds ? (int64_t)fraction : (int64_t)fraction * NS_PER_US);
}

/* 1: a record; 0: not all of it is in the buffer. */
static int savefile_record(struct savefile *file, struct netio_frame *frame)
{
    struct cursor c = cursor_init(file->buffer + file->start, file->end - file->start);
    struct cursor header = cursor_sub(&c, SAVEFILE_RECORD_LEN);
    uint32_t seconds = savefile_u32(file, &header), fraction = savefile_u32(file, &header);
    uint32_t len = savefile_u32(file, &header), wire_len = savefile_u32(file, &header);

    if (header.failed)
        return 0;
    if (len > SAVEFILE_PACKET_MAX) {
        snprintf(file->message, sizeof(file->message),
                 "damaged: a record claims %u bytes, more than the %d a capture holds", len,
                 SAVEFILE_PACKET_MAX);
        return file->error = -EPROTO;
    }
    const uint8_t *bytes = cursor_bytes(&c, len);
    if (!bytes)
        return 0;
    *frame = (struct netio_frame){.when_ns = savefile_stamp(file, seconds, fraction),
                                  .bytes = bytes,
                                  .len = len,
                                  .wire_len = wire_len > len ? wire_len : len};
    file->start += SAVEFILE_RECORD_LEN + len;
    return 1;
}

static int savefile_end(struct savefile *file)
{
    size_t left = file->end - file->start;

    if (!left)
        return 0;
    snprintf(file->message, sizeof(file->message),
             "truncated: it ends in the middle of a record, %zu bytes of which are there", left);
    return file->error = -EPROTO;
}

int savefile_read(struct savefile *file, struct netio_frame *frames, int max)
{
    int count = 0, got = file->error;

    while (!got && count < max) {
        got = savefile_record(file, &frames[count]);
        if (got == 1) {
            count++;
            got = 0;
        } else if (got == 0) {
            if (count)
                break; /* filling would move what has been handed out */
            if (file->ended)
                return savefile_end(file);
            got = savefile_fill(file);
        }
    }
    return count ? count : got;
}
