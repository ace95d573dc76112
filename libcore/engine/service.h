/*
 * One service asked for its banner, as a state machine over bytes: what to do next comes out, what
 * happened goes in. No socket, no clock, no TLS library: io carries the bytes, encrypted where
 * SERVICE_TLS was asked for.
 *
 *     connect -> [wait for what speaks first] -> [TLS] -> [hello] -> answer -> [redirect, retry]
 *
 * Probes are rows of one table (service_table.c): port, protocol name, hello, reader. What speaks
 * first is recognised on any port; HTTP on a TLS port and TLS on a plain one are recognised and
 * tried again the other way.
 */
#ifndef NETDX_ENGINE_SERVICE_H
#define NETDX_ENGINE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/failure.h"
#include "engine/http.h"
#include "wire/address.h"

enum service_tls { SERVICE_TLS_AUTO, SERVICE_TLS_NEVER, SERVICE_TLS_ALWAYS };

struct service_config {
    const char *protocol;       /* row of the table, or NULL: by port, then by what speaks */
    const char *host;           /* for Host and SNI; borrowed; NULL: the address */
    const char *sni;            /* NULL: host when it is a name; "": none */
    const char *path, *method, *user_agent; /* NULL: "/", HEAD then GET, netdx */
    const char *const *headers; /* further request header lines, NULL-terminated; may be NULL */
    uint16_t port;
    enum service_tls tls;
    bool http2;
    unsigned follow;            /* redirects */
    size_t body_limit;
    int64_t connect_timeout_ns, tls_timeout_ns, answer_timeout_ns; /* of each phase */
    int64_t listen_ns;          /* how long what may speak first is waited for */
};

struct service; /* opaque */

int service_new(const struct service_config *config, int64_t now_ns, struct service **out);
void service_free(struct service *service);

enum service_want {
    SERVICE_CONNECT,  /* a new connection; the old one, if any, is closed first */
    SERVICE_START_TLS,/* on this connection, with the parameters of service_tls_wanted() */
    SERVICE_SEND,     /* *bytes, len: borrowed until the next call; confirm with service_sent */
    SERVICE_READ,     /* wait for bytes, the end, or *wake_ns */
    SERVICE_DONE,
};

enum service_want service_next(struct service *service, int64_t now_ns, const uint8_t **bytes,
                               size_t *len, int64_t *wake_ns);

void service_connected(struct service *service, int error, int64_t now_ns);
void service_tls_done(struct service *service, const struct failure *failure, const char *alpn,
                      int64_t now_ns);                        /* failure NULL: handshake done */
void service_sent(struct service *service, size_t len, int64_t now_ns);
void service_receive(struct service *service, const uint8_t *bytes, size_t len, int64_t now_ns);
void service_acknowledged(struct service *service); /* the kernel holds no unsent bytes: TCP_INFO */
enum service_close { SERVICE_FIN, SERVICE_RESET, SERVICE_CUT /* TLS ended without close_notify */ };
void service_closed(struct service *service, enum service_close how, int error, int64_t now_ns);
void service_stop(struct service *service, int64_t now_ns);   /* the whole deadline has passed */

#endif
