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

struct service_slot {
    struct service_job *job; /* owned; NULL: none */
    uint64_t number;
    struct service_slot *next; /* whose tick is due */
    bool ready;
};

struct service_runner {
    struct service_context context;
    const struct service_sink *sink;
    const struct target_list *list;
    size_t next_target;
    struct service_source *sources[SERVICE_NAMES_MAX]; /* owned; a ring in the input's order */
    size_t first_source, nsources;
    uint64_t next_address; /* of the first source */
    size_t next_port;
    struct service_slot *slots; /* owned; `parallel` of them */
    struct service_slot **idle; /* owned; those without a job, used from the end */
    size_t nidle;
    struct service_slot *ready, **ready_end; /* those whose tick is due, the first one first */
    uint64_t numbered, done;
    int64_t start_ns, deadline_ns, progress_ns;
    int status, error;
    bool stopped;
};

static int64_t service_run_now(const struct service_runner *r)
{
    return loop_now(r->context.session->loop);
}

/* --- targets -----------------------------------------------------------------------------------
 */

static void service_run_open(struct service_runner *r)
{
    struct session *session = r->context.session;

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
                         item->ports ? item->ports : &r->context.request->ports, r->list,
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

static void service_run_ready(void *runner, void *tag)
{
    struct service_runner *r = runner;
    struct service_slot *slot = tag;

    if (slot->ready)
        return;
    slot->ready = true;
    slot->next = NULL;
    *r->ready_end = slot;
    r->ready_end = &slot->next;
}

static struct service_slot *service_run_take_ready(struct service_runner *r)
{
    struct service_slot *slot = r->ready;

    r->ready = slot->next;
    if (!r->ready)
        r->ready_end = &r->ready;
    slot->ready = false;
    return slot;
}

/* Into the slot that comes next. */
static void service_run_add(struct service_runner *r, struct service_job *job)
{
    struct service_slot *slot = r->idle[r->nidle - 1];

    if (!job) {
        r->status = EXIT_UNKNOWN;
        return;
    }
    r->nidle--;
    slot->job = job;
    slot->number = r->numbered++;
    if (service_job_is_over(job))
        service_run_ready(r, slot);
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
        .tag = r->idle[r->nidle - 1],
    };

    return service_job_new(&r->context, &aim);
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

    if (r->context.request->yes || r->next_address || r->next_port ||
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
    return r->nidle && (!r->sink->room || r->numbered < r->sink->room(r->sink->context));
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
                r, service_job_new_failed(&r->context, source->item, &source->destination.failure));
            service_run_close_source(r);
        } else {
            service_run_step(r, source);
        }
        service_run_open(r);
    }
}

static void service_run_report(struct service_runner *r, const struct service_slot *slot)
{
    int status = service_job_status(slot->job);
    int err = r->sink->report(r->sink->context, slot->number, slot->job);

    r->done++;
    if (err && !r->error)
        r->error = err;
    if (status > r->status)
        r->status = status;
}

static void service_run_end(struct service_runner *r, struct service_slot *slot)
{
    service_run_report(r, slot);
    service_job_free(slot->job);
    slot->job = NULL;
    r->idle[r->nidle++] = slot;
}

/* Jobs that have got on, and are perhaps over. */
static void service_run_reap(struct service_runner *r)
{
    while (r->ready) {
        struct service_slot *slot = service_run_take_ready(r);

        service_job_tick(slot->job);
        if (!slot->ready && service_job_is_over(slot->job))
            service_run_end(r, slot);
    }
}

static void service_run_stop(struct service_runner *r)
{
    r->stopped = true;
    for (size_t i = 0; i < r->context.request->parallel; i++)
        if (r->slots[i].job)
            service_job_stop(r->slots[i].job);
    for (size_t i = 0; i < r->context.request->parallel; i++)
        if (r->slots[i].job)
            service_run_end(r, &r->slots[i]);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static void service_run_progress(struct service_runner *r)
{
    const struct service_sink *sink = r->sink;
    int64_t now = service_run_now(r);

    if (now >= r->progress_ns)
        r->progress_ns = sink->progress(sink->context, r->done, r->list->count, now);
}

static bool service_run_is_done(const struct service_runner *r)
{
    return r->nidle == r->context.request->parallel && !r->nsources &&
           r->next_target == r->list->count;
}

static void service_run_loop(struct service_runner *r)
{
    struct loop *loop = r->context.session->loop;

    while (!service_run_is_done(r)) {
        int64_t wake_ns = r->progress_ns < r->deadline_ns ? r->progress_ns : r->deadline_ns;

        if (r->error || service_run_now(r) >= r->deadline_ns ||
            loop_wait(loop, r->ready ? 0 : wake_ns) == -EINTR)
            return service_run_stop(r);
        service_run_progress(r);
        service_run_reap(r);
        service_run_fill(r);
    }
}

static int service_run_init(struct service_runner *r)
{
    size_t parallel = r->context.request->parallel;

    r->slots = calloc(parallel, sizeof(*r->slots));
    r->idle = calloc(parallel, sizeof(struct service_slot *));
    if (!r->slots || !r->idle)
        return -ENOMEM;
    for (size_t i = parallel; i-- > 0;)
        r->idle[r->nidle++] = &r->slots[i];
    r->ready_end = &r->ready;
    r->context.ready = service_run_ready;
    r->context.runner = r;
    return 0;
}

static void service_run_release(struct service_runner *r)
{
    while (service_run_source(r))
        service_run_close_source(r);
    free(r->slots);
    free(r->idle);
}

int service_run(const struct service_context *context, const struct service_sink *sink,
                const struct target_list *list, struct service_run_facts *facts)
{
    struct session *session = context->session;
    int64_t limit = context->request->common.deadline_ns;
    struct service_runner r = {.context = *context, .sink = sink, .list = list};
    int signal_number;

    if (service_run_init(&r)) {
        service_run_release(&r);
        return EXIT_UNKNOWN;
    }
    r.start_ns = service_run_now(&r);
    r.deadline_ns = limit ? time_add(r.start_ns, limit) : TIME_NEVER;
    r.progress_ns = sink->progress ? r.start_ns : TIME_NEVER;
    service_run_fill(&r);
    service_run_loop(&r);
    signal_number = loop_signal(session->loop);
    *facts = (struct service_run_facts){
        .elapsed_ns = service_run_now(&r) - r.start_ns,
        .done = r.done,
        .begun = r.next_target - r.nsources,
        .interrupted = r.stopped,
    };
    service_run_release(&r);
    return signal_number ? 128 + signal_number : r.status;
}
