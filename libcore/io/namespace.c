#include "io/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the text of a replaced file is written: a tmpfs that is there for that moment only. */
#define NAMESPACE_SCRATCH      "/tmp"
#define NAMESPACE_SCRATCH_FILE NAMESPACE_SCRATCH "/text"

static int namespace_failed(char error[IO_ERROR_SIZE], int err, const char *what,
                            const char *advice)
{
    snprintf(error, IO_ERROR_SIZE, "%s failed: %s%s", what, strerror(err), advice);
    return -err;
}

/* 0 or -errno; a write to a file of /proc is taken whole or not at all. */
static int namespace_write(const char *path, int flags, const char *text)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
    ssize_t written;
    int err;

    if (fd < 0)
        return -errno;
    written = write(fd, text, len);
    err = written < 0 ? -errno : (size_t)written < len ? -EIO : 0;
    if (close(fd) && !err)
        err = -errno;
    return err;
}

/* user_namespaces(7): one's own ids may be mapped once setgroups(2) is given up. */
static int namespace_map_ids(uid_t uid, gid_t gid)
{
    char line[32];
    int err;

    err = namespace_write("/proc/self/setgroups", 0, "deny");
    if (err && err != -ENOENT)
        return err;
    snprintf(line, sizeof(line), "0 %u 1\n", uid);
    err = namespace_write("/proc/self/uid_map", 0, line);
    if (err)
        return err;
    snprintf(line, sizeof(line), "0 %u 1\n", gid);
    return namespace_write("/proc/self/gid_map", 0, line);
}

static int namespace_unshare(char error[IO_ERROR_SIZE])
{
    const int flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int err;

    if (!unshare(flags))
        return 0;
    if (errno != EPERM)
        return namespace_failed(error, errno, "making network, mount and PID namespaces", "");
    /* A file capability makes /proc/self root's, and with it the maps. */
    prctl(PR_SET_DUMPABLE, 1);
    if (unshare(CLONE_NEWUSER | flags))
        return namespace_failed(error, errno, "making a user namespace",
                                " (needs CAP_SYS_ADMIN, or user namespaces for everybody: see "
                                "sysctl user.max_user_namespaces and "
                                "kernel.unprivileged_userns_clone)");
    err = namespace_map_ids(uid, gid);
    return err ? namespace_failed(error, -err, "becoming root of a user namespace", "") : 0;
}

int namespace_enter(char error[IO_ERROR_SIZE])
{
    int err = namespace_unshare(error);

    if (err)
        return err;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return namespace_failed(error, errno, "keeping mounts private", "");
    return 0;
}

int namespace_new_network(char error[IO_ERROR_SIZE])
{
    if (unshare(CLONE_NEWNET))
        return namespace_failed(error, errno, "making a network namespace",
                                " (needs CAP_SYS_ADMIN)");
    return 0;
}

/* The bind mount keeps the file alive after its directory is gone. */
static int namespace_bind_text(int target, const char *text)
{
    int err = namespace_write(NAMESPACE_SCRATCH_FILE, O_CREAT | O_EXCL, text);
    char path[32];

    if (!err && chmod(NAMESPACE_SCRATCH_FILE, 0644))
        err = -errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
    if (!err && mount(NAMESPACE_SCRATCH_FILE, path, NULL, MS_BIND, NULL))
        err = -errno;
    return err;
}

/* The target is held by a descriptor: it may lie where the scratch file system goes. */
static int namespace_replace(const char *path, const char *text)
{
    int target = open(path, O_PATH | O_CLOEXEC), err;

    if (target < 0)
        return -errno;
    if (mount("tmpfs", NAMESPACE_SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")) {
        err = -errno;
    } else {
        err = namespace_bind_text(target, text);
        if (umount2(NAMESPACE_SCRATCH, MNT_DETACH) && !err)
            err = -errno;
    }
    close(target);
    return err;
}

int namespace_replace_file(const char *path, const char *text, char error[IO_ERROR_SIZE])
{
    int err = namespace_replace(path, text);
    char what[128];

    if (!err)
        return 0;
    snprintf(what, sizeof(what), "replacing \"%s\"", path);
    return namespace_failed(error, -err, what,
                            access("/proc/self/fd", F_OK) ? " (/proc is not mounted)" : "");
}

int namespace_mount_proc(void)
{
    return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ? -errno : 0;
}
