#include "tools/service_context.h"

#include <stdlib.h>

#include "tools/fingerprints.h"

/* Everything that is read from files, before the privileges go. */
static int service_context_load(struct service_context *context, const char *command,
                                struct failure *failure)
{
    const struct service_options *o = context->request;
    const struct tls_context_options options = {.ca_file = o->ca_file, .crl_file = o->crl_file};
    char error[IO_ERROR_SIZE];
    int err = tls_context_new(&options, &context->tls, error);

    if (err)
        return failure_set(failure, err, "file.open", "cannot set up TLS", error);
    if (o->fingerprints)
        err = fingerprints_load(o->fingerprints, command, &context->fingerprints, failure->message);
    if (err) {
        failure->code = "file.open";
        failure->status = EXIT_UNKNOWN;
    }
    return err;
}

/* Answers are to come from the targets themselves. */
static void service_context_note_proxies(const char *command, const struct common_options *common)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};

    for (size_t i = 0; common->verbose && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = secure_getenv(names[i]);

        if (value && *value)
            fprintf(stderr, "netdx %s: note: the proxy in %s is not used\n", command, names[i]);
    }
}

static int service_context_watch(struct service_context *context, struct failure *failure)
{
    const struct service_options *o = context->request;
    const struct service_capture_options options = {
        .way = o->capture,
        .first_port = o->first_port,
        .last_port = o->last_port,
        .few = o->few,
        .parallel = o->parallel,
        .save = o->save,
    };

    return service_capture_open(context->session, &options, &context->wire, failure);
}

int service_context_open(struct service_context *context, struct session *session,
                         const char *command, const struct service_options *options,
                         struct failure *failure)
{
    int err = session_open(session, command, &options->common, NULL, failure);

    *context = (struct service_context){.session = session, .request = options};
    service_context_note_proxies(command, &options->common);
    if (!err)
        err = service_context_load(context, command, failure);
    if (!err)
        err = service_context_watch(context, failure);
    if (!err)
        err = session_seal(session, NULL, failure);
    return err ? err : service_capture_start(context->wire, failure);
}

void service_context_close(struct service_context *context)
{
    service_capture_free(context->wire);
    if (context->session)
        session_close(context->session);
    tls_context_free(context->tls);
    version_fingerprints_free(context->fingerprints);
}
