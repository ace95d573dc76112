/*
 * Privileges: take what opening needs, then give everything away before the first untrusted byte.
 * Order and reasons: libcap(3), capabilities(7), seccomp(2), landlock(7).
 */
#ifndef NETDX_IO_PRIVILEGE_H
#define NETDX_IO_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

enum privilege_sandbox { SANDBOX_DEFAULT, SANDBOX_OFF, SANDBOX_STRICT };

/*
 * Raises CAP_NET_RAW from permitted to effective (`setcap cap_net_raw+p`). 0, or -EPERM when this
 * process does not have it. root in a user namespace and root without it in its bounding set are
 * told apart by trying.
 */
int privilege_raise_net_raw(void);

struct privilege_state { /* what was reached, shown with -v and asserted in tests */
    bool no_new_privs, bounding_dropped, user_switched, capabilities_empty, landlock, seccomp;
};

/*
 * no_new_privs; drop the bounding set; switch from root to who called sudo, or to nobody; empty
 * all capability sets; Landlock (no file may be opened); seccomp (no exec, no open for writing).
 * Files that reading needs later (resolver configuration, databases) must be open before.
 *
 * OFF leaves the last two out. DEFAULT goes on without what this system does not have or does not
 * let this process do; *state says what was reached. STRICT fails then: -ENOSYS for what the kernel
 * lacks, or the step's own -errno. Emptying the capability sets must succeed always. A bounding
 * set that only CAP_SETPCAP could drop is no failure: no_new_privs has made it powerless.
 */
int privilege_drop(enum privilege_sandbox sandbox, struct privilege_state *state);

/*
 * Puts something harmless on the descriptors 0 to 2 that are closed, so that no socket gets their
 * number and output written to it: reading and writing them goes on failing. 0 or -errno.
 */
int privilege_fill_descriptors(void);

/* The sentence that a permission error ends with: which capability, and the ways to get it. */
const char *privilege_advice(void);

#endif
