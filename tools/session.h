/* What a run holds open: loop, network, resolver, and how it came by them. */
#ifndef NETDX_TOOLS_SESSION_H
#define NETDX_TOOLS_SESSION_H

#include "io/dns.h"
#include "io/netio.h"
#include "io/raw.h"
#include "tools/common_options.h"
#include "tools/failure.h"

struct session {
    const char *command; /* "trace", for messages */
    const struct common_options *options;
    struct loop *loop;
    struct netio *io;  /* what is sent through and received from */
    struct netio *raw; /* the network under a recording; NULL without CAP_NET_RAW */
    bool recording;
    struct dns *dns;
    struct privilege_state privileges;
};

/*
 * Opens everything that needs privilege or a file: loop, network, recording, resolver. What a
 * command needs besides is opened between this and session_seal. `capture` is what raw_open is
 * asked for besides the interface; NULL: nothing. -errno with *failure filled in; close in either
 * case.
 */
int session_open(struct session *session, const char *command, const struct common_options *options,
                 const struct raw_options *capture, struct failure *failure);

/*
 * Gives the privileges away and starts capturing what `filter` lets through (NULL: raw_filter is
 * called later). From here on bytes from outside may be read.
 */
int session_seal(struct session *session, const char *filter, struct failure *failure);

void session_close(struct session *session);

/* One captured packet with at least an IP header; all of it is valid during the call. */
typedef void session_packet_fn(void *context, const struct packet *packet,
                               const struct netio_frame *frame, enum packet_direction direction);

/*
 * Decodes what has been captured, at most some thousand frames, so that probes are looked after in
 * between. 0, or the -errno that the network ended with.
 */
int session_receive(const struct session *session, session_packet_fn *packet, void *context);

/* -errno of the recording, or 0. */
int session_record_error(const struct session *session);

/* The source address towards `destination`: --source, or what routing says. 0 or -errno. */
int session_source(const struct session *session, const struct address *destination,
                   struct address *source);

/* What session_source's error means for the target `text`. */
void session_source_failure(int err, const char *text, struct failure *failure);

/* What a name that did not resolve means for the target `text`. */
void session_dns_failure(const struct session *session, enum dns_status status, const char *text,
                         struct failure *failure);

/* Random, also where the kernel gives none. */
uint64_t session_seed(const struct session *session);

#endif
