/* Products as a line of text, for tables of banners and what they must give. */
#ifndef NETDX_TESTS_PRODUCTS_H
#define NETDX_TESTS_PRODUCTS_H

#include "engine/version.h"

#define PRODUCTS_TEXT_SIZE 4096

struct products_row {
    const char *banner;
    const char *products; /* as products_text writes them */
};

/*
 * "name=version" for each, joined by "; ". A version that is not shown is "-", a lower bound has a
 * "~" behind it, who built it stands in "<>".
 */
void products_text(const struct version_list *list, char out[PRODUCTS_TEXT_SIZE]);

/* Reads each banner, and each beginning of it, at the edge of readable memory. */
void products_check(enum version_kind kind, const struct products_row *rows, size_t count);

#endif
