/* The names that are asked for when one is looked up: the search list of resolv.conf(5). */
#ifndef NETDX_IO_DNS_SEARCH_H
#define NETDX_IO_DNS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

struct dns_search {
    char *const *domains; /* borrowed */
    int ndomains;
    int ndots;
};

/*
 * With `ndots` dots or more the name itself comes first, else last; an absolute name has no search.
 * False when there is no candidate of that index, or no room for it.
 */
bool dns_search_candidate(const struct dns_search *search, const char *name, int index, char *out,
                          size_t size);

#endif
