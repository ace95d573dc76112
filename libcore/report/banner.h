/*
 * Facts about services and their banners to text, JSON and CSV. No renderer computes. Texts from
 * the network are raw bytes here and escaped on the way out; products' are escaped already.
 */
#ifndef NETDX_REPORT_BANNER_H
#define NETDX_REPORT_BANNER_H

#include <stdio.h>

#include "engine/service.h"
#include "engine/service_wire.h"
#include "engine/version.h"
#include "wire/address.h"
#include "wire/quic.h"
#include "wire/tls_facts.h"

struct report_banner_hop { /* one redirect that was followed, or the one that was not */
    char *from, *to;       /* URLs, safe; borrowed by reports */
    int status;
    struct version_product *products; /* of who said so; borrowed by reports */
    size_t nproducts;
    struct address address; /* asked next; family 0: it was not followed */
    bool downgrade;         /* from https to http */
    bool to_private;        /* from a public to a private address */
    bool foreign;           /* neither http nor https: never followed */
};

struct report_banner_wire {                   /* what the connection itself showed */
    const char *method;                       /* "capture", "tcp_info"; NULL: nothing */
    double syn_rtt_ms;                        /* NAN: unknown */
    uint16_t source_port;                     /* 0: unknown */
    uint64_t retransmissions;                 /* by our side, SYNs included */
    const struct service_wire_facts *capture; /* NULL: none */
    bool has_refusal;                         /* an ICMP message: */
    struct address sender;
    uint8_t icmp_type, icmp_code;
};

struct report_banner_quic { /* QUIC on a UDP port */
    const char *code;       /* "quic.version_negotiation": alive; "quic.no_reply" ... */
    uint16_t port;
    bool promised; /* by Alt-Svc; else the user asked */
    unsigned sent; /* probes */
    double rtt_ms; /* NAN: unknown */
    struct quic_negotiation negotiation;
    int error;        /* positive errno, 0: none */
    bool has_refusal; /* an ICMP message: */
    struct address sender;
    uint8_t icmp_type, icmp_code;
};

enum report_change { /* the one thing that another try changes; CHANGE_NOTHING comes first */
                     CHANGE_NOTHING,
                     CHANGE_SNI_OFF,
                     CHANGE_SNI_ON,
                     CHANGE_TLS_1_2,
                     CHANGE_TLS_1_3,
                     CHANGE_TLS_OLD,
                     CHANGE_ALPN_OFF,
                     CHANGE_ALPN_ON,
                     CHANGE_SMALL_HELLO,
                     CHANGE_GET,
                     CHANGE_HEAD,
                     CHANGE_USER_AGENT,
                     CHANGE_FAMILY,
                     CHANGES,
};

struct report_try {
    enum report_change change;
    bool cured;
    char code[CAUSE_CODE_SIZE]; /* of its failure */
    int status;                 /* of HTTP, 0: none */
    size_t hello_bytes;         /* of the ClientHello, 0: none */
};

struct report_banner_differential {
    bool intermittent; /* the same again worked: nothing was changed then */
    size_t count;
    struct report_try tries[CHANGES];
};

struct report_banner {
    const char *target;     /* as the user wrote it */
    const char *host;       /* name, or address as text; NULL: it did not come to that */
    struct address address; /* family 0: none was found */
    uint16_t port;
    const char *url;                     /* safe; NULL: no HTTP was asked for */
    const struct service_facts *service; /* NULL: it did not come to that */
    const struct tls_facts *tls;         /* NULL: no TLS */
    const struct version_list *products; /* may be NULL */
    const struct report_banner_hop *hops;
    size_t nhops;
    struct report_banner_wire wire;
    bool has_quic;
    struct report_banner_quic quic;
    bool has_differential;
    struct report_banner_differential differential;
    const char *error_code;    /* of what comes before the service: dns.*, usage; NULL: none */
    const char *error_message; /* safe */
    const char *redirect_code; /* http.redirect_loop ...; NULL: none */
    const struct cause *server_error; /* 5xx, http.status.NNN; NULL: none; borrowed */
    double dns_ms;                    /* NAN: no look-up */
};

struct report_banner_run {
    int64_t start_unix_ns, elapsed_ns;
    const char *privilege;
    bool interrupted, captures;
    uint64_t capture_dropped; /* packets, when it captures */
    uint64_t answered, failed;
};

struct report_banner_text_options {
    bool color;
    bool verbose; /* headers, certificate, timings */
};

/* All return 0, or -errno of the stream, or -ENOMEM. */
int report_banner_text(FILE *out, const struct report_banner *banner,
                       const struct report_banner_text_options *options);

int report_banner_json_begin(FILE *out, int64_t start_unix_ns);
int report_banner_json_target(FILE *out, const struct report_banner *banner, bool first);
int report_banner_json_end(FILE *out, const struct report_banner_run *run);
int report_banner_json_error(FILE *out, const char *code, const char *message);

int report_banner_event(FILE *out, const struct report_banner *banner); /* a line of --jsonl */
int report_banner_summary_event(FILE *out, const struct report_banner_run *run);
int report_banner_failure_event(FILE *out, const char *code, const char *message);

int report_banner_csv_header(FILE *out);
int report_banner_csv(FILE *out, const struct report_banner *banner);

/* The failure that counts for this target, NULL: none. */
const char *report_banner_code(const struct report_banner *banner);

#endif
