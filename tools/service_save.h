/*
 * The packets of failing connections, for --save. Whether a connection fails is known at its end,
 * so its packets wait in memory, the latest ones when there are many, and are written or dropped
 * together.
 */
#ifndef NETDX_TOOLS_SERVICE_SAVE_H
#define NETDX_TOOLS_SERVICE_SAVE_H

#include "io/netio.h"

struct service_save;

/* `connections` at once share a fixed amount of memory. 0, -ENOMEM, or -errno of opening `path`. */
int service_save_new(const char *path, uint32_t connections, struct service_save **out);
void service_save_free(struct service_save *save); /* NULL is fine */

/* 0, or the first -errno that a write gave. */
int service_save_error(const struct service_save *save);
uint64_t service_save_cut(const struct service_save *save); /* connections that lost packets */

struct service_packets { /* of one connection; all zero at first */
    uint8_t *bytes;      /* owned */
    size_t size, start, end;
    bool cut;
};

void service_packets_add(struct service_save *save, struct service_packets *packets,
                         const struct netio_frame *frame, int64_t unix_ns);
void service_packets_write(struct service_save *save, const struct service_packets *packets);
void service_packets_release(struct service_packets *packets);

#endif
