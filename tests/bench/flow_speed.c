/*
 * The flow engine alone, from memory: the cost of a packet once 1,000 and once 1,000,000 flows are
 * open, and the memory that a flow takes. With `make FILE FLOWS PACKETS` a capture file of
 * interleaved flows, 96 bytes of each packet, for others.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "base/timespan.h"
#include "base/writer.h"
#include "engine/flow.h"

#define SNAPLEN       96
#define FEW_FLOWS     1000
#define MANY_FLOWS    1000000
#define FEW_PACKETS   UINT64_C(4000000)
#define SEGMENT_BYTES 1448
#define FRAME_BYTES   66 /* Ethernet, IPv4, TCP with timestamps */

#define ASKED_FLOW_BYTES 512.0

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

/* --- from memory --------------------------------------------------------------------------------
 */

/* A row of the table that bench.sh prints in the end (summary.py). 0, or 1 without that table. */
static int summarize(const char *what, double asked, double measured)
{
    const char *path = getenv("BENCH_SUMMARY");
    FILE *out = path ? fopen(path, "ae") : NULL;

    if (!out)
        return 1;
    fprintf(out, "%s\t%.0f bytes\t%.1f bytes\t%s\n", what, asked, measured,
            measured <= asked ? "yes" : "NO");
    return fclose(out) ? 1 : 0;
}

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

static int bench_memory(void)
{
    size_t few_bytes, many_bytes, base;
    struct flows_config config;
    struct flows *flows;

    flows_config_default(&config);
    if (flows_new(&config, &flows, NULL) < 0)
        return 1;
    base = flows_memory(flows);
    flows_free(flows);
    double few = run_memory(FEW_FLOWS, &few_bytes);
    double many = run_memory(MANY_FLOWS, &many_bytes);
    if (few < 0 || many < 0)
        return 1;
    double each = (double)(many_bytes - base) / MANY_FLOWS;
    printf("\nthe flow engine alone, batches of %d from memory\n", FLOWS_BATCH);
    printf("  %.1f ns a packet of 1,000 flows, %.1f ns of 1,000,000; %.0f MB, %.1f bytes a flow\n",
           few, many, (double)many_bytes / 1e6, each);
    return summarize("memory of an established flow", ASKED_FLOW_BYTES, each);
}

/* "make FILE FLOWS PACKETS" leaves a capture file for others. */
int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        return file_make(argv[2], (uint32_t)atoi(argv[3]), strtoull(argv[4], NULL, 10)) ? 1 : 0;
    return bench_memory();
}
