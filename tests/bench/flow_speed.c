/*
 * How fast flows are followed: a capture file of 4.6 million packets of 100,000 interleaved flows,
 * 96 bytes of each, read by an empty libpcap loop and by the flow engine, in turns; the cost of a
 * packet with 1,000 and with 1,000,000 flows; and the memory a flow takes. Asked and measured are
 * printed side by side; the exit status is 1 when something asked for is missed.
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/timespan.h"
#include "base/writer.h"
#include "engine/flow.h"

#define RUNS          5
#define SNAPLEN       96
#define PACKETS       UINT64_C(4600000)
#define FLOWS         100000
#define FEW_FLOWS     1000
#define MANY_FLOWS    1000000
#define FEW_PACKETS   UINT64_C(4000000)
#define SEGMENT_BYTES 1448
#define FRAME_BYTES   66 /* Ethernet, IPv4, TCP with timestamps */

#define ASKED_RATIO      3.0
#define AIMED_RATIO      2.0
#define ASKED_GROWTH     1.5
#define ASKED_FLOW_BYTES 512.0
#define ASKED_MEGABYTES  600.0

struct talk { /* one connection's numbers */
    uint32_t seq[2];
    uint16_t id[2];
    uint16_t step;
};

/* Of this process alone: a busy machine spoils little. */
static int64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* --- traffic ---------------------------------------------------------------------------------- */

struct turn {      /* what a connection does at one of its steps */
    unsigned from; /* 0: client */
    uint16_t flags;
    uint32_t len;
};

/* Handshake, a request, and an answer of which every second segment is acknowledged. */
static struct turn talk_turn(unsigned step)
{
    static const struct turn first[] = {
        {0, TCP_SYN, 0}, {1, TCP_SYN | TCP_ACK, 0}, {0, TCP_ACK, 0}, {0, TCP_ACK | TCP_PSH, 300}};

    if (step < 4)
        return first[step];
    return step % 3 == 0 ? (struct turn){0, TCP_ACK, 0} : (struct turn){1, TCP_ACK, SEGMENT_BYTES};
}

static size_t talk_options(uint8_t *out, bool syn, uint32_t tsval)
{
    struct writer w = writer_init(out, 40);

    if (syn) {
        static const uint8_t offered[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};
        writer_bytes(&w, offered, sizeof(offered));
    }
    writer_u32(&w, 0x0101080a); /* RFC 7323, appendix A */
    writer_u32(&w, tsval);
    writer_u32(&w, tsval);
    return w.len;
}

/* One frame of a connection into `out`; *wire_len is what it was before it was cut. */
static size_t talk_frame(struct talk *talk, uint32_t number, uint32_t tsval, uint8_t out[SNAPLEN],
                         uint32_t *wire_len)
{
    struct turn turn = talk_turn(talk->step++);
    unsigned from = turn.from;
    uint8_t options[40];
    size_t noptions = talk_options(options, turn.flags & TCP_SYN, tsval);
    struct writer w = writer_init(out, SNAPLEN);
    uint32_t client = 0x0a000000 + number / 50000, server = 0x0a630001;
    uint16_t port = (uint16_t)(10000 + number % 50000);

    writer_zero(&w, 12);
    writer_u16(&w, ETHERTYPE_IPV4);
    writer_u16(&w, 0x4500);
    writer_u16(&w, (uint16_t)(40 + noptions + turn.len));
    writer_u16(&w, talk->id[from]++);
    writer_u16(&w, 0x4000);
    writer_u16(&w, 0x4000 | PROTO_TCP);
    writer_u16(&w, 0);
    writer_u32(&w, from ? server : client);
    writer_u32(&w, from ? client : server);
    writer_u16(&w, from ? 443 : port);
    writer_u16(&w, from ? port : 443);
    writer_u32(&w, talk->seq[from]);
    writer_u32(&w, turn.flags & TCP_ACK ? talk->seq[!from] : 0);
    writer_u16(&w, (uint16_t)((20 + noptions) / 4 << 12 | turn.flags));
    writer_u16(&w, 501);
    writer_u32(&w, 0);
    writer_bytes(&w, options, noptions);
    talk->seq[from] += turn.len + (turn.flags & TCP_SYN ? 1 : 0);
    *wire_len = (uint32_t)w.len + turn.len;
    if (turn.len > 0)
        writer_zero(&w, SNAPLEN - w.len < turn.len ? SNAPLEN - w.len : turn.len);
    return w.len;
}

static struct talk *talk_all(uint32_t flows, struct random *random)
{
    struct talk *talks = calloc(flows, sizeof(*talks));

    for (uint32_t i = 0; talks && i < flows; i++)
        for (int side = 0; side < 2; side++) {
            talks[i].seq[side] = (uint32_t)random_u64(random);
            talks[i].id[side] = (uint16_t)random_u64(random);
        }
    return talks;
}

/* --- the file --------------------------------------------------------------------------------- */

static int file_make(const char *path, uint32_t flows, uint64_t packets)
{
    pcap_t *pcap =
        pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *dumper = pcap ? pcap_dump_open(pcap, path) : NULL;
    struct random random;
    struct talk *talks;

    random_seed(&random, 1);
    talks = talk_all(flows, &random);
    for (uint64_t i = 0; dumper && talks && i < packets; i++) {
        uint32_t number = i < flows ? (uint32_t)i : random_below(&random, flows);
        uint8_t frame[SNAPLEN];
        struct pcap_pkthdr header = {
            .ts = {1700000000 + (time_t)(i / 500000), (suseconds_t)(i % 500000 * 2000)}};
        header.caplen = (bpf_u_int32)talk_frame(&talks[number], number, (uint32_t)(i / 500) + 1,
                                                frame, &header.len);
        pcap_dump((u_char *)dumper, &header, frame);
    }
    bool made = dumper && talks && pcap_dump_flush(dumper) == 0;
    if (dumper)
        pcap_dump_close(dumper);
    if (pcap)
        pcap_close(pcap);
    free(talks);
    return made ? 0 : -1;
}

struct reader {
    struct flows *flows;
    struct segment batch[FLOWS_BATCH];
    size_t count;
    uint64_t frames;
};

static void read_nothing(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)header;
    (void)bytes;
    ++*(uint64_t *)context;
}

static void read_flows(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct reader *reader = (struct reader *)context;
    struct segment *s = &reader->batch[reader->count];

    s->when_ns = (int64_t)header->ts.tv_sec * NS_PER_SEC + header->ts.tv_usec;
    s->frame = ++reader->frames;
    s->ifindex = 0;
    s->direction = PACKET_DIRECTION_UNKNOWN;
    if (segment_decode(LINK_ETHERNET, bytes, header->caplen, header->len, s) != SEGMENT_TCP)
        return;
    if (++reader->count == FLOWS_BATCH) {
        flows_receive(reader->flows, reader->batch, FLOWS_BATCH);
        reader->count = 0;
    }
}

static pcap_t *file_open(const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);

    if (!pcap)
        fprintf(stderr, "flow_speed: %s\n", error);
    return pcap;
}

/* Seconds; below zero when it failed. */
static double run_empty(const char *path)
{
    int64_t start = clock_ns();
    pcap_t *pcap = file_open(path);
    uint64_t frames = 0;

    if (!pcap)
        return -1;
    pcap_loop(pcap, -1, read_nothing, (u_char *)&frames);
    pcap_close(pcap);
    return frames == PACKETS ? (double)(clock_ns() - start) / 1e9 : -1;
}

static double run_flows(const char *path)
{
    int64_t start = clock_ns();
    struct flows_config config;
    struct flows_result result;
    pcap_t *pcap = file_open(path);
    static struct reader reader;

    if (!pcap)
        return -1;
    flows_config_default(&config);
    reader.count = reader.frames = 0;
    if (flows_new(&config, &reader.flows, NULL) < 0)
        return -1;
    pcap_loop(pcap, -1, read_flows, (u_char *)&reader);
    flows_receive(reader.flows, reader.batch, reader.count);
    flows_finish(reader.flows);
    bool right = flows_result(reader.flows, &result) == 0 && result.summary.packets == PACKETS &&
                 result.summary.flows == FLOWS && result.summary.counts.retransmissions == 0;
    flows_result_release(&result);
    flows_free(reader.flows);
    pcap_close(pcap);
    return right ? (double)(clock_ns() - start) / 1e9 : -1;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double values[RUNS])
{
    qsort(values, RUNS, sizeof(values[0]), compare_doubles);
    return values[RUNS / 2];
}

static bool report(const char *what, double asked, double measured, const char *unit)
{
    bool held = measured <= asked && measured >= 0;

    printf("  %-44s asked %8.2f  measured %8.2f %s%s\n", what, asked, measured, unit,
           held ? "" : "  MISSED");
    return held;
}

static bool bench_file(const char *path)
{
    double empty[RUNS], ours[RUNS];

    for (int i = 0; i < RUNS; i++) {
        empty[i] = run_empty(path);
        ours[i] = run_flows(path);
        if (empty[i] < 0 || ours[i] < 0) {
            fprintf(stderr, "flow_speed: a run failed or gave wrong results\n");
            return false;
        }
    }
    double base = median(empty), with = median(ours);
    printf("flow engine, %" PRIu64 " packets in %d flows, median of %d\n", PACKETS, FLOWS, RUNS);
    printf("  %-44s %.3f s, %.1f Mpps\n", "empty libpcap loop", base, (double)PACKETS / base / 1e6);
    printf("  %-44s %.3f s, %.1f Mpps\n", "flow engine, results included", with,
           (double)PACKETS / with / 1e6);
    printf("  %-44s aimed %8.2f\n", "times the empty loop", AIMED_RATIO);
    return report("times the empty loop", ASKED_RATIO, with / base, "");
}

/* --- from memory --------------------------------------------------------------------------------
 */

/* Nanoseconds for a packet once all flows are open; *memory is what the engine holds then. */
static double run_memory(uint32_t nflows, size_t *memory)
{
    struct flows_config config;
    struct flows *flows;
    struct random random;
    static struct segment batch[FLOWS_BATCH];
    int64_t spent = 0;
    uint64_t counted = 0, opening = (uint64_t)nflows * 6;

    random_seed(&random, 2);
    struct talk *talks = talk_all(nflows, &random);
    flows_config_default(&config);
    if (!talks || flows_new(&config, &flows, NULL) < 0)
        return -1;
    *memory = 0;
    for (uint64_t i = 0; i < opening + FEW_PACKETS; i += FLOWS_BATCH) {
        for (size_t k = 0; k < FLOWS_BATCH; k++) {
            uint64_t at = i + k;
            uint32_t number =
                at < opening ? (uint32_t)(at % nflows) : random_below(&random, nflows);
            uint8_t frame[SNAPLEN];
            uint32_t wire_len;
            size_t len =
                talk_frame(&talks[number], number, (uint32_t)(at / 500) + 1, frame, &wire_len);
            batch[k] = (struct segment){.when_ns = (int64_t)at * 1000, .frame = at + 1};
            segment_decode(LINK_ETHERNET, frame, len, wire_len, &batch[k]);
        }
        int64_t start = clock_ns();
        flows_receive(flows, batch, FLOWS_BATCH);
        if (i >= opening) {
            spent += clock_ns() - start;
            counted += FLOWS_BATCH;
        }
        if (*memory == 0 && i >= opening)
            *memory = flows_memory(flows);
    }
    flows_free(flows);
    free(talks);
    return (double)spent / (double)counted;
}

static bool bench_memory(void)
{
    size_t few_bytes, many_bytes, base;
    struct flows_config config;
    struct flows *flows;

    flows_config_default(&config);
    if (flows_new(&config, &flows, NULL) < 0)
        return false;
    base = flows_memory(flows);
    flows_free(flows);
    double few = run_memory(FEW_FLOWS, &few_bytes);
    double many = run_memory(MANY_FLOWS, &many_bytes);
    if (few < 0 || many < 0)
        return false;
    printf("engine alone, batches of %d from memory\n", FLOWS_BATCH);
    printf("  %-44s %.1f ns a packet\n", "1,000 flows", few);
    printf("  %-44s %.1f ns a packet\n", "1,000,000 flows", many);
    bool held = report("growth from 1,000 to 1,000,000 flows", ASKED_GROWTH, many / few, "times");
    held &= report("memory of a flow", ASKED_FLOW_BYTES, (double)(many_bytes - base) / MANY_FLOWS,
                   "bytes");
    return report("memory of 1,000,000 flows, all included", ASKED_MEGABYTES,
                  (double)many_bytes / 1e6, "MB") &&
           held;
}

/* "make FILE FLOWS PACKETS" leaves a capture file for others. */
int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        return file_make(argv[2], (uint32_t)atoi(argv[3]), strtoull(argv[4], NULL, 10)) ? 1 : 0;
    const char *dir = getenv("TMPDIR");
    char path[4096];

    snprintf(path, sizeof(path), "%s/flow_speed.XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0) {
        perror("flow_speed: making a file");
        return 1;
    }
    close(fd);
    bool held = file_make(path, FLOWS, PACKETS) == 0 && bench_file(path);
    unlink(path);
    return bench_memory() && held ? 0 : 1;
}
