#include "tools/fingerprints.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define FINGERPRINTS_FILE_MAX (64u << 20) /* bytes; Recog's largest file has one million */
#define FINGERPRINTS_PATH_MAX 200

static int fingerprints_fail(char error[OPTIONS_ERROR_SIZE], const char *path, int err)
{
    char complaint[96];

    snprintf(complaint, sizeof(complaint), "cannot be read: %s", strerror(-err));
    options_refuse(error, "fingerprints", path, complaint);
    return err;
}

static int fingerprints_select(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 4 && entry->d_name[0] != '.' && !strcmp(entry->d_name + len - 4, ".xml");
}

static int fingerprints_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not the locale's */
}

static int fingerprints_read_all(int fd, char *bytes, size_t size, size_t *len)
{
    ssize_t n;

    *len = 0;
    do {
        n = read(fd, bytes + *len, size - *len);
        if (n < 0 && errno != EINTR)
            return -errno;
        *len += n > 0 ? (size_t)n : 0;
    } while ((n > 0 || (n < 0 && errno == EINTR)) && *len < size);
    return 0;
}

/* The whole file; *bytes is the caller's to free. */
static int fingerprints_read(int directory, const char *name, char **bytes, size_t *len)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC), err;
    struct stat status;

    *bytes = NULL;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status))
        err = -errno;
    else if (!S_ISREG(status.st_mode) || status.st_size > FINGERPRINTS_FILE_MAX)
        err = -EFBIG;
    else
        err = (*bytes = malloc((size_t)status.st_size + 1))
                  ? fingerprints_read_all(fd, *bytes, (size_t)status.st_size, len)
                  : -ENOMEM;
    close(fd);
    return err;
}

static void fingerprints_place(char error[OPTIONS_ERROR_SIZE], const char *directory,
                               const char *name, const struct version_fingerprint_error *where)
{
    char path[2 * FINGERPRINTS_PATH_MAX], complaint[256];

    snprintf(path, sizeof(path), "%.*s/%.*s", FINGERPRINTS_PATH_MAX, directory,
             FINGERPRINTS_PATH_MAX - 2, name);
    snprintf(complaint, sizeof(complaint), "line %zu, column %zu: %s", where->line, where->column,
             where->message);
    options_refuse(error, "fingerprints", path, complaint);
}

static int fingerprints_add(struct version_fingerprints *set, int directory, const char *path,
                            const char *name, const char *command, char error[OPTIONS_ERROR_SIZE])
{
    struct version_fingerprint_error where = {0};
    char *bytes = NULL;
    size_t len = 0;
    int err = fingerprints_read(directory, name, &bytes, &len);

    if (err) {
        fingerprints_fail(error, name, err);
    } else {
        err = version_fingerprints_add(set, bytes, len, &where);
        if (where.line || err)
            fingerprints_place(error, path, name, &where);
        if (where.line && !err)
            fprintf(stderr, "netdx %s: %s (passed over)\n", command, error);
    }
    free(bytes);
    return err;
}

static int fingerprints_load_all(struct version_fingerprints *set, int directory, const char *path,
                                 const char *command, char error[OPTIONS_ERROR_SIZE])
{
    struct dirent **entries = NULL;
    int count = scandirat(directory, ".", &entries, fingerprints_select, fingerprints_order);
    int err = count < 0 ? -errno : 0;

    if (err)
        fingerprints_fail(error, path, err);
    if (!count) {
        options_refuse(error, "fingerprints", path, "hold no file that ends in .xml");
        err = -ENOENT;
    }
    for (int i = 0; i < count; i++) {
        if (!err)
            err = fingerprints_add(set, directory, path, entries[i]->d_name, command, error);
        free(entries[i]);
    }
    free(entries);
    return err;
}

int fingerprints_load(const char *directory, const char *command, struct version_fingerprints **out,
                      char error[OPTIONS_ERROR_SIZE])
{
    struct version_fingerprints *set = NULL;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 ? -errno : version_fingerprints_new(&set);

    if (err)
        fingerprints_fail(error, directory, err);
    else
        err = fingerprints_load_all(set, fd, directory, command, error);
    if (fd >= 0)
        close(fd);
    if (err)
        version_fingerprints_free(set);
    else
        *out = set;
    return err;
}
