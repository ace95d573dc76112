/* What `netdx banner` was asked to do. */
#ifndef NETDX_TOOLS_BANNER_REQUEST_H
#define NETDX_TOOLS_BANNER_REQUEST_H

#include "tools/identify.h"
#include "tools/service_options.h"

struct banner_request {
    struct service_options options;
    bool identifies; /* banners from standard input, and nobody is asked: */
    struct identify_options identify;
};

/* As service_options_parse; release the options in either case. */
int banner_request_parse(struct banner_request *request, int argc, char **argv,
                         char error[OPTIONS_ERROR_SIZE]);

#endif
