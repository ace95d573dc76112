#include "tools/trace_filter.h"

#include <stdio.h>

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

void trace_filter(const struct trace_config *config, int family, char out[FILTER_SIZE])
{
    char ports[64], icmp[512];

    filter_icmp(family, config->protocol == PROBE_ICMP, icmp, sizeof(icmp));
    trace_filter_ports(config, ports, sizeof(ports));
    snprintf(out, FILTER_SIZE, "%s%s", icmp, ports);
}
