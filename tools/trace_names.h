/* Names and AS numbers of the routers a trace meets, asked for while it runs. */
#ifndef NETDX_TOOLS_TRACE_NAMES_H
#define NETDX_TOOLS_TRACE_NAMES_H

#include "engine/trace.h"
#include "io/asn.h"
#include "io/dns.h"
#include "report/trace.h"

struct trace_names;

/*
 * Looks up names in `dns` (NULL: none) and AS numbers in `asn` (NULL: none); both are borrowed and
 * must be freed first, because freeing them answers what is still pending. `loop` is woken when
 * something was learnt.
 */
int trace_names_new(struct loop *loop, struct dns *dns, struct asn *asn, struct trace_names **out);
void trace_names_free(struct trace_names *names);

/* Asks, unless it was asked before. */
void trace_names_want(struct trace_names *names, const struct address *address);

/* Whether nothing about these responders is still pending. */
bool trace_names_complete(const struct trace_names *names, const struct trace_result *result);

struct report_names trace_names_report(struct trace_names *names);

#endif
