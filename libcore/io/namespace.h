/*
 * Namespaces of our own, so that a network can be played without touching the host's. What is
 * made here lasts as long as the processes in it. Messages say what is missing.
 */
#ifndef NETDX_IO_NAMESPACE_H
#define NETDX_IO_NAMESPACE_H

#include "io/raw.h"

/*
 * Moves the calling process (one thread) into new network and mount namespaces, and its children
 * from now on into a new PID namespace, whose first process takes all others with it when it
 * ends. Without CAP_SYS_ADMIN it makes a user namespace first, in which the caller is root.
 * No mount is seen outside. 0, or -errno and a message.
 */
int namespace_enter(char error[IO_ERROR_SIZE]);

/* Moves the caller into one more network namespace of the same owner; open sockets stay behind. */
int namespace_new_network(char error[IO_ERROR_SIZE]);

/*
 * In the caller's mount namespace alone, `path` (links followed) reads as `text` from now on. The
 * file must exist (-ENOENT): mounting over it is what hides it.
 */
int namespace_replace_file(const char *path, const char *text, char error[IO_ERROR_SIZE]);

/*
 * To be called in a child: /proc shows the new PID namespace. -EPERM where a container hides
 * parts of /proc; its old one goes on working.
 */
int namespace_mount_proc(void);

#endif
