/*
 * Fingerprints in the format of Recog (https://github.com/rapid7/recog), loaded at run time:
 *
 *   <fingerprints matches="ssh.banner">
 *     <fingerprint pattern="^RomSShell_([\d.]+)$" flags="REG_ICASE">
 *       <description>...</description>
 *       <param pos="0" name="service.product" value="RomSShell"/>
 *       <param pos="1" name="service.version"/>
 *
 * Files whose `matches` is no kind of banner known here are passed over. Patterns are PCRE2's; how
 * long one may try is limited, so that neither a file nor a banner can hold the program up.
 */
#ifndef NETDX_ENGINE_VERSION_FINGERPRINT_H
#define NETDX_ENGINE_VERSION_FINGERPRINT_H

#include <stddef.h>

#include "engine/version.h"

struct version_fingerprints; /* opaque */

struct version_fingerprint_error {
    size_t line, column; /* from 1; 0: not about a place */
    char message[160];
};

struct version_fingerprint_counts {
    size_t loaded;  /* fingerprints */
    size_t refused; /* whose pattern PCRE2 does not take */
    size_t passed;  /* in files for something else */
    size_t gave_up; /* matches that ran into the limit */
};

int version_fingerprints_new(struct version_fingerprints **out);  /* 0 or -ENOMEM */
void version_fingerprints_free(struct version_fingerprints *set); /* NULL is fine */

/*
 * Adds a file's fingerprints behind those that are there; the first that matches counts. 0; -EINVAL
 * with *error for what is not well-formed or no Recog file, of which nothing is kept; -ENOMEM. Of a
 * file with refused patterns the rest is kept, and *error is about the first of them.
 */
int version_fingerprints_add(struct version_fingerprints *set, const char *xml, size_t len,
                             struct version_fingerprint_error *error);

void version_fingerprints_count(const struct version_fingerprints *set,
                                struct version_fingerprint_counts *counts);

/*
 * As version_identify, and what a fingerprint says comes first: it takes the place of the product
 * that it is about. `set` may be NULL. The products borrow from it.
 */
struct decode version_identify_with(struct version_fingerprints *set, enum version_kind kind,
                                    const void *bytes, size_t len, struct version_list *list);

#endif
