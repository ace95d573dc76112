/* What became of a look-up, in words and as a failure code. */
#include "io/dns.h"

const char *dns_status_text(enum dns_status status)
{
    switch (status) {
    case DNS_OK:
        return "found";
    case DNS_NXDOMAIN:
        return "no such name (NXDOMAIN)";
    case DNS_NODATA:
        return "the name has no record of this type (NODATA)";
    case DNS_SERVFAIL:
        return "the resolver failed (SERVFAIL)";
    case DNS_REFUSED:
        return "the resolver refused to answer (REFUSED)";
    case DNS_TIMEOUT:
        return "the resolver did not answer in time";
    case DNS_UNREACHABLE:
        return "the resolver is unreachable";
    case DNS_BAD_NAME:
        return "not a valid name (an internationalised one must be given as xn--...)";
    case DNS_BAD_ANSWER:
        return "the resolver's answer makes no sense";
    case DNS_CANCELLED:
        return "the look-up was cancelled";
    case DNS_NO_MEMORY:
        return "out of memory";
    }
    return "unknown";
}

const char *dns_status_code(enum dns_status status)
{
    switch (status) {
    case DNS_OK:
        return "dns.ok";
    case DNS_NXDOMAIN:
        return "dns.nxdomain";
    case DNS_NODATA:
        return "dns.nodata";
    case DNS_SERVFAIL:
        return "dns.servfail";
    case DNS_REFUSED:
        return "dns.refused";
    case DNS_TIMEOUT:
        return "dns.timeout";
    case DNS_UNREACHABLE:
        return "dns.unreachable";
    case DNS_BAD_NAME:
        return "dns.bad_name";
    case DNS_BAD_ANSWER:
        return "dns.bad_answer";
    case DNS_CANCELLED:
        return "dns.cancelled";
    case DNS_NO_MEMORY:
        return "dns.no_memory";
    }
    return "dns.unknown";
}
