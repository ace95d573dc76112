/* The products that a service names: in headers, in its banner, in the body of a version endpoint.
 */
#ifndef NETDX_TOOLS_SERVICE_PRODUCTS_H
#define NETDX_TOOLS_SERVICE_PRODUCTS_H

#include "engine/service.h"
#include "engine/version_fingerprint.h"

/* Adds them to `out`. `fingerprints` may be NULL. */
void service_products(struct version_fingerprints *fingerprints, const struct service_facts *facts,
                      struct version_list *out);

#endif
