/*
 * The protocols that can be asked for a banner: which ports they live on, who speaks first, what
 * is sent, and when the answer is whole.
 */
#ifndef NETDX_ENGINE_SERVICE_TABLE_H
#define NETDX_ENGINE_SERVICE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_PORTS_MAX 8

enum service_reading {
    READING_MORE,
    READING_WHOLE,
    READING_REFUSED, /* whole: the server turns the client away */
    READING_FOREIGN, /* not this protocol */
};

struct service_row {
    const char *name;
    uint16_t ports[SERVICE_PORTS_MAX];     /* 0 ends */
    uint16_t tls_ports[SERVICE_PORTS_MAX]; /* the same inside TLS from the first byte */
    bool speaks_first;
    const char *hello; /* NULL: none, or an HTTP request */
    size_t hello_len;
    const char *http_path; /* HTTP, with this path; NULL: not HTTP */
    bool in_body;          /* it is the body that says what it is */
    const char *identify;  /* kind of the banner for the version readers */
    /* Whether the bytes are a whole answer; not for HTTP. */
    enum service_reading (*read)(const uint8_t *bytes, size_t len);
    size_t (*refusal)(const uint8_t *bytes, size_t len); /* where its text begins; NULL: at 0 */
};

/* By port; *tls: the port is for TLS. NULL: an unknown port. */
const struct service_row *service_row_of_port(uint16_t port, bool *tls);
const struct service_row *service_row_of_name(const char *name);
/* The n-th row, NULL behind the last. */
const struct service_row *service_row_at(size_t n);

#endif
