#include "tools/trace_session.h"

#include <errno.h>
#include <string.h>

#include "tools/trace_filter.h"

static int trace_session_open_names(struct trace_session *s, struct failure *failure)
{
    const char *database = s->options->asn_database;
    char complaint[128];
    int err = 0;

    if (s->options->asn)
        err = asn_new(s->base.dns, database, NULL, &s->asn);
    if (err) {
        snprintf(complaint, sizeof(complaint), "cannot be read: %s",
                 err == -EINVAL ? "not a MaxMind file" : strerror(-err));
        return failure_refuse(failure, err, "file.open", "AS database", database ? database : "",
                              complaint);
    }
    err = trace_names_new(s->base.loop, s->options->common.numeric ? NULL : s->base.dns, s->asn,
                          &s->names);
    if (err)
        return failure_set(failure, err, "memory", "cannot start", strerror(-err));
    return 0;
}

int trace_session_open(struct trace_session *session, const struct trace_options *options,
                       struct failure *failure)
{
    char filter[FILTER_SIZE];
    int err;

    *session = (struct trace_session){.options = options};
    err = session_open(&session->base, "trace", &options->common, NULL, failure);
    if (!err)
        err = trace_session_open_names(session, failure);
    if (err)
        return err;
    trace_filter(&options->config, options->common.family, filter);
    return session_seal(&session->base, filter, failure);
}

/* The resolver goes before the names: freeing it calls back what is still pending. */
void trace_session_close(struct trace_session *session)
{
    asn_free(session->asn);
    session_close(&session->base);
    trace_names_free(session->names);
    *session = (struct trace_session){0};
}

const char *trace_session_method(const struct trace_session *session, enum probe_protocol protocol)
{
    static const char *const methods[] = {"ping", "udp", "tcp"};

    return session->base.raw ? "raw" : methods[protocol];
}
