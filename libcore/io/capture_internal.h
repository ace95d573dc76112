/* What the two kinds of captures share, and the ring itself for tap.c, which reads it in batches.
 */
#ifndef NETDX_IO_CAPTURE_INTERNAL_H
#define NETDX_IO_CAPTURE_INTERNAL_H

#include <pcap/pcap.h>

#include "io/capture.h"

struct capture_ops {
    /* What the kernel lets through from now on; `ifindex` as in capture_filter. 0 or -errno. */
    int (*set_program)(struct capture *capture, struct bpf_program *program, uint32_t ifindex);
    int (*next)(struct capture *capture, struct capture_frame *frame);
    int (*add_dropped)(struct capture *capture, uint64_t *dropped);
    void (*close)(struct capture *capture);
    bool ifindex_in_text; /* the filter's text says which interface */
};

/* The first member of each kind. */
struct capture {
    const struct capture_ops *ops;
    pcap_t *pcap; /* owned: compiles filters for what this captures; the ring captures with it */
    int fd;
};

/* On failure *out is what was opened so far, for capture_close. */
int capture_ring_open(const struct capture_options *options, struct capture **out,
                      char error[IO_ERROR_SIZE]);
int capture_socket_open(const struct capture_options *options, struct capture **out,
                        char error[IO_ERROR_SIZE]);

/* A ring that lets nothing through yet. 0 and *out, owned by the caller; or -errno. */
int capture_ring_new(const struct capture_options *options, pcap_t **out,
                     char error[IO_ERROR_SIZE]);
/* Which frames pass from now on. 0 or -EIO and a message. */
int capture_ring_filter(pcap_t *pcap, struct bpf_program *program, char error[IO_ERROR_SIZE]);

/* A program that lets nothing through. */
#define CAPTURE_REJECT_ALL                                                                         \
    {                                                                                              \
        .bf_len = 1, .bf_insns = &(struct bpf_insn)BPF_STMT(BPF_RET | BPF_K, 0)                    \
    }

#endif
