#include "engine/version_product.h"

#include <string.h>

#include "base/text.h"
#include "engine/version_internal.h"

#define PRODUCT_CUT "..."

struct version_product *version_add(struct version_list *list, enum version_kind kind)
{
    struct version_product *product;

    if (list->count == VERSION_PRODUCTS_MAX) {
        list->dropped++;
        return NULL;
    }
    product = &list->products[list->count++];
    *product = (struct version_product){.kind = kind, .scheme = VERSION_DOTTED};
    return product;
}

static void product_trim(struct cursor *span)
{
    version_scan_blanks(span);
    while (cursor_left(span) && version_scan_is_blank(span->bytes[span->len - 1]))
        span->len--;
}

void version_set_text(char *out, size_t size, struct cursor span)
{
    const uint8_t *bytes;
    size_t len;

    product_trim(&span);
    len = cursor_left(&span) < size ? cursor_left(&span) : size; /* more of it cannot fit */
    bytes = cursor_bytes(&span, len);
    if (text_escape(out, size, bytes, len) < size)
        return;
    text_escape(out, size - strlen(PRODUCT_CUT), bytes, len);
    memcpy(out + strlen(out), PRODUCT_CUT, sizeof(PRODUCT_CUT));
}

void version_append_text(char *out, size_t size, const char *between, struct cursor span)
{
    size_t len = strlen(out), gap = len ? strlen(between) : 0;

    if (!cursor_left(&span) || len + gap + sizeof(PRODUCT_CUT) > size)
        return;
    memcpy(out + len, between, gap);
    version_set_text(out + len + gap, size - len - gap, span);
}

/* "6.1.x" says 6.1 and no more. */
static bool product_takes_wildcard(struct cursor *version)
{
    size_t len = cursor_left(version);

    if (len < 3 || version_scan_peek(version, len - 2) != '.' ||
        (version_scan_peek(version, len - 1) | 0x20) != 'x')
        return false;
    version->len -= 2;
    return true;
}

void version_set_version(struct version_product *product, struct cursor span)
{
    struct cursor version;

    if (!version_scan_version(&span, 1, &version) || cursor_left(&version) >= VERSION_TEXT_SIZE)
        return;
    product->partial = product_takes_wildcard(&version);
    version_set_text(product->version, sizeof(product->version), version);
}

void version_set_distro(struct version_product *product, struct cursor span)
{
    version_set_text(product->distro, sizeof(product->distro), span);
    product->distro_build = product->distro[0] != '\0';
}

/* Whether a version made of numbers alone has less of them than its product's releases have. */
static bool product_is_partial(const char *version, int wanted)
{
    int numbers = 0;

    while (version_is_digit(*version)) {
        version_digits_take(&version);
        numbers++;
        version += (*version == '.' || *version == '_') && version_is_digit(version[1]);
    }
    return numbers && !*version && numbers < wanted;
}

static void product_split(struct version_product *product)
{
    struct version_parts parts;

    if (version_split(product->version, &parts) || !parts.packager)
        return;
    memcpy(product->version, parts.upstream, sizeof(product->version));
    product->distro_build = true;
    if (!product->distro[0])
        memcpy(product->distro, parts.tail, sizeof(product->distro));
}

static void product_apply(struct version_product *product, const struct version_known *known)
{
    product->scheme = known->scheme;
    if (strcasecmp(product->name, known->name) != 0)
        return; /* by an alias, which others may bear too */
    memcpy(product->name, known->name, strlen(known->name) + 1);
    product->family = known->family;
    product->note = known->note;
    if (!known->constant)
        product->partial |= product_is_partial(product->version, known->numbers);
    else if (!strcmp(known->constant, "*") || !strcmp(known->constant, product->version))
        product->version[0] = '\0';
}

void version_settle(struct version_product *product)
{
    const struct version_known *known = version_known_find(product->name);

    product_split(product);
    if (known)
        product_apply(product, known);
    if (!product->version[0])
        product->distro_build = product->partial = false; /* nothing that could be a bound */
}

void version_put(struct version_list *list, enum version_kind kind, const char *name,
                 struct cursor version, struct cursor raw)
{
    struct version_product *product = version_add(list, kind);

    if (!product)
        return;
    version_set_text(product->name, sizeof(product->name), cursor_init(name, strlen(name)));
    version_set_text(product->raw, sizeof(product->raw), raw);
    version_set_version(product, version);
    version_settle(product);
}
