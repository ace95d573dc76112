/* One packet that netdx sends, as facts. wire/craft turns it into bytes. */
#ifndef NETDX_WIRE_PROBE_H
#define NETDX_WIRE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/address.h"

enum probe_protocol { PROBE_ICMP, PROBE_UDP, PROBE_TCP };

enum probe_tcp_option { /* which options a SYN carries */
    PROBE_TCP_MSS = 1,
    PROBE_TCP_SACK = 2,
    PROBE_TCP_TIMESTAMPS = 4,
    PROBE_TCP_WSCALE = 8,
    PROBE_TCP_FAST_OPEN = 16, /* cookie request */
};

#define PROBE_PAYLOAD_MAX 65000

struct probe {
    enum probe_protocol protocol;
    struct address source, destination; /* same family */
    uint8_t ttl;
    uint8_t dscp, ecn;
    bool df;                 /* IPv4 */
    uint16_t ip_id;          /* IPv4 */
    uint32_t flow_label;     /* IPv6, 20 bits */
    uint16_t size;           /* whole IP packet in bytes; raised to the headers' minimum */
    uint16_t source_port, destination_port; /* UDP, TCP */
    uint16_t icmp_id, icmp_seq;
    /*
     * ICMP and UDP: the checksum the packet must carry, reached by two payload bytes set to fit
     * (Paris traceroute, Augustin et al. 2006); 0 lets it fall as it may. The two bytes come
     * before `payload`; the size is raised for them.
     */
    uint16_t fixed_checksum;
    /* TCP */
    uint32_t tcp_seq, tcp_ack;
    uint16_t tcp_flags;      /* enum tcp_flag */
    uint16_t tcp_window;
    uint8_t tcp_options;     /* enum probe_tcp_option */
    uint16_t tcp_mss;
    uint8_t tcp_wscale;
    uint32_t tcp_tsval, tcp_tsecr;
    const uint8_t *payload;  /* borrowed; NULL fills with zeros */
    uint16_t payload_len;    /* at most the room that `size` leaves; the rest is zeros */
};

#endif
