/*
 * Why a service probe failed: one dotted, stable code with its phase and what proves it. The codes
 * are those of netdx-json(5), FAILURE CODES; W3C Network Error Logging's names where it has one.
 */
#ifndef NETDX_BASE_CAUSE_H
#define NETDX_BASE_CAUSE_H

#include <stddef.h>
#include <stdint.h>

enum cause_phase { PHASE_NONE, PHASE_DNS, PHASE_CONNECT, PHASE_TLS, PHASE_HTTP, PHASE_BANNER };

const char *cause_phase_name(enum cause_phase phase); /* "dns", "connect", "tls", ... */

#define CAUSE_CODE_SIZE   64
#define CAUSE_DETAIL_SIZE 200

struct cause {
    char code[CAUSE_CODE_SIZE]; /* "tcp.reset.after_request"; "" : none */
    enum cause_phase phase;
    int error;                      /* positive errno, 0: none */
    int alert;                      /* TLS alert number, -1: none */
    uint64_t offset;                /* bytes of the answer read when the parser gave up */
    char detail[CAUSE_DETAIL_SIZE]; /* safe text */
};

/* `format` makes the detail; what comes from outside is escaped by the caller. */
void cause_set(struct cause *cause, const char *code, enum cause_phase phase, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

/* The code of a connect() that failed: "tcp.refused", "tcp.unreachable.host", "tcp.timed_out" ...
 */
const char *cause_of_connect(int error);

/* The code of an ICMP message (family 4, 6) that ended a connection; NULL: of no such kind. */
const char *cause_of_icmp(unsigned family, uint8_t type, uint8_t code);

/* "tls.alert.handshake_failure" for 40; IANA TLS Alerts registry. */
void cause_of_alert(int alert, char out[CAUSE_CODE_SIZE]);

#endif
