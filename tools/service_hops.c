#include "tools/service_hops.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define HOPS_URL_SHOWN TEXT_ESCAPED_SIZE(REDIRECT_TEXT_SIZE)
#define HOPS_FOREIGN   256 /* bytes of a Location that cannot be followed */

/* RFC 1918, RFC 6598, RFC 4193, loopback and link-local: not to be reached from elsewhere. */
static bool hops_is_private(const struct address *a)
{
    const uint8_t *b = a->bytes;

    if (address_is_loopback(a) || address_is_link_local(a))
        return true;
    if (a->family == 6)
        return (b[0] & 0xfe) == 0xfc;
    return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 100 && (b[1] & 0xc0) == 64);
}

static char *hops_url_text(const struct redirect_url *url)
{
    char text[REDIRECT_TEXT_SIZE], safe[HOPS_URL_SHOWN];

    redirect_format(url, text);
    text_escape(safe, sizeof(safe), text, strlen(text));
    return strdup(safe);
}

static void hops_keep_products(const struct version_list *list, struct report_banner_hop *hop)
{
    size_t size = list ? list->count * sizeof(*hop->products) : 0;

    hop->products = size ? malloc(size) : NULL;
    if (!hop->products)
        return;
    memcpy(hop->products, list->products, size);
    hop->nproducts = list->count;
}

/* `to` becomes the hop's. */
static void hops_add(struct service_hops *hops, const struct service_hop_source *from,
                     struct report_banner_hop hop)
{
    hop.from = hops_url_text(from->url);
    hop.status = from->http->status;
    if (!hop.from || !hop.to) {
        free(hop.from);
        free(hop.to);
        return;
    }
    hops_keep_products(from->products, &hop);
    hops->items[hops->count++] = hop;
}

void service_hops_note(struct service_hops *hops, const struct service_hop_source *from,
                       const struct redirect_url *to)
{
    struct address address;
    bool to_private = !address_parse(to->host, &address) && hops_is_private(&address);

    hops_add(hops, from,
             (struct report_banner_hop){
                 .to = hops_url_text(to),
                 .downgrade = from->url->tls && !to->tls,
                 .to_private = to_private && !hops_is_private(from->address),
             });
}

void service_hops_note_foreign(struct service_hops *hops, const struct service_hop_source *from)
{
    char safe[TEXT_ESCAPED_SIZE(HOPS_FOREIGN)];
    const uint8_t *value;
    size_t len;

    if (!http_find(from->http, "Location", 0, &value, &len))
        return;
    text_escape(safe, sizeof(safe), value, len < HOPS_FOREIGN ? len : HOPS_FOREIGN);
    hops_add(hops, from, (struct report_banner_hop){.to = strdup(safe), .foreign = true});
}

void service_hops_arrive(struct service_hops *hops, const struct address *from,
                         const struct address *to)
{
    struct report_banner_hop *hop = hops->count ? &hops->items[hops->count - 1] : NULL;

    if (!hop)
        return;
    hop->address = *to;
    hop->to_private = !hops_is_private(from) && hops_is_private(to);
}

void service_hops_clear(struct service_hops *hops)
{
    for (size_t i = 0; i < hops->count; i++) {
        free(hops->items[i].from);
        free(hops->items[i].to);
        free(hops->items[i].products);
    }
    *hops = (struct service_hops){0};
}
