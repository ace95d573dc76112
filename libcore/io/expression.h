/*
 * Capture filters in pcap-filter(7) syntax, compiled for every link type of wire/ at once: names
 * of hosts and services are looked up while that is still allowed, the link type of a file is
 * known only after its first bytes were read.
 */
#ifndef NETDX_IO_EXPRESSION_H
#define NETDX_IO_EXPRESSION_H

#include "io/raw.h"
#include "wire/packet.h"

struct bpf_program; /* libpcap's */
struct expression;

/*
 * 0, -ENOMEM, or -EINVAL with libpcap's message and where in the text it stops making sense: when
 * it compiles for no link type at all.
 */
int expression_new(const char *text, struct expression **out, char error[IO_ERROR_SIZE]);
void expression_free(struct expression *e); /* NULL is fine */

/* Borrowed. NULL with libpcap's message when it means nothing on this link type. */
struct bpf_program *expression_program(struct expression *e, enum link_type link,
                                       const char **message);

#endif
