/* What `netdx syn` was asked to do. */
#ifndef NETDX_TOOLS_SYN_REQUEST_H
#define NETDX_TOOLS_SYN_REQUEST_H

#include "engine/syn.h"
#include "tools/common_options.h"
#include "tools/port_list.h"

/* (address, port) pairs: more than this of one network need --yes ... */
#define SYN_PAIRS_UNASKED 4096
/* ... and more than this in all are swept: one SYN each, nothing remembered of it. */
#define SYN_PAIRS_TIMED 1024

struct syn_request {
    struct common_options common;
    struct syn_config config; /* seed, ports and link are the run's */
    struct port_list ports;   /* for targets without any; owned */
    bool yes, sweep;
    bool raw_wanted; /* something only raw packets can do was asked for */
    bool count_chosen, repeats_chosen;
};

extern const struct options syn_command_options;

/* As common_options_parse; release in either case. */
int syn_request_parse(struct syn_request *request, int argc, char **argv,
                      char error[OPTIONS_ERROR_SIZE]);
void syn_request_release(struct syn_request *request);

#endif
