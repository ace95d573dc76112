#include "io/capture_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CAPTURE_FILTER_SIZE 8192

static int capture_reject_all(struct capture *capture)
{
    struct bpf_program program = CAPTURE_REJECT_ALL;

    return capture->ops->set_program(capture, &program, 0);
}

int capture_open(const struct capture_options *options, struct capture **out,
                 char error[IO_ERROR_SIZE])
{
    struct capture *capture = NULL;
    int code = options->ring ? capture_ring_open(options, &capture, error)
                             : capture_socket_open(options, &capture, error);

    if (!code) {
        code = capture_reject_all(capture);
        if (code)
            io_fail(error, code, "capture filter", strerror(-code));
    }
    if (code) {
        capture_close(capture);
        return code;
    }
    *out = capture;
    return 0;
}

void capture_close(struct capture *capture)
{
    if (capture)
        capture->ops->close(capture);
}

/* A filter that rejects all stands before each new one, so that this comes to an end. */
static int capture_replace_program(struct capture *capture, struct bpf_program *program,
                                   uint32_t ifindex)
{
    struct capture_frame frame;
    int code = capture_reject_all(capture);

    if (code)
        return code;
    while (capture->ops->next(capture, &frame) == 1)
        ;
    return capture->ops->set_program(capture, program, ifindex);
}

static int capture_compile(struct capture *capture, const char *expression, uint32_t ifindex,
                           struct bpf_program *program, char error[IO_ERROR_SIZE])
{
    char narrowed[CAPTURE_FILTER_SIZE];
    int len;

    if (!ifindex || !capture->ops->ifindex_in_text)
        len = snprintf(narrowed, sizeof(narrowed), "%s", expression);
    else if (*expression)
        len = snprintf(narrowed, sizeof(narrowed), "ifindex %u and (%s)", ifindex, expression);
    else
        len = snprintf(narrowed, sizeof(narrowed), "ifindex %u", ifindex);
    if (len < 0 || (size_t)len >= sizeof(narrowed))
        return io_fail(error, -EINVAL, "capture filter", "too long");
    if (pcap_compile(capture->pcap, program, narrowed, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return io_fail(error, -EINVAL, "capture filter", pcap_geterr(capture->pcap));
    return 0;
}

int capture_filter(struct capture *capture, const char *expression, uint32_t ifindex,
                   char error[IO_ERROR_SIZE])
{
    struct bpf_program program;
    int code = capture_compile(capture, expression, ifindex, &program, error);

    if (code)
        return code;
    code = capture_replace_program(capture, &program, ifindex);
    pcap_freecode(&program);
    return code ? io_fail(error, code, "capture filter", strerror(-code)) : 0;
}

int capture_next(struct capture *capture, struct capture_frame *frame)
{
    return capture->ops->next(capture, frame);
}

int capture_add_dropped(struct capture *capture, uint64_t *dropped)
{
    return capture->ops->add_dropped(capture, dropped);
}

int capture_fd(const struct capture *capture)
{
    return capture->fd;
}
