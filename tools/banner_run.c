#include "tools/banner_run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "tools/destination.h"

#define BANNER_NAMES_MAX   64   /* targets resolved ahead */
#define BANNER_NETWORK_MAX 4096 /* services of one network without --yes */

/* A target whose name is being resolved, or whose services are being begun. */
struct banner_source {
    struct destination destination;
    struct redirect_url url;
    bool is_url;
    int64_t begun_ns;
    double dns_ms; /* NAN: it is an address, or not there yet */
};

struct banner_active {
    struct banner_job *job; /* owned */
    uint64_t number;
};

struct banner_runner {
    const struct banner_context *context;
    struct banner_output *output;
    const struct target_list *list;
    size_t next_target;
    struct banner_source *sources[BANNER_NAMES_MAX]; /* owned; a ring in the input's order */
    size_t first_source, nsources;
    uint64_t next_address; /* of the first source */
    size_t next_port;
    struct banner_active *active; /* `parallel` of them */
    size_t nactive;
    uint64_t numbered, done, answered, failed;
    int64_t start_ns, deadline_ns;
    int status;
    bool stopped;
};

static int64_t banner_run_now(const struct banner_runner *r)
{
    return loop_now(r->context->session->loop);
}

/* --- targets -----------------------------------------------------------------------------------
 */

static void banner_run_open(struct banner_runner *r)
{
    struct session *session = r->context->session;

    while (r->nsources < BANNER_NAMES_MAX && r->next_target < r->list->count) {
        struct banner_source *source = calloc(1, sizeof(*source));
        const char *text = r->list->items[r->next_target].text;

        if (!source)
            return; /* when others have ended there is memory again */
        source->is_url = strstr(text, "://") && !redirect_parse(text, strlen(text), &source->url);
        source->begun_ns = banner_run_now(r);
        source->dns_ms = NAN;
        r->sources[(r->first_source + r->nsources++) % BANNER_NAMES_MAX] = source;
        destination_init(&source->destination, session, &r->context->request->ports, r->list,
                         r->next_target++);
    }
}

static struct banner_source *banner_run_source(const struct banner_runner *r)
{
    return r->nsources ? r->sources[r->first_source] : NULL;
}

static void banner_run_close_source(struct banner_runner *r)
{
    struct banner_source *source = banner_run_source(r);

    destination_release(&source->destination);
    free(source);
    r->first_source = (r->first_source + 1) % BANNER_NAMES_MAX;
    r->nsources--;
    r->next_address = 0;
    r->next_port = 0;
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static void banner_run_add(struct banner_runner *r, struct banner_job *job)
{
    if (!job) {
        r->status = EXIT_UNKNOWN;
        return;
    }
    r->active[r->nactive++] = (struct banner_active){job, r->numbered++};
}

static struct banner_job *banner_run_begin(struct banner_runner *r,
                                           const struct banner_source *source)
{
    const struct destination *d = &source->destination;
    struct banner_aim aim = {
        .text = d->text,
        .name = d->aim.target.is_address ? NULL : d->aim.target.host,
        .address = destination_address(d, r->next_address),
        .port = source->is_url ? source->url.port : d->ports->ports[r->next_port],
        .is_url = source->is_url,
        .url = source->url,
        .dns_ms = source->dns_ms,
    };

    return banner_job_new(r->context, &aim);
}

/* The next service of the first source; closes it behind the last. */
static void banner_run_step(struct banner_runner *r, struct banner_source *source)
{
    const struct destination *d = &source->destination;
    size_t ports = source->is_url ? 1 : d->ports->count;

    banner_run_add(r, banner_run_begin(r, source));
    if (++r->next_port < ports)
        return;
    r->next_port = 0;
    if (++r->next_address == destination_count(d))
        banner_run_close_source(r);
}

static bool banner_run_is_too_large(const struct banner_runner *r, struct banner_source *source)
{
    struct destination *d = &source->destination;
    char complaint[96];

    if (r->context->request->yes || r->next_address || r->next_port ||
        destination_count(d) * d->ports->count <= BANNER_NETWORK_MAX)
        return false;
    snprintf(complaint, sizeof(complaint), "has %zu services; more than %d need --yes",
             destination_count(d) * d->ports->count, BANNER_NETWORK_MAX);
    failure_refuse(&d->failure, 0, "usage", "target", d->text, complaint);
    d->state = DESTINATION_FAILED;
    return true;
}

/* As many new jobs as there is room for. */
static void banner_run_fill(struct banner_runner *r)
{
    struct banner_source *source;

    banner_run_open(r);
    while ((source = banner_run_source(r)) && r->nactive < r->context->request->parallel &&
           r->numbered < r->output->next + BANNER_WINDOW) {
        if (source->destination.state == DESTINATION_RESOLVING)
            return;
        if (!source->destination.aim.target.is_address && isnan(source->dns_ms))
            source->dns_ms = ns_to_ms(banner_run_now(r) - source->begun_ns);
        if (source->destination.state == DESTINATION_FAILED || banner_run_is_too_large(r, source)) {
            banner_run_add(r, banner_job_new_failed(r->context, source->destination.text,
                                                    &source->destination.failure));
            banner_run_close_source(r);
        } else {
            banner_run_step(r, source);
        }
        banner_run_open(r);
    }
}

static void banner_run_report(struct banner_runner *r, const struct banner_active *active)
{
    int status = banner_job_status(active->job);
    struct report_banner report;

    banner_job_report(active->job, &report);
    banner_output_report(r->output, active->number, &report);
    r->done++;
    if (report_banner_code(&report))
        r->failed++;
    else
        r->answered++;
    if (status > r->status)
        r->status = status;
}

static void banner_run_reap(struct banner_runner *r)
{
    for (size_t i = 0; i < r->nactive;) {
        banner_job_tick(r->active[i].job);
        if (!banner_job_is_over(r->active[i].job)) {
            i++;
            continue;
        }
        banner_run_report(r, &r->active[i]);
        banner_job_free(r->active[i].job);
        r->active[i] = r->active[--r->nactive];
    }
}

static void banner_run_stop(struct banner_runner *r)
{
    r->stopped = true;
    for (size_t i = 0; i < r->nactive; i++)
        banner_job_stop(r->active[i].job);
    banner_run_reap(r);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static int64_t banner_run_wake(const struct banner_runner *r)
{
    int64_t wake = r->deadline_ns;

    for (size_t i = 0; i < r->nactive; i++) {
        int64_t own = banner_job_wake(r->active[i].job);

        wake = own < wake ? own : wake;
    }
    if (r->output->base.progress && r->output->base.next_draw_ns < wake)
        wake = r->output->base.next_draw_ns;
    return wake;
}

static void banner_run_loop(struct banner_runner *r)
{
    struct loop *loop = r->context->session->loop;

    for (;;) {
        banner_run_reap(r);
        banner_run_fill(r);
        if (!r->nactive && !r->nsources && r->next_target == r->list->count)
            return;
        if (r->output->base.error || banner_run_now(r) >= r->deadline_ns)
            return banner_run_stop(r);
        banner_output_progress(r->output, r->done, r->list->count, banner_run_now(r));
        if (loop_wait(loop, banner_run_wake(r)) == -EINTR)
            return banner_run_stop(r);
    }
}

int banner_run(const struct banner_context *context, struct banner_output *output,
               const struct target_list *list)
{
    struct session *session = context->session;
    int64_t limit = context->request->common.deadline_ns;
    struct banner_runner r = {.context = context, .output = output, .list = list};
    int signal_number;

    r.active = calloc(context->request->parallel, sizeof(*r.active));
    if (!r.active)
        return EXIT_UNKNOWN;
    r.start_ns = banner_run_now(&r);
    r.deadline_ns = limit ? time_add(r.start_ns, limit) : TIME_NEVER;
    banner_output_begin(output, netio_to_unix(session->io, netio_now(session->io)));
    banner_run_loop(&r);
    signal_number = loop_signal(session->loop);
    while (banner_run_source(&r))
        banner_run_close_source(&r);
    banner_output_end(output, &(struct report_banner_run){
                                  .start_unix_ns = netio_to_unix(session->io, r.start_ns),
                                  .elapsed_ns = banner_run_now(&r) - r.start_ns,
                                  .privilege = session->io->privilege,
                                  .interrupted = r.stopped,
                                  .answered = r.answered,
                                  .failed = r.failed,
                              });
    free(r.active);
    return signal_number ? 128 + signal_number : r.status;
}
