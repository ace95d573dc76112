/* Internal to tap.c: packet(7) options, whose header names its constants like wire/ does. */
#ifndef NETDX_IO_TAP_SOCKET_H
#define NETDX_IO_TAP_SOCKET_H

#include <stddef.h>
#include <stdint.h>

/*
 * Lets the socket share packets by flow with others: `group` -1 asks for an unused number, which
 * is returned. -errno.
 */
int tap_socket_share(int fd, int group);

/* A socket that keeps interfaces in promiscuous mode as long as it is open. -errno. */
int tap_socket_promiscuous(const uint32_t *ifindexes, size_t count);

/* Takes nothing more, and leaves what is in the ring. -errno. */
int tap_socket_deafen(int fd);

#endif
