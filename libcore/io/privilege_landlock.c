#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/privilege_internal.h"

/* Rights newer than the headers of Debian 12 (linux/landlock.h of 6.2, 6.7 and 6.10). */
#define LANDLOCK_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define LANDLOCK_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define LANDLOCK_SCOPES    UINT64_C(3)         /* ABI 6: abstract sockets, signals */

/* struct landlock_ruleset_attr as ABI 6 has it; older kernels are given a shorter size. */
struct landlock_attributes {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

/*
 * All file system rights of the kernel's ABI are handled and none granted; device ioctls concern
 * devices opened later only. TCP stays as it is: probes without privilege connect, from a port
 * they were asked to bind.
 */
static size_t landlock_fill(int abi, struct landlock_attributes *a)
{
    *a = (struct landlock_attributes){
        .handled_access_fs = (UINT64_C(1) << 13) - 1, /* EXECUTE to MAKE_SYM: ABI 1 */
    };
    if (abi >= 2)
        a->handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        a->handled_access_fs |= LANDLOCK_TRUNCATE;
    if (abi >= 5)
        a->handled_access_fs |= LANDLOCK_IOCTL_DEV;
    if (abi < 6)
        return sizeof(a->handled_access_fs);
    a->scoped = LANDLOCK_SCOPES;
    return sizeof(*a);
}

int privilege_landlock(void)
{
    struct landlock_attributes a;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    int rc = 0;

    if (abi < 0) /* EOPNOTSUPP: built in, but not enabled at boot */
        return errno == EOPNOTSUPP || errno == EPERM ? -ENOSYS : -errno;
    size_t size = landlock_fill((int)abi, &a);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);

    if (fd < 0)
        return -errno;
    if (syscall(SYS_landlock_restrict_self, fd, 0))
        rc = -errno;
    close(fd);
    return rc;
}
