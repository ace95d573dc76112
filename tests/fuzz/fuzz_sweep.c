/*
 * A sweep among hostile packets. The input is a script: let time pass, fail sends, receive a packet
 * from bytes, optionally with what answers one of our probes written over it so that it gets past
 * the first look. The accounts must hold whatever comes.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/timespan.h"
#include "engine/sweep.h"

#define PROBES 64
#define SENDS  4000

struct stage {
    struct sweep *sweep;
    int64_t now_ns;
    struct sweep_probe probes[PROBES]; /* the latest */
    unsigned nprobes, sends;
    int send_error;
    uint64_t believed;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool stage_open(struct stage *stage, struct cursor *script)
{
    static const uint16_t ports[] = {80, 443, 80, 65535};
    uint8_t first = cursor_u8(script), second = cursor_u8(script);
    const struct sweep_range ranges[] = {
        {address_from4((uint8_t[]){10, 99, 0, second}), (uint8_t)(24 + first % 9),
         address_from4((uint8_t[]){10, 0, 0, 2})},
        {address_from6((uint8_t[16]){0xfd, [15] = second}), (uint8_t)(120 + first % 9),
         address_from6((uint8_t[16]){0xfd, [15] = 1})},
    };
    const struct sweep_config config = {.ranges = ranges + (first >> 7),
                                        .nranges = first & 64 ? 2 - (first >> 7) : 1,
                                        .ports = ports,
                                        .nports = 1 + second % 4,
                                        .rate_pps = first & 32 ? 1000 * (second + 1) : 0,
                                        .probes = 1 + second / 64,
                                        .timeout_ns = 100 * NS_PER_MS};

    return sweep_new(&config, 0, &stage->sweep, NULL) == 0;
}

static bool stage_step(struct stage *stage, int64_t until_ns)
{
    while (stage->sends < SENDS) {
        struct sweep_probe probes[PROBES];
        int64_t wake_ns;
        bool done;
        size_t n = sweep_next(stage->sweep, stage->now_ns, probes, PROBES, &wake_ns, &done);

        require(wake_ns >= stage->now_ns && (!n || !done));
        for (size_t i = 0; i < n; i++) {
            stage->probes[stage->nprobes++ % PROBES] = probes[i];
            sweep_sent(stage->sweep, &probes[i], i % 3 ? 0 : stage->send_error, stage->now_ns);
        }
        stage->sends += (unsigned)n + 1;
        if (done || wake_ns > until_ns) {
            stage->now_ns = until_ns;
            return !done;
        }
        stage->now_ns = wake_ns;
    }
    return false;
}

static void stage_claim_quote(struct quote *quote, const struct sweep_probe *probe, uint8_t which)
{
    if (which & 1)
        quote->ip.destination = probe->destination;
    if (which & 2)
        quote->destination_port = probe->port;
    if (which & 4)
        quote->source_port = probe->source_port;
    if (which & 8)
        quote->tcp_seq = probe->seq;
    if (which & 16)
        quote->ip.protocol = PROTO_TCP;
}

static void stage_claim(struct packet *packet, const struct sweep_probe *probe, uint8_t which)
{
    if ((packet->layers & LAYER_ICMP) && packet->icmp.is_error) {
        stage_claim_quote(&packet->icmp.quote, probe, which);
        packet->icmp.checksum_ok = true;
        return;
    }
    packet->ip.source = probe->destination;
    packet->ip.destination = probe->source;
    if (!(packet->layers & LAYER_TCP))
        return;
    packet->tcp.source_port = probe->port;
    packet->tcp.destination_port = probe->source_port;
    packet->tcp.ack = probe->seq + (which & 1) + (which >> 1 & 1);
}

static void stage_receive(struct stage *stage, struct cursor *script)
{
    uint8_t which = cursor_u8(script), index = cursor_u8(script), len = cursor_u8(script);
    struct sweep_observation seen;
    struct packet packet;

    if (len > cursor_left(script))
        len = (uint8_t)cursor_left(script);
    packet_decode_ip(cursor_bytes(script, len), len, len, &packet);
    if (stage->nprobes > 0 && which & 128)
        stage_claim(&packet, &stage->probes[index % PROBES % stage->nprobes], which);
    enum sweep_answer answer = sweep_receive(stage->sweep, &packet, &seen);
    require(seen.answer == answer);
    stage->believed +=
        answer == SWEEP_OPEN || answer == SWEEP_REFUSED || answer == SWEEP_UNREACHABLE;
    /* Without a claim to go by, 32 bits and a port would have to be guessed. */
    require(which & 128 || (answer != SWEEP_OPEN && answer != SWEEP_REFUSED));
}

static void stage_audit(const struct stage *stage)
{
    struct sweep_counts c;
    uint64_t failed = 0;

    sweep_counts(stage->sweep, stage->now_ns, &c);
    require(c.asked <= c.targets && c.asked <= c.sent);
    require(c.open + c.refused + c.unreachable == stage->believed);
    require(c.asked == stage->believed + c.silent + c.pending);
    for (size_t i = 0; i < SWEEP_ERRORS_MAX; i++)
        failed += c.errors[i].count;
    require(failed == c.failed);
    require(c.progress >= 0 && c.progress <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor script = cursor_init(data, size);
    struct stage stage = {0};

    if (!stage_open(&stage, &script))
        return 0;
    bool running = stage_step(&stage, 0);
    while (running && cursor_left(&script) > 0) {
        uint8_t operation = cursor_u8(&script);
        if (operation < 128)
            stage_receive(&stage, &script);
        else if (operation < 192)
            running = stage_step(&stage, stage.now_ns + (operation - 127) * 5 * NS_PER_MS);
        else if (operation < 224)
            stage.send_error = operation % 4 == 0 ? 0 : operation % 4 == 1 ? -ENOBUFS : -EPERM;
        else if (operation < 240)
            sweep_shift(stage.sweep, 0);
        else if (operation < 250)
            stage_audit(&stage);
        else
            sweep_stop(stage.sweep);
    }
    stage_audit(&stage);
    sweep_free(stage.sweep);
    return 0;
}
