#include "tools/service_products.h"

#include <string.h>

#include "engine/service_table.h"

/* Every product-bearing header, each time it is there, in the order of their kinds. */
static void products_of_headers(struct version_fingerprints *fingerprints,
                                const struct http_facts *http, struct version_list *out)
{
    static const struct {
        const char *name;
        enum version_kind kind;
    } headers[] = {
        {"Server", VERSION_HTTP_SERVER},           {"X-Powered-By", VERSION_HTTP_POWERED_BY},
        {"X-AspNet-Version", VERSION_HTTP_ASPNET}, {"X-AspNetMvc-Version", VERSION_HTTP_ASPNETMVC},
        {"X-Generator", VERSION_HTTP_GENERATOR},   {"Via", VERSION_HTTP_VIA},
    };
    const uint8_t *value;
    size_t len;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        for (size_t n = 0; http_find(http, headers[i].name, n, &value, &len); n++)
            version_identify_with(fingerprints, headers[i].kind, value, len, out);
}

/* The kind of a row's banner or body, by its name. False: it names no product. */
static bool products_kind(const char *protocol, enum version_kind *kind)
{
    const struct service_row *row = protocol ? service_row_of_name(protocol) : NULL;

    for (size_t i = 0; row && row->identify && version_kind_names[i]; i++) {
        if (strcmp(version_kind_names[i], row->identify) != 0)
            continue;
        *kind = (enum version_kind)i;
        return true;
    }
    return false;
}

/* Half a version is another version. */
static bool products_are_cut(const struct service_facts *s)
{
    return !strcmp(s->cause.code, "banner.timeout") || !strcmp(s->cause.code, "banner.truncated");
}

void service_products(struct version_fingerprints *fingerprints, const struct service_facts *facts,
                      struct version_list *out)
{
    const struct http_facts *http = facts->has_http ? &facts->http : NULL;
    enum version_kind kind = VERSION_HTTP_SERVER;
    bool known = products_kind(facts->protocol, &kind);

    if (http && http->body_kept && known && kind != VERSION_HTTP_SERVER)
        version_identify_with(fingerprints, kind, http->body, http->body_kept, out);
    if (http)
        products_of_headers(fingerprints, http, out);
    if (facts->banner_len && !products_are_cut(facts) && known)
        version_identify_with(fingerprints, kind, facts->banner, facts->banner_len, out);
}
