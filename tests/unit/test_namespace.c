#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/namespace.h"

#define SKIPPED 77

/* Runs `check` in a child that is in namespaces of its own; what it returns is the exit status. */
static void in_namespaces(int (*check)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        char error[IO_ERROR_SIZE];

        _exit(namespace_enter(error) ? SKIPPED : check());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static ino_t inode(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : st.st_ino;
}

static ino_t host_net, host_mount;

static int check_fresh(void)
{
    ino_t first = inode("/proc/self/ns/net");
    char error[IO_ERROR_SIZE];

    if (first == host_net || inode("/proc/self/ns/mnt") == host_mount)
        return 1;
    if (geteuid() != 0)
        return 2;
    if (namespace_new_network(error))
        return 3;
    return inode("/proc/self/ns/net") == first ? 4 : 0;
}

static void test_fresh_namespaces(void **state)
{
    (void)state;
    host_net = inode("/proc/self/ns/net");
    host_mount = inode("/proc/self/ns/mnt");
    in_namespaces(check_fresh);
    assert_true(inode("/proc/self/ns/net") == host_net);
}

/* The first child is PID 1; when it ends, what it left behind is killed. */
static int check_pid_namespace(void)
{
    int status, alive[2];
    char byte;
    pid_t pid;

    if (pipe(alive))
        return 1;
    pid = fork();
    if (!pid) {
        if (getpid() != 1 || namespace_mount_proc())
            _exit(2);
        if (inode("/proc/2"))
            _exit(3);
        if (!fork())
            pause(); /* holds the pipe open */
        _exit(0);
    }
    close(alive[1]);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
        return 4;
    return read(alive[0], &byte, 1) != 0; /* the end: nobody holds it */
}

static void test_children_share_a_pid_namespace(void **state)
{
    (void)state;
    in_namespaces(check_pid_namespace);
}

static char replaced[] = "/tmp/test_namespace.XXXXXX";

/* 0 when `path` reads as `text`. */
static int differs(const char *path, const char *text)
{
    char bytes[64] = "";
    int fd = open(path, O_RDONLY);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes) - 1);

    if (fd >= 0)
        close(fd);
    return len < 0 || strcmp(bytes, text) != 0;
}

static int check_replace(void)
{
    char error[IO_ERROR_SIZE];

    if (namespace_replace_file(replaced, "inside\n", error))
        return 1;
    if (differs(replaced, "inside\n"))
        return 2;
    if (namespace_replace_file(replaced, "again\n", error) || differs(replaced, "again\n"))
        return 3;
    if (namespace_replace_file("/nonexistent/file", "", error) != -ENOENT)
        return 4;
    if (!strstr(error, "\"/nonexistent/file\""))
        return 5;
    return differs(replaced, "again\n") ? 6 : 0; /* no scratch file system is left on /tmp */
}

static void test_replaced_file_is_private(void **state)
{
    int fd = mkstemp(replaced);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "outside\n", 8), 8);
    close(fd);
    in_namespaces(check_replace);
    assert_false(differs(replaced, "outside\n"));
    unlink(replaced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_namespaces),
        cmocka_unit_test(test_children_share_a_pid_namespace),
        cmocka_unit_test(test_replaced_file_is_private),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
