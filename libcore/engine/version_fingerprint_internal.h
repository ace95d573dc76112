/* Between the reader of fingerprint files and the matcher. */
#ifndef NETDX_ENGINE_VERSION_FINGERPRINT_INTERNAL_H
#define NETDX_ENGINE_VERSION_FINGERPRINT_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/version_fingerprint.h"

/* The params that are used; a file has many more. */
enum fingerprint_field {
    FINGERPRINT_VENDOR,
    FINGERPRINT_FAMILY,
    FINGERPRINT_PRODUCT,
    FINGERPRINT_VERSION,
    FINGERPRINT_COMPONENT_PRODUCT,
    FINGERPRINT_COMPONENT_VERSION,
    FINGERPRINT_OS_VENDOR,
    FINGERPRINT_OS_PRODUCT,
    FINGERPRINT_OS_VERSION,
    FINGERPRINT_FIELDS,
};

struct fingerprint_param {
    uint32_t group; /* of the pattern; 0: the value is meant */
    char *value;    /* owned, or NULL */
};

struct fingerprint {
    enum version_kind kind;
    pcre2_code *code;  /* owned */
    char *description; /* owned, escaped */
    struct fingerprint_param params[FINGERPRINT_FIELDS];
};

struct version_fingerprints {
    struct fingerprint *items; /* owned, in the order of the files */
    size_t size;
    pcre2_match_context *context;
    pcre2_match_data *match;
    struct version_fingerprint_counts counts; /* `loaded` is how many items there are */
};

void version_fingerprint_release(struct fingerprint *fingerprint);

#endif
