/* What `netdx trace` was asked to do. */
#ifndef NETDX_TOOLS_TRACE_OPTIONS_H
#define NETDX_TOOLS_TRACE_OPTIONS_H

#include "engine/trace.h"
#include "io/privilege.h"
#include "tools/options.h"

enum trace_format { TRACE_TEXT, TRACE_JSON, TRACE_JSONL, TRACE_CSV, TRACE_MTR_JSON };
enum trace_color { TRACE_COLOR_AUTO, TRACE_COLOR_ALWAYS, TRACE_COLOR_NEVER };
enum trace_way { TRACE_WAY_AUTO, TRACE_WAY_RAW, TRACE_WAY_NONE };

struct trace_options {
    struct trace_config config; /* destination is the run's, source too unless it was given */
    int family;                 /* 4, 6, or 0 for what the resolver prefers */
    const char *interface;      /* all strings are borrowed from argv */
    const char *source;
    bool numeric, protocol_chosen;
    int64_t deadline_ns;    /* of the whole run; 0: none */
    int format, color, way; /* the enums above */
    const char *output, *record;
    bool quiet, wide, asn, help, version;
    int verbose;
    const char *asn_database;
    const char *columns;
    const char *servers;
    const char *targets_file;
    uint32_t parallel;
    enum privilege_sandbox sandbox;
    char **targets;
    size_t ntargets;
};

/* -EINVAL with a message; `format`, `help` and `version` are set whatever else is wrong. */
int trace_options_parse(struct trace_options *options, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE]);

#endif
