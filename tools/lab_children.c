#include "tools/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "io/namespace.h"
#include "tools/options.h"

int lab_children_init(struct lab_children *children)
{
    static const int handed_on[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t set;

    *children = (struct lab_children){
        .keeper = -1, .services = -1, .command = -1, .signals = -1, .alive = {-1, -1}};
    signal(SIGCHLD, SIG_DFL); /* ignored, it would swallow the command's status */
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++)
        sigaddset(&set, handed_on[i]);
    children->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children->signals < 0 || pipe2(children->alive, O_CLOEXEC))
        return -errno;
    sigaddset(&set, SIGPIPE); /* a log into a closed pipe is an error, not the end */
    sigaddset(&set, SIGTTOU); /* the terminal is ours to hand over and take back */
    children->foreground = tcgetpgrp(STDIN_FILENO) == getpgrp();
    return sigprocmask(SIG_BLOCK, &set, &children->blocked) ? -errno : 0;
}

/* PID 1: reaps nobody (the kernel does, with SIGCHLD ignored), waits for the end of the lab. */
static _Noreturn void lab_children_keep(int alive)
{
    char byte;

    signal(SIGCHLD, SIG_IGN);
    while (read(alive, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static pid_t lab_children_fork(void)
{
    fflush(NULL); /* or what is buffered would be written twice */
    return fork();
}

int lab_children_start(struct lab_children *children, const struct lab_place *place)
{
    children->keeper = lab_children_fork();
    if (!children->keeper) {
        close(children->alive[1]);
        lab_children_keep(children->alive[0]);
    }
    if (children->keeper < 0)
        return -errno;
    if (place->services.authority)
        children->trust = lab_authority_path(place->services.authority);
    if (!place->services.count)
        return 0;
    children->services = lab_children_fork();
    if (!children->services) {
        close(children->alive[1]);
        close(place->tun[NETSIM_CLIENT]);
        close(place->tun[NETSIM_SERVER]);
        lab_services_run(&place->services);
    }
    return children->services < 0 ? -errno : 0;
}

static _Noreturn void lab_children_exec(const struct lab_children *children, char **argv,
                                        bool shell)
{
    char shown[TEXT_ESCAPED_SIZE(80)];

    /* Job control needs a process group that has a number in the shell's own PID namespace. */
    if (shell && children->foreground && !setpgid(0, 0))
        tcsetpgrp(STDIN_FILENO, getpgrp());
    namespace_mount_proc(); /* refused in some containers, and not needed by most commands */
    if (children->trust)
        setenv("SSL_CERT_FILE", children->trust, 1);
    sigprocmask(SIG_SETMASK, &children->blocked, NULL);
    execvp(argv[0], argv);
    text_escape(shown, sizeof(shown), argv[0], strlen(argv[0]));
    fprintf(stderr, "netdx lab: running \"%s\" failed: %s\n", shown, strerror(errno));
    _exit(EXIT_UNKNOWN);
}

int lab_children_command(struct lab_children *children, char **argv, bool shell)
{
    children->command = lab_children_fork();
    if (!children->command)
        lab_children_exec(children, argv, shell);
    return children->command < 0 ? -errno : 0;
}

static void lab_children_wait(pid_t pid)
{
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void lab_children_release(struct lab_children *children)
{
    if (children->keeper > 0)
        kill(children->keeper, SIGKILL);
    /* The keeper is gone only when everybody in its namespace is, and these are for us to reap. */
    lab_children_wait(children->command);
    lab_children_wait(children->services);
    lab_children_wait(children->keeper);
    if (children->foreground)
        tcsetpgrp(STDIN_FILENO, getpgrp());
    for (int i = 0; i < 2; i++)
        if (children->alive[i] >= 0)
            close(children->alive[i]);
    if (children->signals >= 0)
        close(children->signals);
    sigprocmask(SIG_SETMASK, &children->blocked, NULL);
}
