#include "tools/trace_filter.h"

#include <stdio.h>

/* Errors that quote a probe; echo requests and replies in a trace that sends them. */
static const char trace_filter_errors4[] = "icmp[0] = 3 or icmp[0] = 11 or icmp[0] = 12";
static const char trace_filter_errors6[] = "ip6[40] < 5";
static const char trace_filter_echo4[] = " or icmp[0] = 0 or icmp[0] = 8";
static const char trace_filter_echo6[] = " or ip6[40] = 128 or ip6[40] = 129";

/* Hop-by-hop, routing, fragment, destination options (RFC 8200 4.1) before what byte 40 would be.
 */
static const char trace_filter_extended[] =
    "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 60";

static void trace_filter_ports(const struct trace_config *config, char *out, size_t size)
{
    const char *protocol = config->protocol == PROBE_TCP ? "tcp" : "udp";

    if (config->protocol == PROBE_ICMP)
        out[0] = '\0';
    else if (config->multipath_percent ||
             (config->find_mtu && config->protocol == PROBE_TCP)) /* a port for each probe */
        snprintf(out, size, " or (%s portrange %u-65535)", protocol, config->source_port);
    else
        snprintf(out, size, " or (%s port %u)", protocol, config->source_port);
}

void trace_filter(const struct trace_config *config, int family, char out[TRACE_FILTER_SIZE])
{
    bool icmp = config->protocol == PROBE_ICMP;
    char ports[64], v4[256] = "", v6[256] = "";

    trace_filter_ports(config, ports, sizeof(ports));
    if (family != 6)
        snprintf(v4, sizeof(v4), "(icmp and (%s%s))", trace_filter_errors4,
                 icmp ? trace_filter_echo4 : "");
    if (family != 4)
        snprintf(v6, sizeof(v6), "(icmp6 and (%s%s)) or (ip6 and (%s))", trace_filter_errors6,
                 icmp ? trace_filter_echo6 : "", trace_filter_extended);
    snprintf(out, TRACE_FILTER_SIZE, "%s%s%s%s", v4, *v4 && *v6 ? " or " : "", v6, ports);
}
