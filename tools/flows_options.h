/* What `netdx flows` was asked to do. */
#ifndef NETDX_TOOLS_FLOWS_OPTIONS_H
#define NETDX_TOOLS_FLOWS_OPTIONS_H

#include "engine/flow.h"
#include "tools/common_options.h"

#define FLOWS_INPUTS_MAX  1024 /* files, or interfaces */
#define FLOWS_WORKERS_MAX 64

struct flows_options {
    struct common_options common; /* its targets are the words of the filter */
    struct flows_config config;   /* event and context are the run's */
    const char *files[FLOWS_INPUTS_MAX];
    size_t nfiles;
    char **interfaces; /* owned, as are the names: -i splits at commas */
    size_t ninterfaces;
    bool any;     /* -i any, or neither -i nor -r */
    char *filter; /* owned: the words joined */
    uint32_t snaplen, buffer_mib, workers;
    uint32_t count;      /* frames; 0: all */
    int64_t interval_ns; /* 0: no rates */
    bool promiscuous;
};

/* -EINVAL with a message; `format`, `help` and `version` are set whatever else is wrong. */
int flows_options_parse(struct flows_options *options, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE]);
void flows_options_release(struct flows_options *options);

#endif
