/* What `netdx trace` was asked to do. */
#ifndef NETDX_TOOLS_TRACE_OPTIONS_H
#define NETDX_TOOLS_TRACE_OPTIONS_H

#include "engine/trace.h"
#include "tools/common_options.h"

enum { TRACE_MTR_JSON = FORMAT_OWN };

struct trace_options {
    struct common_options common;
    struct trace_config config; /* source and destination are the run's */
    bool protocol_chosen, wide, asn;
    const char *asn_database; /* borrowed from argv, as is columns */
    const char *columns;
    uint32_t parallel;
};

/* -EINVAL with a message; `format`, `help` and `version` are set whatever else is wrong. */
int trace_options_parse(struct trace_options *options, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE]);

#endif
