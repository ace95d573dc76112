/*
 * What services are asked, and how: options that every command has that asks services, and where
 * the values go. As common_options, on which these stand.
 */
#ifndef NETDX_TOOLS_SERVICE_OPTIONS_H
#define NETDX_TOOLS_SERVICE_OPTIONS_H

#include "engine/service.h"
#include "tools/common_options.h"
#include "tools/port_list.h"

#define SERVICE_HEADERS_MAX 32

enum service_quic_when { QUIC_NEVER, QUIC_PROMISED, QUIC_ALWAYS }; /* promised: by Alt-Svc */

struct service_options {
    struct common_options common;
    struct port_list ports;                       /* for targets without any; owned */
    struct service_config service;                /* host, port and path are each target's own */
    const char *headers[SERVICE_HEADERS_MAX + 1]; /* borrowed; ends with NULL */
    size_t nheaders;
    const char *host, *sni; /* instead of the target's name; NULL: that */
    unsigned follow;        /* redirects */
    unsigned retries;       /* further tries after a failure */
    int64_t backoff_ns;     /* before the first of them; twice as long before each further one */
    uint32_t parallel;
    const char *ca_file, *crl_file;
    int cert_days;
    const char *fingerprints; /* directory; NULL: none */
    enum service_quic_when quic;
    bool differential;
    bool yes;
    int capture;                    /* WAY_RAW insists on the wire, WAY_NONE does without */
    uint16_t first_port, last_port; /* source ports; 0: any */
    bool few;                       /* services in all: set when the targets are known */
    const char *save;               /* file for failing connections' packets; NULL: none */
};

enum {
    SERVICE_KEY_BODY_LIMIT = COMMON_KEY_END,
    SERVICE_KEY_CA_FILE,
    SERVICE_KEY_CERT_DAYS,
    SERVICE_KEY_CRL_FILE,
    SERVICE_KEY_DIFFERENTIAL,
    SERVICE_KEY_FINGERPRINTS,
    SERVICE_KEY_FOLLOW,
    SERVICE_KEY_HEADER,
    SERVICE_KEY_HOST,
    SERVICE_KEY_HTTP2,
    SERVICE_KEY_HTTP2_PRIOR,
    SERVICE_KEY_METHOD,
    SERVICE_KEY_PARALLEL,
    SERVICE_KEY_PATH,
    SERVICE_KEY_PROTOCOL,
    SERVICE_KEY_QUIC,
    SERVICE_KEY_RETRIES,
    SERVICE_KEY_SAVE,
    SERVICE_KEY_SNI,
    SERVICE_KEY_SOURCE_PORT,
    SERVICE_KEY_TIMEOUT,
    SERVICE_KEY_TLS,
    SERVICE_KEY_USER_AGENT,
    SERVICE_KEY_YES,
    SERVICE_KEY_END, /* a command's own keys start here */
};

/* clang-format off */
#define SERVICE_ROWS_REQUEST \
    {"port", 'p', "LIST", 0, "Ports of targets that name none (443)", 0}, \
    {"protocol", SERVICE_KEY_PROTOCOL, "NAME", 0, \
     "This protocol must answer, whatever the port", 0}, \
    {"tls", SERVICE_KEY_TLS, "WHEN", 0, \
     "auto, never or always (auto: by port, and by what answers)", 0}, \
    {"path", SERVICE_KEY_PATH, "PATH", 0, "HTTP: ask for this path (/)", 0}, \
    {"method", SERVICE_KEY_METHOD, "NAME", 0, "HTTP: this method alone (HEAD, then GET)", 0}, \
    {"header", SERVICE_KEY_HEADER, "LINE", 0, \
     "HTTP: a further header, 'Name: value'; may be repeated", 0}, \
    {"host", SERVICE_KEY_HOST, "NAME", 0, "HTTP: the Host header (the target's)", 0}, \
    {"user-agent", SERVICE_KEY_USER_AGENT, "TEXT", 0, "HTTP: the User-Agent header", 0}, \
    {"body-limit", SERVICE_KEY_BODY_LIMIT, "BYTES", 0, \
     "HTTP: read this much of the body (0)", 0}, \
    {"follow", SERVICE_KEY_FOLLOW, "N", 0, "HTTP: follow this many redirects (0)", 0}, \
    {"sni", SERVICE_KEY_SNI, "NAME", 0, "TLS: the server name (the target's); '' sends none", 0}, \
    {"ca-file", SERVICE_KEY_CA_FILE, "FILE", 0, \
     "TLS: trust these (SSL_CERT_FILE, or the system's)", 0}, \
    {"crl-file", SERVICE_KEY_CRL_FILE, "FILE", 0, "TLS: a list of revoked certificates", 0}

#define SERVICE_ROWS_HTTP2 \
    {"http2", SERVICE_KEY_HTTP2, NULL, 0, \
     "HTTP: offer HTTP/2 in TLS (ALPN h2), HTTP/1.1 behind it", 0}, \
    {"http2-prior-knowledge", SERVICE_KEY_HTTP2_PRIOR, NULL, 0, \
     "HTTP: HTTP/2 without TLS as well, unasked", 0}

#define SERVICE_ROW_QUIC \
    {"quic", SERVICE_KEY_QUIC, NULL, 0, \
     "Ask whether QUIC answers too (where Alt-Svc promises HTTP/3)", 0}

#define SERVICE_ROW_CERT_DAYS \
    {"cert-days", SERVICE_KEY_CERT_DAYS, "N", 0, "TLS: warn when fewer days are left (7)", 0}

#define SERVICE_ROW_DIFFERENTIAL \
    {"differential", SERVICE_KEY_DIFFERENTIAL, NULL, 0, \
     "After a failure, find the one change that cures it", 0}

#define SERVICE_ROW_TIMEOUT \
    {"timeout", SERVICE_KEY_TIMEOUT, "TIME", 0, "The longest wait in each phase (5s)", 0}

#define SERVICE_ROWS_RUN \
    COMMON_ROW_DEADLINE, \
    {"parallel", SERVICE_KEY_PARALLEL, "N", 0, "Services asked at once (256)", 0}, \
    COMMON_ROW_TARGETS, \
    {"yes", SERVICE_KEY_YES, NULL, 0, "Ask more than 4,096 services of one network", 0}

#define SERVICE_ROW_SOURCE_PORT \
    {"source-port", SERVICE_KEY_SOURCE_PORT, "N[-M]", 0, \
     "Connect from these ports (some that are free)", 0}

#define SERVICE_ROW_SAVE \
    {"save", SERVICE_KEY_SAVE, "FILE", 0, "Save the packets of failing connections as pcapng", 0}

#define SERVICE_ROW_FINGERPRINTS \
    {"fingerprints", SERVICE_KEY_FINGERPRINTS, "DIR", 0, \
     "Prefer what the Recog fingerprints in DIR say", 0}
/* clang-format on */

/* Release in the end. */
void service_options_init(struct service_options *options, const char *const *formats);
void service_options_release(struct service_options *options);

/* Takes the option when it is one of these or of common_options. As common_options_set. */
int service_options_set(struct service_options *options, int key, const char *value,
                        char error[OPTIONS_ERROR_SIZE]);

/*
 * common_options_parse, and then, unless help or version was asked for, what can be settled when
 * all is known. What does not go together is the command's to find.
 */
int service_options_parse(const struct options *table, int argc, char **argv, void *context,
                          struct service_options *options, char error[OPTIONS_ERROR_SIZE]);

#endif
