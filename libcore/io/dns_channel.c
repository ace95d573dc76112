#include "io/dns_channel.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

struct dns_socket {
    struct ev_io watcher;
    struct dns_channel *channel; /* borrowed */
    LIST_ENTRY(dns_socket) link;
};

static void dns_channel_rearm(struct dns_channel *channel)
{
    struct ev_loop *ev = loop_ev(channel->loop);
    struct timeval left;

    ev_timer_stop(ev, &channel->timer);
    if (!ares_timeout(channel->ares, NULL, &left))
        return;
    ev_now_update(ev);
    ev_timer_set(&channel->timer, (double)left.tv_sec + (double)left.tv_usec / 1e6, 0);
    ev_timer_start(ev, &channel->timer);
}

static void dns_channel_on_timer(struct ev_loop *ev, struct ev_timer *watcher, int events)
{
    struct dns_channel *channel = watcher->data;

    (void)ev;
    (void)events;
    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    dns_channel_rearm(channel);
    channel->progress(channel->context);
}

static void dns_channel_on_socket(struct ev_loop *ev, struct ev_io *watcher, int events)
{
    struct dns_socket *socket = watcher->data;
    struct dns_channel *channel = socket->channel;
    int fd = watcher->fd;

    (void)ev;
    ares_process_fd(channel->ares, events & EV_READ ? fd : ARES_SOCKET_BAD,
                    events & EV_WRITE ? fd : ARES_SOCKET_BAD);
    dns_channel_rearm(channel);
    channel->progress(channel->context);
}

static struct dns_socket *dns_channel_socket(struct dns_channel *channel, int fd)
{
    struct dns_socket *s;

    LIST_FOREACH(s, &channel->sockets, link)
    {
        if (s->watcher.fd == fd)
            return s;
    }
    return NULL;
}

/* c-ares says which events it wants of a socket; none means that it is about to close it. */
static void dns_channel_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct dns_channel *channel = data;
    struct ev_loop *ev = loop_ev(channel->loop);
    struct dns_socket *s = dns_channel_socket(channel, fd);

    if (s)
        ev_io_stop(ev, &s->watcher);
    if (!readable && !writable) {
        if (s)
            LIST_REMOVE(s, link);
        free(s);
        return;
    }
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return; /* its queries end at their deadline */
        s->channel = channel;
        LIST_INSERT_HEAD(&channel->sockets, s, link);
    }
    ev_io_init(&s->watcher, dns_channel_on_socket, fd,
               (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    s->watcher.data = s;
    ev_io_start(ev, &s->watcher);
}

/* ICMP "host unreachable" for our query becomes an error of the socket instead of a time-out. */
static int dns_channel_configure_socket(ares_socket_t fd, int type, void *data)
{
    int on = 1;

    (void)data;
    if (type == SOCK_DGRAM) {
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    }
    return 0;
}

/* --- opening, asking, closing ------------------------------------------------ */

int dns_channel_open(struct dns_channel *channel, const struct dns_channel_options *options)
{
    static char lookups[] = "b"; /* servers only */
    struct ares_options o = {
        .flags = (options->persistent ? 0 : ARES_FLAG_NOCHECKRESP) | ARES_FLAG_NOALIASES |
                 ARES_FLAG_NOSEARCH | ARES_FLAG_STAYOPEN,
        .timeout = options->try_ms,
        .tries = options->tries,
        .lookups = lookups,
        .sock_state_cb = dns_channel_socket_state,
        .sock_state_cb_data = channel,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
               ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&channel->ares, &o, mask);

    if (status == ARES_EFILE) { /* resolv.conf may not be read: then it is as if it were empty */
        struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

        o.servers = &loopback;
        o.nservers = 1;
        o.ndots = 1;
        mask |= ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_NDOTS | ARES_OPT_SORTLIST;
        status = ares_init_options(&channel->ares, &o, mask);
    }
    if (status != ARES_SUCCESS) {
        channel->ares = NULL;
        return -ENOMEM;
    }
    ares_set_socket_configure_callback(channel->ares, dns_channel_configure_socket, NULL);
    if (options->servers && ares_set_servers_ports_csv(channel->ares, options->servers))
        return -EINVAL;
    return 0;
}

int dns_channel_servers(const struct dns_channel *channel)
{
    struct ares_addr_port_node *servers = NULL, *s;
    int n = 0;

    if (ares_get_servers_ports(channel->ares, &servers) != ARES_SUCCESS)
        return 0;
    for (s = servers; s; s = s->next)
        n++;
    ares_free_data(servers);
    return n;
}

void dns_channel_close(struct dns_channel *channel)
{
    if (!channel->ares)
        return;
    ares_destroy(channel->ares);
    channel->ares = NULL;
    ev_timer_stop(loop_ev(channel->loop), &channel->timer);
}

void dns_channel_init(struct dns_channel *channel, struct loop *loop, dns_progress_fn *progress,
                      void *context)
{
    channel->loop = loop;
    channel->progress = progress;
    channel->context = context;
    LIST_INIT(&channel->sockets);
    ev_timer_init(&channel->timer, dns_channel_on_timer, 0, 0);
    channel->timer.data = channel;
}

void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_type type,
                     ares_callback done, void *context)
{
    ares_query(channel->ares, name, ns_c_in, (int)type, done, context);
    dns_channel_rearm(channel);
}

enum dns_status dns_channel_status(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_OK;
    case ARES_ENODATA:
        return DNS_NODATA;
    case ARES_ENOTFOUND:
        return DNS_NXDOMAIN;
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP:
        return DNS_SERVFAIL;
    case ARES_EREFUSED:
        return DNS_REFUSED;
    case ARES_ETIMEOUT:
        return DNS_TIMEOUT;
    case ARES_ECONNREFUSED:
        return DNS_UNREACHABLE;
    case ARES_EBADNAME:
        return DNS_BAD_NAME;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return DNS_CANCELLED;
    case ARES_ENOMEM:
        return DNS_NO_MEMORY;
    default:
        return DNS_BAD_ANSWER;
    }
}
