/*
 * A SYN run among hostile packets. The input is a script: let time pass, fail a send, receive a
 * packet from bytes, optionally with the identity of one of our probes written over it so that it
 * gets past the first look. The accounts must hold whatever comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/timespan.h"
#include "engine/syn.h"
#include "wire/icmp.h"

#define PROBES  64
#define SENDS   4000
#define TARGETS 3

struct stage {
    struct syn *syn;
    int64_t now_ns;
    struct probe probes[PROBES];      /* the latest */
    uint8_t payloads[PROBES][2 + 16]; /* as a reply carries them: behind two bytes */
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
    uint8_t first = cursor_u8(script), second = cursor_u8(script), third = cursor_u8(script);
    struct syn_target targets[TARGETS];
    struct syn_config config;

    syn_config_default(&config);
    for (unsigned i = 0; i < TARGETS; i++) {
        targets[i].source = address_from4((uint8_t[]){10, 0, 0, 2});
        targets[i].destination = address_from4((uint8_t[]){10, 99, 0, 2});
        if (first & 1) {
            targets[i].source = address_from6((uint8_t[]){0xfd, [15] = 2});
            targets[i].destination = address_from6((uint8_t[]){0xfd, [15] = 9});
        }
        targets[i].port = (uint16_t)(80 + i);
    }
    config.compare = first & 2;
    config.reference = first & 4;
    config.options = (enum syn_options)(first >> 3 & 1 ? SYN_OPTIONS_FULL : SYN_OPTIONS_LINUX);
    config.ecn = (enum syn_ecn)((first >> 4) % 3);
    config.reset_after_ns = first & 128 ? TIME_NEVER : 10 * NS_PER_MS;
    config.count = second % 8;
    config.repeats = second / 8 % 4;
    config.repeat_ns = 40 * NS_PER_MS;
    config.interval_ns = 50 * NS_PER_MS;
    config.timeout_ns = (second & 64 ? 1000 : 100) * NS_PER_MS;
    config.rate_pps = second & 128 ? 500 : 0;
    config.source_port = 40000;
    config.source_ports = third % 9;
    config.warn_ms = third & 64 ? 5 : config.warn_ms;
    config.crit_loss = third & 128 ? 0.1 : config.crit_loss;
    return syn_new(&config, targets, 1 + third / 16 % TARGETS, 0, &stage->syn, NULL) == 0;
}

static void stage_keep(struct stage *stage, const struct probe *probe)
{
    unsigned at = stage->nprobes++ % PROBES;

    stage->probes[at] = *probe;
    require(probe->payload_len <= sizeof(stage->payloads[at]) - 2);
    if (probe->payload_len)
        memcpy(stage->payloads[at] + 2, probe->payload, probe->payload_len);
}

static bool stage_step(struct stage *stage, int64_t until_ns)
{
    struct probe probe;

    for (;;) {
        int64_t wake_ns;
        uint32_t id;
        enum syn_step step = syn_next(stage->syn, stage->now_ns, &probe, &id, &wake_ns);
        if (step == SYN_DONE || stage->sends > SENDS)
            return false;
        if (step == SYN_SEND) {
            stage_keep(stage, &probe);
            stage->sends++;
            syn_sent(stage->syn, id, stage->send_error, stage->now_ns);
            continue;
        }
        require(wake_ns > stage->now_ns);
        if (wake_ns > until_ns) {
            stage->now_ns = until_ns;
            return true;
        }
        stage->now_ns = wake_ns;
    }
}

static void stage_claim_error(struct packet *packet, const struct probe *probe, uint8_t which)
{
    struct quote *quote = &packet->icmp.quote;

    packet->icmp.checksum_ok = true;
    quote->ip.destination = probe->destination;
    quote->ip.source = probe->source;
    if (which & 1)
        quote->source_port = probe->source_port;
    if (which & 2)
        quote->destination_port = probe->destination_port;
    if (which & 4)
        quote->tcp_seq = probe->tcp_seq + (which & 8 ? 1 : 0);
}

static void stage_claim_tcp(struct tcp_facts *tcp, const struct probe *probe, uint8_t which)
{
    tcp->source_port = probe->destination_port;
    tcp->destination_port = probe->source_port;
    if (which & 1)
        tcp->flags = TCP_SYN | TCP_ACK;
    if (which & 2)
        tcp->flags = TCP_RST | TCP_ACK;
    if (which & 4)
        tcp->ack = probe->tcp_seq + 1;
    if (which & 8)
        tcp->tsecr = probe->tcp_tsval;
}

static void stage_claim(struct stage *stage, struct packet *packet, unsigned index, uint8_t which)
{
    const struct probe *probe = &stage->probes[index];

    if (which & 64) {
        packet->ip.source = probe->destination;
        packet->ip.destination = probe->source;
    }
    if ((packet->layers & LAYER_ICMP) && packet->icmp.is_error) {
        stage_claim_error(packet, probe, which);
    } else if (packet->layers & LAYER_ICMP) {
        packet->icmp.id = probe->icmp_id;
        packet->icmp.checksum_ok = true;
        packet->payload = stage->payloads[index];
        packet->payload_len = which & 1 ? 13 : 14;
    } else if (packet->layers & LAYER_TCP) {
        stage_claim_tcp(&packet->tcp, probe, which);
    }
}

/* Our own packet, as a capture shows it. */
static void stage_own(struct stage *stage, struct packet *packet, unsigned index, uint8_t which)
{
    const struct probe *probe = &stage->probes[index];

    packet->ip.source = probe->source;
    packet->ip.destination = probe->destination;
    if (packet->layers & LAYER_TCP) {
        packet->tcp.source_port = probe->source_port;
        packet->tcp.destination_port = probe->destination_port;
        packet->tcp.flags = which & 1 ? TCP_RST : TCP_SYN;
        packet->tcp.seq = probe->tcp_seq + (which & 1);
        packet->tcp.tsval = probe->tcp_tsval;
    } else if ((packet->layers & LAYER_ICMP) && !packet->icmp.is_error) {
        packet->icmp.type = probe->source.family == 6 ? ICMP6_ECHO : ICMP4_ECHO;
        packet->icmp.id = probe->icmp_id;
        packet->payload = stage->payloads[index];
        packet->payload_len = 14;
    }
}

static void stage_receive(struct stage *stage, struct cursor *script)
{
    uint8_t which = cursor_u8(script), index = cursor_u8(script), len = cursor_u8(script);
    struct syn_observation seen;
    struct packet packet;

    if (len > cursor_left(script))
        len = (uint8_t)cursor_left(script);
    packet_decode_ip(cursor_bytes(script, len), len, len, &packet);
    if (stage->nprobes > 0 && which & 128) {
        unsigned known = stage->nprobes < PROBES ? stage->nprobes : PROBES;
        if (index & 128)
            stage_own(stage, &packet, index % PROBES % known, which);
        else
            stage_claim(stage, &packet, index % PROBES % known, which);
    }
    enum syn_match match = syn_receive(
        stage->syn, &packet, index & 128 ? PACKET_OUTGOING : PACKET_INCOMING, stage->now_ns, &seen);
    require(match == seen.match);
    require(seen.rtt_ns >= -1 && seen.rtt_ns <= stage->now_ns);
    require(match != SYN_ANSWER || !seen.late);
}

static void stage_audit_target(const struct syn_target_result *target)
{
    require(target->answered + target->pending + target->timed_out == target->sent);
    require(target->open + target->refused + target->unreachable == target->answered);
    require(target->answered_when_repeated <= target->answered && target->late <= target->answered);
    require(target->reference_answered <= target->reference_sent);
    require(target->rtt_ms.count <= target->answered);
    require(target->rtt_ms.count == target->rtt_ms_quantiles.count);
    require(target->loss.low >= 0 && target->loss.low <= target->loss.high);
    uint64_t sent = 0, answered = 0;
    for (size_t i = 0; i < target->nflows; i++) {
        sent += target->flows[i].sent;
        answered += target->flows[i].answered;
    }
    require(target->nflows == 0 || (sent == target->sent && answered == target->answered));
    for (size_t i = 0; i < target->nfindings; i++) {
        const struct syn_finding *finding = &target->findings[i];
        require(finding->confidence > 0 && finding->confidence <= 1);
        require(i == 0 || target->findings[i - 1].severity >= finding->severity);
    }
}

static void stage_audit(const struct stage *stage)
{
    struct syn_result result;
    uint64_t sent = 0, answered = 0, errors = 0;

    require(syn_result(stage->syn, &result) == 0);
    for (size_t i = 0; i < result.ntargets; i++) {
        stage_audit_target(&result.targets[i]);
        sent += result.targets[i].sent;
        answered += result.targets[i].answered;
        errors += result.targets[i].send_errors;
    }
    require(sent == result.sent && answered == result.answered && errors == result.send_errors);
    require(result.sent == result.answered + result.pending + result.timed_out);
    syn_result_release(&result);
}

static void stage_tell(const struct stage *stage)
{
    struct syn_observation told;

    while (syn_given_up(stage->syn, &told))
        require(told.outcome == SYN_TIMED_OUT && told.sends > 0);
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
            syn_shift(stage.syn, operation * NS_PER_MS);
        else
            stage_tell(&stage);
    }
    stage_tell(&stage);
    stage_audit(&stage);
    syn_free(stage.syn);
    return 0;
}
