/* Internal to report/: whose RST it is, in JSON and in words. */
#ifndef NETDX_REPORT_RESET_H
#define NETDX_REPORT_RESET_H

#include <jansson.h>

#include "engine/flow.h"
#include "report/words.h"

void reset_json_put(json_t *object, const struct flow_reset *reset);

const char *reset_words_phase(enum flow_reset_phase phase);      /* "after the request" */
void reset_words_reasons(struct words *words, uint32_t reasons); /* ": TTL differs ..., ..." */

#endif
