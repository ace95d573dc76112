#include "io/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/privilege_internal.h"

#define PRIVILEGE_NOBODY 65534 /* by number: a container may have no passwd file */

static int privilege_raise(cap_value_t wanted)
{
    cap_t caps = cap_get_proc();
    cap_flag_value_t permitted = CAP_CLEAR;
    int rc = 0;

    if (!caps)
        return -errno;
    cap_get_flag(caps, wanted, CAP_PERMITTED, &permitted);
    if (permitted != CAP_SET)
        rc = -EPERM;
    else if (cap_set_flag(caps, CAP_EFFECTIVE, 1, &wanted, CAP_SET) || cap_set_proc(caps))
        rc = -errno;
    cap_free(caps);
    return rc;
}

/* A capability held in a user namespace is worth nothing in a network namespace outside of it. */
static int privilege_try_raw(void)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

    if (fd < 0 && errno == EAFNOSUPPORT)
        fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0)
        return errno == EACCES ? -EPERM : -errno;
    close(fd);
    return 0;
}

int privilege_raise_net_raw(void)
{
    int rc = privilege_raise(CAP_NET_RAW);

    return rc ? rc : privilege_try_raw();
}

static int privilege_set_no_new_privs(void)
{
    if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return 0;
    return errno == EINVAL ? -ENOSYS : -errno;
}

static int privilege_drop_bounding(void)
{
    int count = cap_max_bits();

    privilege_raise(CAP_SETPCAP);
    for (int c = 0; c < count; c++)
        if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 && prctl(PR_CAPBSET_DROP, c, 0, 0, 0))
            return -errno;
    return 0;
}

/* A user or group number other than root's; -1 is no number (setresuid(2)). */
static bool privilege_parse_id(const char *text, uint32_t *id)
{
    uint64_t value = 0;

    if (!text || !*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value >= UINT32_MAX)
            return false;
    }
    *id = (uint32_t)value;
    return value != 0;
}

/* Who started it: the owner of a set-user-ID process, who called sudo, or else nobody. */
static void privilege_choose_user(uint32_t *uid, uint32_t *gid)
{
    if (getuid() != 0) {
        *uid = getuid();
        *gid = getgid();
        return;
    }
    if (privilege_parse_id(secure_getenv("SUDO_UID"), uid) &&
        privilege_parse_id(secure_getenv("SUDO_GID"), gid))
        return;
    *uid = PRIVILEGE_NOBODY;
    *gid = PRIVILEGE_NOBODY;
}

/* Groups first: without root's user they could not be given up. The first failure is the answer. */
static int privilege_switch_user(void)
{
    uint32_t uid, gid;
    int rc = 0;

    privilege_choose_user(&uid, &gid);
    privilege_raise(CAP_SETGID);
    privilege_raise(CAP_SETUID);
    if (setgroups(0, NULL))
        rc = -errno;
    if (setresgid(gid, gid, gid) && !rc)
        rc = -errno;
    if (setresuid(uid, uid, uid) && !rc)
        rc = -errno;
    if (!rc && (setuid(0) == 0 || geteuid() != uid || getegid() != gid))
        rc = -EPERM;
    return rc;
}

static int privilege_empty_capabilities(void)
{
    cap_t empty = cap_init();
    int rc = 0;

    if (!empty)
        return -ENOMEM;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (cap_set_proc(empty))
        rc = -errno;
    cap_free(empty);
    return rc;
}

/* One step: what it says goes into *reached; an error ends the way only where all is demanded. */
static int privilege_step(enum privilege_sandbox sandbox, int (*step)(void), bool *reached)
{
    int rc = step();

    *reached = rc == 0;
    return sandbox == SANDBOX_STRICT ? rc : 0;
}

static int privilege_give_up(enum privilege_sandbox sandbox, struct privilege_state *state)
{
    int rc = privilege_step(sandbox, privilege_set_no_new_privs, &state->no_new_privs);

    if (rc)
        return rc;
    state->bounding_dropped = privilege_drop_bounding() == 0;
    if (geteuid() == 0 || getuid() == 0) {
        rc = privilege_step(sandbox, privilege_switch_user, &state->user_switched);
        if (rc)
            return rc;
    }
    rc = privilege_empty_capabilities();
    state->capabilities_empty = rc == 0;
    return rc;
}

int privilege_drop(enum privilege_sandbox sandbox, struct privilege_state *state)
{
    struct privilege_state reached = {0};
    int rc = privilege_give_up(sandbox, &reached);

    if (!rc && sandbox != SANDBOX_OFF)
        rc = privilege_step(sandbox, privilege_landlock, &reached.landlock);
    if (!rc && sandbox != SANDBOX_OFF)
        rc = privilege_step(sandbox, privilege_seccomp, &reached.seccomp);
    if (state)
        *state = reached;
    return rc;
}

/* An epoll descriptor neither reads nor writes, and takes no file to open. */
int privilege_fill_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        int filler = epoll_create1(0); /* the lowest free number, which is `fd` */

        if (filler < 0)
            return -errno;
        if (filler != fd)
            return -EBADF;
    }
    return 0;
}

const char *privilege_advice(void)
{
    return "CAP_NET_RAW is missing: run as root, or once `setcap cap_net_raw+p` on the netdx file, "
           "or give the container NET_RAW (docker --cap-add=NET_RAW; kubernetes "
           "capabilities.add: [\"NET_RAW\"])";
}
