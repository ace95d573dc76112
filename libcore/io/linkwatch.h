/* Tells when a network interface goes down, comes up or is removed (rtnetlink(7), no privilege). */
#ifndef NETDX_IO_LINKWATCH_H
#define NETDX_IO_LINKWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/error.h"

struct linkwatch {
    int fd; /* nonblocking; readable when something changed */
    uint32_t ifindex;
    bool down, removed;
};

int linkwatch_open(struct linkwatch *watch, uint32_t ifindex); /* 0 or -errno */
/* The interface of this name, which is up. 0, or -errno and a message: -ENODEV, -ENETDOWN. */
int linkwatch_open_named(struct linkwatch *watch, const char *name, char error[IO_ERROR_SIZE]);
void linkwatch_close(struct linkwatch *watch);

/* -ENETDOWN: just went down; -ENODEV: was just removed; 0: neither. Each is told once. */
int linkwatch_poll(struct linkwatch *watch);

/* One datagram of the kernel's, for linkwatch_poll and tests. */
int linkwatch_message(struct linkwatch *watch, const void *bytes, size_t len);

#endif
