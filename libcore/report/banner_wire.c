#include "report/banner_wire.h"

#include <math.h>

#include "report/reset.h"
#include "report/value.h"

#define WIRE_LINE_SIZE 1024

static const struct flow_reset *wire_reset(const struct report_banner_wire *wire)
{
    return wire->capture && wire->capture->has_reset ? &wire->capture->reset : NULL;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static json_t *wire_json_reset(const struct report_banner_wire *wire)
{
    const struct flow_reset *reset = wire_reset(wire);
    json_t *value;

    if (!reset)
        return json_null();
    value = json_object();
    json_object_set_new(value, "during", json_string(service_during_name(wire->capture->during)));
    reset_json_put(value, reset);
    return value;
}

json_t *banner_wire_json(const struct report_banner_wire *wire)
{
    json_t *value;

    if (!wire->method)
        return json_null();
    value = json_object();
    json_object_set_new(value, "method", json_string(wire->method));
    json_object_set_new(value, "source_port", value_known(wire->source_port));
    json_object_set_new(value, "syn_rtt_ms", value_number(wire->syn_rtt_ms));
    json_object_set_new(value, "retransmissions", value_count(wire->retransmissions));
    json_object_set_new(value, "peer_retransmissions",
                        wire->capture ? value_count(wire->capture->peer_retransmissions)
                                      : json_null());
    json_object_set_new(value, "reset", wire_json_reset(wire));
    return value;
}

void banner_wire_json_evidence(json_t *evidence, const struct report_banner_wire *wire)
{
    const struct flow_reset *reset = wire_reset(wire);

    if (!reset || wire->capture->during == SERVICE_DURING_AFTER)
        return;
    json_object_set_new(evidence, "reset_by", json_string(flow_reset_origin_name(reset->origin)));
    json_object_set_new(evidence, "reset_forged", json_boolean(reset->forged));
    json_object_set_new(evidence, "reset_confidence", value_number(reset->confidence));
    json_object_set_new(evidence, "reset_during",
                        json_string(service_during_name(wire->capture->during)));
}

/* --- text ---------------------------------------------------------------------------------- */

static void wire_words_reset(struct words *w, const struct report_banner *b)
{
    const struct flow_reset *reset = wire_reset(&b->wire);

    words_add(w, "%sreset ", w->len ? "; " : "");
    if (reset->origin == FLOW_ORIGIN_DEVICE)
        words_address(w, "by a device on the way in the name of ", &b->address, " ");
    else
        words_address(w, reset->origin == FLOW_ORIGIN_HOST ? "by the host " : "in the name of ",
                      &b->address, " ");
    words_add(w, "%s (", reset_words_phase(reset->phase));
    if (reset->origin == FLOW_ORIGIN_UNKNOWN)
        words_add(w, "by the host or by a device");
    else
        words_add(w, "%s, %.0f %% sure", reset->forged ? "forged" : "not forged",
                  100 * reset->confidence);
    reset_words_reasons(w, reset->reasons);
    words_add(w, ")");
}

static void wire_words_resent(struct words *w, uint64_t count, const char *by)
{
    if (count)
        words_add(w, "%s%llu segment%s sent again %s", w->len ? "; " : "",
                  (unsigned long long)count, words_plural(count), by);
}

/* What the failure's code does not say already. */
static bool wire_reset_tells(const struct report_banner_wire *wire)
{
    const struct flow_reset *reset = wire_reset(wire);

    if (wire->capture->during == SERVICE_DURING_AFTER)
        return false;
    return reset->phase != FLOW_RESET_REFUSED || reset->origin == FLOW_ORIGIN_DEVICE;
}

void banner_wire_text(FILE *out, const struct report_banner *b, bool verbose)
{
    const struct report_banner_wire *wire = &b->wire;
    uint64_t peer = wire->capture ? wire->capture->peer_retransmissions : 0;
    bool resets = wire_reset(wire) && (verbose || wire_reset_tells(wire));
    char line[WIRE_LINE_SIZE];
    struct words w = words_init(line, sizeof(line));

    if (!wire->method || !(verbose || resets || wire->retransmissions || peer))
        return;
    if (!isnan(wire->syn_rtt_ms))
        words_add(&w, "SYN RTT %.3f ms", wire->syn_rtt_ms);
    wire_words_resent(&w, wire->retransmissions, "by us");
    wire_words_resent(&w, peer, "to us");
    if (resets)
        wire_words_reset(&w, b);
    if (w.len)
        fprintf(out, "    wire: %s%s\n", line, wire->capture ? "" : " (as this kernel has it)");
}
