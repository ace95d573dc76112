/*
 * One address and port asked for its banner, as a state machine over bytes: what to do next comes
 * out, what happened goes in. No socket, no clock, no TLS library: who drives it carries the bytes,
 * encrypted from SERVICE_START_TLS on.
 *
 *     connect -> [TLS] -> [what speaks first is heard] -> [hello] -> answer -> [another try]
 *
 * Which hello is sent and how the answer is read is a row of one table (service_table.h). What
 * speaks first is recognised on any port. HTTP on a TLS port, and TLS on a plain one, are
 * recognised and tried again the other way; HEAD that is refused is tried again as GET; a server
 * without our TLS versions is asked with old ones allowed, and failed all the same. Redirects
 * are the caller's: engine/redirect says where to.
 */
#ifndef NETDX_ENGINE_SERVICE_H
#define NETDX_ENGINE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cause.h"
#include "engine/http.h"

#define SERVICE_BANNER_MAX 16384 /* bytes of a banner that is not HTTP */
#define SERVICE_TRIES_MAX  4     /* connections, the first included */

enum service_tls { SERVICE_TLS_AUTO, SERVICE_TLS_NEVER, SERVICE_TLS_ALWAYS };

enum service_http2 {
    SERVICE_HTTP2_NEVER,
    SERVICE_HTTP2_ALPN,  /* where TLS' ALPN chooses it: service_alpn() */
    SERVICE_HTTP2_PRIOR, /* without TLS as well, unasked (RFC 9113 3.3) */
};

struct service_config {   /* all texts borrowed for the life of the service */
    const char *protocol; /* a row's name that must answer; NULL: by port, and what speaks */
    const char *host;     /* for the Host header: name, or address with its brackets */
    uint16_t port;
    enum service_tls tls;
    enum service_http2 http2;
    const char *path;           /* NULL: the row's, "/" */
    const char *method;         /* NULL: HEAD, then GET */
    const char *user_agent;     /* NULL: netdx/VERSION */
    const char *const *headers; /* further request header lines, ends with NULL; may be NULL */
    size_t body_limit;          /* bytes of body wanted; 0: the head alone */
    int64_t connect_timeout_ns, tls_timeout_ns, answer_timeout_ns; /* of each phase */
    int64_t listen_ns; /* how long unknown ports may speak first */
};

void service_config_default(struct service_config *config);

struct service; /* opaque */

/* 0, -ENOMEM, or -EINVAL: no such protocol, or a request that does not fit. */
int service_new(const struct service_config *config, int64_t now_ns, struct service **out);
void service_free(struct service *service);

enum service_want {
    SERVICE_CONNECT,   /* a new connection; close the one before it, if any */
    SERVICE_START_TLS, /* on this connection */
    SERVICE_SEND,      /* `bytes`, borrowed until the next call; say with service_sent how many */
    SERVICE_WAIT,      /* for bytes, an end, or *wake_ns */
    SERVICE_DONE,      /* close; service_facts() has it all */
};

struct service_step {
    enum service_want want;
    bool old_tls; /* with SERVICE_START_TLS: 1.0 and 1.1 are offered as well */
    const uint8_t *bytes;
    size_t len;
    int64_t wake_ns;
};

void service_next(struct service *service, int64_t now_ns, struct service_step *step);

/* What happened. `error` is a positive errno, 0 for success. */
void service_connected(struct service *service, int error, int64_t now_ns);
/* Before that, what an ICMP message said of the error: a code of cause_of_icmp, or another. */
void service_refused(struct service *service, const char *code);
/* Before service_secured: what ALPN chose; "": nothing. */
void service_alpn(struct service *service, const char *protocol);
/* `cause` NULL: the handshake is done; else why it is not (a tls.* code). */
void service_secured(struct service *service, const struct cause *cause, int64_t now_ns);
void service_sent(struct service *service, size_t len, int64_t now_ns);
void service_receive(struct service *service, const uint8_t *bytes, size_t len, int64_t now_ns);

enum service_close {
    SERVICE_FIN,
    SERVICE_RESET,
    SERVICE_CUT, /* TLS: the end came without close_notify */
};

void service_closed(struct service *service, enum service_close how, int64_t now_ns);
/* TLS broke after its handshake: an alert, a bad record. */
void service_broken(struct service *service, const struct cause *cause, int64_t now_ns);
/* The whole run's deadline has passed, or a signal came: what is open counts as not finished. */
void service_stop(struct service *service, int64_t now_ns);

/* Whether the peer's kernel has acknowledged all we sent (TCP_INFO), for the time-outs' codes. */
void service_acknowledged(struct service *service, bool all);

enum service_note { /* what was met on the way and is not the failure */
                    SERVICE_NOTE_PLAIN_ON_TLS = 1, /* http.plain_on_tls: asked again with TLS */
                    SERVICE_NOTE_NOT_TLS = 2,      /* tls.not_tls.*: asked again without */
                    SERVICE_NOTE_HEAD_REFUSED = 4, /* asked again with GET */
                    SERVICE_NOTE_UNEXPECTED = 8,   /* another protocol than the port's */
                    SERVICE_NOTE_NO_HTTP2 = 16,    /* h2.alpn_missing: asked by HTTP/1.1 */
};

struct service_timing { /* since the connection that answered was begun; -1: did not happen */
    int64_t connect_ns, tls_ns, first_byte_ns, total_ns;
};

struct service_facts {
    const char *protocol; /* row that answered: "http", "ssh" ...; NULL: none */
    bool tls;
    unsigned tries;     /* connections made */
    unsigned notes;     /* enum service_note */
    struct cause cause; /* code "": none */
    struct service_timing timing;
    bool has_http;
    struct http_facts http; /* borrowed from the service */
    const uint8_t *banner;  /* what was received when it is not HTTP; raw, borrowed */
    size_t banner_len;
    const uint8_t *raw; /* the first bytes of the last connection whatever they were */
    size_t raw_len;
};

void service_facts(const struct service *service, struct service_facts *facts);

#endif
