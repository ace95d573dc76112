/* What `netdx versions` was asked to do. */
#ifndef NETDX_TOOLS_VERSIONS_REQUEST_H
#define NETDX_TOOLS_VERSIONS_REQUEST_H

#include "tools/service_options.h"

enum { FORMAT_MARKDOWN = FORMAT_OWN, FORMAT_HTML };

struct versions_request {
    struct service_options options;
    const char *path;     /* of the matrix; "-": standard input */
    const char *baseline; /* NULL: none */
    bool accept;
};

extern const struct options versions_command_options;

/* As service_options_parse; release the options in either case. */
int versions_request_parse(struct versions_request *request, int argc, char **argv,
                           char error[OPTIONS_ERROR_SIZE]);

#endif
