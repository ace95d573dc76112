/* What is wrong with a file of the user's, and where: line, column, field. */
#ifndef NETDX_ENGINE_DOCUMENT_H
#define NETDX_ENGINE_DOCUMENT_H

#include <stddef.h>

enum { DOCUMENT_TEXT_MAX = 1 << 20 }; /* bytes of YAML */

struct document_error {
    size_t line, column; /* 1-based; 0 when it is not about a place */
    char field[96];      /* "path[2].link.loss"; "" when it is not about a field */
    char message[256];   /* lower case, the value in quotes, the valid range */
};

#endif
