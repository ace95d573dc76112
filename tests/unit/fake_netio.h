/* A network for tests of what wraps networks: gives out frames from a list, keeps what is sent. */
#ifndef TESTS_UNIT_FAKE_NETIO_H
#define TESTS_UNIT_FAKE_NETIO_H

#include "io/netio.h"

struct fake_netio {
    struct netio io;
    const struct netio_frame *frames; /* borrowed; given out in a circle up to `nframes` in all */
    size_t list_len, nframes, given;
    uint64_t sent;
    size_t waits;
    int send_result; /* 0: takes all; negative: returned */
    int64_t now_ns, unix_offset_ns;
    bool closed;
};

void fake_netio_init(struct fake_netio *fake, const struct netio_frame *frames, size_t list_len);

#endif
