/*
 * Whole capture files through reader, decoder and flow engine. The mutator knows records: it
 * changes packets, their order, their times and their TCP headers, and keeps the lengths around
 * them plausible, so that what it makes is read to the end.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/flow.h"
#include "io/file.h"

#define HEADER_LEN  24
#define RECORD_LEN  16
#define RECORDS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static void must(bool kept)
{
    if (!kept)
        abort();
}

/* --- what must hold ----------------------------------------------------------------------------
 */

static void check_counts(const struct flow_counts *c)
{
    must(c->timeout + c->fast + c->tail_probe + c->unknown == c->retransmissions);
    must(c->lost_before + c->lost_behind + c->lost_unknown == c->retransmissions);
    must(c->spurious <= c->retransmissions && c->timer <= c->timeout);
    must(c->spurious_timeout <= c->timer);
    must(c->unique_bytes <= c->bytes + c->capture_gap_bytes || c->bytes > UINT32_MAX);
}

static void check_facts(const struct flow_facts *f)
{
    must(f->flow_id > 0 && f->severity <= FLOW_CRITICAL);
    must(f->findings < 1u << FLOW_FINDINGS);
    must(flow_end_name(f->end) && flow_ecn_name(f->ecn) && flow_stall_cause_name(f->stall.cause));
    for (int side = 0; side < 2; side++) {
        check_counts(&f->side[side].counts);
        must(f->side[side].wscale >= -1 && f->side[side].wscale <= 255);
    }
    if (f->has_reset)
        must(f->reset.confidence >= 0.5 && f->reset.confidence <= 1);
}

static void check_event(void *context, const struct flow_event *event)
{
    uint64_t *events = context;

    ++*events;
    must(flow_event_name(event->kind) && event->flow_id > 0);
    if (event->kind == FLOW_EVENT_END)
        check_facts(event->facts);
    else
        must(event->frame > 0 && event->revises <= event->frame);
}

static void check_result(const struct flows *flows, const struct flows_config *config)
{
    struct flows_result r;

    if (flows_result(flows, &r))
        return;
    must(r.nflows <= config->top && r.nhosts <= config->top);
    must(r.summary.flows >= r.nflows && r.summary.flows_open <= config->max_flows);
    check_counts(&r.summary.counts);
    for (size_t i = 0; i < r.nflows; i++)
        check_facts(&r.flows[i]);
    for (size_t i = 0; i < r.nfindings; i++)
        must(flow_finding_id(r.findings[i].kind) && r.findings[i].severity <= FLOW_CRITICAL);
    flows_result_release(&r);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void take(struct flows *const *engines, const struct netio_frame *frames, int count)
{
    struct segment segments[2][FLOWS_BATCH];
    size_t n[2] = {0, 0};

    for (int i = 0; i < count; i++) {
        struct segment s = {.direction = (uint8_t)frames[i].direction,
                            .ifindex = frames[i].ifindex};
        enum segment_kind kind =
            segment_decode(frames[i].link, frames[i].bytes, frames[i].len, frames[i].wire_len, &s);
        int engine = kind == SEGMENT_TCP && (s.source_port ^ s.destination_port) & 1;

        s.when_ns = frames[i].when_ns;
        s.frame = frames[i].number;
        if (kind == SEGMENT_TCP)
            segments[engine][n[engine]++] = s;
        else
            flows_count_other(engines[0], kind);
    }
    for (int engine = 0; engine < 2; engine++)
        flows_receive(engines[engine], segments[engine], n[engine]);
}

static void run(struct netio *io, const struct flows_config *config)
{
    struct flows *engines[2] = {NULL, NULL};
    struct netio_frame frames[FLOWS_BATCH];
    int got;

    must(!flows_new(config, &engines[0], NULL) && !flows_new(config, &engines[1], NULL));
    while ((got = netio_receive_batch(io, frames, FLOWS_BATCH)) > 0)
        take(engines, frames, got);
    check_result(engines[0], config);
    flows_tick(engines[0], netio_now(io));
    flows_finish(engines[0]);
    flows_finish(engines[1]);
    must(!flows_merge(engines[0], engines[1]));
    check_result(engines[0], config);
    flows_free(engines[0]);
    flows_free(engines[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    char error[IO_ERROR_SIZE];
    struct flows_config config;
    uint64_t events = 0;
    struct netio *io;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
        abort();
    flows_config_default(&config);
    /* Small enough that tables fill up. */
    config.max_flows = 8;
    config.max_ranges = 64;
    config.top = 4;
    config.event = check_event;
    config.context = &events;
    if (file_open_fd(fd, "capture", NULL, &io, error))
        return 0;
    run(io, &config);
    netio_close(io);
    return 0;
}

/* --- the mutator --------------------------------------------------------------------------------
 */

struct records {
    uint8_t *bytes;
    size_t at[RECORDS_MAX], len[RECORDS_MAX], count; /* with their headers */
};

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* Little-endian, as the seeds are; what is not is left to the general mutator. */
static bool split(uint8_t *data, size_t size, struct records *r)
{
    size_t at = HEADER_LEN;

    *r = (struct records){.bytes = data};
    if (size < HEADER_LEN || (get32(data) != 0xa1b2c3d4 && get32(data) != 0xa1b23c4d))
        return false;
    while (r->count < RECORDS_MAX && at + RECORD_LEN <= size) {
        size_t len = get32(data + at + 8);

        if (len > size - at - RECORD_LEN)
            break;
        r->at[r->count] = at;
        r->len[r->count++] = RECORD_LEN + len;
        at += RECORD_LEN + len;
    }
    return r->count > 0;
}

static size_t end_of(const struct records *r)
{
    return r->at[r->count - 1] + r->len[r->count - 1];
}

/* The packet's own bytes, by libFuzzer; its lengths follow. */
static size_t change_bytes(struct records *r, size_t i, size_t max_size)
{
    uint8_t *record = r->bytes + r->at[i];
    size_t end = end_of(r), len = r->len[i] - RECORD_LEN, room = len + max_size - end;
    uint8_t packet[2048];

    if (len == 0 || len > sizeof(packet) / 2)
        return end;
    memcpy(packet, record + RECORD_LEN, len);
    size_t now = LLVMFuzzerMutate(packet, len, room < sizeof(packet) ? room : sizeof(packet));
    if (now == 0 || end - len + now > max_size)
        return end;
    memmove(record + RECORD_LEN + now, record + r->len[i], end - r->at[i] - r->len[i]);
    memcpy(record + RECORD_LEN, packet, now);
    put32(record + 8, (uint32_t)now);
    if (get32(record + 12) < now)
        put32(record + 12, (uint32_t)now);
    return end - len + now;
}

/* A copy of record i, somewhere. */
static size_t copy_record(struct records *r, size_t i, size_t to, size_t max_size)
{
    size_t end = end_of(r), len = r->len[i], at = r->at[to];
    uint8_t copy[2048];

    if (len > sizeof(copy) || end + len > max_size)
        return end;
    memcpy(copy, r->bytes + r->at[i], len);
    memmove(r->bytes + at + len, r->bytes + at, end - at);
    memcpy(r->bytes + at, copy, len);
    return end + len;
}

static size_t remove_record(struct records *r, size_t i)
{
    size_t end = end_of(r), len = r->len[i];

    if (r->count == 1)
        return end;
    memmove(r->bytes + r->at[i], r->bytes + r->at[i] + len, end - r->at[i] - len);
    return end - len;
}

/* All later records move in time, forward or back. */
static size_t shift_times(struct records *r, size_t i, unsigned random)
{
    static const uint32_t steps[] = {1, 1000, 200000, 999999, 1u << 31};
    uint32_t step = steps[random % 5];

    for (; i < r->count; i++) {
        uint8_t *record = r->bytes + r->at[i];
        put32(record + (random & 8 ? 0 : 4), get32(record + (random & 8 ? 0 : 4)) + step);
    }
    return end_of(r);
}

/* Behind Ethernet and an IPv4 header of 20 bytes: ports, numbers, flags, window, timestamps. */
static size_t change_tcp(struct records *r, size_t i, unsigned random)
{
    static const uint8_t fields[] = {1, 3, 4, 7, 8, 11, 13, 14, 15, 24, 27, 31};
    static const uint8_t values[] = {0, 1, 2, 4, 16, 17, 18, 20, 0x7f, 0x80, 0xff};
    size_t at = RECORD_LEN + 14 + 20 + fields[random % sizeof(fields)];

    if (at < r->len[i]) {
        uint8_t *byte = r->bytes + r->at[i] + at;
        unsigned how = random / 16;
        *byte = how & 1 ? values[how / 2 % sizeof(values)] : (uint8_t)(*byte + 1 + how / 2 % 3);
    }
    return end_of(r);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct records r;

    if (seed % 16 == 0 || !split(data, size, &r))
        return LLVMFuzzerMutate(data, size, max_size);
    unsigned random = seed / 128;
    size_t i = random % r.count, to = random / 7 % r.count;
    switch (seed / 16 % 8) {
    case 0:
        return change_bytes(&r, i, max_size);
    case 1:
        return remove_record(&r, i);
    case 2:
        return shift_times(&r, i, random);
    case 3:
    case 4:
        return copy_record(&r, i, to, max_size);
    default:
        return change_tcp(&r, i, random);
    }
}
