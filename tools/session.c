#include "tools/session.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/record.h"
#include "io/route.h"
#include "io/unprivileged.h"

#define SESSION_RESOLVE_TIMEOUT_NS (4 * NS_PER_SEC)
#define SESSION_FRAMES_MAX         4096 /* read before probes are looked after again */

/* A raw socket would send from any address, and nothing would ever come back. */
static int session_check_source(const struct session *s, struct failure *failure)
{
    const struct common_options *o = s->options;
    char complaint[128];
    int err = o->source ? route_check_source(&o->source_address) : 0;

    if (!err)
        return 0;
    snprintf(complaint, sizeof(complaint), "cannot be used: %s", strerror(-err));
    return failure_refuse(failure, err, "source.unavailable", "source address", o->source,
                          err == -EADDRNOTAVAIL ? "is not an address of this machine" : complaint);
}

static int session_check_interface(const struct session *s, struct failure *failure)
{
    const char *name = s->options->interface;

    if (!name || if_nametoindex(name))
        return 0;
    return failure_refuse(failure, -ENODEV, "interface.unknown", "interface", name,
                          "does not exist");
}

static int session_open_raw(struct session *s, const struct raw_options *capture,
                            struct failure *failure)
{
    struct raw_options options = capture ? *capture : (struct raw_options){0};
    char error[IO_ERROR_SIZE] = "";
    int err = privilege_raise_net_raw();

    options.interface = s->options->interface;
    if (!err)
        err = raw_open(s->loop, &options, &s->io, error);
    if (!err) {
        s->raw = s->io;
        return 0;
    }
    if (err == -EPERM || err == -EACCES)
        return failure_set(failure, -EPERM, "permission", "cannot open raw sockets",
                           privilege_advice());
    if (err == -ENODEV)
        return failure_refuse(failure, err, "interface.unknown", "interface", s->options->interface,
                              "does not exist");
    return failure_set(failure, err, "network.open", "cannot open the network",
                       *error ? error : strerror(-err));
}

static int session_open_ordinary(struct session *s, struct failure *failure)
{
    char error[IO_ERROR_SIZE] = "";
    int err = unprivileged_open(s->loop, &s->io, error);

    if (err)
        return failure_set(failure, err, "network.open", "cannot open ordinary sockets",
                           *error ? error : strerror(-err));
    if (!s->options->quiet && s->options->way == WAY_AUTO)
        fprintf(stderr,
                "netdx %s: note: CAP_NET_RAW is missing, going on with ordinary sockets "
                "(see PRIVILEGES in netdx(1))\n",
                s->command);
    return 0;
}

static int session_open_network(struct session *s, const struct raw_options *capture,
                                struct failure *failure)
{
    int err = -EPERM;

    if (s->options->way != WAY_NONE)
        err = session_open_raw(s, capture, failure);
    if (err == -EPERM && s->options->way != WAY_RAW) {
        failure->code = NULL;
        err = session_open_ordinary(s, failure);
    }
    return err;
}

static int session_record(struct session *s, struct failure *failure)
{
    const char *path = s->options->record;
    struct netio *recorder;
    char complaint[128];
    int err;

    if (!path)
        return 0;
    if (!s->raw)
        return failure_set(failure, -EPERM, "permission", "recording needs raw packets",
                           privilege_advice());
    err = record_open(s->io, path, &recorder);
    if (err) {
        snprintf(complaint, sizeof(complaint), "cannot be written: %s", strerror(-err));
        return failure_refuse(failure, err, "file.open", "recording", path, complaint);
    }
    s->io = recorder;
    s->recording = true;
    return 0;
}

static int session_open_resolver(struct session *s, struct failure *failure)
{
    const struct dns_options options = {.servers = s->options->servers,
                                        .timeout_ns = SESSION_RESOLVE_TIMEOUT_NS};
    int err = dns_new(s->loop, &options, &s->dns);

    if (err == -EINVAL)
        return failure_refuse(failure, err, "usage", "server list", s->options->servers,
                              "is not ADDRESS[:PORT],... (IPv6 as [ADDRESS]:PORT)");
    if (err)
        return failure_set(failure, err, "dns.open", "cannot set up the resolver", strerror(-err));
    return 0;
}

int session_open(struct session *session, const char *command, const struct common_options *options,
                 const struct raw_options *capture, struct failure *failure)
{
    int err;

    *session = (struct session){.command = command, .options = options};
    err = loop_new(&session->loop);
    if (!err)
        err = loop_catch_signals(session->loop);
    if (err)
        return failure_set(failure, err, "memory", "cannot start", strerror(-err));
    err = session_check_source(session, failure);
    if (!err)
        err = session_check_interface(session, failure);
    if (!err)
        err = session_open_network(session, capture, failure);
    if (!err)
        err = session_record(session, failure);
    if (!err)
        err = session_open_resolver(session, failure);
    return err;
}

static void session_say(const struct session *s)
{
    const struct privilege_state *p = &s->privileges;

    if (!s->options->verbose)
        return;
    fprintf(stderr,
            "netdx %s: %s network; no_new_privs %d, bounding set empty %d, user switched %d, "
            "capabilities empty %d, landlock %d, seccomp %d\n",
            s->command, s->io->name, p->no_new_privs, p->bounding_dropped, p->user_switched,
            p->capabilities_empty, p->landlock, p->seccomp);
}

int session_seal(struct session *session, const char *filter, struct failure *failure)
{
    char error[IO_ERROR_SIZE] = "";
    int err = privilege_drop(session->options->sandbox, &session->privileges);

    if (err)
        return failure_set(failure, err, "sandbox", "cannot give privileges away", strerror(-err));
    if (session->raw && filter)
        err = raw_filter(session->raw, filter, error);
    if (err)
        return failure_set(failure, err, "network.filter", "cannot filter the capture",
                           *error ? error : strerror(-err));
    session_say(session);
    return 0;
}

static void session_decode(const struct netio_frame *frame, session_packet_fn *take, void *context)
{
    struct packet packet;

    packet_decode(frame->link, frame->bytes, frame->len, frame->wire_len, &packet);
    if (!(packet.layers & LAYER_IP))
        return;
    take(context, &packet, frame,
         frame->direction == PACKET_DIRECTION_UNKNOWN ? packet.link.direction : frame->direction);
}

int session_receive(const struct session *session, session_packet_fn *packet, void *context)
{
    struct netio_frame frame;

    for (int i = 0; i < SESSION_FRAMES_MAX; i++) {
        int got = netio_receive(session->io, &frame);

        if (got <= 0)
            return got == -EAGAIN || got == -EINTR ? 0 : got;
        session_decode(&frame, packet, context);
    }
    return 0;
}

void session_close(struct session *session)
{
    dns_free(session->dns);
    netio_close(session->io);
    loop_free(session->loop);
    *session = (struct session){0};
}

int session_record_error(const struct session *session)
{
    return session->recording ? record_error(session->io) : 0;
}

int session_source(const struct session *session, const struct address *destination,
                   struct address *source)
{
    const struct common_options *o = session->options;

    if (!o->source)
        return route_source(destination, o->interface, source);
    if (o->source_address.family != destination->family)
        return -EAFNOSUPPORT;
    *source = o->source_address;
    return 0;
}

void session_source_failure(int err, const char *text, struct failure *failure)
{
    char complaint[256];

    switch (err) {
    case -ENETUNREACH:
    case -EHOSTUNREACH:
        failure_refuse(failure, err, "route.none", "target", text,
                       "has no route: network is unreachable");
        failure->status = EXIT_CRITICAL;
        return;
    case -EAFNOSUPPORT:
        failure_refuse(failure, err, "usage", "target", text,
                       "is of another address family than the source address");
        return;
    case -ENODEV:
        failure_refuse(failure, err, "interface.unknown", "target", text,
                       "cannot be reached through an interface that does not exist");
        return;
    case -EADDRNOTAVAIL:
        failure_refuse(failure, err, "source.unavailable", "target", text,
                       "cannot be reached: the interface has no address of its family");
        return;
    default:
        snprintf(complaint, sizeof(complaint), "cannot be reached: %s", strerror(-err));
        failure_refuse(failure, err, "route.failed", "target", text, complaint);
    }
}

void session_dns_failure(const struct session *session, enum dns_status status, const char *text,
                         struct failure *failure)
{
    int family = session->options->family;
    char complaint[256];

    if (family && status == DNS_NODATA)
        snprintf(complaint, sizeof(complaint), "has no IPv%d address", family);
    else
        snprintf(complaint, sizeof(complaint), "cannot be resolved: %s", dns_status_text(status));
    failure_refuse(failure, -ENOENT, dns_status_code(status), "target", text, complaint);
    failure->status = EXIT_CRITICAL;
}

uint64_t session_seed(const struct session *session)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
        return seed;
    return (uint64_t)netio_now(session->io) ^ (uint64_t)getpid() << 32;
}
