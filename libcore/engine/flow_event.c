/* Events on their way out. */
#include <string.h>

#include "engine/flow_internal.h"

static struct address flow_event_address(const struct flow *flow, unsigned half)
{
    uint8_t bytes[16];

    memcpy(bytes, flow->address[half], sizeof(bytes));
    return flow->family == 4 ? address_from4(bytes) : address_from6(bytes);
}

void flow_event_key(const struct flow *flow, struct flow_key *key)
{
    unsigned client = flow->client;

    key->address[FLOW_CLIENT] = flow_event_address(flow, client);
    key->address[FLOW_SERVER] = flow_event_address(flow, !client);
    key->port[FLOW_CLIENT] = flow->port[client];
    key->port[FLOW_SERVER] = flow->port[!client];
}

void flow_event_init(const struct flow_step *step, enum flow_event_kind kind,
                     struct flow_event *event)
{
    *event = (struct flow_event){
        .kind = kind,
        .when_ns = step->s->when_ns,
        .frame = step->s->frame,
        .flow_id = flow_cold(step->flows, step->flow)->id,
        .sender = flow_side_of(step->flow, step->me),
        .seq = step->s->seq,
        .bytes = step->s->payload_len,
    };
    flow_event_key(step->flow, &event->key);
}

void flow_event_emit(const struct flows *flows, const struct flow_event *event)
{
    if (flows->config.event)
        flows->config.event(flows->config.context, event);
}
