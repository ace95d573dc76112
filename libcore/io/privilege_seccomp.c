/*
 * The allow-list of a tool at work: sockets, clocks, memory, and descriptors that are open.
 * What is not listed fails with EPERM rather than killing: a libc or library that tries something
 * new (and falls back) must not turn an incident tool into a core dump, and what matters, exec and
 * opening for writing, is refused all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/privilege_internal.h"

static const int seccomp_plain[] = {
    /* descriptors that are open */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(fstat),
    SCMP_SYS(fcntl),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(pipe2),
    SCMP_SYS(fadvise64),
    /* sockets */
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),
    /* waiting and time */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* threads and signals */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(tgkill),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(membarrier),
    /* itself */
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(capget),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrandom),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(wait4),
    /* reading files: what Landlock leaves, and path look-ups that libraries make */
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
};

static int seccomp_allow_plain(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof(seccomp_plain) / sizeof(seccomp_plain[0]); i++) {
        int rc = seccomp_rule_add_exact(filter, SCMP_ACT_ALLOW, seccomp_plain[i], 0);

        if (rc && rc != -EDOM && rc != -EINVAL) /* not a call of this architecture */
            return rc;
    }
    return 0;
}

static int seccomp_allow_masked(scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask,
                                uint64_t value)
{
    struct scmp_arg_cmp cmp = SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value);
    int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &cmp);

    return rc == -EDOM ? 0 : rc;
}

/* Opening for reading only; what O_TMPFILE has beyond O_DIRECTORY counts as writing. */
static int seccomp_allow_reading(scmp_filter_ctx filter)
{
    const uint64_t writing =
        O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
    int rc = seccomp_allow_masked(filter, SCMP_SYS(openat), 2, writing, 0);

    return rc ? rc : seccomp_allow_masked(filter, SCMP_SYS(open), 1, writing, 0);
}

/* Private memory that can never be executed. */
static int seccomp_allow_memory(scmp_filter_ctx filter)
{
    int rc = seccomp_allow_masked(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);

    return rc ? rc : seccomp_allow_masked(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

/* No AF_PACKET, AF_VSOCK, AF_ALG and whatever comes: the Internet, routing and local sockets. */
static int seccomp_allow_sockets(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int rc = 0;

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !rc; i++)
        rc = seccomp_allow_masked(filter, SCMP_SYS(socket), 0, UINT32_MAX, (uint64_t)families[i]);
    return rc ? rc : seccomp_allow_masked(filter, SCMP_SYS(socketpair), 0, UINT32_MAX, AF_UNIX);
}

/*
 * Terminals (size, mode), non-blocking mode, what a socket holds, and interfaces by name; TIOCSTI,
 * which types into the terminal, is the one that must stay out.
 */
static int seccomp_allow_ioctls(scmp_filter_ctx filter)
{
    static const unsigned requests[] = {
        TCGETS,      TCSETS,       TCSETSW,    TCSETSF,  TIOCGWINSZ,
        TIOCGPGRP,   FIONBIO,      FIONREAD,   FIOCLEX,  SIOCGIFINDEX,
        SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFMTU, SIOCOUTQ, SIOCGSTAMP_OLD,
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]) && !rc; i++)
        rc = seccomp_allow_masked(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, requests[i]);
    return rc;
}

static int seccomp_allow_prctl(scmp_filter_ctx filter)
{
    static const int options[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ,
                                  PR_SET_VMA};
    int rc = 0;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !rc; i++)
        rc = seccomp_allow_masked(filter, SCMP_SYS(prctl), 0, UINT32_MAX, (uint64_t)options[i]);
    return rc;
}

/* Threads, but no processes. The flags of clone3 lie in memory, so libc must fall back to clone. */
static int seccomp_allow_threads(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    return rc ? rc : seccomp_allow_masked(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
}

/* A signal to itself: what a second Ctrl-C needs. */
static int seccomp_allow_raise(scmp_filter_ctx filter)
{
    return seccomp_allow_masked(filter, SCMP_SYS(kill), 0, UINT32_MAX, (uint64_t)getpid());
}

int privilege_seccomp(void)
{
    static int (*const steps[])(scmp_filter_ctx) = {
        seccomp_allow_plain,  seccomp_allow_reading, seccomp_allow_memory,  seccomp_allow_sockets,
        seccomp_allow_ioctls, seccomp_allow_prctl,   seccomp_allow_threads, seccomp_allow_raise,
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = 0;

    if (!filter)
        return -ENOSYS;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !rc; i++)
        rc = steps[i](filter);
    if (!rc)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc == -EINVAL || rc == -ECANCELED ? -ENOSYS : rc;
}
