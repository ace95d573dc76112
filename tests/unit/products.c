#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/guard.h"
#include "tests/unit/products.h"

#include <stdio.h>
#include <string.h>

void products_text(const struct version_list *list, char out[PRODUCTS_TEXT_SIZE])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        const struct version_product *p = &list->products[i];
        const char *distro = p->distro;

        len += (size_t)snprintf(out + len, PRODUCTS_TEXT_SIZE - len, "%s%s=%s%s%s%s%s",
                                i ? "; " : "", p->name, *p->version ? p->version : "-",
                                version_is_lower_bound(p) ? "~" : "", *distro ? "<" : "", distro,
                                *distro ? ">" : "");
        assert_true(len < PRODUCTS_TEXT_SIZE);
    }
}

static void products_identify(enum version_kind kind, const char *banner, size_t len,
                              struct version_list *list)
{
    const uint8_t *copy = guard_copy(banner, len);

    *list = (struct version_list){0};
    version_identify(kind, copy, len, list);
    guard_release(copy);
}

void products_check(enum version_kind kind, const struct products_row *rows, size_t count)
{
    static struct version_list list;
    char text[PRODUCTS_TEXT_SIZE];

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].banner);

        for (size_t cut = 0; cut < len; cut++)
            products_identify(kind, rows[i].banner, cut, &list);
        products_identify(kind, rows[i].banner, len, &list);
        products_text(&list, text);
        if (strcmp(text, rows[i].products) != 0)
            fail_msg("%s: \"%s\"\n  gives  %s\n  not    %s", version_kind_names[kind],
                     rows[i].banner, text, rows[i].products);
    }
}
