#include "tests/unit/sweep_answers.h"

static struct packet answers_tcp(const struct sweep_probe *probe, uint16_t flags)
{
    return (struct packet){.layers = LAYER_IP | LAYER_TCP,
                           .ip = {.source = probe->destination,
                                  .destination = probe->source,
                                  .version = probe->source.family,
                                  .ttl = 57,
                                  .protocol = PROTO_TCP,
                                  .checksum_ok = true},
                           .tcp = {.source_port = probe->port,
                                   .destination_port = probe->source_port,
                                   .seq = 0x12345678,
                                   .ack = probe->seq + 1,
                                   .flags = flags}};
}

struct packet sweep_answers_syn_ack(const struct sweep_probe *probe)
{
    return answers_tcp(probe, TCP_SYN | TCP_ACK);
}

struct packet sweep_answers_rst(const struct sweep_probe *probe)
{
    return answers_tcp(probe, TCP_RST | TCP_ACK);
}

struct packet sweep_answers_icmp(const struct sweep_probe *probe, const struct address *responder,
                                 uint8_t type, uint8_t code)
{
    bool is4 = probe->source.family == 4;

    return (struct packet){.layers = LAYER_IP | LAYER_ICMP | LAYER_QUOTE,
                           .ip = {.source = *responder,
                                  .destination = probe->source,
                                  .version = probe->source.family,
                                  .ttl = 62,
                                  .protocol = is4 ? PROTO_ICMP : PROTO_ICMPV6,
                                  .checksum_ok = true},
                           .icmp = {.type = type,
                                    .code = code,
                                    .checksum_ok = true,
                                    .is_error = true,
                                    .quote = {.ip = {.source = probe->source,
                                                     .destination = probe->destination,
                                                     .version = probe->source.family,
                                                     .protocol = PROTO_TCP},
                                              .has_ports = true,
                                              .source_port = probe->source_port,
                                              .destination_port = probe->port,
                                              .has_tcp_seq = true,
                                              .tcp_seq = probe->seq}}};
}
