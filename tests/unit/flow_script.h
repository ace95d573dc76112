/*
 * Conversations written down, as a tap sees them, and what the flow engine says of them.
 *
 * One segment a line:   TIME_MS DIRECTION FLAGS SEQ[+LEN] [ack N] [win N] [id N] [ttl N] [ts V/E]
 *                       [sack L:R]... [if N] [mss N] [ws N] [frag] [ecn N] [sent MS] [port N]
 *
 * DIRECTION is > from the client or < from the server; FLAGS of S F R P A . (A and . are ACK,
 * which all have but S and R alone, written S and R). Sequence numbers count from the sender's
 * ISN: the SYN is 0, data begins at 1. Without `ack`, the latest of that direction; without `id`,
 * one more than the latest of that direction. A line that begins with ! was sent and lost before
 * the tap: it takes an IP-ID, and is no frame.
 *
 * `!ts` on a line of its own: timestamps in all segments from there on, 1 ms a tick by the time
 * of sending (`sent`, or else TIME_MS), echoing the latest of the other side. `!noid`: IP-ID 0 from
 * there on. `!isn C S`: other ISNs. `!v6`: IPv6. `!nosack`: SYNs without it. `!port N`: client
 * port.
 *
 * Events come out as one line each:
 *   FRAME DIRECTION kind details
 * and frames count from 1.
 */
#ifndef NETDX_TESTS_FLOW_SCRIPT_H
#define NETDX_TESTS_FLOW_SCRIPT_H

#include <stddef.h>

#include "engine/flow.h"

#define FLOW_SCRIPT_TEXT 8192

struct flow_script {
    struct flows *flows;
    char events[FLOW_SCRIPT_TEXT];
    size_t len;
    bool verbose;                /* duplicate ACKs and window_full too */
    struct flow_facts ended[64]; /* of the flows that left */
    size_t nended;
    int64_t now_ns;
};

/* With NULL, the default configuration. */
void flow_script_open(struct flow_script *script, const struct flows_config *config);
void flow_script_play(struct flow_script *script, const char *text);
void flow_script_close(struct flow_script *script);

/* Plays the text in an engine of its own and compares the events. */
void flow_script_expect(const char *name, const char *text, const char *events);

/* The facts of the only flow after the text. */
void flow_script_facts(const char *text, struct flow_facts *facts);

#endif
