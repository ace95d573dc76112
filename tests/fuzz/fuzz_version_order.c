/* A byte for the scheme, then versions on lines of their own. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool kept)
{
    if (!kept)
        abort();
}

static enum version_order mirrored(enum version_order order)
{
    return order == VERSION_LT ? VERSION_GT : order == VERSION_GT ? VERSION_LT : order;
}

/* Either way round it is the same answer, and what has an order is equal to itself. */
static void check_pair(enum version_scheme scheme, const char *a, const char *b)
{
    enum version_order order = version_compare(scheme, a, b).order;

    must(version_compare(scheme, b, a).order == mirrored(order));
    if (order <= VERSION_GT)
        must(version_compare(scheme, a, a).order == VERSION_EQ);
    version_compare_loosely(scheme, a, b);
}

/* Policy 5.6.12 is a total order. */
static void check_triple(const char *a, const char *b, const char *c)
{
    enum version_order ab = version_compare(VERSION_DEB, a, b).order;
    enum version_order bc = version_compare(VERSION_DEB, b, c).order;

    if (ab <= VERSION_EQ && bc <= VERSION_EQ)
        must(version_compare(VERSION_DEB, a, c).order ==
             (ab == VERSION_EQ && bc == VERSION_EQ ? VERSION_EQ : VERSION_LT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *a, *b, *c;

    if (!text || !size) {
        free(text);
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    a = text + 1;
    b = strchr(a, '\n');
    if (b)
        *b++ = '\0';
    c = b ? strchr(b, '\n') : NULL;
    if (c)
        *c++ = '\0';
    check_pair((enum version_scheme)(data[0] % (VERSION_RPM + 1)), a, b ? b : "1.0");
    if (c)
        check_triple(a, b, c);
    free(text);
    return 0;
}
