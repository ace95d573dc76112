#include "tools/flows_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "io/clockmap.h"
#include "tools/flows_live.h"
#include "tools/flows_worker.h"

#define FLOWS_DRAW_NS  (500 * NS_PER_MS)
#define FLOWS_DRAW_MAX 20 /* a look at everything takes at most this share of the time: 1/20 */
#define FLOWS_FLUSH_NS (100 * NS_PER_MS) /* events are seen this soon */
#define FLOWS_JOIN_NS  (80 * NS_PER_MS)  /* what a worker needs to come to its end */
/* Above this share of all frames, what our own capture lost could be all the loss there is. */
#define FLOWS_CAPTURE_LOSS_MAX 0.001
#define FLOWS_NAME_SIZE        1024
#define FLOWS_MESSAGE_SIZE     512

struct flows_leader {
    const struct flows_run *run;
    struct flows_team team;
    struct flows_worker *workers;
    size_t count;
    struct flows_rates rates;
    bool rates_are_ours; /* a live capture's, by our clock */
    int64_t start_ns, start_unix_ns, deadline_ns, draw_ns, flush_ns;
    int64_t unix_offset_ns; /* of the input's times, at the start */
    bool interrupted;
    int broken; /* -errno of an input */
    char name[FLOWS_NAME_SIZE], message[FLOWS_MESSAGE_SIZE];
};

/* --- what has been counted -------------------------------------------------------------------- */

/* What the workers have noted; the input itself is theirs. */
static void leader_inputs(const struct flows_leader *l, struct netio_counters *sum,
                          uint64_t *frames)
{
    *sum = (struct netio_counters){0};
    *frames = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct flows_worker *w = &l->workers[i];

        pthread_mutex_lock(&w->lock);
        sum->capture_dropped += w->counters.capture_dropped;
        sum->interface_dropped += w->counters.interface_dropped;
        *frames += w->frames;
        pthread_mutex_unlock(&w->lock);
    }
}

static void leader_sum(const struct flows_leader *l, struct flows_totals *totals)
{
    struct flows_summary sum = {0}, one;

    for (size_t i = 0; i < l->count; i++) {
        if (l->rates_are_ours)
            pthread_mutex_lock(&l->workers[i].lock);
        flows_summary(l->workers[i].flows, &one);
        if (l->rates_are_ours)
            pthread_mutex_unlock(&l->workers[i].lock);
        flows_live_add(&sum, &one);
    }
    *totals = (struct flows_totals){
        .packets = sum.packets, .bytes = sum.bytes, .flows = sum.flows, .counts = sum.counts};
}

/* Called by the worker itself, which holds its lock, where rates follow the time in a file. */
static void leader_totals(void *context, struct flows_totals *totals)
{
    const struct flows_leader *l = context;
    struct netio_counters inputs = {0};
    uint64_t frames;

    leader_sum(l, totals);
    if (l->rates_are_ours)
        leader_inputs(l, &inputs, &frames);
    totals->capture_dropped = inputs.capture_dropped;
    totals->interface_dropped = inputs.interface_dropped;
}

/* --- reports ---------------------------------------------------------------------------------- */

static void leader_report(struct flows_leader *l, struct report_flows *report)
{
    const struct flows_run *run = l->run;
    bool live = flows_input_is_live(run->input);
    struct netio_counters inputs;
    uint64_t frames;

    leader_inputs(l, &inputs, &frames);
    *report = (struct report_flows){
        .source = l->name,
        .privilege = run->input->parts[0]->privilege,
        .interrupted = l->interrupted,
        .start_unix_ns = l->start_unix_ns,
        .elapsed_ns = loop_now(run->loop) - l->start_ns,
        .unix_offset_ns = l->unix_offset_ns,
        .frames = frames,
        .has_drops = live,
        .capture_dropped = inputs.capture_dropped,
        .interface_dropped = inputs.interface_dropped,
        .workers = (uint32_t)l->count,
        .saved_path = run->options->common.record,
    };
    report->inconclusive =
        (double)report->capture_dropped >
        FLOWS_CAPTURE_LOSS_MAX * (double)(report->frames + report->capture_dropped);
    if (run->save) {
        report->saved = flows_save_written(run->save);
        report->saved_cut = flows_save_cut(run->save);
    }
    if (l->broken) {
        report->error_code = live                   ? "network.lost"
                             : l->broken == -EPROTO ? "file.cut"
                                                    : "file.read";
        report->error_message = l->message;
    }
}

static int leader_look(struct flows_leader *l, struct flows_result *result)
{
    struct flows_result *results = calloc(l->count, sizeof(*results));
    int err = results ? 0 : -ENOMEM;
    size_t count = 0;

    for (; !err && count < l->count; count++) {
        pthread_mutex_lock(&l->workers[count].lock);
        err = flows_result(l->workers[count].flows, &results[count]);
        pthread_mutex_unlock(&l->workers[count].lock);
        if (err)
            break;
    }
    if (!err)
        err = flows_live_combine(results, count, l->run->options->config.sort,
                                 l->run->options->config.top, result);
    else
        for (size_t i = 0; i < count; i++)
            flows_result_release(&results[i]);
    free(results);
    return err;
}

static void leader_draw(struct flows_leader *l, int64_t now_ns)
{
    struct report_flows report;
    struct flows_result result;

    if (!leader_look(l, &result)) {
        leader_report(l, &report);
        report.result = &result;
        flows_output_live(l->run->output, &report);
        flows_result_release(&result);
    }
    int64_t took = loop_now(l->run->loop) - now_ns;
    l->draw_ns =
        now_ns + (took * FLOWS_DRAW_MAX > FLOWS_DRAW_NS ? took * FLOWS_DRAW_MAX : FLOWS_DRAW_NS);
}

/* --- the run ---------------------------------------------------------------------------------- */

static int64_t leader_wake(const struct flows_leader *l)
{
    int64_t wake = l->deadline_ns;

    if (l->draw_ns < wake)
        wake = l->draw_ns;
    if (l->rates_are_ours && l->rates.next_ns < wake)
        wake = l->rates.next_ns;
    if (l->flush_ns < wake)
        wake = l->flush_ns;
    return wake;
}

static void leader_work(struct flows_leader *l, int64_t now_ns)
{
    struct flows_output *output = l->run->output;
    int64_t offset = l->start_unix_ns - l->start_ns;
    struct netio_counters inputs;
    uint64_t frames;

    if (now_ns >= l->draw_ns && flows_input_is_live(l->run->input))
        leader_draw(l, now_ns);
    else if (now_ns >= l->draw_ns) {
        leader_inputs(l, &inputs, &frames);
        flows_output_progress(output, frames, now_ns);
        l->draw_ns = now_ns + FLOWS_DRAW_NS;
    }
    if (l->rates_are_ours && flows_rates_due(&l->rates, now_ns))
        flows_rates_emit(&l->rates, now_ns, offset);
    if (now_ns >= l->flush_ns) {
        flows_output_flush(output);
        l->flush_ns = now_ns + FLOWS_FLUSH_NS;
    }
}

static bool leader_all_ended(struct flows_leader *l)
{
    bool all = true, lost = false;

    for (size_t i = 0; i < l->count; i++) {
        struct flows_worker *w = &l->workers[i];

        pthread_mutex_lock(&w->lock);
        all = all && w->ended;
        lost = lost || (w->ended && w->ended != -EINTR && w->ended != -ENODATA);
        pthread_mutex_unlock(&w->lock);
    }
    return all ||
           (lost && l->team.shares == 1); /* what one cannot read the others cannot make good */
}

static void leader_loop(struct flows_leader *l)
{
    for (;;) {
        int err = loop_wait(l->run->loop, leader_wake(l));
        int64_t now = loop_now(l->run->loop);

        if (err == -EINTR || now >= l->deadline_ns) {
            l->interrupted = true;
            return;
        }
        if (leader_all_ended(l) || atomic_load(&l->team.stop) ||
            flows_output_broken(l->run->output))
            return;
        leader_work(l, now);
    }
}

/* Why a part of the input ended: the first that did so badly tells. */
static void leader_note(struct flows_leader *l, size_t part, int ended)
{
    bool live = flows_input_is_live(l->run->input);
    const char *words = flows_input_error(l->run->input, part);
    char name[FLOWS_MESSAGE_SIZE / 2];

    if (!ended || ended == -EINTR || ended == -ENODATA || l->broken)
        return;
    l->broken = ended;
    if (live && ended == -ENODEV)
        words = "the interface was removed";
    text_escape(name, sizeof(name), l->name, strlen(l->name));
    text_format(l->message, sizeof(l->message), "%s: %s", name, *words ? words : strerror(-ended));
}

/* Whether all came to their end: one that hangs in the read of a pipe is left alone. */
static bool leader_gather(struct flows_leader *l)
{
    bool all = true;

    atomic_store(&l->team.stop, true);
    flows_input_stop(l->run->input);
    int64_t until = loop_now(l->run->loop) + FLOWS_JOIN_NS;
    for (size_t i = 0; i < l->count; i++)
        all = flows_worker_join(&l->workers[i], until) && all;
    for (size_t i = 0; i < l->count; i++)
        leader_note(l, i, flows_worker_close(&l->workers[i]));
    return all;
}

/* Of a file that is cut the part before is worth its verdict. */
static int leader_status(const struct report_flows *report)
{
    int status = EXIT_FINE;

    if (report->error_code && strcmp(report->error_code, "file.cut"))
        return EXIT_UNKNOWN;
    for (size_t i = 0; i < report->result->nfindings; i++) {
        if (report->result->findings[i].severity == FLOW_CRITICAL)
            return EXIT_CRITICAL;
        if (report->result->findings[i].severity == FLOW_WARNING)
            status = EXIT_WARNING;
    }
    return report->error_code || report->inconclusive ? EXIT_WARNING : status;
}

static int leader_finish(struct flows_leader *l)
{
    struct report_flows report;
    struct flows_result result;
    int err = 0, status;

    for (size_t i = 1; i < l->count && !err; i++)
        err = flows_merge(l->workers[0].flows, l->workers[i].flows);
    if (!err)
        err = flows_result(l->workers[0].flows, &result);
    if (l->run->save)
        flows_save_finish(l->run->save);
    if (err) {
        fprintf(stderr, "netdx flows: out of memory\n");
        flows_output_failure(l->run->output, "memory", "out of memory");
        return EXIT_UNKNOWN;
    }
    leader_report(l, &report);
    report.result = &result;
    if (report.error_message)
        fprintf(stderr, "netdx flows: warning: %s\n", report.error_message);
    flows_output_report(l->run->output, &report);
    status = leader_status(&report);
    flows_result_release(&result);
    return status;
}

static int leader_init(struct flows_leader *l)
{
    const struct flows_run *run = l->run;
    int err = 0;

    l->start_ns = loop_now(run->loop);
    l->start_unix_ns = clockmap_clock(NULL, CLOCK_REALTIME);
    l->unix_offset_ns = netio_to_unix(run->input->parts[0], 0);
    l->deadline_ns = run->options->common.deadline_ns
                         ? time_add(l->start_ns, run->options->common.deadline_ns)
                         : TIME_NEVER;
    l->draw_ns = !flows_input_is_live(run->input) ||
                         (run->output->base.terminal && !run->options->interval_ns)
                     ? l->start_ns + FLOWS_DRAW_NS
                     : TIME_NEVER;
    l->flush_ns = run->options->common.format == FORMAT_JSONL ? l->start_ns : TIME_NEVER;
    l->rates = (struct flows_rates){.output = run->output,
                                    .interval_ns = run->options->interval_ns,
                                    .next_ns = TIME_NEVER,
                                    .read = leader_totals,
                                    .context = l};
    l->rates_are_ours = run->options->interval_ns && flows_input_is_live(run->input);
    if (run->options->interval_ns && !l->rates_are_ours)
        l->team.rates = &l->rates;
    if (l->rates_are_ours)
        flows_rates_due(&l->rates, l->start_ns);
    l->team.run = run;
    l->team.shares = flows_input_is_live(run->input) ? 1 : (uint32_t)run->input->nparts;
    atomic_init(&l->team.stop, false);
    atomic_init(&l->team.left, run->options->count);
    flows_input_name(run->input, l->name, sizeof(l->name));
    l->workers = calloc(run->input->nparts, sizeof(*l->workers));
    if (!l->workers)
        return -ENOMEM;
    while (!err && l->count < run->input->nparts) {
        err = flows_worker_init(&l->workers[l->count], &l->team, (uint32_t)l->count,
                                run->input->parts[l->count]);
        l->count += !err;
    }
    return err;
}

int flows_run(struct flows_run *run)
{
    struct flows_leader leader = {.run = run};
    int err = leader_init(&leader), status = EXIT_UNKNOWN;

    loop_expect_notify(run->loop);
    for (size_t i = 0; i < leader.count && !err; i++)
        err = flows_worker_start(&leader.workers[i]);
    if (!err)
        leader_loop(&leader);
    else
        fprintf(stderr, "netdx flows: cannot start: %s\n", strerror(-err));
    run->hangs = !leader_gather(&leader);
    if (!err)
        status = leader_finish(&leader);
    for (size_t i = 0; i < leader.count && !run->hangs; i++)
        flows_worker_release(&leader.workers[i]);
    if (!run->hangs)
        free(leader.workers);
    return loop_signal(run->loop) ? 128 + loop_signal(run->loop) : status;
}
