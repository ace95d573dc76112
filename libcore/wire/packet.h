/*
 * Packets decoded into facts. Every length is checked before use, nothing is allocated, and all
 * pointers lead into the caller's bytes. Multi-byte values are in host order.
 *
 * `layers` says what is valid, whatever the status. A frame that a small snaplen cut is no error by
 * itself: decode gives DECODE_TRUNCATED, down to a payload that is not all there, and every layer
 * that was whole is valid. DECODE_BAD, too, leaves the layers before the lie, and a TCP layer or a
 * quote whose option or extension lies.
 */
#ifndef NETDX_WIRE_PACKET_H
#define NETDX_WIRE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decode.h"
#include "wire/address.h"

/* Link types by their pcap LINKTYPE_ number (tcpdump.org/linktypes.html). */
enum link_type {
    LINK_NULL = 0,        /* BSD loopback, family in host order */
    LINK_ETHERNET = 1,
    LINK_RAW = 101,       /* starts with the IP header */
    LINK_LOOP = 108,      /* OpenBSD loopback, family in network order */
    LINK_LINUX_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276,
};

enum packet_direction {
    PACKET_DIRECTION_UNKNOWN,
    PACKET_INCOMING,
    PACKET_OUTGOING,
};

/* IANA protocol numbers. */
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd };

#define LINK_VLANS_MAX 4

struct link_facts {
    enum link_type type;
    uint16_t ethertype;
    enum packet_direction direction; /* from a cooked header's packet type */
    uint32_t ifindex;                /* SLL2 only, else 0 */
    bool has_source;                 /* source hardware address below */
    uint8_t source[8], source_len;
    uint8_t destination[6];          /* Ethernet only */
    uint8_t nvlans;
    uint16_t vlans[LINK_VLANS_MAX];  /* VLAN ids, outermost first (802.1Q, 802.1ad) */
    size_t header_len;               /* bytes before the network header */
};

struct ip_facts {
    struct address source, destination;
    uint8_t version;          /* 4 or 6 */
    uint8_t dscp, ecn;        /* the six and two bits of the traffic class octet */
    uint8_t ttl;              /* hop limit */
    uint8_t protocol;         /* upper layer, IPv6 extension headers walked */
    uint16_t header_len;      /* bytes to the upper layer: options and extension headers included */
    uint16_t options_len;     /* IPv4 options in bytes */
    uint32_t total_len;       /* header and payload; 0 in the header (TSO, BIG TCP) is len seen */
    uint32_t flow_label;      /* IPv6 */
    uint32_t id;              /* IPv4 identification, or the IPv6 fragment header's */
    bool has_id;              /* always for IPv4; IPv6 only with a fragment header */
    bool df, mf;              /* do not fragment (IPv6: true), more fragments */
    uint16_t fragment_offset; /* bytes */
    uint16_t checksum;        /* IPv4 header checksum as carried */
    bool checksum_ok;         /* IPv4: verified; IPv6: true */
};

struct udp_facts {
    uint16_t source_port, destination_port;
    uint16_t len; /* header included, as carried */
    uint16_t checksum;
};

enum tcp_flag {
    TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8,
    TCP_ACK = 16, TCP_URG = 32, TCP_ECE = 64, TCP_CWR = 128,
    TCP_AE = 256, /* AccECN (RFC 9768), the former NS bit */
};

#define TCP_SACK_BLOCKS_MAX 4
#define TCP_OPTION_KINDS_MAX 40

struct tcp_sack_block {
    uint32_t left, right;
};

struct tcp_facts {
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint16_t flags;      /* enum tcp_flag */
    uint8_t header_len;  /* bytes */
    uint16_t window;     /* unscaled */
    uint16_t checksum, urgent;
    uint32_t payload_len; /* from the IP header's length, so valid in cut captures too */
    /* Options, each with a flag that says it is there. */
    bool has_mss, has_wscale, sack_permitted, has_timestamps, has_fast_open, has_mptcp, has_accecn;
    bool options_bad;    /* an option's length lies; those before it are valid */
    uint16_t mss;        /* bytes */
    uint8_t wscale;      /* shift count, as carried */
    uint8_t mptcp_subtype;      /* RFC 8684 */
    uint32_t tsval, tsecr;
    uint8_t fast_open_len;      /* cookie bytes; 0 is a request (RFC 7413) */
    uint8_t accecn_order;       /* option kind 172 (0) or 174 (1) */
    uint8_t accecn_counters;    /* 0 to 3, of accecn[] */
    uint8_t nsack;              /* of sack[] */
    uint8_t nkinds;             /* of kinds[] */
    const uint8_t *fast_open;   /* borrowed */
    /* Tables: only the entries counted above are set. */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX];
    uint32_t accecn[3];         /* 24-bit counters in the order carried */
    uint8_t kinds[TCP_OPTION_KINDS_MAX]; /* in their order on the wire, for fingerprints */
};

#define ICMP_MPLS_MAX 8
#define ICMP_INTERFACES_MAX 4
#define ICMP_INTERFACE_NAME_MAX 63

struct mpls_entry { /* RFC 4950, RFC 3032 2.1 */
    uint32_t label; /* 20 bits */
    uint8_t tc;     /* traffic class, 3 bits */
    bool bottom;
    uint8_t ttl;
};

enum interface_role { /* RFC 5837 4.1 */
    INTERFACE_INCOMING = 0,
    INTERFACE_SUBIP_INCOMING = 1,
    INTERFACE_OUTGOING = 2,
    INTERFACE_NEXT_HOP = 3,
};

struct interface_info { /* RFC 5837 */
    enum interface_role role;
    bool has_ifindex, has_address, has_name, has_mtu;
    uint32_t ifindex, mtu;
    struct address address;
    uint8_t name_len;
    uint8_t name[ICMP_INTERFACE_NAME_MAX]; /* untrusted bytes, not terminated */
};

struct icmp_extensions { /* RFC 4884 7 */
    bool present;
    bool checksum_ok;     /* a zero checksum means "not computed" and is ok */
    bool fixed_offset;    /* found at the old fixed offset of 128, without a length */
    uint8_t nmpls, ninterfaces;
    uint8_t unknown;      /* objects of other classes */
    struct mpls_entry mpls[ICMP_MPLS_MAX];
    struct interface_info interfaces[ICMP_INTERFACES_MAX];
};

enum packet_layer {
    LAYER_LINK = 1,
    LAYER_IP = 2,
    LAYER_TCP = 4,
    LAYER_UDP = 8,
    LAYER_ICMP = 16,   /* both ICMP and ICMPv6, told apart by ip.version */
    LAYER_QUOTE = 32,  /* the ICMP error quotes at least a whole IP header */
};

/* What an ICMP error quotes. Routers quote 8 bytes past the IP header, or much more. */
struct quote {
    struct ip_facts ip;       /* as the packet was when it was refused */
    const uint8_t *bytes;     /* the quoted packet, borrowed */
    size_t len;               /* quoted bytes available, extensions and padding left out */
    bool has_ports;           /* first 4 bytes of TCP or UDP */
    uint16_t source_port, destination_port;
    bool has_tcp_seq;         /* 8 bytes of TCP */
    uint32_t tcp_seq;
    bool has_tcp;             /* the whole TCP header with its options */
    struct tcp_facts tcp;
    bool has_udp;             /* 8 bytes of UDP */
    struct udp_facts udp;
    bool has_echo;            /* 8 bytes of an ICMP echo request */
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_checksum, icmp_id, icmp_seq;
};

struct icmp_facts {
    uint8_t type, code;
    uint16_t checksum;
    bool checksum_ok;    /* only meaningful when the packet is whole; true when it is cut */
    uint16_t id, seq;    /* echo and echo reply */
    uint32_t mtu;        /* fragmentation needed (RFC 1191), packet too big */
    uint32_t pointer;    /* parameter problem */
    struct address gateway; /* redirect: IPv4 gateway or ICMPv6 target */
    bool is_error;       /* carries a quote */
    struct quote quote;  /* valid with LAYER_QUOTE */
    struct icmp_extensions extensions;
};

struct packet {
    unsigned layers;     /* enum packet_layer */
    struct link_facts link;
    struct ip_facts ip;
    union {
        struct tcp_facts tcp;
        struct udp_facts udp;
        struct icmp_facts icmp;
    };
    /* Captured bytes after the last header that was decoded, borrowed; NULL without LAYER_IP. */
    const uint8_t *payload;
    size_t payload_len;
};

/*
 * Decodes a captured frame. `len` bytes are there, `wire_len` (>= len) were on the wire. Sets
 * packet->layers for what is valid whatever the status. Reads at most `len` bytes.
 */
struct decode packet_decode(enum link_type type, const uint8_t *bytes, size_t len, size_t wire_len,
                            struct packet *packet);

/* The same from the IP header on. */
struct decode packet_decode_ip(const uint8_t *bytes, size_t len, size_t wire_len,
                               struct packet *packet);

#endif
