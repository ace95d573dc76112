#include "tools/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEPER_SIZE_MAX (64u * 1024 * 1024)

/* 0, or -errno; -EPIPE when the other side has ended. */
static int keeper_read(int fd, void *bytes, size_t len)
{
    uint8_t *at = bytes;

    while (len) {
        ssize_t n = read(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EPIPE;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int keeper_put(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* --- the keeper's side ------------------------------------------------------------------------ */

static int keeper_fill(int fd, const char *text, size_t len, const struct stat *old)
{
    int err = keeper_put(fd, text, len);

    if (!err && fchmod(fd, old->st_mode & 0777))
        err = -errno;
    if (!err && fsync(fd))
        err = -errno;
    if (close(fd) && !err)
        err = -errno;
    return err;
}

/* The directory's entry must last, too. */
static int keeper_sync_directory(const char *path)
{
    char copy[PATH_MAX];
    int fd, err = 0;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fsync(fd) && errno != EINVAL) /* some file systems know no such thing */
        err = -errno;
    close(fd);
    return err;
}

static int keeper_replace(const char *path, const char *text, size_t len)
{
    char temporary[PATH_MAX];
    struct stat old;
    mode_t mask;
    int fd, err;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    if (stat(path, &old)) {
        mask = umask(0);
        umask(mask);
        old.st_mode = 0666 & ~mask;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    err = keeper_fill(fd, text, len, &old);
    if (!err && rename(temporary, path))
        err = -errno;
    if (err)
        unlink(temporary);
    return err ? err : keeper_sync_directory(path);
}

/* Nothing is written unless all of it has come. */
static void keeper_serve(int fd, const char *path)
{
    uint32_t len;
    char *text;
    int err;

    if (keeper_read(fd, &len, sizeof(len)) || len > KEEPER_SIZE_MAX)
        return;
    text = malloc(len ? len : 1);
    err = text ? keeper_read(fd, text, len) : -ENOMEM;
    if (!err)
        err = keeper_replace(path, text, len);
    free(text);
    keeper_put(fd, &err, sizeof(err));
}

/* Ctrl-C is for the run: the keeper ends with it. Its output is not the keeper's to hold open. */
static void keeper_detach(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
        dup2(null, i);
    if (fd > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, ~0u, 0);
}

/* --- the run's side --------------------------------------------------------------------------- */

/* Whether a new file can be made beside the old one. */
static int keeper_try(const char *path)
{
    char temporary[PATH_MAX];
    int fd;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return unlink(temporary) ? -errno : 0;
}

/* The file behind links, which stay. */
static int keeper_resolve(const char *path, char out[PATH_MAX])
{
    if (!realpath(path, out)) {
        if (errno != ENOENT)
            return -errno;
        if (snprintf(out, PATH_MAX, "%s", path) >= PATH_MAX)
            return -ENAMETOOLONG;
    }
    return keeper_try(out);
}

int keeper_open(const char *path, struct keeper *keeper)
{
    char file[PATH_MAX];
    int ends[2], err = keeper_resolve(path, file);
    pid_t child;

    if (err)
        return err;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -errno;
    child = fork();
    if (child == 0) {
        keeper_detach(ends[1]);
        keeper_serve(ends[1], file);
        _exit(0);
    }
    if (child < 0)
        err = -errno;
    else
        keeper->fd = ends[0];
    close(ends[1]);
    if (err)
        close(ends[0]);
    return err;
}

int keeper_write(struct keeper *keeper, const char *text, size_t len)
{
    uint32_t size = (uint32_t)len;
    int result = 0, err;

    if (len > KEEPER_SIZE_MAX)
        return -EFBIG;
    err = keeper_put(keeper->fd, &size, sizeof(size));
    if (!err)
        err = keeper_put(keeper->fd, text, len);
    if (!err)
        err = keeper_read(keeper->fd, &result, sizeof(result));
    return err ? err : result;
}

void keeper_close(struct keeper *keeper)
{
    if (keeper->fd >= 0)
        close(keeper->fd);
    keeper->fd = -1;
}
