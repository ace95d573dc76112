/* What every decoded packet must keep, whatever the input. */
#ifndef NETDX_FUZZ_FACTS_H
#define NETDX_FUZZ_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/packet.h"

static inline void facts_must(bool kept)
{
    if (!kept)
        abort();
}

/* Borrowed bytes lie within the input. */
static inline void facts_within(const uint8_t *at, size_t n, const uint8_t *bytes, size_t len)
{
    if (n > 0)
        facts_must(at >= bytes && n <= len && (size_t)(at - bytes) <= len - n);
}

static inline void facts_tcp(const struct tcp_facts *tcp, const uint8_t *bytes, size_t len)
{
    facts_must(tcp->header_len >= 20 && tcp->header_len <= 60);
    facts_must(tcp->nsack <= TCP_SACK_BLOCKS_MAX && tcp->nkinds <= TCP_OPTION_KINDS_MAX);
    facts_must(tcp->accecn_counters <= 3 && tcp->mptcp_subtype <= 15);
    if (tcp->has_fast_open)
        facts_within(tcp->fast_open, tcp->fast_open_len, bytes, len);
}

static inline void facts_extensions(const struct icmp_extensions *x)
{
    facts_must(x->nmpls <= ICMP_MPLS_MAX && x->ninterfaces <= ICMP_INTERFACES_MAX);
    facts_must(x->present || (x->nmpls == 0 && x->ninterfaces == 0 && x->unknown == 0));
    for (int i = 0; i < x->nmpls; i++)
        facts_must(x->mpls[i].label < 1u << 20 && x->mpls[i].tc < 8);
    for (int i = 0; i < x->ninterfaces; i++)
        facts_must(x->interfaces[i].name_len <= ICMP_INTERFACE_NAME_MAX);
}

static inline void facts_icmp(const struct packet *p, const uint8_t *bytes, size_t len)
{
    const struct quote *quote = &p->icmp.quote;

    facts_extensions(&p->icmp.extensions);
    if (!(p->layers & LAYER_QUOTE))
        return;
    facts_must(quote->ip.version == p->ip.version && quote->len >= 20);
    facts_within(quote->bytes, quote->len, bytes, len);
    facts_must(!quote->has_udp || quote->has_ports);
    facts_must(!quote->has_tcp || quote->has_tcp_seq);
    if (quote->has_tcp)
        facts_tcp(&quote->tcp, bytes, len);
}

/* Aborts when a fact contradicts itself or leads out of the input. */
static inline void facts_check(const struct packet *p, struct decode result, const uint8_t *bytes,
                               size_t len)
{
    facts_must((result.status == DECODE_OK) == (result.reason == NULL));
    facts_must(result.offset <= len);
    facts_within(p->payload, p->payload_len, bytes, len);
    if (p->layers & LAYER_IP)
        facts_must(p->ip.header_len >= 20 && p->ip.header_len <= p->ip.total_len);
    if (p->layers & LAYER_TCP)
        facts_tcp(&p->tcp, bytes, len);
    if (p->layers & LAYER_ICMP)
        facts_icmp(p, bytes, len);
}

#endif
