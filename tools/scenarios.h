/*
 * The scenarios of tools/scenarios/, compiled in: NAME.yaml becomes the entry NAME, in order of
 * name. The table is written by tools/embed.sh.
 */
#ifndef NETDX_TOOLS_SCENARIOS_H
#define NETDX_TOOLS_SCENARIOS_H

#include <stddef.h>

struct builtin_scenario {
    const char *name;
    const char *yaml; /* NUL-terminated */
    size_t len;
};

extern const struct builtin_scenario builtin_scenarios[];
extern const size_t nbuiltin_scenarios;

#endif
