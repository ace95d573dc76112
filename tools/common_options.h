/*
 * Options that commands share: rows for their tables, and where the values go. A command puts the
 * rows it has a use for into its table and offers each key to common_options_set.
 */
#ifndef NETDX_TOOLS_COMMON_OPTIONS_H
#define NETDX_TOOLS_COMMON_OPTIONS_H

#include "io/privilege.h"
#include "tools/options.h"
#include "wire/address.h"

enum { /* what every list of formats starts with */
       FORMAT_TEXT,
       FORMAT_JSON,
       FORMAT_JSONL,
       FORMAT_CSV,
       FORMAT_OWN, /* the command's own ones from here on */
};

enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum { WAY_AUTO, WAY_RAW, WAY_NONE };

struct common_options {
    const char *const *formats; /* -f: ends with NULL; the first four are text, json, jsonl, csv */
    int family;                 /* 4, 6, or 0 for both */
    const char *interface;      /* all strings are borrowed from argv */
    const char *source;
    struct address source_address; /* what `source` says */
    const char *servers;
    const char *targets_file;
    const char *output, *record;
    int64_t deadline_ns;    /* of the whole run; 0: none */
    int format, color, way; /* the enums above */
    int verbose;
    bool numeric, quiet, help, version;
    enum privilege_sandbox sandbox;
    char **targets;
    size_t ntargets;
};

enum {
    COMMON_KEY_COLOR = OPTIONS_LONG_ONLY,
    COMMON_KEY_JSON,
    COMMON_KEY_JSONL,
    COMMON_KEY_NO_SANDBOX,
    COMMON_KEY_PRIVILEGE,
    COMMON_KEY_SANDBOX_STRICT,
    COMMON_KEY_SERVERS,
    COMMON_KEY_SOURCE,
    COMMON_KEY_TARGETS,
    COMMON_KEY_WRITE,
    COMMON_KEY_END, /* a command's own keys start here */
};

/* clang-format off */
#define COMMON_ROW_DEADLINE \
    {"deadline", 'w', "TIME", 0, "End the whole run after this time", 0}

#define COMMON_ROW_TARGETS \
    {"targets", COMMON_KEY_TARGETS, "FILE", 0, \
     "Read further targets, one a line ('-': standard input)", 0}

#define COMMON_ROW_SERVERS \
    {"servers", COMMON_KEY_SERVERS, "LIST", 0, "DNS servers to ask, ADDRESS[:PORT],...", 0}

#define COMMON_ROWS_WAY_OUT \
    {NULL, '4', NULL, 0, "IPv4 only", 0}, \
    {NULL, '6', NULL, 0, "IPv6 only", 0}, \
    {"interface", 'i', "NAME", 0, "Send and capture on this interface", 0}, \
    {"source", COMMON_KEY_SOURCE, "ADDRESS", 0, "Source address", 0}

#define COMMON_ROWS_FORMAT(formats) \
    {"format", 'f', "FORMAT", 0, formats " (text)", 0}, \
    {"json", COMMON_KEY_JSON, NULL, 0, "One JSON document", 0}, \
    {"jsonl", COMMON_KEY_JSONL, NULL, 0, "One JSON line per probe, then a summary", 0}

#define COMMON_ROWS_OUTPUT \
    {"output", 'o', "FILE", 0, "Write the report to a file", 0}, \
    {"write", COMMON_KEY_WRITE, "FILE", 0, "Record the packets as pcapng", 0}, \
    {"color", COMMON_KEY_COLOR, "WHEN", 0, \
     "auto, always or never (auto; NO_COLOR is honoured)", 0}, \
    {"quiet", 'q', NULL, 0, "No notes, no progress", 0}

#define COMMON_ROWS_PRIVILEGE \
    {"privilege", COMMON_KEY_PRIVILEGE, "KIND", 0, \
     "auto, raw (needs CAP_NET_RAW) or none (ordinary sockets)", 0}, \
    {"no-sandbox", COMMON_KEY_NO_SANDBOX, NULL, 0, \
     "Keep privileges and install no sandbox", 0}, \
    {"sandbox-strict", COMMON_KEY_SANDBOX_STRICT, NULL, 0, \
     "Fail where a part of the sandbox is missing", 0}

#define COMMON_ROWS_HELP \
    {"help", 'h', NULL, 0, "Print this help", 0}, \
    {"version", 'V', NULL, 0, "Print the version", 0}
/* clang-format on */

/* Takes the option when it is one of the above. 0, -EINVAL with a message, 1: it is none. */
int common_options_set(struct common_options *o, int key, const char *value,
                       char error[OPTIONS_ERROR_SIZE]);

/* From probe to probe; who is not root cannot flood. */
int common_options_interval(const char *value, int64_t *out_ns, char error[OPTIONS_ERROR_SIZE]);

/*
 * options_parse, and what is left over are the targets. `format`, `help` and `version` are set
 * whatever else is wrong.
 */
int common_options_parse(const struct options *table, int argc, char **argv, void *context,
                         struct common_options *o, char error[OPTIONS_ERROR_SIZE]);

/* What does not go together, or NULL. */
const char *common_options_problem(const struct common_options *o);

/* -h and -V. True: that was all. */
bool common_options_answer(const struct common_options *o, const struct options *table);

#endif
