/* What the parts of a service probe share: tries and states, answers, endings. */
#ifndef NETDX_ENGINE_SERVICE_INTERNAL_H
#define NETDX_ENGINE_SERVICE_INTERNAL_H

#include "engine/http2.h"
#include "engine/service.h"
#include "engine/service_table.h"

enum {
    SERVICE_REQUEST_MAX = 8192,
    SERVICE_RAW_MAX = 2048,
    SERVICE_REFUSAL_BODY = 1024, /* of a 400: enough for the texts that say "this port is TLS" */
};

enum service_state {
    STATE_CONNECT,
    STATE_CONNECTING,
    STATE_SECURE,
    STATE_SECURING,
    STATE_LISTEN, /* what speaks first is heard */
    STATE_HELLO,
    STATE_ANSWER,
    STATE_DONE,
};

struct service {
    struct service_config config;
    const struct service_row *row; /* asked by; NULL: unknown until something speaks */
    enum service_state state;
    bool tls, get;        /* of this try */
    bool alpn_h2, use_h2; /* ALPN has chosen it; HTTP/2 is spoken */
    bool http1_reply;     /* and HTTP/1 is the answer */
    bool answered;        /* `row` has answered */
    bool acknowledged;
    unsigned tries, notes;
    const char *refusal; /* code of the ICMP message that ended the connection; NULL: none */
    int64_t begun_ns, deadline_ns;
    struct service_timing timing;
    struct cause cause;
    bool old_tls;       /* the try is made to see what an old server speaks */
    bool guessed_tls;   /* the try is made in case that TLS is what is missing */
    struct cause first; /* with either: what went before; stays where they do no better */
    uint8_t request[SERVICE_REQUEST_MAX];
    size_t request_len, request_sent;
    struct http_response *http; /* owned; NULL: no HTTP/1 answer is being read */
    struct http2 *http2;        /* owned; NULL: no HTTP/2 is spoken */
    uint64_t received;          /* bytes of this try */
    uint8_t raw[SERVICE_RAW_MAX];
    size_t raw_len;
    uint8_t *banner; /* owned; SERVICE_BANNER_MAX bytes; NULL: nothing was said but HTTP */
    size_t banner_len;
};

/* service.c: states */
void service_fail(struct service *s, const char *code, enum cause_phase phase, const char *detail);
void service_finish(struct service *s);
void service_try_again(struct service *s); /* a new connection, with what was learnt */
void service_say_hello(struct service *s, int64_t now_ns);
bool service_is_http(const struct service *s);
enum cause_phase service_answer_phase(const struct service *s);

/* service_request.c */
void service_drop_http(struct service *s);
int service_request(struct service *s); /* the first thing to say; -EINVAL: it does not fit */
int service_reader(struct service *s);  /* for the answer to an HTTP/1 request; -ENOMEM */
bool service_refill(struct service *s); /* HTTP/2 may have more to say; false: it has not */

/* service_answer.c: what was said */
void service_hear(struct service *s, const uint8_t *bytes, size_t len, int64_t now_ns);
void service_http_facts(const struct service *s, struct http_facts *facts);
void service_http_judge(struct service *s); /* the response is whole, or has failed */

/* service_end.c: closings and time-outs */
void service_expire(struct service *s, int64_t now_ns);

#endif
