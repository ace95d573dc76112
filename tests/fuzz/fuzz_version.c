/* Banners of every kind: the first byte says which. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool kept)
{
    if (!kept)
        abort();
}

/* Escaped, terminated, and printable on a terminal. */
static void check_text(const char *text, size_t size)
{
    must(strnlen(text, size) < size);
    for (; *text; text++)
        must((uint8_t)*text >= 0x20 && *text != 0x7f);
}

static void check_product(const struct version_product *p)
{
    check_text(p->name, sizeof(p->name));
    check_text(p->version, sizeof(p->version));
    check_text(p->distro, sizeof(p->distro));
    check_text(p->comment, sizeof(p->comment));
    check_text(p->raw, sizeof(p->raw));
    must(p->name[0] != '\0');
    must(!p->version[0] || (p->version[0] >= '0' && p->version[0] <= '9'));
    must(p->version[0] || !version_is_lower_bound(p));
    must(p->version[0] || version_compare_product(p, "1").order == VERSION_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct version_list list;
    struct decode result;

    if (!size)
        return 0;
    list.count = list.dropped = 0;
    result = version_identify(data[0] % VERSION_KINDS, data + 1, size - 1, &list);
    must((result.status == DECODE_OK) == !result.reason);
    must(list.count <= VERSION_PRODUCTS_MAX);
    for (size_t i = 0; i < list.count; i++)
        check_product(&list.products[i]);
    return 0;
}
