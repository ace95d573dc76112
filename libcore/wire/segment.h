/*
 * TCP segments decoded lean, for those who read millions a second: one pass over Ethernet (VLANs
 * too), raw IP and Linux cooked frames with IPv4 or IPv6 and TCP, nothing borrowed, so that many
 * can be collected before they are looked at. Whatever is less ordinary goes through
 * packet_decode() and gives the same values: the two agree on every input, which tests hold them
 * to.
 *
 * Lengths come from headers, so a frame that a snaplen cut behind its TCP header is whole here.
 */
#ifndef NETDX_WIRE_SEGMENT_H
#define NETDX_WIRE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/packet.h"

enum segment_kind {
    SEGMENT_TCP,       /* the struct is filled in */
    SEGMENT_FRAGMENT,  /* of a datagram; TCP's first fragment is SEGMENT_TCP with `fragment` set */
    SEGMENT_OTHER,     /* another protocol */
    SEGMENT_TRUNCATED, /* captured too short to hold the TCP header */
    SEGMENT_BAD,       /* contradicts itself */
};

enum segment_has { /* bits of `has` */
                   SEGMENT_HAS_TIMESTAMPS = 1,
                   SEGMENT_HAS_MSS = 2,
                   SEGMENT_HAS_WSCALE = 4,
                   SEGMENT_HAS_SACK_PERMITTED = 8,
                   SEGMENT_HAS_ID = 16,           /* always for IPv4 */
                   SEGMENT_HAS_OTHER_OPTION = 32, /* beside those above, SACK and padding */
};

struct segment {
    int64_t when_ns;   /* set by the caller, as are the next three */
    uint64_t frame;    /* its number in the capture, from 1 */
    uint32_t ifindex;  /* 0: unknown; SLL2's when the caller leaves 0 */
    uint8_t direction; /* enum packet_direction; a cooked header's when left unknown */
    uint8_t family;    /* 4 or 6 */
    uint8_t ttl;
    uint8_t ecn;        /* the two bits of the IP header */
    uint8_t source[16]; /* network order; IPv4 in the first four, the rest zero */
    uint8_t destination[16];
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint32_t payload_len; /* as in struct tcp_facts */
    uint16_t flags;       /* enum tcp_flag */
    uint16_t window;      /* unscaled */
    uint16_t id;          /* IPv4 identification, 0 without */
    uint16_t mss;
    uint32_t tsval, tsecr;
    uint8_t has;    /* enum segment_has */
    uint8_t wscale; /* as carried */
    uint8_t nsack;  /* of sack[] */
    bool fragment;  /* first fragment: payload_len is of this part alone */
    uint16_t vlan;  /* the outermost tag's id; 0: none */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX]; /* only the first nsack are set */
};

/*
 * Decodes a frame as packet_decode() does and fills in all of *segment but `when_ns` and `frame`;
 * `ifindex` and `direction` are only set when the frame knows them. For SEGMENT_TCP alone the
 * other fields are defined.
 */
enum segment_kind segment_decode(enum link_type type, const uint8_t *bytes, size_t len,
                                 size_t wire_len, struct segment *segment);

/* The same from a packet that is decoded already. */
enum segment_kind segment_from_packet(const struct packet *packet, struct decode result,
                                      struct segment *segment);

#endif
