#include "tools/flows_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/file.h"
#include "io/merge.h"
#include "io/tap.h"

bool flows_input_is_live(const struct flows_input *input)
{
    return !input->options->nfiles;
}

/* --- files ------------------------------------------------------------------------------------ */

static int flows_input_open_files(struct flows_input *input, struct failure *failure)
{
    const struct flows_options *o = input->options;
    char complaint[128];

    input->fds = malloc(o->nfiles * sizeof(*input->fds));
    if (!input->fds)
        return failure_set(failure, -ENOMEM, "memory", "cannot start", strerror(ENOMEM));
    for (size_t i = 0; i < o->nfiles; i++)
        input->fds[i] = -1;
    for (size_t i = 0; i < o->nfiles; i++) {
        input->fds[i] =
            strcmp(o->files[i], "-") ? open(o->files[i], O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
        if (input->fds[i] >= 0)
            continue;
        int err = -errno;
        snprintf(complaint, sizeof(complaint), "cannot be opened: %s", strerror(-err));
        return failure_refuse(failure, err, "file.open", "capture file", o->files[i], complaint);
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

static int flows_input_start_files(struct flows_input *input, struct failure *failure)
{
    const struct flows_options *o = input->options;
    struct netio **files = calloc(o->nfiles, sizeof(struct netio *));
    char error[IO_ERROR_SIZE];
    size_t count = 0;
    int err = files ? 0 : -ENOMEM;

    for (; !err && count < o->nfiles; count++) {
        int fd = input->fds[count];

        input->fds[count] = -1;
        err = file_open_fd(fd, o->files[count], input->filter, &files[count], error);
        if (err) {
            failure_set(failure, err, flows_input_file_code(err), "capture file", error);
            break;
        }
    }
    if (!err && count == 1)
        input->parts[0] = files[0];
    else if (!err)
        err = merge_open(files, count, &input->parts[0]);
    if (!err)
        input->nparts = 1;
    else if (!failure->code)
        failure_set(failure, err, "memory", "cannot start", strerror(-err));
    for (size_t i = 0; err && files && i < count; i++)
        netio_close(files[i]);
    free(files);
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
    for (size_t i = 0; input->fds && i < input->options->nfiles; i++)
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
