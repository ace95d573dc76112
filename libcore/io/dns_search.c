#include "io/dns_search.h"

#include <string.h>

static bool dns_search_is_absolute(const char *name)
{
    size_t len = strlen(name);

    return len && name[len - 1] == '.';
}

static int dns_search_dots(const char *name)
{
    int dots = 0;

    for (; *name; name++)
        dots += *name == '.';
    return dots;
}

static bool dns_search_append(char *out, size_t size, const char *name, const char *domain)
{
    size_t len = strlen(name), domain_len = domain ? strlen(domain) : 0;

    if (len + domain_len + 2 > size)
        return false;
    memcpy(out, name, len);
    if (domain_len) {
        out[len++] = '.';
        memcpy(out + len, domain, domain_len);
        len += domain_len;
    }
    out[len] = '\0';
    return true;
}

bool dns_search_candidate(const struct dns_search *search, const char *name, int index, char *out,
                          size_t size)
{
    bool absolute = dns_search_is_absolute(name);
    int ndomains = absolute ? 0 : search->ndomains;
    int plain = dns_search_dots(name) >= search->ndots ? 0 : ndomains;

    if (index == plain)
        return dns_search_append(out, size, name, NULL);
    if (index > ndomains)
        return false;
    return dns_search_append(out, size, name, search->domains[index < plain ? index : index - 1]);
}
