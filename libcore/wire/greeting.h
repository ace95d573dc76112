/* Which protocol speaks, by the first bytes it sends. */
#ifndef NETDX_WIRE_GREETING_H
#define NETDX_WIRE_GREETING_H

#include <stddef.h>
#include <stdint.h>

/* "ssh", "smtp", "ftp", "tls", "mysql" ..., or NULL: not known, HTTP, or too few bytes yet. */
const char *greeting_protocol(const uint8_t *bytes, size_t len);

#endif
