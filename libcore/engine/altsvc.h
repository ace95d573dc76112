/* Whether a response promises HTTP/3, and where: the Alt-Svc header (RFC 7838 3; RFC 9114 3.1.1).
 */
#ifndef NETDX_ENGINE_ALTSVC_H
#define NETDX_ENGINE_ALTSVC_H

#include "engine/http.h"

/* False: no header promises h3, or one of its drafts, on a port of the same host. */
bool altsvc_promises_h3(const struct http_facts *response, uint16_t *port);

#endif
