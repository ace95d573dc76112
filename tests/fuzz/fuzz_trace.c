/*
 * A trace among hostile packets. The input is a script: let time pass, fail a send, receive a
 * packet from bytes, optionally with the identity of one of our probes written over it so that it
 * gets past the first look. The accounts must hold whatever comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/timespan.h"
#include "engine/trace.h"
#include "wire/icmp.h"

#define PROBES 64
#define SENDS  4000

struct stage {
    struct trace *trace;
    int64_t now_ns;
    struct probe probes[PROBES]; /* the latest */
    unsigned nprobes, sends;
    int send_error;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool stage_open(struct stage *stage, struct cursor *script)
{
    struct trace_config config;
    uint8_t first = cursor_u8(script), second = cursor_u8(script);

    trace_config_default(&config);
    config.destination = address_from4((uint8_t[]){10, 99, 0, 2});
    config.source = address_from4((uint8_t[]){10, 0, 0, 2});
    if (first & 1) {
        config.destination = address_from6((uint8_t[]){0xfd, [15] = 9});
        config.source = address_from6((uint8_t[]){0xfd, [15] = 2});
    }
    config.protocol = (enum probe_protocol)((first >> 1) % 3);
    config.find_mtu = first & 8;
    config.multipath_percent = first & 16 ? 95 : 0;
    config.identity_by_port = (first & 32) && !(first & 16);
    config.gap_limit = first & 64 ? 3 : 0;
    config.rounds = second % 8;
    config.first_ttl = (uint8_t)(1 + second / 64);
    config.max_ttl = (uint8_t)(config.first_ttl + second / 8 % 8);
    config.interval_ns = 50 * NS_PER_MS;
    return trace_new(&config, 0, &stage->trace, NULL) == 0;
}

static bool stage_step(struct stage *stage, int64_t until_ns)
{
    for (;;) {
        struct probe *probe = &stage->probes[stage->nprobes % PROBES];
        int64_t wake_ns;
        uint32_t id;
        enum trace_step step = trace_next(stage->trace, stage->now_ns, probe, &id, &wake_ns);
        if (step == TRACE_DONE || stage->sends > SENDS)
            return false;
        if (step == TRACE_SEND) {
            stage->nprobes++;
            stage->sends++;
            trace_sent(stage->trace, id, stage->send_error, stage->now_ns);
            continue;
        }
        require(wake_ns >= stage->now_ns);
        if (wake_ns > until_ns) {
            stage->now_ns = until_ns;
            return true;
        }
        stage->now_ns = wake_ns;
    }
}

static void stage_claim_quote(struct quote *quote, const struct probe *probe, uint8_t which)
{
    if (which & 1)
        quote->ip.destination = probe->destination;
    if (which & 2)
        quote->ip.source = probe->source;
    if (which & 4)
        quote->ip.id = probe->ip_id;
    if (which & 8) {
        quote->icmp_id = probe->icmp_id;
        quote->source_port = probe->source_port;
    }
    if (which & 16) {
        quote->icmp_seq = probe->icmp_seq;
        quote->destination_port = probe->destination_port;
    }
    if (which & 32) {
        quote->icmp_checksum = quote->udp.checksum = probe->fixed_checksum;
        quote->tcp_seq = probe->tcp_seq;
    }
}

static void stage_claim(struct packet *packet, const struct probe *probe, uint8_t which)
{
    if (which & 64)
        packet->ip.source = probe->destination;
    if ((packet->layers & LAYER_ICMP) && packet->icmp.is_error) {
        stage_claim_quote(&packet->icmp.quote, probe, which);
        packet->icmp.checksum_ok = true;
    } else if (packet->layers & LAYER_ICMP) {
        packet->icmp.id = probe->icmp_id;
        packet->icmp.seq = probe->icmp_seq;
        packet->icmp.checksum_ok = true;
    } else if (packet->layers & LAYER_TCP) {
        packet->tcp.source_port = probe->destination_port;
        packet->tcp.destination_port = probe->source_port;
        packet->tcp.ack = probe->tcp_seq + 1 + (which & 1);
    } else if (packet->layers & LAYER_UDP) {
        packet->udp.source_port = probe->destination_port;
        packet->udp.destination_port = probe->source_port;
    }
}

static void stage_receive(struct stage *stage, struct cursor *script)
{
    uint8_t which = cursor_u8(script), index = cursor_u8(script), len = cursor_u8(script);
    struct trace_observation seen;
    struct packet packet;

    if (len > cursor_left(script))
        len = (uint8_t)cursor_left(script);
    packet_decode_ip(cursor_bytes(script, len), len, len, &packet);
    if (stage->nprobes > 0 && which & 128)
        stage_claim(&packet, &stage->probes[index % PROBES % stage->nprobes], which);
    trace_receive(stage->trace, &packet, index & 128 ? PACKET_OUTGOING : PACKET_INCOMING,
                  stage->now_ns, &seen);
    require(seen.rtt_ns >= 0);
}

static void stage_audit(const struct stage *stage)
{
    struct trace_result result;
    uint64_t sent = 0, received = 0;

    require(trace_result(stage->trace, stage->now_ns, &result) == 0);
    for (size_t i = 0; i < result.nhops; i++) {
        const struct trace_hop *hop = &result.hops[i];
        require(hop->received + hop->pending <= hop->sent);
        require(hop->loss.low >= 0 && hop->loss.low <= hop->loss.high && hop->loss.high <= 1);
        require(hop->ttl == result.config.first_ttl + i);
        sent += hop->sent;
        received += hop->received;
    }
    require(sent == result.sent && received == result.received);
    require(result.path_len == 0 || result.nhops == 0 ||
            result.path_len == result.hops[result.nhops - 1].ttl);
    for (size_t i = 1; i < result.nfindings; i++)
        require(result.findings[i - 1].severity >= result.findings[i].severity);
    trace_result_release(&result);
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
            trace_shift(stage.trace, operation * NS_PER_MS);
        else
            stage_audit(&stage);
    }
    stage_audit(&stage);
    trace_free(stage.trace);
    return 0;
}
