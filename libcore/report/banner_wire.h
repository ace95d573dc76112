/* Internal to report/: what the packets of a connection say beside the service. */
#ifndef NETDX_REPORT_BANNER_WIRE_H
#define NETDX_REPORT_BANNER_WIRE_H

#include <jansson.h>

#include "report/banner.h"

json_t *banner_wire_json(const struct report_banner_wire *wire);
/* What proves who ended the connection: nothing without a RST. */
void banner_wire_json_evidence(json_t *evidence, const struct report_banner_wire *wire);

/* A line, when something is to be told: `verbose` tells of what is as it should be, too. */
void banner_wire_text(FILE *out, const struct report_banner *banner, bool verbose);

#endif
