/* What of a run a target is: a host or a network, with ports or without. */
#ifndef NETDX_TOOLS_AIM_H
#define NETDX_TOOLS_AIM_H

#include "tools/port_list.h"
#include "tools/target.h"

struct aim {
    struct target target;   /* the host; the first address of a network */
    int prefix_bits;        /* -1: one host */
    struct port_list ports; /* owned; empty: none given */
};

/*
 * host, host:80,443, [v6]:80, a URL, 10.0.0.0/24:80, 2001:db8::/120, [2001:db8::]/120:80. As
 * target_parse; release what is set on success.
 */
int aim_parse(const char *text, struct aim *aim, char error[OPTIONS_ERROR_SIZE]);
void aim_release(struct aim *aim);

/* How many addresses a network has, or 1; UINT64_MAX when it has more than that. */
uint64_t aim_addresses(const struct aim *aim);

/* The n-th address of a network. */
struct address aim_address(const struct aim *aim, uint64_t n);

#endif
