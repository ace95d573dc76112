/* What `netdx banner` was asked to do. */
#ifndef NETDX_TOOLS_BANNER_REQUEST_H
#define NETDX_TOOLS_BANNER_REQUEST_H

#include "engine/service.h"
#include "io/tls.h"
#include "tools/common_options.h"
#include "tools/identify.h"
#include "tools/port_list.h"

#define BANNER_HEADERS_MAX 32

struct banner_request {
    struct common_options common;
    struct port_list ports;                      /* for targets without any; owned */
    struct service_config service;               /* host, port and path are each target's own */
    const char *headers[BANNER_HEADERS_MAX + 1]; /* borrowed; ends with NULL */
    size_t nheaders;
    const char *host, *sni; /* instead of the target's name; NULL: that */
    unsigned follow;        /* redirects */
    uint32_t parallel;
    const char *ca_file, *crl_file;
    int cert_days;
    const char *fingerprints; /* directory; NULL: none */
    bool yes;
    bool identifies; /* banners from standard input, and nobody is asked: */
    struct identify_options identify;
};

extern const struct options banner_command_options;

/* As common_options_parse; release in either case. */
int banner_request_parse(struct banner_request *request, int argc, char **argv,
                         char error[OPTIONS_ERROR_SIZE]);
void banner_request_release(struct banner_request *request);

#endif
