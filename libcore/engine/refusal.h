/*
 * What the kernel refuses to send. EAGAIN and ENOBUFS pass: the packet is tried again after a
 * pause that grows, as a full queue will not empty faster by being asked; but not forever. Other
 * errors are counted by errno.
 */
#ifndef NETDX_ENGINE_REFUSAL_H
#define NETDX_ENGINE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSAL_ERRNOS_MAX 8

struct refusal {
    bool waiting; /* the kernel has had no room since since_ns */
    int64_t since_ns, pause_ns;
    struct {
        int error; /* positive; entries without a count are unused */
        uint64_t count;
    } errnos[REFUSAL_ERRNOS_MAX];
};

void refusal_init(struct refusal *refusal);
bool refusal_passes(int error); /* -EAGAIN, -ENOBUFS */

/* The pause before the next try, or -1 when the kernel has had no room for `patience_ns`. */
int64_t refusal_pause(struct refusal *refusal, int64_t now_ns, int64_t patience_ns);
void refusal_over(struct refusal *refusal); /* the kernel took, or judged, a packet */

/* More errnos than there is room for share the last entry. */
void refusal_count(struct refusal *refusal, int error);

#endif
