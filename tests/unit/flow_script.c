#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/flow_script.h"

struct script_side {
    uint32_t isn, ack;
    uint16_t id;
    uint32_t tsval; /* latest that passed the tap */
};

struct script_state {
    struct script_side side[2];
    bool ts, no_id, v6, no_sack;
    uint16_t port;
    uint64_t frame;
};

static struct script_state state;

static const char *side_mark(enum flow_side side)
{
    return side == FLOW_CLIENT ? ">" : "<";
}

static void script_write(struct flow_script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void script_write(struct flow_script *script, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(script->events + script->len, sizeof(script->events) - script->len, format,
                        arguments);
    va_end(arguments);
    assert_true(len >= 0 && script->len + (size_t)len < sizeof(script->events));
    script->len += (size_t)len;
}

static void script_write_resent(struct flow_script *script, const struct flow_event *event)
{
    const struct flow_retransmission *r = &event->retransmission;

    script_write(script, " %u %s", event->bytes, flow_trigger_name(r->trigger));
    if (r->backoff)
        script_write(script, " %u", r->backoff);
    script_write(script, " %s", flow_lost_name(r->lost));
    if (r->fin)
        script_write(script, " fin");
}

static void script_write_reset(struct flow_script *script, const struct flow_reset *reset)
{
    script_write(script, " %s %s%s", flow_reset_phase_name(reset->phase),
                 flow_reset_origin_name(reset->origin), reset->forged ? " forged" : "");
    assert_true(reset->confidence >= 0.5 && reset->confidence <= 1);
}

static void script_write_details(struct flow_script *script, const struct flow_event *event)
{
    switch (event->kind) {
    case FLOW_EVENT_RETRANSMISSION:
    case FLOW_EVENT_SYN_RETRANSMISSION:
    case FLOW_EVENT_SYNACK_RETRANSMISSION:
        script_write_resent(script, event);
        break;
    case FLOW_EVENT_RESET:
        script_write_reset(script, &event->reset);
        break;
    case FLOW_EVENT_SPURIOUS:
        script_write(script, " %s", flow_spurious_name(event->spurious));
        break;
    case FLOW_EVENT_ZERO_WINDOW:
        script_write(script, " %.0f ms", (double)event->length_ns / 1e6);
        break;
    case FLOW_EVENT_CAPTURE_GAP:
        script_write(script, " %u", event->bytes);
        break;
    default:
        break;
    }
    if (event->revises)
        script_write(script, " revises %u", (unsigned)event->revises);
}

static void script_event(void *context, const struct flow_event *event)
{
    struct flow_script *script = context;

    if (event->kind == FLOW_EVENT_END) {
        assert_true(script->nended < 64);
        script->ended[script->nended++] = *event->facts;
        return;
    }
    if (!script->verbose &&
        (event->kind == FLOW_EVENT_DUP_ACK || event->kind == FLOW_EVENT_WINDOW_FULL))
        return;
    script_write(script, "%u %s %s", (unsigned)event->frame, side_mark(event->sender),
                 flow_event_name(event->kind));
    script_write_details(script, event);
    script_write(script, "\n");
}

void flow_script_open(struct flow_script *script, const struct flows_config *config)
{
    struct flows_config own;

    *script = (struct flow_script){0};
    state = (struct script_state){
        .side = {{.isn = 1000000, .ack = 1, .id = 100}, {.isn = 2000000, .ack = 1, .id = 7000}},
        .port = 40000,
    };
    flows_config_default(&own);
    own.max_flows = 1000;
    own.max_ranges = 4096;
    if (config)
        own = *config;
    own.event = script_event;
    own.context = script;
    assert_int_equal(flows_new(&own, &script->flows, NULL), 0);
}

void flow_script_close(struct flow_script *script)
{
    flows_free(script->flows);
}

static uint16_t script_flags(const char *text)
{
    static const char letters[] = "FSRPA";
    uint16_t flags = 0;
    bool ack = true;

    if (strcmp(text, "S") == 0 || strcmp(text, "R") == 0)
        ack = false;
    for (; *text; text++) {
        const char *at = strchr(letters, *text);
        if (*text == '.')
            continue;
        assert_non_null(at);
        flags |= (uint16_t)(1u << (at - letters));
    }
    return ack ? flags | TCP_ACK : flags;
}

static void script_option(const char *line)
{
    unsigned client, server;

    if (strcmp(line, "!ts") == 0)
        state.ts = true;
    else if (strcmp(line, "!noid") == 0)
        state.no_id = true;
    else if (strcmp(line, "!v6") == 0)
        state.v6 = state.no_id = true;
    else if (strcmp(line, "!nosack") == 0)
        state.no_sack = true;
    else if (sscanf(line, "!port %u", &client) == 1)
        state.port = (uint16_t)client;
    else if (sscanf(line, "!isn %u %u", &client, &server) == 2) {
        state.side[0].isn = client;
        state.side[1].isn = server;
    } else {
        fail_msg("'%s' is no option", line);
    }
}

static void script_addresses(struct segment *s, unsigned me)
{
    static const uint8_t v4[2][4] = {{10, 0, 0, 2}, {10, 99, 0, 2}};

    s->family = state.v6 ? 6 : 4;
    if (state.v6) {
        s->source[0] = s->destination[0] = 0xfd;
        s->source[15] = me ? 9 : 2;
        s->destination[15] = me ? 2 : 9;
    } else {
        memcpy(s->source, v4[me], 4);
        memcpy(s->destination, v4[!me], 4);
        s->has |= SEGMENT_HAS_ID;
    }
    s->source_port = me ? 80 : state.port;
    s->destination_port = me ? state.port : 80;
}

struct script_line {
    double sent_ms;
    bool has_id;
};

/* One word and what follows it; returns how many words were taken. */
static int script_word(char **words, int count, struct segment *s, unsigned me,
                       struct script_line *line)
{
    unsigned a, b;

    if (strcmp(words[0], "frag") == 0) {
        s->fragment = true;
        return 1;
    }
    assert_true(count > 1);
    if (strcmp(words[0], "sack") == 0 && sscanf(words[1], "%u:%u", &a, &b) == 2) {
        s->sack[s->nsack].left = state.side[!me].isn + a;
        s->sack[s->nsack++].right = state.side[!me].isn + b;
    } else if (strcmp(words[0], "ts") == 0 && sscanf(words[1], "%u/%u", &a, &b) == 2) {
        s->tsval = a;
        s->tsecr = b;
        s->has |= SEGMENT_HAS_TIMESTAMPS;
    } else if (strcmp(words[0], "sent") == 0) {
        line->sent_ms = strtod(words[1], NULL);
    } else {
        unsigned long value = strtoul(words[1], NULL, 10);
        if (strcmp(words[0], "ack") == 0)
            state.side[me].ack = (uint32_t)value;
        else if (strcmp(words[0], "win") == 0)
            s->window = (uint16_t)value;
        else if (strcmp(words[0], "ttl") == 0)
            s->ttl = (uint8_t)value;
        else if (strcmp(words[0], "if") == 0)
            s->ifindex = (uint32_t)value;
        else if (strcmp(words[0], "ecn") == 0)
            s->ecn = (uint8_t)value;
        else if (strcmp(words[0], "mss") == 0)
            s->mss = (uint16_t)value;
        else if (strcmp(words[0], "flags") == 0)
            s->flags = (uint16_t)value;
        else if (strcmp(words[0], "id") == 0) {
            s->id = (uint16_t)value;
            line->has_id = true;
        } else {
            fail_msg("'%s' is no field", words[0]);
        }
    }
    return 2;
}

static void script_stamp(struct segment *s, unsigned me, const struct script_line *line, bool lost)
{
    if (state.ts && !(s->has & SEGMENT_HAS_TIMESTAMPS)) {
        s->has |= SEGMENT_HAS_TIMESTAMPS;
        s->tsval = 500000 + (uint32_t)line->sent_ms;
        s->tsecr = state.side[!me].tsval;
    }
    if (!lost && (int32_t)(s->tsval - state.side[me].tsval) > 0)
        state.side[me].tsval = s->tsval;
    if (state.no_id && !line->has_id) {
        s->id = 0;
    } else if (!line->has_id) {
        s->id = state.side[me].id++;
    }
}

static void script_syn(struct segment *s)
{
    if (!(s->flags & TCP_SYN))
        return;
    s->has |= SEGMENT_HAS_MSS | SEGMENT_HAS_WSCALE;
    if (!state.no_sack)
        s->has |= SEGMENT_HAS_SACK_PERMITTED;
    s->wscale = 7;
    if (s->mss == 0)
        s->mss = 1460;
}

static void script_line(struct flow_script *script, char *text)
{
    bool lost = text[0] == '!';
    char *words[32], *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(text + lost, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    assert_true(count >= 4);
    unsigned me = words[1][0] == '<', seq = 0, len = 0;
    assert_true(sscanf(words[3], "%u+%u", &seq, &len) >= 1);
    struct segment s = {.flags = script_flags(words[2]), .window = 501, .ttl = me ? 57 : 64};
    struct script_line line = {.sent_ms = strtod(words[0], NULL)};
    s.when_ns = NS_PER_SEC + (int64_t)(line.sent_ms * 1e6);
    script_addresses(&s, me);
    for (int i = 4; i < count;)
        i += script_word(words + i, count - i, &s, me, &line);
    s.seq = state.side[me].isn + seq;
    s.payload_len = len;
    s.ack = s.flags & TCP_ACK ? state.side[!me].isn + state.side[me].ack : 0;
    script_syn(&s);
    script_stamp(&s, me, &line, lost);
    if (lost)
        return;
    s.frame = ++state.frame;
    script->now_ns = s.when_ns;
    flows_receive(script->flows, &s, 1);
}

void flow_script_play(struct flow_script *script, const char *text)
{
    while (*text) {
        char line[256];
        size_t len = strcspn(text, "\n");
        assert_true(len < sizeof(line));
        memcpy(line, text, len);
        line[len] = '\0';
        text += len + (text[len] == '\n');
        if (line[0] == '!' && line[1] >= 'a' && line[1] <= 'z')
            script_option(line);
        else if (len > 0)
            script_line(script, line);
    }
}

void flow_script_expect(const char *name, const char *text, const char *events)
{
    struct flow_script script;

    flow_script_open(&script, NULL);
    flow_script_play(&script, text);
    flows_finish(script.flows);
    if (strcmp(script.events, events) != 0)
        fail_msg("%s: events are\n%sand not\n%s", name, script.events, events);
    flow_script_close(&script);
}

void flow_script_facts(const char *text, struct flow_facts *facts)
{
    struct flow_script script;

    flow_script_open(&script, NULL);
    flow_script_play(&script, text);
    flows_finish(script.flows);
    assert_int_equal(script.nended, 1);
    *facts = script.ended[0];
    flow_script_close(&script);
}
