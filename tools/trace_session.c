#include "tools/trace_session.h"

#include <errno.h>
#include <string.h>

#include "base/timespan.h"
#include "io/raw.h"
#include "io/record.h"
#include "io/route.h"
#include "io/unprivileged.h"
#include "tools/trace_filter.h"

#define TRACE_RESOLVE_TIMEOUT_NS (4 * NS_PER_SEC)

static int trace_session_fail(struct trace_failure *failure, int err, const char *code,
                              const char *what, const char *detail)
{
    failure->code = code;
    failure->status = EXIT_UNKNOWN;
    snprintf(failure->message, sizeof(failure->message), "%s: %s", what, detail);
    return err;
}

/* A raw socket would send from any address, and nothing would ever come back. */
static int trace_session_source(const struct trace_session *s, struct trace_failure *failure)
{
    const struct trace_options *o = s->options;
    char complaint[128];
    int err = o->source ? route_check_source(&o->config.source) : 0;

    if (!err)
        return 0;
    snprintf(complaint, sizeof(complaint), "cannot be used: %s", strerror(-err));
    options_refuse(failure->message, "source address", o->source,
                   err == -EADDRNOTAVAIL ? "is not an address of this machine" : complaint);
    failure->code = "source.unavailable";
    failure->status = EXIT_UNKNOWN;
    return err;
}

static int trace_session_open_raw(struct trace_session *s, struct trace_failure *failure)
{
    const struct raw_options options = {.interface = s->options->interface};
    char error[IO_ERROR_SIZE] = "";
    int err = privilege_raise_net_raw();

    if (!err)
        err = raw_open(s->loop, &options, &s->io, error);
    if (!err) {
        s->raw = s->io;
        return 0;
    }
    if (err == -EPERM || err == -EACCES)
        return trace_session_fail(failure, -EPERM, "permission", "cannot open raw sockets",
                                  privilege_advice());
    if (err == -ENODEV) {
        options_refuse(failure->message, "interface", s->options->interface, "does not exist");
        failure->code = "interface.unknown";
        failure->status = EXIT_UNKNOWN;
        return err;
    }
    return trace_session_fail(failure, err, "network.open", "cannot open the network",
                              *error ? error : strerror(-err));
}

static int trace_session_open_ordinary(struct trace_session *s, struct trace_failure *failure)
{
    char error[IO_ERROR_SIZE] = "";
    int err = unprivileged_open(s->loop, &s->io, error);

    if (err)
        return trace_session_fail(failure, err, "network.open", "cannot open ordinary sockets",
                                  *error ? error : strerror(-err));
    if (!s->options->quiet && s->options->way == TRACE_WAY_AUTO)
        fputs("netdx trace: note: CAP_NET_RAW is missing, going on with ordinary sockets "
              "(see PRIVILEGES in netdx(1))\n",
              stderr);
    return 0;
}

static int trace_session_open_network(struct trace_session *s, struct trace_failure *failure)
{
    int err = -EPERM;

    if (s->options->way != TRACE_WAY_NONE)
        err = trace_session_open_raw(s, failure);
    if (err == -EPERM && s->options->way != TRACE_WAY_RAW) {
        failure->code = NULL;
        err = trace_session_open_ordinary(s, failure);
    }
    return err;
}

static int trace_session_record(struct trace_session *s, struct trace_failure *failure)
{
    const char *path = s->options->record;
    struct netio *recorder;
    char complaint[128];
    int err;

    if (!path)
        return 0;
    if (!s->raw)
        return trace_session_fail(failure, -EPERM, "permission", "recording needs raw packets",
                                  privilege_advice());
    err = record_open(s->io, path, &recorder);
    if (err) {
        snprintf(complaint, sizeof(complaint), "cannot be written: %s", strerror(-err));
        options_refuse(failure->message, "recording", path, complaint);
        failure->code = "file.open";
        failure->status = EXIT_UNKNOWN;
        return err;
    }
    s->io = recorder;
    s->recording = true;
    return 0;
}

static int trace_session_open_names(struct trace_session *s, struct trace_failure *failure)
{
    const struct dns_options options = {.servers = s->options->servers,
                                        .timeout_ns = TRACE_RESOLVE_TIMEOUT_NS};
    int err = dns_new(s->loop, &options, &s->dns);

    if (err == -EINVAL) {
        options_refuse(failure->message, "server list", s->options->servers,
                       "is not ADDRESS[:PORT],... (IPv6 as [ADDRESS]:PORT)");
        failure->code = "usage";
        failure->status = EXIT_UNKNOWN;
        return err;
    }
    if (err)
        return trace_session_fail(failure, err, "dns.open", "cannot set up the resolver",
                                  strerror(-err));
    if (s->options->asn)
        err = asn_new(s->dns, s->options->asn_database, NULL, &s->asn);
    if (err) {
        char complaint[128];

        snprintf(complaint, sizeof(complaint), "cannot be read: %s",
                 err == -EINVAL ? "not a MaxMind file" : strerror(-err));
        options_refuse(failure->message, "AS database",
                       s->options->asn_database ? s->options->asn_database : "", complaint);
        failure->code = "file.open";
        failure->status = EXIT_UNKNOWN;
        return err;
    }
    return trace_names_new(s->loop, s->options->numeric ? NULL : s->dns, s->asn, &s->names);
}

static int trace_session_drop(struct trace_session *s, struct trace_failure *failure)
{
    int err = privilege_drop(s->options->sandbox, &s->privileges);

    if (err)
        return trace_session_fail(failure, err, "sandbox", "cannot give privileges away",
                                  strerror(-err));
    return 0;
}

static int trace_session_filter(struct trace_session *s, struct trace_failure *failure)
{
    char filter[TRACE_FILTER_SIZE], error[IO_ERROR_SIZE] = "";
    int err;

    if (!s->raw)
        return 0;
    trace_filter(&s->options->config, s->options->family, filter);
    err = raw_filter(s->raw, filter, error);
    if (err)
        return trace_session_fail(failure, err, "network.filter", "cannot filter the capture",
                                  *error ? error : strerror(-err));
    return 0;
}

static void trace_session_say(const struct trace_session *s)
{
    const struct privilege_state *p = &s->privileges;

    if (!s->options->verbose)
        return;
    fprintf(stderr,
            "netdx trace: %s network; no_new_privs %d, bounding set empty %d, user switched %d, "
            "capabilities empty %d, landlock %d, seccomp %d\n",
            s->io->name, p->no_new_privs, p->bounding_dropped, p->user_switched,
            p->capabilities_empty, p->landlock, p->seccomp);
}

int trace_session_open(struct trace_session *session, const struct trace_options *options,
                       struct trace_failure *failure)
{
    int err;

    *session = (struct trace_session){.options = options};
    err = loop_new(&session->loop);
    if (!err)
        err = loop_catch_signals(session->loop);
    if (err)
        return trace_session_fail(failure, err, "memory", "cannot start", strerror(-err));
    err = trace_session_source(session, failure);
    if (!err)
        err = trace_session_open_network(session, failure);
    if (!err)
        err = trace_session_record(session, failure);
    if (!err)
        err = trace_session_open_names(session, failure);
    if (!err)
        err = trace_session_drop(session, failure);
    if (!err)
        err = trace_session_filter(session, failure);
    if (!err)
        trace_session_say(session);
    else if (!failure->code)
        trace_session_fail(failure, err, "memory", "cannot start", strerror(-err));
    return err;
}

/* The resolver goes before the names: freeing it calls back what is still pending. */
void trace_session_close(struct trace_session *session)
{
    asn_free(session->asn);
    dns_free(session->dns);
    trace_names_free(session->names);
    netio_close(session->io);
    loop_free(session->loop);
    *session = (struct trace_session){0};
}

const char *trace_session_method(const struct trace_session *session, enum probe_protocol protocol)
{
    static const char *const methods[] = {"ping", "udp", "tcp"};

    return session->raw ? "raw" : methods[protocol];
}
