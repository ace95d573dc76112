#include "wire/icmp.h"

#include <stddef.h>

#define ANY_CODE 256

struct icmp_text {
    uint16_t type, code;
    const char *name;
};

/* A row with ANY_CODE stands for the codes that have no row of their own and comes after them. */
static const struct icmp_text icmp4_names[] = {
    {ICMP4_ECHO_REPLY, ANY_CODE, "echo reply"},
    {ICMP4_UNREACHABLE, ICMP4_NET_UNREACHABLE, "network unreachable"},
    {ICMP4_UNREACHABLE, ICMP4_HOST_UNREACHABLE, "host unreachable"},
    {ICMP4_UNREACHABLE, ICMP4_PROTOCOL_UNREACHABLE, "protocol unreachable"},
    {ICMP4_UNREACHABLE, ICMP4_PORT_UNREACHABLE, "port unreachable"},
    {ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, "fragmentation needed"},
    {ICMP4_UNREACHABLE, 5, "source route failed"},
    {ICMP4_UNREACHABLE, 6, "network unknown"},
    {ICMP4_UNREACHABLE, 7, "host unknown"},
    {ICMP4_UNREACHABLE, 8, "source host isolated"},
    {ICMP4_UNREACHABLE, ICMP4_NET_PROHIBITED, "network prohibited"},
    {ICMP4_UNREACHABLE, ICMP4_HOST_PROHIBITED, "host prohibited"},
    {ICMP4_UNREACHABLE, 11, "network unreachable for type of service"},
    {ICMP4_UNREACHABLE, 12, "host unreachable for type of service"},
    {ICMP4_UNREACHABLE, ICMP4_ADMIN_PROHIBITED, "administratively prohibited"},
    {ICMP4_UNREACHABLE, 14, "host precedence violation"},
    {ICMP4_UNREACHABLE, 15, "precedence cutoff in effect"},
    {4, ANY_CODE, "source quench"},
    {ICMP4_REDIRECT, 0, "redirect for network"},
    {ICMP4_REDIRECT, 1, "redirect for host"},
    {ICMP4_REDIRECT, ANY_CODE, "redirect"},
    {ICMP4_ECHO, ANY_CODE, "echo request"},
    {9, ANY_CODE, "router advertisement"},
    {10, ANY_CODE, "router solicitation"},
    {ICMP4_TIME_EXCEEDED, 0, "time exceeded in transit"},
    {ICMP4_TIME_EXCEEDED, 1, "fragment reassembly time exceeded"},
    {ICMP4_PARAMETER_PROBLEM, ANY_CODE, "parameter problem"},
    {13, ANY_CODE, "timestamp request"},
    {14, ANY_CODE, "timestamp reply"},
};

static const struct icmp_text icmp6_names[] = {
    {ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, "no route to destination"},
    {ICMP6_UNREACHABLE, ICMP6_ADMIN_PROHIBITED, "administratively prohibited"},
    {ICMP6_UNREACHABLE, ICMP6_BEYOND_SCOPE, "beyond scope of source address"},
    {ICMP6_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, "address unreachable"},
    {ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, "port unreachable"},
    {ICMP6_UNREACHABLE, ICMP6_POLICY_FAILED, "source address failed policy"},
    {ICMP6_UNREACHABLE, ICMP6_REJECT_ROUTE, "reject route to destination"},
    {ICMP6_PACKET_TOO_BIG, ANY_CODE, "packet too big"},
    {ICMP6_TIME_EXCEEDED, 0, "time exceeded in transit"},
    {ICMP6_TIME_EXCEEDED, 1, "fragment reassembly time exceeded"},
    {ICMP6_PARAMETER_PROBLEM, 0, "erroneous header field"},
    {ICMP6_PARAMETER_PROBLEM, 1, "unrecognized next header"},
    {ICMP6_PARAMETER_PROBLEM, 2, "unrecognized IPv6 option"},
    {ICMP6_PARAMETER_PROBLEM, ANY_CODE, "parameter problem"},
    {ICMP6_ECHO, ANY_CODE, "echo request"},
    {ICMP6_ECHO_REPLY, ANY_CODE, "echo reply"},
    {130, ANY_CODE, "multicast listener query"},
    {131, ANY_CODE, "multicast listener report"},
    {132, ANY_CODE, "multicast listener done"},
    {133, ANY_CODE, "router solicitation"},
    {134, ANY_CODE, "router advertisement"},
    {135, ANY_CODE, "neighbor solicitation"},
    {136, ANY_CODE, "neighbor advertisement"},
    {ICMP6_REDIRECT, ANY_CODE, "redirect"},
    {143, ANY_CODE, "multicast listener report"},
};

static const char *icmp_find(const struct icmp_text *names, size_t count, uint8_t type,
                             uint8_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].type == type && (names[i].code == code || names[i].code == ANY_CODE))
            return names[i].name;
    }
    return NULL;
}

const char *icmp_name(uint8_t ip_version, uint8_t type, uint8_t code)
{
    if (ip_version == 4)
        return icmp_find(icmp4_names, sizeof(icmp4_names) / sizeof(icmp4_names[0]), type, code);
    if (ip_version == 6)
        return icmp_find(icmp6_names, sizeof(icmp6_names) / sizeof(icmp6_names[0]), type, code);
    return NULL;
}
