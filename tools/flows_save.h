/*
 * Saves the packets of flows with findings, and no others. Whether a flow has any is known when it
 * ends, so packets wait in memory: up to a fixed number of bytes, in the order of capture. What
 * must make room before its flow has ended is saved when the flow is in trouble already, and lost
 * otherwise; flows that lost packets so are counted.
 */
#ifndef NETDX_TOOLS_FLOWS_SAVE_H
#define NETDX_TOOLS_FLOWS_SAVE_H

#include "engine/flow.h"
#include "io/netio.h"
#include "wire/segment.h"

struct flows_save;

/* 0, -ENOMEM, or -errno of opening or writing `path`. */
int flows_save_new(const char *path, size_t memory_bytes, struct flows_save **out);
void flows_save_free(struct flows_save *save); /* NULL is fine */

/*
 * A packet, before the engine sees it, and what the engine then says; from any thread.
 * `unix_offset_ns` added to the frame's time gives time since 1970.
 */
void flows_save_packet(struct flows_save *save, const struct netio_frame *frame,
                       const struct segment *segment, int64_t unix_offset_ns);
void flows_save_event(struct flows_save *save, const struct flow_event *event);

/* Every flow has ended: writes what is left. 0 or the first -errno of a write. */
int flows_save_finish(struct flows_save *save);

uint64_t flows_save_written(const struct flows_save *save); /* packets */
uint64_t flows_save_cut(const struct flows_save *save);     /* flows that lost packets */

#endif
