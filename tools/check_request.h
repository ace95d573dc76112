/* What `netdx check` was asked to do. */
#ifndef NETDX_TOOLS_CHECK_REQUEST_H
#define NETDX_TOOLS_CHECK_REQUEST_H

#include "engine/check.h"
#include "tools/service_options.h"

struct check_request {
    struct service_options options;
    struct check_limits limits;
};

/* As service_options_parse; release the options in either case. */
int check_request_parse(struct check_request *request, int argc, char **argv,
                        char error[OPTIONS_ERROR_SIZE]);

#endif
