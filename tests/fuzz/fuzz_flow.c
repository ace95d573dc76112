/*
 * Flows among hostile segments. The input is a script of segments, each near to what the engine
 * expects next or far from it, of few flows in a small table, with clocks that jump; the accounts
 * must hold whatever comes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/timespan.h"
#include "engine/flow.h"

#define TALKS 12

struct talk {
    uint32_t next[2], tsval[2];
    uint16_t id[2];
};

struct stage {
    struct flows *flows;
    struct talk talks[TALKS];
    int64_t now_ns;
    uint64_t frame;
    uint64_t ended; /* flows */
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void audit_counts(const struct flow_counts *c)
{
    require(c->timeout + c->fast + c->tail_probe + c->unknown == c->retransmissions);
    require(c->lost_before + c->lost_behind + c->lost_unknown == c->retransmissions);
    require(c->timer <= c->timeout && c->spurious_timeout <= c->timer);
    require(c->dsacks <= c->sacks);
}

static void audit_facts(const struct flow_facts *facts)
{
    for (int side = 0; side < 2; side++) {
        const struct flow_side_facts *s = &facts->side[side];
        audit_counts(&s->counts);
        require(!(s->loss_pct < 0) && !(s->loss_pct > 100));
        require(!(s->goodput_bps < 0));
        require(s->rtt.samples == 0 ? s->rtt.min_ns == -1
                                    : s->rtt.min_ns >= 0 && s->rtt.min_ns <= s->rtt.max_ns);
    }
    require(facts->stall.length_ns >= 0);
    require(facts->handshake_client_ns >= -1 && facts->handshake_server_ns >= -1);
    require(!facts->has_reset ||
            (facts->reset.confidence >= 0.5 && facts->reset.confidence <= 1 && facts->reset.frame));
}

static void stage_event(void *context, const struct flow_event *event)
{
    struct stage *stage = context;

    require(event->flow_id >= 1 && event->frame <= stage->frame);
    require(event->revises < stage->frame || event->revises == 0);
    if (event->kind == FLOW_EVENT_END) {
        audit_facts(event->facts);
        stage->ended++;
    }
}

static bool stage_open(struct stage *stage, struct cursor *script)
{
    struct flows_config config;
    uint8_t first = cursor_u8(script);

    flows_config_default(&config);
    config.max_flows = 1 + first % 16;
    config.max_ranges = 64;
    config.top = first / 16;
    config.sort = (enum flow_sort)(first % 8);
    config.seed = first;
    config.event = stage_event;
    config.context = stage;
    return flows_new(&config, &stage->flows, NULL) == 0;
}

/* Mostly near; with the top bits set, anywhere. */
static uint32_t stage_near(struct cursor *script, uint32_t expected)
{
    uint8_t how = cursor_u8(script);

    if (how < 128)
        return expected;
    if (how < 192)
        return expected + (how - 160u) * 100;
    if (how < 240)
        return expected + (how - 216u);
    return how < 250 ? cursor_u32(script) : expected + UINT32_C(0x7fffff00) * (how - 249u);
}

static void stage_time(struct stage *stage, struct cursor *script)
{
    uint8_t how = cursor_u8(script);

    if (how < 200)
        stage->now_ns = time_add(stage->now_ns, how * how * INT64_C(10000));
    else if (how < 240)
        stage->now_ns = time_add(stage->now_ns, (how - 199) * NS_PER_SEC);
    else if (how < 250)
        stage->now_ns = time_add(stage->now_ns, -(how - 239) * NS_PER_SEC);
    else
        stage->now_ns = (int64_t)((uint64_t)cursor_u32(script) << 32 | cursor_u32(script));
}

static void stage_options(struct cursor *script, const struct talk *talk, unsigned from,
                          uint8_t what, struct segment *s)
{
    if (what & 1) {
        s->has |= SEGMENT_HAS_TIMESTAMPS;
        s->tsval = stage_near(script, talk->tsval[from]);
        s->tsecr = stage_near(script, talk->tsval[!from]);
    }
    if (what & 2) {
        s->nsack = 1 + what / 64;
        for (unsigned i = 0; i < s->nsack; i++) {
            s->sack[i].left = stage_near(script, talk->next[!from]) - 1000;
            s->sack[i].right = stage_near(script, s->sack[i].left + 500);
        }
    }
    if (what & 4) {
        s->has |= SEGMENT_HAS_MSS | SEGMENT_HAS_WSCALE | SEGMENT_HAS_SACK_PERMITTED;
        s->mss = cursor_u16(script);
        s->wscale = cursor_u8(script);
    }
    s->fragment = what & 8;
    s->ecn = what & 16 ? 3 : 0;
    if (what & 32)
        s->ifindex = 1 + cursor_u8(script) % 3;
}

static void stage_segment(struct stage *stage, struct cursor *script)
{
    uint8_t who = cursor_u8(script), what = cursor_u8(script);
    struct talk *talk = &stage->talks[who % TALKS];
    unsigned from = who / TALKS % 2;
    struct segment s = {.when_ns = stage->now_ns, .frame = ++stage->frame};

    s.family = who % TALKS < 9 ? 4 : 6;
    s.source[0] = s.destination[0] = (uint8_t)(who % TALKS);
    s.source[1] = from ? 1 : 0;
    s.destination[1] = from ? 0 : 1;
    s.source_port = from ? 80 : 4000;
    s.destination_port = from ? 4000 : 80;
    s.ttl = who < 250 ? 64 : cursor_u8(script);
    s.flags = cursor_u8(script) | (what & 128 ? 0 : TCP_ACK);
    s.seq = stage_near(script, talk->next[from]);
    s.ack = stage_near(script, talk->next[!from]);
    s.payload_len = what & 64 ? cursor_u16(script) : cursor_u8(script) % 4 * 500u;
    s.window = what & 32 ? cursor_u8(script) : 500;
    s.has = s.family == 4 ? SEGMENT_HAS_ID : 0;
    s.id = s.family == 4 ? (uint16_t)stage_near(script, talk->id[from]) : 0;
    if (s.flags & (TCP_URG | TCP_PSH))
        stage_options(script, talk, from, cursor_u8(script), &s);
    talk->next[from] = s.seq + s.payload_len + (s.flags & TCP_SYN ? 1 : 0);
    talk->tsval[from] += 1;
    talk->id[from] = (uint16_t)(s.id + 1);
    flows_receive(stage->flows, &s, 1);
}

static void stage_audit(const struct stage *stage)
{
    struct flows_result result;

    if (flows_result(stage->flows, &result) < 0)
        return;
    audit_counts(&result.summary.counts);
    require(result.summary.packets == stage->frame);
    require(result.summary.flows == result.summary.flows_open + stage->ended);
    for (size_t i = 0; i < result.nflows; i++)
        audit_facts(&result.flows[i]);
    for (size_t i = 1; i < result.nfindings; i++)
        require(result.findings[i - 1].severity >= result.findings[i].severity);
    flows_result_release(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor script = cursor_init(data, size);
    struct stage stage = {0};

    if (!stage_open(&stage, &script))
        return 0;
    while (cursor_left(&script) > 0) {
        uint8_t operation = cursor_u8(&script);
        if (operation < 224)
            stage_segment(&stage, &script);
        else if (operation < 250)
            stage_time(&stage, &script);
        else if (operation < 253)
            flows_tick(stage.flows, stage.now_ns);
        else
            stage_audit(&stage);
    }
    stage_audit(&stage);
    flows_finish(stage.flows);
    stage_audit(&stage);
    flows_free(stage.flows);
    return 0;
}
