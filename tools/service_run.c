#include "tools/service_run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "tools/destination.h"

#define SERVICE_NAMES_MAX   64   /* targets resolved ahead */
#define SERVICE_NETWORK_MAX 4096 /* services of one network without --yes */

/* A target whose name is being resolved, or whose services are being begun. */
struct service_source {
    const struct target_text *item; /* borrowed */
    struct destination destination;
    struct redirect_url url;
    bool is_url;
    int64_t begun_ns;
    double dns_ms; /* NAN: it is an address, or not there yet */
};

struct service_active {
    struct service_job *job; /* owned */
    uint64_t number;
};

struct service_runner {
    const struct service_context *context;
    const struct service_sink *sink;
    const struct target_list *list;
    size_t next_target;
    struct service_source *sources[SERVICE_NAMES_MAX]; /* owned; a ring in the input's order */
    size_t first_source, nsources;
    uint64_t next_address; /* of the first source */
    size_t next_port;
    struct service_active *active; /* `parallel` of them */
    size_t nactive;
    uint64_t numbered, done;
    int64_t start_ns, deadline_ns, progress_ns;
    int status, error;
    bool stopped;
};

static int64_t service_run_now(const struct service_runner *r)
{
    return loop_now(r->context->session->loop);
}

/* --- targets -----------------------------------------------------------------------------------
 */

static void service_run_open(struct service_runner *r)
{
    struct session *session = r->context->session;

    while (r->nsources < SERVICE_NAMES_MAX && r->next_target < r->list->count) {
        struct service_source *source = calloc(1, sizeof(*source));
        const struct target_text *item = &r->list->items[r->next_target];

        if (!source)
            return; /* when others have ended there is memory again */
        source->item = item;
        source->is_url = strstr(item->text, "://") &&
                         !redirect_parse(item->text, strlen(item->text), &source->url);
        source->begun_ns = service_run_now(r);
        source->dns_ms = NAN;
        r->sources[(r->first_source + r->nsources++) % SERVICE_NAMES_MAX] = source;
        destination_init(&source->destination, session,
                         item->ports ? item->ports : &r->context->request->ports, r->list,
                         r->next_target++);
    }
}

static struct service_source *service_run_source(const struct service_runner *r)
{
    return r->nsources ? r->sources[r->first_source] : NULL;
}

static void service_run_close_source(struct service_runner *r)
{
    struct service_source *source = service_run_source(r);

    destination_release(&source->destination);
    free(source);
    r->first_source = (r->first_source + 1) % SERVICE_NAMES_MAX;
    r->nsources--;
    r->next_address = 0;
    r->next_port = 0;
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static void service_run_add(struct service_runner *r, struct service_job *job)
{
    if (!job) {
        r->status = EXIT_UNKNOWN;
        return;
    }
    r->active[r->nactive++] = (struct service_active){job, r->numbered++};
}

static struct service_job *service_run_begin(struct service_runner *r,
                                             const struct service_source *source)
{
    const struct destination *d = &source->destination;
    struct service_aim aim = {
        .item = source->item,
        .name = d->aim.target.is_address ? NULL : d->aim.target.host,
        .address = destination_address(d, r->next_address),
        .port = source->is_url ? source->url.port : d->ports->ports[r->next_port],
        .is_url = source->is_url,
        .url = source->url,
        .dns_ms = source->dns_ms,
    };

    return service_job_new(r->context, &aim);
}

/* The next service of the first source; closes it behind the last. */
static void service_run_step(struct service_runner *r, struct service_source *source)
{
    const struct destination *d = &source->destination;
    size_t ports = source->is_url ? 1 : d->ports->count;

    service_run_add(r, service_run_begin(r, source));
    if (++r->next_port < ports)
        return;
    r->next_port = 0;
    if (++r->next_address == destination_count(d))
        service_run_close_source(r);
}

static bool service_run_is_too_large(const struct service_runner *r, struct service_source *source)
{
    struct destination *d = &source->destination;
    char complaint[96];

    if (r->context->request->yes || r->next_address || r->next_port ||
        destination_count(d) * d->ports->count <= SERVICE_NETWORK_MAX)
        return false;
    snprintf(complaint, sizeof(complaint), "has %zu services; more than %d need --yes",
             destination_count(d) * d->ports->count, SERVICE_NETWORK_MAX);
    failure_refuse(&d->failure, 0, "usage", "target", d->text, complaint);
    d->state = DESTINATION_FAILED;
    return true;
}

static bool service_run_has_room(const struct service_runner *r)
{
    return r->nactive < r->context->request->parallel &&
           (!r->sink->room || r->numbered < r->sink->room(r->sink->context));
}

/* As many new jobs as there is room for. */
static void service_run_fill(struct service_runner *r)
{
    struct service_source *source;

    service_run_open(r);
    while ((source = service_run_source(r)) && service_run_has_room(r)) {
        if (source->destination.state == DESTINATION_RESOLVING)
            return;
        if (!source->destination.aim.target.is_address && isnan(source->dns_ms))
            source->dns_ms = ns_to_ms(service_run_now(r) - source->begun_ns);
        if (source->destination.state == DESTINATION_FAILED ||
            service_run_is_too_large(r, source)) {
            service_run_add(
                r, service_job_new_failed(r->context, source->item, &source->destination.failure));
            service_run_close_source(r);
        } else {
            service_run_step(r, source);
        }
        service_run_open(r);
    }
}

static void service_run_report(struct service_runner *r, const struct service_active *active)
{
    int status = service_job_status(active->job);
    int err = r->sink->report(r->sink->context, active->number, active->job);

    r->done++;
    if (err && !r->error)
        r->error = err;
    if (status > r->status)
        r->status = status;
}

static void service_run_reap(struct service_runner *r)
{
    for (size_t i = 0; i < r->nactive;) {
        service_job_tick(r->active[i].job);
        if (!service_job_is_over(r->active[i].job)) {
            i++;
            continue;
        }
        service_run_report(r, &r->active[i]);
        service_job_free(r->active[i].job);
        r->active[i] = r->active[--r->nactive];
    }
}

static void service_run_stop(struct service_runner *r)
{
    r->stopped = true;
    for (size_t i = 0; i < r->nactive; i++)
        service_job_stop(r->active[i].job);
    service_run_reap(r);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static int64_t service_run_wake(const struct service_runner *r)
{
    int64_t wake = r->deadline_ns;

    for (size_t i = 0; i < r->nactive; i++) {
        int64_t own = service_job_wake(r->active[i].job);

        wake = own < wake ? own : wake;
    }
    if (r->progress_ns < wake)
        wake = r->progress_ns;
    return wake;
}

static void service_run_progress(struct service_runner *r)
{
    const struct service_sink *sink = r->sink;
    int64_t now = service_run_now(r);

    if (now >= r->progress_ns)
        r->progress_ns = sink->progress(sink->context, r->done, r->list->count, now);
}

static void service_run_loop(struct service_runner *r)
{
    struct loop *loop = r->context->session->loop;

    for (;;) {
        service_run_reap(r);
        service_run_fill(r);
        if (!r->nactive && !r->nsources && r->next_target == r->list->count)
            return;
        if (r->error || service_run_now(r) >= r->deadline_ns)
            return service_run_stop(r);
        service_run_progress(r);
        if (loop_wait(loop, service_run_wake(r)) == -EINTR)
            return service_run_stop(r);
    }
}

int service_run(const struct service_context *context, const struct service_sink *sink,
                const struct target_list *list, struct service_run_facts *facts)
{
    struct session *session = context->session;
    int64_t limit = context->request->common.deadline_ns;
    struct service_runner r = {.context = context, .sink = sink, .list = list};
    size_t begun;
    int signal_number;

    r.active = calloc(context->request->parallel, sizeof(*r.active));
    if (!r.active)
        return EXIT_UNKNOWN;
    r.start_ns = service_run_now(&r);
    r.deadline_ns = limit ? time_add(r.start_ns, limit) : TIME_NEVER;
    r.progress_ns = sink->progress ? r.start_ns : TIME_NEVER;
    service_run_loop(&r);
    signal_number = loop_signal(session->loop);
    begun = r.next_target - r.nsources;
    while (service_run_source(&r))
        service_run_close_source(&r);
    *facts = (struct service_run_facts){
        .elapsed_ns = service_run_now(&r) - r.start_ns,
        .done = r.done,
        .begun = begun,
        .interrupted = r.stopped,
    };
    free(r.active);
    return signal_number ? 128 + signal_number : r.status;
}
