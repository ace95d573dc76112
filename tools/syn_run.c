#include "tools/syn_run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "io/route.h"
#include "tools/batch.h"
#include "tools/destination.h"
#include "tools/syn_entry.h"

#define SYN_LINK_MTU 1500 /* bytes: what is said of larger links says nothing about the way */

/* How long what can be probed waits for names that are still being resolved. */
#define SYN_NAMES_WAIT_NS (500 * NS_PER_MS)

/* Above this share of all packets, what our own capture lost could be all the loss there is. */
#define SYN_CAPTURE_LOSS_MAX 0.001

/* A rate counts as missed below this share of it, and from so many SYNs on. */
#define SYN_RATE_KEPT 0.95
#define SYN_RATE_SYNS 100

struct syn_runner {
    struct session *session;
    struct syn_output *output;
    struct syn_config config;
    struct destination *jobs;
    size_t njobs;
    struct syn_entry *entries;
    size_t nentries, size;
    struct syn *syn; /* of what is being probed now: the entries from `first` on */
    size_t first;
    struct batch batch;
    struct syn_result totals; /* of all that was probed before */
    int64_t start_ns, deadline_ns, paused_ns;
    int64_t first_sent_ns, last_sent_ns; /* 0: nothing was */
    int broken;                          /* -errno of the network */
    int status;                          /* worst so far */
    bool stopped;
};

static void syn_run_worst(struct syn_runner *r, int status)
{
    if (status > r->status)
        r->status = status;
}

/* --- what is to be probed ----------------------------------------------------------------------
 */

static struct syn_entry *syn_run_add(struct syn_runner *r, const struct destination *job)
{
    if (r->nentries == r->size) {
        size_t size = r->size ? 2 * r->size : 16;
        struct syn_entry *grown = reallocarray(r->entries, size, sizeof(*grown));

        if (!grown)
            return NULL;
        r->entries = grown;
        r->size = size;
    }
    r->entries[r->nentries] = (struct syn_entry){.job = job};
    return &r->entries[r->nentries++];
}

static void syn_run_say(const struct syn_runner *r, const struct failure *failure)
{
    if (r->session->options->format == FORMAT_TEXT || !r->output->base.owned)
        fprintf(stderr, "netdx syn: %s\n", failure->message);
}

static int syn_run_add_failure(struct syn_runner *r, const struct destination *job,
                               const struct failure *failure)
{
    struct syn_entry *entry = syn_run_add(r, job);

    if (!entry)
        return -ENOMEM;
    entry->failure = *failure;
    syn_run_say(r, failure);
    syn_run_worst(r, failure->status);
    return 0;
}

/* An address without a route is only a remark where the same name has others. */
static int syn_run_add_unroutable(struct syn_runner *r, const struct destination *job,
                                  const struct address *address, int err, bool others)
{
    char text[ADDRESS_TEXT_SIZE];
    struct failure failure;

    address_format(address, text);
    session_source_failure(err, others ? text : job->text, &failure);
    if (others)
        failure.status = EXIT_FINE;
    return syn_run_add_failure(r, job, &failure);
}

static int syn_run_add_ports(struct syn_runner *r, const struct destination *job,
                             const struct address *destination, const struct address *source)
{
    for (size_t i = 0; i < job->ports->count; i++) {
        struct syn_entry *entry = syn_run_add(r, job);

        if (!entry)
            return -ENOMEM;
        entry->target = (struct syn_target){
            .source = *source, .destination = *destination, .port = job->ports->ports[i]};
    }
    return 0;
}

/* One of two turns: what cannot be reached at all, and then all that can, in one row. */
static int syn_run_take(struct syn_runner *r, const struct destination *job, bool routable)
{
    size_t count = destination_count(job), reachable = 0;
    struct address source;
    int err = 0;

    for (size_t i = 0; i < count; i++) {
        struct address address = destination_address(job, i);

        reachable += !session_source(r->session, &address, &source);
    }
    for (size_t i = 0; i < count && !err; i++) {
        struct address address = destination_address(job, i);
        int refused = session_source(r->session, &address, &source);

        if (!refused && routable)
            err = syn_run_add_ports(r, job, &address, &source);
        else if (refused && !routable)
            err = syn_run_add_unroutable(r, job, &address, refused, reachable > 0);
    }
    return err;
}

static int syn_run_take_all(struct syn_runner *r)
{
    int err = 0;

    for (size_t i = 0; i < r->njobs && !err; i++)
        if (r->jobs[i].state == DESTINATION_READY)
            err = syn_run_take(r, &r->jobs[i], false);
    r->first = r->nentries;
    for (size_t i = 0; i < r->njobs && !err; i++) {
        if (r->jobs[i].state != DESTINATION_READY)
            continue;
        r->jobs[i].state = DESTINATION_TAKEN;
        err = syn_run_take(r, &r->jobs[i], true);
    }
    return err;
}

static size_t syn_run_jobs_in(const struct syn_runner *r, enum destination_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < r->njobs; i++)
        count += r->jobs[i].state == state;
    return count;
}

/* --- the engine --------------------------------------------------------------------------------
 */

static void syn_run_sent(void *owner, uint32_t id, int error, int64_t now_ns)
{
    struct syn_runner *r = owner;

    syn_sent(r->syn, id, error, now_ns);
    if (error)
        return;
    if (!r->first_sent_ns)
        r->first_sent_ns = now_ns;
    r->last_sent_ns = now_ns;
}

/* The smallest on the way to any of the targets. */
static uint16_t syn_run_mtu(const struct syn_runner *r)
{
    uint32_t least = SYN_LINK_MTU, mtu;

    for (size_t i = r->first; i < r->nentries; i++)
        if (!route_mtu(&r->entries[i].target.destination, r->session->options->interface, &mtu) &&
            mtu < least)
            least = mtu;
    return (uint16_t)least;
}

static int syn_run_start(struct syn_runner *r)
{
    size_t count = r->nentries - r->first;
    struct syn_target *targets = calloc(count, sizeof(*targets));
    struct syn_config config = r->config;
    const char *why = "out of memory";
    struct failure failure;
    int err = -ENOMEM;

    for (size_t i = 0; targets && i < count; i++)
        targets[i] = r->entries[r->first + i].target;
    config.seed = session_seed(r->session);
    config.link_mtu = syn_run_mtu(r);
    if (targets)
        err = syn_new(&config, targets, count, netio_now(r->session->io), &r->syn, &why);
    free(targets);
    if (!err)
        return 0;
    failure_set(&failure, err, err == -ENOMEM ? "memory" : "usage", "cannot be probed", why);
    for (size_t i = r->first; i < r->nentries; i++)
        r->entries[i].failure = failure;
    syn_run_say(r, &failure);
    syn_run_worst(r, failure.status);
    return err;
}

/* Everything that may leave now. */
static enum syn_step syn_run_send(struct syn_runner *r, int64_t *wake_ns)
{
    int64_t now = netio_now(r->session->io);
    enum syn_step step;
    struct probe probe;
    uint32_t id;

    while ((step = syn_next(r->syn, now, &probe, &id, wake_ns)) == SYN_SEND)
        batch_add(&r->batch, r, &probe, id);
    batch_flush(&r->batch);
    return step;
}

static void syn_run_event(struct syn_runner *r, const struct syn_observation *seen, bool given_up)
{
    const struct syn_entry *entry = &r->entries[r->first + seen->target];
    struct netio *io = r->session->io;
    int64_t now = netio_now(io);

    syn_output_event(r->output, seen, &entry->target, entry->job->aim.target.host,
                     netio_to_unix(io, now) - now, given_up);
}

static void syn_run_dispatch(void *context, const struct packet *packet,
                             const struct netio_frame *frame, enum packet_direction direction)
{
    struct syn_runner *r = context;
    struct syn_observation seen;

    if (syn_receive(r->syn, packet, direction, frame->when_ns, &seen) == SYN_FOREIGN)
        return;
    if (!r->session->raw && seen.tcp_flags)
        seen.reply_ttl = 0; /* a socket does not tell */
    syn_run_event(r, &seen, false);
}

static void syn_run_receive(struct syn_runner *r)
{
    int err = session_receive(r->session, syn_run_dispatch, r);

    if (err)
        r->broken = err;
}

static void syn_run_give_up(struct syn_runner *r)
{
    struct syn_observation seen;

    while (syn_given_up(r->syn, &seen))
        syn_run_event(r, &seen, true);
}

/* Time that this process was stopped is nobody's loss. */
static void syn_run_shift(struct syn_runner *r)
{
    int64_t paused = loop_paused_ns(r->session->loop) - r->paused_ns;

    r->paused_ns += paused;
    if (paused)
        syn_shift(r->syn, paused);
}

static bool syn_run_must_stop(const struct syn_runner *r)
{
    return r->broken || r->output->base.error || netio_now(r->session->io) >= r->deadline_ns;
}

static void syn_run_progress(struct syn_runner *r)
{
    uint64_t total = (uint64_t)r->config.count * (r->nentries - r->first);
    struct syn_result totals;

    if (!r->output->base.progress)
        return;
    syn_totals(r->syn, &totals);
    syn_output_progress(r->output, totals.sent, total, netio_now(r->session->io));
}

static void syn_run_loop(struct syn_runner *r)
{
    for (;;) {
        int64_t wake_ns = TIME_NEVER;
        enum syn_step step = syn_run_send(r, &wake_ns);

        syn_run_give_up(r);
        if (r->session->options->verbose || r->session->options->format == FORMAT_JSONL)
            output_flush(&r->output->base);
        if (step == SYN_DONE)
            return;
        syn_run_progress(r);
        if (syn_run_must_stop(r) ||
            netio_wait(r->session->io, wake_ns < r->deadline_ns ? wake_ns : r->deadline_ns) ==
                -EINTR) {
            r->stopped = true;
            syn_stop(r->syn);
            return;
        }
        syn_run_shift(r);
        syn_run_receive(r);
    }
}

/* --- results -----------------------------------------------------------------------------------
 */

static void syn_run_finish_entry(struct syn_runner *r, struct syn_entry *entry, size_t index)
{
    int err = syn_target_result(r->syn, index, &entry->result);

    if (err) {
        failure_refuse(&entry->failure, err, "memory", "target", entry->job->text,
                       "has a result that memory does not hold");
        syn_run_say(r, &entry->failure);
        syn_run_worst(r, EXIT_UNKNOWN);
        return;
    }
    entry->has_result = true;
    if (!r->session->raw)
        syn_entry_keep_findings(&entry->result);
    syn_run_worst(r, syn_entry_status(&entry->result));
}

static void syn_run_add_totals(struct syn_result *sum, const struct syn_result *more)
{
    sum->sent += more->sent;
    sum->answered += more->answered;
    sum->pending += more->pending;
    sum->foreign += more->foreign;
    sum->suspects += more->suspects;
    sum->send_errors += more->send_errors;
    sum->open += more->open;
    sum->refused += more->refused;
    sum->timed_out += more->timed_out;
    sum->unreachable += more->unreachable;
    sum->repeats_sent += more->repeats_sent;
    sum->late += more->late;
    sum->duplicates += more->duplicates;
    sum->pauses += more->pauses;
}

/* Probes all that is ready now. */
static void syn_run_wave(struct syn_runner *r)
{
    struct syn_result totals;

    if (syn_run_take_all(r)) {
        r->broken = -ENOMEM;
        return;
    }
    if (r->first == r->nentries || syn_run_start(r))
        return;
    syn_run_loop(r);
    for (size_t i = r->first; i < r->nentries; i++)
        syn_run_finish_entry(r, &r->entries[i], i - r->first);
    syn_totals(r->syn, &totals);
    syn_run_add_totals(&r->totals, &totals);
    syn_free(r->syn);
    r->syn = NULL;
}

/* Until all names are resolved, or what is ready has waited enough. */
static void syn_run_wait_names(struct syn_runner *r)
{
    int64_t patience = time_add(netio_now(r->session->io), SYN_NAMES_WAIT_NS);

    while (!r->stopped && syn_run_jobs_in(r, DESTINATION_RESOLVING)) {
        int64_t until = syn_run_jobs_in(r, DESTINATION_READY) ? patience : TIME_NEVER;

        if (netio_now(r->session->io) >= until)
            return;
        if (until > r->deadline_ns)
            until = r->deadline_ns;
        r->stopped = netio_wait(r->session->io, until) == -EINTR ||
                     netio_now(r->session->io) >= r->deadline_ns;
    }
}

static void syn_run_waves(struct syn_runner *r)
{
    while (!r->stopped && !r->broken) {
        syn_run_wait_names(r);
        if (r->stopped || !syn_run_jobs_in(r, DESTINATION_READY))
            break;
        r->paused_ns = loop_paused_ns(r->session->loop);
        syn_run_wave(r);
    }
    for (size_t i = 0; i < r->njobs; i++) {
        destination_stop(&r->jobs[i]);
        if (r->jobs[i].state == DESTINATION_FAILED)
            syn_run_add_failure(r, &r->jobs[i], &r->jobs[i].failure);
    }
}

/* --- the report --------------------------------------------------------------------------------
 */

/* What was asked for and could have been sent: a few targets do not fill any rate. */
static double syn_run_expected_pps(const struct syn_runner *r)
{
    double most = (double)r->nentries * 1e9 / (double)r->config.interval_ns;

    return r->config.rate_pps < most ? r->config.rate_pps : most;
}

static void syn_run_summary(struct syn_runner *r, struct report_syn *run)
{
    struct netio *io = r->session->io;
    struct netio_counters counters = {0};
    double took_s = (double)(r->last_sent_ns - r->first_sent_ns) / 1e9;
    uint64_t syns = r->totals.sent + r->totals.repeats_sent;

    netio_counters(io, &counters);
    *run = (struct report_syn){
        .config = &r->config,
        .totals = &r->totals,
        .privilege = io->privilege,
        .method = r->session->raw ? "raw" : "connect",
        .start_unix_ns = netio_to_unix(io, r->start_ns),
        .elapsed_ns = netio_now(io) - r->start_ns,
        .interrupted = r->stopped,
        .achieved_pps = syns > 1 && took_s > 0 ? (double)(syns - 1) / took_s : NAN,
        .capture_dropped = counters.capture_dropped,
        .interface_dropped = counters.interface_dropped,
        .inconclusive =
            (double)counters.capture_dropped > SYN_CAPTURE_LOSS_MAX * (double)counters.received,
        .error_code = r->broken ? "network.lost" : NULL,
        .error_message = r->broken ? strerror(-r->broken) : NULL,
    };
    run->rate_missed = r->config.rate_pps > 0 && syns >= SYN_RATE_SYNS &&
                       run->achieved_pps < SYN_RATE_KEPT * syn_run_expected_pps(r);
}

static void syn_run_report(struct syn_runner *r)
{
    struct report_syn_target *targets = calloc(r->nentries + 1, sizeof(*targets));
    struct report_syn run;

    syn_run_summary(r, &run);
    if (r->broken) {
        fprintf(stderr, "netdx syn: the network was lost: %s\n", run.error_message);
        syn_run_worst(r, EXIT_UNKNOWN);
    }
    if (run.inconclusive)
        syn_run_worst(r, EXIT_WARNING);
    for (size_t i = 0; targets && i < r->nentries; i++)
        targets[i] = syn_entry_report(&r->entries[i], &r->config, r->session->raw != NULL);
    syn_output_report(r->output, &run, targets, targets ? r->nentries : 0);
    free(targets);
}

static void syn_run_release(struct syn_runner *r)
{
    batch_release(&r->batch);
    for (size_t i = 0; i < r->nentries; i++)
        if (r->entries[i].has_result)
            syn_target_result_release(&r->entries[i].result);
    free(r->entries);
    for (size_t i = 0; i < r->njobs; i++)
        destination_release(&r->jobs[i]);
    free(r->jobs);
}

int syn_run(struct session *session, struct syn_output *output, const struct syn_config *config,
            const struct target_list *list)
{
    int64_t start = netio_now(session->io), limit = session->options->deadline_ns;
    struct syn_runner r = {.session = session,
                           .output = output,
                           .config = *config,
                           .jobs = calloc(list->count, sizeof(*r.jobs)),
                           .start_ns = start,
                           .deadline_ns = limit ? time_add(start, limit) : TIME_NEVER};
    int signal_number;

    if (!r.jobs || batch_init(&r.batch, session->io, BATCH_SLOT_MIN, syn_run_sent)) {
        syn_run_release(&r);
        fputs("netdx syn: out of memory\n", stderr);
        return EXIT_UNKNOWN;
    }
    for (r.njobs = 0; r.njobs < list->count; r.njobs++)
        destination_init(&r.jobs[r.njobs], session, &output->request->ports, list, r.njobs);
    syn_run_waves(&r);
    syn_run_report(&r);
    syn_run_release(&r);
    signal_number = loop_signal(session->loop);
    return signal_number ? 128 + signal_number : r.status;
}
