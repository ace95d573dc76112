/*
 * A c-ares channel on the event loop: it does what c-ares does best, sockets, retries, servers and
 * truncation to TCP; what the answers say is read elsewhere.
 */
#ifndef NETDX_IO_DNS_CHANNEL_H
#define NETDX_IO_DNS_CHANNEL_H

#include <ares.h>
#include <ev.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "io/dns.h"
#include "io/dns_message.h"
#include "io/loop.h"

struct dns_socket;

/* Called after answers have been given out: there is room for more questions. */
typedef void dns_progress_fn(void *context);

struct dns_channel {
    ares_channel ares; /* owned; NULL when it is not open */
    struct loop *loop; /* borrowed */
    struct ev_timer timer;
    LIST_HEAD(, dns_socket) sockets; /* owned */
    dns_progress_fn *progress;
    void *context; /* borrowed */
};

struct dns_channel_options {
    const char *servers; /* "address[:port],..." or NULL for /etc/resolv.conf */
    int tries, try_ms;
    bool
        persistent; /* a server's SERVFAIL or REFUSED makes it ask the next, until the time is up */
};

void dns_channel_init(struct dns_channel *channel, struct loop *loop, dns_progress_fn *progress,
                      void *context);
/* 0, -ENOMEM, or -EINVAL: `servers` does not parse. */
int dns_channel_open(struct dns_channel *channel, const struct dns_channel_options *options);
/* What is outstanding is called back with ARES_EDESTRUCTION. */
void dns_channel_close(struct dns_channel *channel);
int dns_channel_servers(const struct dns_channel *channel);

/* May call back at once. */
void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_type type,
                     ares_callback done, void *context);
enum dns_status dns_channel_status(int ares_status);

#endif
