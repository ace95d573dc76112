#include "io/asn.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "io/asn_origin.h"
#include "io/dns_message.h"

#define ASN_KNOWN_MAX 512

struct asn_known { /* an answer, for all addresses of a prefix */
    struct address prefix;
    unsigned bits;
    enum dns_status status;
    uint32_t number;
};

struct asn_request {
    LIST_ENTRY(asn_request) link;
    struct asn *asn; /* NULL once asn_free has answered it */
    struct address address;
    dns_text_fn *done;
    void *context; /* borrowed */
};

struct asn {
    struct dns *dns; /* borrowed; NULL with a database */
    char zone4[DNS_NAME_MAX + 1], zone6[DNS_NAME_MAX + 1];
    bool has_database;
    MMDB_s database;
    LIST_HEAD(, asn_request) requests;
    struct asn_known known[ASN_KNOWN_MAX]; /* a ring: the oldest goes first */
    size_t nknown, next;
};

/* --- what is known ----------------------------------------------------------- */

static bool asn_covers(const struct asn_known *known, const struct address *address)
{
    unsigned whole = known->bits / 8, rest = known->bits % 8;

    if (known->prefix.family != address->family ||
        memcmp(known->prefix.bytes, address->bytes, whole))
        return false;
    return rest == 0 || (known->prefix.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

/* The longest of the prefixes that cover it: a more specific route may have another origin. */
static const struct asn_known *asn_find_known(const struct asn *asn, const struct address *address)
{
    const struct asn_known *best = NULL;

    for (size_t i = 0; i < asn->nknown; i++)
        if (asn_covers(&asn->known[i], address) && (!best || asn->known[i].bits > best->bits))
            best = &asn->known[i];
    return best;
}

static void asn_remember(struct asn *asn, const struct asn_known *known)
{
    asn->known[asn->next] = *known;
    asn->next = (asn->next + 1) % ASN_KNOWN_MAX;
    if (asn->nknown < ASN_KNOWN_MAX)
        asn->nknown++;
}

static void asn_answer(const struct asn_known *known, dns_text_fn *done, void *context)
{
    char text[ASN_TEXT_SIZE];

    if (known->status != DNS_OK) {
        done(context, known->status, NULL);
        return;
    }
    snprintf(text, sizeof(text), "AS%u", (unsigned)known->number);
    done(context, DNS_OK, text);
}

/* --- by DNS ------------------------------------------------------------------ */

/* What the server says of an address must be a prefix that holds it, or it is for this one only. */
static struct asn_known asn_read_answer(const struct address *address, enum dns_status status,
                                        const char *text)
{
    struct asn_known known = {*address, (unsigned)(8 * address_len(address)), status, 0};
    struct asn_known answer = {.status = DNS_OK};

    if (status != DNS_OK)
        return known;
    if (!asn_origin_parse(text, &answer.number, &answer.prefix, &answer.bits)) {
        known.status = DNS_NODATA;
        return known;
    }
    if (answer.prefix.family && answer.bits && asn_covers(&answer, address))
        return answer;
    known.number = answer.number;
    return known;
}

static void asn_on_text(void *context, enum dns_status status, const char *text)
{
    struct asn_request *request = context;
    struct asn *asn = request->asn;

    if (asn) {
        struct asn_known known = asn_read_answer(&request->address, status, text);

        LIST_REMOVE(request, link);
        if (known.status == DNS_OK || known.status == DNS_NODATA || known.status == DNS_NXDOMAIN)
            asn_remember(asn, &known);
        asn_answer(&known, request->done, request->context);
    }
    free(request);
}

static int asn_ask(struct asn *asn, const struct address *address, dns_text_fn *done, void *context)
{
    const char *zone = address->family == 4 ? asn->zone4 : asn->zone6;
    char name[2 * DNS_NAME_MAX];
    struct asn_request *request;

    if (dns_reverse_name(address, zone, name, sizeof(name)) || !dns_name_is_valid(name)) {
        done(context, DNS_BAD_NAME, NULL);
        return 0;
    }
    request = calloc(1, sizeof(*request));
    if (!request)
        return -ENOMEM;
    *request =
        (struct asn_request){.asn = asn, .address = *address, .done = done, .context = context};
    LIST_INSERT_HEAD(&asn->requests, request, link);
    int rc = dns_txt(asn->dns, name, asn_on_text, request);

    if (rc) {
        LIST_REMOVE(request, link);
        free(request);
    }
    return rc;
}

/* --- by file ----------------------------------------------------------------- */

static void asn_sockaddr(const struct address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (address->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;

        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, address->bytes, 4);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

        in6->sin6_family = AF_INET6;
        memcpy(&in6->sin6_addr, address->bytes, 16);
    }
}

static bool asn_read_entry(MMDB_entry_s *entry, char out[ASN_TEXT_SIZE])
{
    static const char *const number_path[] = {"autonomous_system_number", NULL};
    static const char *const name_path[] = {"autonomous_system_organization", NULL};
    MMDB_entry_data_s number, name;
    int len = 0;

    if (MMDB_aget_value(entry, &number, number_path) != MMDB_SUCCESS || !number.has_data ||
        number.type != MMDB_DATA_TYPE_UINT32)
        return false;
    if (MMDB_aget_value(entry, &name, name_path) == MMDB_SUCCESS && name.has_data &&
        name.type == MMDB_DATA_TYPE_UTF8_STRING)
        len = name.data_size < ASN_TEXT_SIZE ? (int)name.data_size : ASN_TEXT_SIZE;
    if (len)
        snprintf(out, ASN_TEXT_SIZE, "AS%u %.*s", (unsigned)number.uint32, len, name.utf8_string);
    else
        snprintf(out, ASN_TEXT_SIZE, "AS%u", (unsigned)number.uint32);
    return true;
}

static void asn_read_database(struct asn *asn, const struct address *address, dns_text_fn *done,
                              void *context)
{
    struct sockaddr_storage where;
    char text[ASN_TEXT_SIZE];
    int error = MMDB_SUCCESS;

    asn_sockaddr(address, &where);
    MMDB_lookup_result_s found =
        MMDB_lookup_sockaddr(&asn->database, (const struct sockaddr *)&where, &error);

    if (error != MMDB_SUCCESS && error != MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
        done(context, DNS_BAD_ANSWER, NULL);
    else if (error == MMDB_SUCCESS && found.found_entry && asn_read_entry(&found.entry, text))
        done(context, DNS_OK, text);
    else
        done(context, DNS_NODATA, NULL);
}

static int asn_open_database(struct asn *asn, const char *path)
{
    errno = 0;
    int status = MMDB_open(path, MMDB_MODE_MMAP, &asn->database);

    asn->has_database = status == MMDB_SUCCESS;
    if (status == MMDB_SUCCESS)
        return 0;
    if (status == MMDB_OUT_OF_MEMORY_ERROR)
        return -ENOMEM;
    return status == MMDB_FILE_OPEN_ERROR && errno ? -errno : -EINVAL;
}

/* --- the interface ----------------------------------------------------------- */

static int asn_set_zones(struct asn *asn, const char *zone)
{
    if (!zone)
        zone = ASN_ZONE_DEFAULT;
    const char *rest = strchr(zone, '.');

    if (!dns_name_is_valid(zone) || !rest || strlen(zone) >= sizeof(asn->zone4))
        return -EINVAL;
    snprintf(asn->zone4, sizeof(asn->zone4), "%s", zone);
    if ((size_t)snprintf(asn->zone6, sizeof(asn->zone6), "origin6%s", rest) >= sizeof(asn->zone6))
        return -EINVAL;
    return 0;
}

int asn_new(struct dns *dns, const char *database, const char *zone, struct asn **out)
{
    struct asn *asn = calloc(1, sizeof(*asn));

    if (!asn)
        return -ENOMEM;
    asn->dns = dns;
    LIST_INIT(&asn->requests);
    int rc = database ? asn_open_database(asn, database) : asn_set_zones(asn, zone);

    if (rc) {
        asn_free(asn);
        return rc;
    }
    *out = asn;
    return 0;
}

void asn_free(struct asn *asn)
{
    struct asn_request *request;

    if (!asn)
        return;
    while ((request = LIST_FIRST(&asn->requests))) { /* dns still holds it, and frees it */
        LIST_REMOVE(request, link);
        request->asn = NULL;
        request->done(request->context, DNS_CANCELLED, NULL);
    }
    if (asn->has_database)
        MMDB_close(&asn->database);
    free(asn);
}

int asn_lookup(struct asn *asn, const struct address *address, dns_text_fn *done, void *context)
{
    const struct asn_known *known;

    if (address->family != 4 && address->family != 6) {
        done(context, DNS_BAD_NAME, NULL);
        return 0;
    }
    if (asn->has_database) {
        asn_read_database(asn, address, done, context);
        return 0;
    }
    if (address_is_loopback(address) || address_is_link_local(address)) {
        done(context, DNS_NODATA, NULL); /* never routed, so of no system */
        return 0;
    }
    known = asn_find_known(asn, address);
    if (known) {
        asn_answer(known, done, context);
        return 0;
    }
    return asn_ask(asn, address, done, context);
}
