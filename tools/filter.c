#include "tools/filter.h"

#include <stdio.h>

static const char filter_errors4[] = "icmp[0] = 3 or icmp[0] = 11 or icmp[0] = 12";
static const char filter_errors6[] = "ip6[40] < 5";
static const char filter_echo4[] = " or icmp[0] = 0 or icmp[0] = 8";
static const char filter_echo6[] = " or ip6[40] = 128 or ip6[40] = 129";

/* Hop-by-hop, routing, fragment, destination options (RFC 8200 4.1) before what byte 40 would be.
 */
static const char filter_extended[] = "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 60";

void filter_icmp(int family, bool echo, char *out, size_t size)
{
    char v4[256] = "", v6[256] = "";

    if (family != 6)
        snprintf(v4, sizeof(v4), "(icmp and (%s%s))", filter_errors4, echo ? filter_echo4 : "");
    if (family != 4)
        snprintf(v6, sizeof(v6), "(icmp6 and (%s%s)) or (ip6 and (%s))", filter_errors6,
                 echo ? filter_echo6 : "", filter_extended);
    snprintf(out, size, "%s%s%s", v4, *v4 && *v6 ? " or " : "", v6);
}
