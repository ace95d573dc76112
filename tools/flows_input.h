/* Where packets come from: capture files merged by time, or taps that share live traffic. */
#ifndef NETDX_TOOLS_FLOWS_INPUT_H
#define NETDX_TOOLS_FLOWS_INPUT_H

#include "io/expression.h"
#include "io/netio.h"
#include "tools/failure.h"
#include "tools/flows_options.h"

struct flows_input {
    const struct flows_options *options;
    struct netio *parts[FLOWS_WORKERS_MAX]; /* one for each worker */
    size_t nparts;
    int *fds; /* of the files, -1 once they are somebody else's */
    struct expression *filter;
    int stop_fd; /* makes the taps' waits end; -1: files */
};

/*
 * What needs privilege or a file: nothing is read yet. -errno with *failure filled in; close in
 * either case.
 */
int flows_input_open(struct flows_input *input, const struct flows_options *options,
                     struct failure *failure);

/* Looks at the files' first bytes, or lets the taps capture. */
int flows_input_start(struct flows_input *input, struct failure *failure);

/* Whoever waits for a tap is woken, and shall stop it. */
void flows_input_stop(struct flows_input *input);

void flows_input_close(struct flows_input *input);

bool flows_input_is_live(const struct flows_input *input);

/* As the user named it: "a.pcap, b.pcap", "eth0", "any". */
void flows_input_name(const struct flows_input *input, char *out, size_t size);

/* Why a worker's part ended with `err`, in words; "" when it says nothing itself. */
const char *flows_input_error(const struct flows_input *input, size_t part);

#endif
