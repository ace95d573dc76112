#include "report/reset.h"

#include "report/value.h"

static json_t *reset_json_reasons(uint32_t reasons)
{
    json_t *list = json_array();

    for (int bit = 0; bit < FLOW_REASONS; bit++)
        if (reasons & 1u << bit)
            json_array_append_new(list,
                                  json_string(flow_reason_name((enum flow_reason)(1u << bit))));
    return list;
}

void reset_json_put(json_t *object, const struct flow_reset *r)
{
    json_object_set_new(object, "phase", json_string(flow_reset_phase_name(r->phase)));
    json_object_set_new(object, "by", json_string(r->by == FLOW_CLIENT ? "client" : "server"));
    json_object_set_new(object, "origin", json_string(flow_reset_origin_name(r->origin)));
    json_object_set_new(object, "forged", json_boolean(r->forged));
    json_object_set_new(object, "confidence", value_number(r->confidence));
    json_object_set_new(object, "reasons", reset_json_reasons(r->reasons));
    json_object_set_new(object, "ttl", value_known(r->ttl));
    json_object_set_new(object, "ttl_expected", value_known(r->ttl_expected));
    json_object_set_new(object, "count", value_count(r->count));
}

const char *reset_words_phase(enum flow_reset_phase phase)
{
    switch (phase) {
    case FLOW_RESET_UNKNOWN:
        return "at an unknown stage";
    case FLOW_RESET_REFUSED:
        return "in answer to the SYN";
    case FLOW_RESET_AFTER_SYN:
        return "during the handshake";
    case FLOW_RESET_AFTER_ACCEPT:
        return "right after the handshake";
    case FLOW_RESET_AFTER_REQUEST:
        return "after the request";
    case FLOW_RESET_MID_RESPONSE:
        return "in the middle of the response";
    case FLOW_RESET_AFTER_FIN:
        return "after a FIN";
    case FLOW_RESET_AFTER_CLOSE_UNREAD:
        return "after closing with data unread";
    }
    return "at an unknown stage";
}

void reset_words_reasons(struct words *w, uint32_t reasons)
{
    const char *before = ": ";

    for (int bit = 0; bit < FLOW_REASONS; bit++) {
        enum flow_reason reason = (enum flow_reason)(1u << bit);

        if (!(reasons & (uint32_t)reason))
            continue;
        words_add(w, "%s%s", before, flow_reason_text(reason));
        before = ", ";
    }
}
