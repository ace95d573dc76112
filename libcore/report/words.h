/* Internal to report/: sentences in the making. */
#ifndef NETDX_REPORT_WORDS_H
#define NETDX_REPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/interval.h"
#include "wire/address.h"

/* `len` runs on past the end as snprintf's result does. */
struct words {
    char *out;
    size_t size, len;
};

struct words words_init(char *out, size_t size);
void words_add(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Nothing when the address is unknown. */
void words_address(struct words *w, const char *before, const struct address *address,
                   const char *after);
/* "host unreachable", or the numbers where the registry has no name. */
void words_icmp(struct words *w, uint8_t family, uint8_t type, uint8_t code);
/* "loss 3.0 % (1.0 to 8.5 %)"; the interval is left out when it is NAN. */
void words_loss_share(struct words *w, double loss_pct, const struct interval *loss);
/* ": Network is unreachable" for a positive errno. */
void words_errno(struct words *w, int error);
const char *words_plural(uint64_t count); /* "" or "s" */

/* note, notice, warning, critical: the engines' severities are the same four. */
const char *report_severity_name(int severity);

#endif
