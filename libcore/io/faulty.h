/*
 * Wraps a network and makes bad days reproducible: sends that fail with a chosen errno, frames
 * that get lost, are cut, doubled or changed, drop counters that rise. For tests.
 */
#ifndef NETDX_IO_FAULTY_H
#define NETDX_IO_FAULTY_H

#include "io/netio.h"

struct faulty_options {
    uint64_t seed;
    int send_errno;            /* positive errno for the share below */
    double send_error_share;   /* 0 to 1 */
    uint64_t send_error_count; /* stop failing after that many; 0: never stop */
    double receive_drop_share;
    double receive_double_share;
    double receive_cut_share;
    double receive_flip_share; /* one bit flipped */
    uint64_t capture_dropped;  /* added to the counters */
};

/* Takes `inner` over on success. 0, -EINVAL (a share outside 0 to 1) or -ENOMEM. */
int faulty_open(struct netio *inner, const struct faulty_options *options, struct netio **out);

#endif
