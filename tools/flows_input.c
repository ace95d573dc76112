#include "tools/flows_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "io/merge.h"
#include "io/tap.h"

bool flows_input_is_live(const struct flows_input *input)
{
    return !input->options->nfiles;
}

/* --- files ------------------------------------------------------------------------------------ */

static int flows_input_open_file(const char *path, bool again)
{
    struct stat status;
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

    if (fd < 0)
        return -errno;
    if (!again || (fd != STDIN_FILENO && !fstat(fd, &status) && S_ISREG(status.st_mode)))
        return fd;
    if (fd != STDIN_FILENO)
        close(fd);
    return -ESPIPE;
}

/* Each worker reads every file for itself: their descriptors follow one another. */
static int flows_input_open_files(struct flows_input *input, struct failure *failure)
{
    const struct flows_options *o = input->options;
    size_t count = o->nfiles * o->workers;
    char complaint[128];

    input->fds = malloc(count * sizeof(*input->fds));
    if (!input->fds)
        return failure_set(failure, -ENOMEM, "memory", "cannot start", strerror(ENOMEM));
    for (size_t i = 0; i < count; i++)
        input->fds[i] = -1;
    for (size_t i = 0; i < count; i++) {
        const char *path = o->files[i % o->nfiles];
        int fd = flows_input_open_file(path, o->workers > 1);

        input->fds[i] = fd;
        if (fd >= 0)
            continue;
        if (fd == -ESPIPE)
            return failure_refuse(failure, fd, "file.open", "capture file", path,
                                  "is no regular file: one worker can read it");
        snprintf(complaint, sizeof(complaint), "cannot be opened: %s", strerror(-fd));
        return failure_refuse(failure, fd, "file.open", "capture file", path, complaint);
    }
    return 0;
}

static const char *flows_input_file_code(int err)
{
    switch (err) {
    case -EPROTO:
    case -EPROTONOSUPPORT:
        return "file.format";
    case -EINVAL:
        return "filter.invalid";
    default:
        return "file.read";
    }
}

static int flows_input_start_part(struct flows_input *input, int *fds, struct failure *failure)
{
    const struct flows_options *o = input->options;
    struct netio **files = calloc(o->nfiles, sizeof(struct netio *));
    struct netio **part = &input->parts[input->nparts];
    char error[IO_ERROR_SIZE];
    size_t count = 0;
    int err = files ? 0 : -ENOMEM;

    for (; !err && count < o->nfiles; count++) {
        int fd = fds[count];

        fds[count] = -1;
        err = file_open_fd(fd, o->files[count], input->filter, &files[count], error);
        if (err) {
            failure_set(failure, err, flows_input_file_code(err), "capture file", error);
            break;
        }
    }
    if (!err && count == 1)
        *part = files[0];
    else if (!err)
        err = merge_open(files, count, part);
    if (!err)
        input->nparts++;
    else if (!failure->code)
        failure_set(failure, err, "memory", "cannot start", strerror(-err));
    for (size_t i = 0; err && files && i < count; i++)
        netio_close(files[i]);
    free(files);
    return err;
}

static int flows_input_start_files(struct flows_input *input, struct failure *failure)
{
    const struct flows_options *o = input->options;
    int err = 0;

    for (size_t i = 0; !err && i < o->workers; i++)
        err = flows_input_start_part(input, input->fds + i * o->nfiles, failure);
    return err;
}

/* --- taps ------------------------------------------------------------------------------------- */

static int flows_input_refuse_tap(struct failure *failure, int err, const char *error)
{
    switch (err) {
    case -EPERM:
    case -EACCES:
        return failure_set(failure, -EPERM, "permission", "cannot capture", privilege_advice());
    case -ENODEV:
    case -ENETDOWN:
        return failure_set(failure, err, "interface.unknown", "cannot capture", error);
    case -EINVAL:
        return failure_set(failure, err, "filter.invalid", "cannot capture", error);
    default:
        return failure_set(failure, err, "network.open", "cannot capture",
                           *error ? error : strerror(-err));
    }
}

static int flows_input_open_taps(struct flows_input *input, struct failure *failure)
{
    const struct flows_options *o = input->options;
    char error[IO_ERROR_SIZE] = "";
    int err = privilege_raise_net_raw();

    input->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (input->stop_fd < 0)
        return failure_set(failure, -errno, "memory", "cannot start", strerror(errno));
    for (size_t i = 0; !err && i < o->workers; i++) {
        struct tap_options options = {
            .interfaces = (const char *const *)o->interfaces,
            .ninterfaces = o->ninterfaces,
            .snaplen = (int)o->snaplen,
            .buffer_bytes = (int)(o->buffer_mib << 20),
            .filter = o->filter,
            .promiscuous = o->promiscuous,
            .sibling = i ? input->parts[0] : NULL,
            .shared = o->workers > 1,
            .stop_fd = input->stop_fd,
        };

        err = tap_open(&options, &input->parts[i], error);
        input->nparts += !err;
    }
    return err ? flows_input_refuse_tap(failure, err, error) : 0;
}

static int flows_input_start_taps(struct flows_input *input, struct failure *failure)
{
    char error[IO_ERROR_SIZE] = "";
    int err = 0;

    for (size_t i = 0; i < input->nparts && !err; i++)
        err = tap_start(input->parts[i], error);
    return err ? failure_set(failure, err, "network.filter", "cannot capture", error) : 0;
}

/* --- both ------------------------------------------------------------------------------------- */

static int flows_input_compile(struct flows_input *input, struct failure *failure)
{
    char error[IO_ERROR_SIZE];
    int err =
        *input->options->filter ? expression_new(input->options->filter, &input->filter, error) : 0;

    if (!err)
        return 0;
    failure->code = err == -EINVAL ? "filter.invalid" : "memory";
    failure->status = EXIT_UNKNOWN;
    snprintf(failure->message, sizeof(failure->message), "%s", error);
    return err;
}

int flows_input_open(struct flows_input *input, const struct flows_options *options,
                     struct failure *failure)
{
    *input = (struct flows_input){.options = options, .stop_fd = -1};
    int err = flows_input_compile(input, failure);

    if (err)
        return err;
    return options->nfiles ? flows_input_open_files(input, failure)
                           : flows_input_open_taps(input, failure);
}

int flows_input_start(struct flows_input *input, struct failure *failure)
{
    return flows_input_is_live(input) ? flows_input_start_taps(input, failure)
                                      : flows_input_start_files(input, failure);
}

void flows_input_stop(struct flows_input *input)
{
    const uint64_t one = 1;

    if (input->stop_fd < 0)
        return;
    if (write(input->stop_fd, &one, sizeof(one)) < 0)
        return; /* it is readable already */
}

void flows_input_close(struct flows_input *input)
{
    for (size_t i = 0; i < input->nparts; i++)
        netio_close(input->parts[i]);
    for (size_t i = 0; input->fds && i < input->options->nfiles * input->options->workers; i++)
        if (input->fds[i] > STDIN_FILENO)
            close(input->fds[i]);
    free(input->fds);
    expression_free(input->filter);
    if (input->stop_fd >= 0)
        close(input->stop_fd);
    *input = (struct flows_input){.stop_fd = -1};
}

void flows_input_name(const struct flows_input *input, char *out, size_t size)
{
    const struct flows_options *o = input->options;
    size_t count = o->nfiles ? o->nfiles : o->ninterfaces, len = 0;

    snprintf(out, size, "any");
    for (size_t i = 0; i < count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "",
                                o->nfiles ? o->files[i] : o->interfaces[i]);
}

const char *flows_input_error(const struct flows_input *input, size_t part)
{
    const struct netio *io = input->parts[part], *failed = merge_failed(io);

    return file_error(failed ? failed : io);
}
