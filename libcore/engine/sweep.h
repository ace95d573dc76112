/*
 * One SYN, or a few, to each of very many addresses and ports, matched without state.
 *
 * A probe's ISN and source port are a keyed hash of where it goes, so that an answer proves itself
 * by what it acknowledges and nothing has to be remembered of a probe but that it was asked and
 * how it was answered: three bits. Every (address, port) is asked once per pass, in a random order
 * that needs no memory either, at an even rate.
 *
 * sweep_next hands out probes, sweep_sent takes their fate, sweep_receive tells what a captured
 * packet says. No socket, no clock, no output.
 */
#ifndef NETDX_ENGINE_SWEEP_H
#define NETDX_ENGINE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/packet.h"

#define SWEEP_TARGETS_MAX (UINT64_C(1) << 28) /* (address, port) pairs: 96 MiB */
#define SWEEP_BATCH_MAX   1024                /* probes handed out and not yet reported */
#define SWEEP_ERRORS_MAX  8                   /* different errnos counted apart */

struct sweep_range {       /* all addresses that share the first prefix_bits, 0 and 255 too */
    struct address first;  /* bits behind the prefix are ignored; a scope is kept */
    uint8_t prefix_bits;   /* 0 to 32; IPv6: 96 to 128 */
    struct address source; /* of the SYNs; answers must come to it */
};

struct sweep_config {
    const struct sweep_range *ranges; /* need not be sorted; what overlaps is asked once */
    size_t nranges;
    const uint16_t *ports; /* the same */
    size_t nports;
    uint16_t source_port, source_ports; /* first and how many, hashed over; 0: see below */
    double rate_pps;                    /* 0: as fast as it goes */
    unsigned probes;                    /* SYNs at most per target, at least 1 s apart; 0: 1 */
    int64_t timeout_ns;                 /* waited for answers after the last SYN */
    uint64_t seed;                      /* must be secret: who knows it can forge answers */
};

/*
 * Source ports by default: a block of 256 chosen by the seed above the kernel's own
 * (ip_local_port_range ends at 60999), so that neither the kernel's connections nor most other
 * sweeps share it.
 */
#define SWEEP_SOURCE_PORT_FIRST 61440
#define SWEEP_SOURCE_PORTS      256

struct sweep_probe {
    struct address source, destination;
    uint16_t source_port, port;
    uint32_t seq; /* a repeated SYN carries the same: it is a retransmission */
};

struct sweep; /* opaque */

/* 0, -ENOMEM, or -EINVAL with a static reason in *why (may be NULL). Borrows nothing. */
int sweep_new(const struct sweep_config *config, int64_t now_ns, struct sweep **out,
              const char **why);
void sweep_free(struct sweep *sweep);

/* (address, port) pairs of these ranges and ports, overlaps counted twice; UINT64_MAX when more. */
uint64_t sweep_size(const struct sweep_config *config);

/* For the capture filter: the block of source ports in use. */
void sweep_source_ports(const struct sweep *sweep, uint16_t *first, uint16_t *last);

/*
 * Up to `max` probes that may leave now. None: nothing before *wake_ns unless something is
 * received, or *done: all was sent and answered or waited for. Every probe handed out is reported
 * by sweep_sent, in any order, before the next call that could exceed SWEEP_BATCH_MAX.
 *
 * The rate asked is never exceeded by more than one batch of 1 ms (one probe below 1,000 pps):
 * what a late call missed beyond that is not caught up.
 */
size_t sweep_next(struct sweep *sweep, int64_t now_ns, struct sweep_probe *probes, size_t max,
                  int64_t *wake_ns, bool *done);

/*
 * The send's fate: 0, or -errno. -EAGAIN and -ENOBUFS: not sent, sweep_next offers it again after
 * a pause; others are counted by errno, and the target is not counted as silent.
 */
void sweep_sent(struct sweep *sweep, const struct sweep_probe *probe, int error, int64_t now_ns);

enum sweep_answer {
    SWEEP_FOREIGN,     /* not ours: nothing of it is known */
    SWEEP_OPEN,        /* SYN-ACK */
    SWEEP_REFUSED,     /* RST */
    SWEEP_UNREACHABLE, /* ICMP error that quotes our SYN */
    SWEEP_REPEATED,    /* a further answer of a target that has answered */
    SWEEP_SUSPECT,     /* from a target to our ports, but acknowledges nothing we sent: forged */
};

const char *sweep_answer_name(enum sweep_answer answer); /* "open", "refused", ... */

/* What an answer says; `address` and `port` are those asked. Not set when foreign. */
struct sweep_observation {
    enum sweep_answer answer;
    struct address address, responder; /* responder: who said unreachable, else the address */
    uint16_t port;
    uint8_t ttl;                  /* the answer arrived with */
    uint8_t icmp_type, icmp_code; /* unreachable only */
};

/* Packets that came in, not those that left: on the loopback both look alike. */
enum sweep_answer sweep_receive(struct sweep *sweep, const struct packet *packet,
                                struct sweep_observation *observation);

struct sweep_error {
    int error; /* positive errno */
    uint64_t count;
};

/*
 * targets = asked + unasked, asked = open + refused + unreachable + silent + pending. A target is
 * asked when a SYN to it has left. Pending: silent, but may be answered yet; at most that many,
 * as the SYNs of the latest timeout_ns (to an eighth of it) are not remembered one by one.
 */
struct sweep_counts {
    uint64_t targets, asked, open, refused, unreachable, silent, pending;
    uint64_t sent; /* SYNs that left, repeated ones too */
    uint64_t repeated, suspects, foreign;
    uint64_t postponed; /* sends for which the kernel had no room; they came again */
    uint64_t failed;    /* sends that the kernel refused, by errno: */
    struct sweep_error errors[SWEEP_ERRORS_MAX]; /* first come; unused ones are zero */
    int64_t sending_ns;  /* from the first SYN to the last that left, pauses left out */
    double achieved_pps; /* over that time; NAN below two SYNs */
    double progress;     /* 0 to 1, of what is to be sent */
    bool interrupted;    /* sweep_stop came before the end */
};

void sweep_counts(const struct sweep *sweep, int64_t now_ns, struct sweep_counts *counts);

/* The time spent stopped (SIGSTOP) or asleep is no waiting: shifts every deadline. */
void sweep_shift(struct sweep *sweep, int64_t paused_ns);

/* Sends no more; sweep_next says *done at once. */
void sweep_stop(struct sweep *sweep);

#endif
