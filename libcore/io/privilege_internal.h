/* The two sandboxes of privilege_drop, each in a file of its own. */
#ifndef NETDX_IO_PRIVILEGE_INTERNAL_H
#define NETDX_IO_PRIVILEGE_INTERNAL_H

/* No file may be opened from now on. 0, -ENOSYS (kernel without Landlock) or -errno. */
int privilege_landlock(void);

/* Only what a running tool calls. 0, -ENOSYS (kernel without seccomp filters) or -errno. */
int privilege_seccomp(void);

#endif
