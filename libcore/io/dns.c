/*
 * Look-ups: literals and the hosts file at once, others by their candidates of the search list, one
 * after the other, until one is answered or the deadline comes.
 */
#include "io/dns.h"

#include <ares.h>
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/text.h"
#include "base/timespan.h"
#include "io/dns_channel.h"
#include "io/dns_hosts.h"
#include "io/dns_message.h"
#include "io/dns_search.h"
#include "io/loop.h"
#include "io/route.h"

#define DNS_HOSTS_FILE         "/etc/hosts"
#define DNS_TIMEOUT_DEFAULT_NS (5 * NS_PER_SEC)
#define DNS_TRIES_DEFAULT      2
#define DNS_TRIES_MAX          8
#define DNS_TRY_MIN_MS         50
/* c-ares sends all at once on one socket; more than this in flight would overrun its buffer. */
#define DNS_ACTIVE_MAX 64

enum dns_kind { DNS_KIND_ADDRESSES, DNS_KIND_TEXT };

struct dns_query; /* one question given to c-ares */

/* One call of dns_resolve, dns_reverse or dns_txt until its callback. */
struct dns_lookup {
    TAILQ_ENTRY(dns_lookup) link;
    struct dns *dns; /* borrowed */
    enum dns_kind kind;
    int family;
    enum dns_type text_type;
    int64_t deadline_ns;
    bool started;
    char name[DNS_NAME_MAX + 3]; /* as asked; its final dot ends the search */
    int candidate;               /* index into the search list, see dns_search_candidate */
    int outstanding;
    struct dns_query *queries[2]; /* in flight; owned by c-ares until called back */
    enum dns_status status;       /* of this candidate so far */
    enum dns_status best;         /* the most telling of the candidates before */
    struct address *addresses;    /* owned */
    size_t naddresses;
    char text[DNS_TEXT_MAX];
    dns_addresses_fn *addresses_done;
    dns_text_fn *text_done;
    void *context; /* borrowed */
};

struct dns_query {
    struct dns *dns;           /* borrowed */
    struct dns_lookup *lookup; /* NULL when it is not waited for any more */
    enum dns_type type;
    bool second; /* on the channel that goes past failing servers */
    enum dns_status first_status;
    char name[2 * DNS_NAME_MAX];
};

TAILQ_HEAD(dns_lookups, dns_lookup);

struct dns {
    struct loop *loop; /* borrowed */
    /*
     * `plain` hands a server's SERVFAIL or REFUSED out, which the other hides behind a time-out;
     * `persistent` asks the next server then. It exists with several servers only.
     */
    struct dns_channel plain, persistent;
    struct ev_timer deadline_timer;
    int64_t timeout_ns;
    struct dns_hosts hosts;
    struct ares_options saved;  /* owned: the search list and ndots */
    struct dns_lookups lookups; /* by deadline: all have the same time-out */
    size_t pending, active;
};

/* --- finishing --------------------------------------------------------------- */

static void dns_detach_queries(struct dns_lookup *lookup)
{
    for (int i = 0; i < 2; i++) {
        if (lookup->queries[i])
            lookup->queries[i]->lookup = NULL;
        lookup->queries[i] = NULL;
    }
}

/* IPv6 first when it is routed and would not leave a unique local source for the global network
 * (RFC 6724 6, rules 1, 5 and 6, by family). */
static bool dns_prefers6(const struct address *a6)
{
    struct address source;

    if (route_source(a6, NULL, &source))
        return false;
    return (source.bytes[0] & 0xfe) != 0xfc || (a6->bytes[0] & 0xfe) == 0xfc;
}

static int dns_sort(struct address *addresses, size_t count)
{
    struct address *sorted = malloc(count * sizeof(*sorted));
    uint8_t first = 4;
    size_t n = 0;

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].family == 6) {
            first = dns_prefers6(&addresses[i]) ? 6 : 4;
            break;
        }
    }
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++)
            if ((addresses[i].family == first) == (pass == 0))
                sorted[n++] = addresses[i];
    memcpy(addresses, sorted, count * sizeof(*sorted));
    free(sorted);
    return 0;
}

static void dns_finish(struct dns_lookup *lookup, enum dns_status status)
{
    struct dns *dns = lookup->dns;

    dns_detach_queries(lookup);
    TAILQ_REMOVE(&dns->lookups, lookup, link);
    dns->pending--;
    if (lookup->started)
        dns->active--;
    if (lookup->kind == DNS_KIND_TEXT) {
        lookup->text_done(lookup->context, status, status == DNS_OK ? lookup->text : NULL);
    } else {
        if (status == DNS_OK && dns_sort(lookup->addresses, lookup->naddresses))
            status = DNS_NO_MEMORY;
        if (status == DNS_OK)
            lookup->addresses_done(lookup->context, status, lookup->addresses, lookup->naddresses);
        else
            lookup->addresses_done(lookup->context, status, NULL, 0);
    }
    free(lookup->addresses);
    free(lookup);
    loop_wake(dns->loop);
}

/* --- asking ------------------------------------------------------------------ */

/* Which of two failures says more: an existing name without data, then a failing resolver. */
static int dns_status_weight(enum dns_status status)
{
    static const enum dns_status order[] = {DNS_NXDOMAIN, DNS_NODATA,      DNS_TIMEOUT,
                                            DNS_REFUSED,  DNS_UNREACHABLE, DNS_SERVFAIL};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (order[i] == status)
            return (int)i;
    return 100; /* our own failures */
}

static enum dns_status dns_status_worse(enum dns_status a, enum dns_status b)
{
    return dns_status_weight(a) >= dns_status_weight(b) ? a : b;
}

static int dns_keep_addresses(struct dns_lookup *lookup, const uint8_t *bytes, size_t len,
                              enum dns_type type, enum dns_status *status)
{
    size_t room = lookup->naddresses + DNS_ADDRESSES_MAX, count = 0;
    struct address *larger = realloc(lookup->addresses, room * sizeof(*larger));
    enum dns_message_status parsed;

    if (!larger)
        return -ENOMEM;
    lookup->addresses = larger;
    parsed = dns_message_addresses(bytes, len, type, larger + lookup->naddresses, DNS_ADDRESSES_MAX,
                                   &count);
    *status = parsed == DNS_MESSAGE_OK       ? DNS_OK
              : parsed == DNS_MESSAGE_NODATA ? DNS_NODATA
                                             : DNS_BAD_ANSWER;
    if (parsed == DNS_MESSAGE_OK)
        lookup->naddresses += count;
    return 0;
}

/* Texts are asked for by their full names. */
static bool dns_candidate(const struct dns_lookup *lookup, char *out, size_t size)
{
    const struct ares_options *saved = &lookup->dns->saved;
    const struct dns_search search = {
        .domains = saved->domains,
        .ndomains = lookup->kind == DNS_KIND_TEXT || saved->ndomains < 0 ? 0 : saved->ndomains,
        .ndots = saved->ndots,
    };

    return dns_search_candidate(&search, lookup->name, lookup->candidate, out, size);
}

static enum dns_status dns_read_answer(struct dns_lookup *lookup, enum dns_type type,
                                       const uint8_t *bytes, size_t len)
{
    enum dns_status status = DNS_NO_MEMORY;
    enum dns_message_status parsed;

    if (lookup->kind == DNS_KIND_ADDRESSES) {
        if (dns_keep_addresses(lookup, bytes, len, type, &status))
            return DNS_NO_MEMORY;
        return status;
    }
    parsed = dns_message_text(bytes, len, type, lookup->text, sizeof(lookup->text));
    return parsed == DNS_MESSAGE_OK       ? DNS_OK
           : parsed == DNS_MESSAGE_NODATA ? DNS_NODATA
                                          : DNS_BAD_ANSWER;
}

static void dns_ask_candidate(struct dns_lookup *lookup);

/* All questions about one candidate are answered: an answer, the next candidate, or the end. */
static void dns_candidate_done(struct dns_lookup *lookup)
{
    bool any =
        lookup->kind == DNS_KIND_ADDRESSES ? lookup->naddresses > 0 : lookup->status == DNS_OK;

    if (any) {
        dns_finish(lookup, DNS_OK);
        return;
    }
    lookup->best = dns_status_worse(lookup->best, lookup->status);
    if (lookup->status != DNS_NXDOMAIN && lookup->status != DNS_NODATA) {
        dns_finish(lookup, lookup->best);
        return;
    }
    lookup->candidate++;
    dns_ask_candidate(lookup);
}

static void dns_on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int len);

static bool dns_is_server_failure(enum dns_status status)
{
    return status == DNS_SERVFAIL || status == DNS_REFUSED;
}

/* A failing server is not the last word when there are others. True: asked again. */
static bool dns_try_next_server(struct dns_query *query, enum dns_status status)
{
    struct dns_channel *channel = &query->dns->persistent;

    if (query->second || !channel->ares || !dns_is_server_failure(status))
        return false;
    query->second = true;
    query->first_status = status;
    dns_channel_ask(channel, query->name, query->type, dns_on_answer, query);
    return true;
}

static void dns_on_answer(void *arg, int ares_status, int timeouts, unsigned char *bytes, int len)
{
    struct dns_query *query = arg;
    struct dns_lookup *lookup = query->lookup;
    enum dns_status status = dns_channel_status(ares_status);

    (void)timeouts;
    if (!lookup) {
        free(query);
        return;
    }
    if (dns_try_next_server(query, status))
        return;
    if (query->second && (status == DNS_TIMEOUT || status == DNS_UNREACHABLE))
        status = query->first_status;
    for (int i = 0; i < 2; i++)
        if (lookup->queries[i] == query)
            lookup->queries[i] = NULL;
    if (status == DNS_OK)
        status = dns_read_answer(lookup, query->type, bytes, len > 0 ? (size_t)len : 0);
    free(query);
    lookup->status = lookup->status == DNS_OK ? status : dns_status_worse(lookup->status, status);
    if (--lookup->outstanding == 0)
        dns_candidate_done(lookup);
}

static struct dns_query *dns_query_new(struct dns_lookup *lookup, enum dns_type type,
                                       const char *name)
{
    struct dns_query *query = calloc(1, sizeof(*query));

    if (!query)
        return NULL;
    query->dns = lookup->dns;
    query->lookup = lookup;
    query->type = type;
    text_format(query->name, sizeof(query->name), "%s", name);
    return query;
}

/* c-ares may call back from inside ares_query: all queries exist before the first is sent. */
static void dns_ask_candidate(struct dns_lookup *lookup)
{
    struct dns *dns = lookup->dns;
    struct dns_query *queries[2] = {NULL, NULL};
    char name[2 * DNS_NAME_MAX];
    int n = 0;

    if (!dns_candidate(lookup, name, sizeof(name))) {
        dns_finish(lookup, lookup->best);
        return;
    }
    if (lookup->kind == DNS_KIND_TEXT) {
        queries[n++] = dns_query_new(lookup, lookup->text_type, name);
    } else {
        if (lookup->family != 6)
            queries[n++] = dns_query_new(lookup, DNS_TYPE_A, name);
        if (lookup->family != 4)
            queries[n++] = dns_query_new(lookup, DNS_TYPE_AAAA, name);
    }
    if (!queries[0] || (n == 2 && !queries[1])) {
        free(queries[0]);
        free(queries[1]);
        dns_finish(lookup, DNS_NO_MEMORY);
        return;
    }
    lookup->outstanding = n;
    lookup->status = DNS_OK;
    memcpy(lookup->queries, queries, sizeof(queries));
    for (int i = 0; i < n; i++)
        dns_channel_ask(&dns->plain, queries[i]->name, queries[i]->type, dns_on_answer, queries[i]);
}

/* --- waiting ----------------------------------------------------------------- */

static void dns_arm_deadline(struct dns *dns)
{
    struct ev_loop *ev = loop_ev(dns->loop);
    struct dns_lookup *first = TAILQ_FIRST(&dns->lookups);

    ev_timer_stop(ev, &dns->deadline_timer);
    if (!first)
        return;
    int64_t left_ns = first->deadline_ns - loop_now(dns->loop);

    ev_now_update(ev);
    ev_timer_set(&dns->deadline_timer, left_ns > 0 ? (double)left_ns / 1e9 : 0, 0);
    ev_timer_start(ev, &dns->deadline_timer);
}

/* Starts what waits for its turn. Look-ups may end or be added meanwhile, so it looks anew. */
static void dns_advance(void *context)
{
    struct dns *dns = context;

    while (dns->active < DNS_ACTIVE_MAX && dns->active < dns->pending) {
        struct dns_lookup *next;

        TAILQ_FOREACH(next, &dns->lookups, link)
        {
            if (!next->started)
                break;
        }
        if (!next)
            break;
        next->started = true;
        dns->active++;
        dns_ask_candidate(next);
    }
    dns_arm_deadline(dns);
}

static void dns_on_deadline(struct ev_loop *ev, struct ev_timer *watcher, int events)
{
    struct dns *dns = watcher->data;
    struct dns_lookup *first;
    int64_t now_ns = loop_now(dns->loop);

    (void)ev;
    (void)events;
    while ((first = TAILQ_FIRST(&dns->lookups)) && first->deadline_ns <= now_ns)
        dns_finish(first, first->naddresses ? DNS_OK : DNS_TIMEOUT);
    dns_advance(dns);
}

static struct dns_lookup *dns_lookup_new(struct dns *dns, enum dns_kind kind, const char *name,
                                         void *context)
{
    struct dns_lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup)
        return NULL;
    lookup->dns = dns;
    lookup->kind = kind;
    lookup->context = context;
    lookup->best = DNS_NXDOMAIN;
    lookup->deadline_ns = time_add(loop_now(dns->loop), dns->timeout_ns);
    text_format(lookup->name, sizeof(lookup->name), "%s", name);
    return lookup;
}

static void dns_start(struct dns_lookup *lookup)
{
    struct dns *dns = lookup->dns;

    TAILQ_INSERT_TAIL(&dns->lookups, lookup, link);
    dns->pending++;
    dns_advance(dns);
}

/* --- the interface ----------------------------------------------------------- */

/* What needs no server: the hosts file first, as nsswitch.conf has it everywhere. */
static int dns_resolve_locally(struct dns *dns, const char *name, int family, struct address **out,
                               size_t *count)
{
    struct address *addresses = calloc(DNS_ADDRESSES_MAX, sizeof(*addresses));

    if (!addresses)
        return -ENOMEM;
    *count = dns_hosts_addresses(&dns->hosts, name, family, addresses, DNS_ADDRESSES_MAX);
    if (*count == 0) {
        free(addresses);
        return 0;
    }
    *out = addresses;
    return 0;
}

int dns_resolve(struct dns *dns, const char *name, int family, dns_addresses_fn *done,
                void *context)
{
    struct address *known = NULL;
    struct address literal;
    size_t count = 0;
    int rc = route_parse_address(name, &literal);

    if (rc == 0) {
        bool fits = family == 0 || family == literal.family;

        done(context, fits ? DNS_OK : DNS_NODATA, fits ? &literal : NULL, fits ? 1 : 0);
        return 0;
    }
    if (!dns_name_is_valid(name)) {
        done(context, DNS_BAD_NAME, NULL, 0);
        return 0;
    }
    rc = dns_resolve_locally(dns, name, family, &known, &count);
    if (rc)
        return rc;
    if (count) {
        rc = dns_sort(known, count);
        if (!rc)
            done(context, DNS_OK, known, count);
        free(known);
        return rc;
    }
    struct dns_lookup *lookup = dns_lookup_new(dns, DNS_KIND_ADDRESSES, name, context);

    if (!lookup)
        return -ENOMEM;
    lookup->family = family;
    lookup->addresses_done = done;
    dns_start(lookup);
    return 0;
}

static int dns_ask_text(struct dns *dns, const char *name, enum dns_type type, dns_text_fn *done,
                        void *context)
{
    struct dns_lookup *lookup = dns_lookup_new(dns, DNS_KIND_TEXT, name, context);

    if (!lookup)
        return -ENOMEM;
    lookup->text_type = type;
    lookup->text_done = done;
    dns_start(lookup);
    return 0;
}

int dns_reverse(struct dns *dns, const struct address *address, dns_text_fn *done, void *context)
{
    char name[DNS_NAME_MAX + 1];

    if (dns_hosts_name(&dns->hosts, address, name, sizeof(name))) {
        done(context, DNS_OK, name);
        return 0;
    }
    if (dns_reverse_name(address, NULL, name, sizeof(name))) {
        done(context, DNS_BAD_NAME, NULL);
        return 0;
    }
    return dns_ask_text(dns, name, DNS_TYPE_PTR, done, context);
}

int dns_txt(struct dns *dns, const char *name, dns_text_fn *done, void *context)
{
    if (!dns_name_is_valid(name)) {
        done(context, DNS_BAD_NAME, NULL);
        return 0;
    }
    return dns_ask_text(dns, name, DNS_TYPE_TXT, done, context);
}

size_t dns_pending(const struct dns *dns)
{
    return dns->pending;
}

/* --- opening and closing ----------------------------------------------------- */

/*
 * The time of one try, such that all tries of all servers fit before the deadline: c-ares doubles
 * it each time it has been through the servers.
 */
static int dns_try_ms(int64_t timeout_ns, int tries, int nservers)
{
    int64_t shares = ((INT64_C(1) << tries) - 1) * (nservers > 0 ? nservers : 1);
    int64_t ms = timeout_ns / NS_PER_MS / shares;

    if (ms > 60000)
        return 60000;
    return ms > DNS_TRY_MIN_MS ? (int)ms : DNS_TRY_MIN_MS;
}

static int dns_open_channel(struct dns *dns, const struct dns_options *options, int nservers,
                            bool persistent)
{
    const struct dns_channel_options o = {
        .servers = options->servers,
        .tries = options->tries,
        .try_ms = dns_try_ms(dns->timeout_ns, options->tries, nservers),
        .persistent = persistent,
    };

    return dns_channel_open(persistent ? &dns->persistent : &dns->plain, &o);
}

/* The number of servers is known only once opened, and the time of a try depends on it. */
static int dns_open_channels(struct dns *dns, const struct dns_options *options)
{
    int rc = dns_open_channel(dns, options, 1, false);
    if (rc)
        return rc;
    int nservers = dns_channel_servers(&dns->plain);

    if (nservers > 1) {
        dns_channel_close(&dns->plain);
        rc = dns_open_channel(dns, options, nservers, false);
        if (!rc)
            rc = dns_open_channel(dns, options, nservers, true);
        if (rc)
            return rc;
    }
    int mask;

    return ares_save_options(dns->plain.ares, &dns->saved, &mask) == ARES_SUCCESS ? 0 : -ENOMEM;
}

int dns_new(struct loop *loop, const struct dns_options *options, struct dns **out)
{
    struct dns_options o = options ? *options : (struct dns_options){0};
    struct dns *dns = calloc(1, sizeof(*dns));
    int rc;

    if (!dns)
        return -ENOMEM;
    if (o.tries <= 0 || o.tries > DNS_TRIES_MAX)
        o.tries = DNS_TRIES_DEFAULT;
    dns->loop = loop;
    dns->timeout_ns = o.timeout_ns > 0 ? o.timeout_ns : DNS_TIMEOUT_DEFAULT_NS;
    TAILQ_INIT(&dns->lookups);
    dns_channel_init(&dns->plain, loop, dns_advance, dns);
    dns_channel_init(&dns->persistent, loop, dns_advance, dns);
    ev_timer_init(&dns->deadline_timer, dns_on_deadline, 0, 0);
    dns->deadline_timer.data = dns;
    rc = dns_hosts_load(&dns->hosts, DNS_HOSTS_FILE);
    if (!rc)
        rc = dns_open_channels(dns, &o);
    if (rc)
        dns_free(dns);
    else
        *out = dns;
    return rc;
}

void dns_free(struct dns *dns)
{
    struct dns_lookup *first;

    if (!dns)
        return;
    while ((first = TAILQ_FIRST(&dns->lookups)))
        dns_finish(first, DNS_CANCELLED);
    ev_timer_stop(loop_ev(dns->loop), &dns->deadline_timer);
    dns_channel_close(&dns->plain);
    dns_channel_close(&dns->persistent);
    ares_destroy_options(&dns->saved);
    dns_hosts_release(&dns->hosts);
    free(dns);
}
