/* ICMP (RFC 792) and ICMPv6 (RFC 4443) types and codes by name. */
#ifndef NETDX_WIRE_ICMP_H
#define NETDX_WIRE_ICMP_H

#include <stdint.h>

enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
};

enum icmp4_unreachable_code { /* RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1 */
                              ICMP4_NET_UNREACHABLE = 0,
                              ICMP4_HOST_UNREACHABLE = 1,
                              ICMP4_PROTOCOL_UNREACHABLE = 2,
                              ICMP4_PORT_UNREACHABLE = 3,
                              ICMP4_FRAGMENTATION_NEEDED = 4,
                              ICMP4_NET_PROHIBITED = 9,
                              ICMP4_HOST_PROHIBITED = 10,
                              ICMP4_ADMIN_PROHIBITED = 13,
};

enum icmp6_type {
    ICMP6_UNREACHABLE = 1,
    ICMP6_PACKET_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER_PROBLEM = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_REDIRECT = 137,
};

enum icmp6_unreachable_code { /* RFC 4443 3.1 */
                              ICMP6_NO_ROUTE = 0,
                              ICMP6_ADMIN_PROHIBITED = 1,
                              ICMP6_BEYOND_SCOPE = 2,
                              ICMP6_ADDRESS_UNREACHABLE = 3,
                              ICMP6_PORT_UNREACHABLE = 4,
                              ICMP6_POLICY_FAILED = 5,
                              ICMP6_REJECT_ROUTE = 6,
};

#define IPV6_EXTENSION_HEADERS_MAX 16 /* more than that is an attack, not a packet */

/* "port unreachable", "time exceeded in transit", ...; "type 42 code 7" style is the caller's. NULL
 * when unknown. */
const char *icmp_name(uint8_t ip_version, uint8_t type, uint8_t code);

#endif
