/* The capture filter of a run: no wider than what its probes and their answers look like. */
#ifndef NETDX_TOOLS_TRACE_FILTER_H
#define NETDX_TOOLS_TRACE_FILTER_H

#include "engine/trace.h"
#include "tools/filter.h"

/*
 * Writes a pcap-filter(7) expression. `family` 4, 6 or 0 for both; config->source_port is set for
 * UDP and TCP, and flows count up from it when multipath is asked for.
 */
void trace_filter(const struct trace_config *config, int family, char out[FILTER_SIZE]);

#endif
