#include "tools/syn_many.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/timespan.h"
#include "report/syn_sweep.h"
#include "tools/syn_ranges.h"
#include "tools/syn_sweep.h"

/* Above this share of answers, what our own capture lost makes silence uncertain. */
#define SYN_SWEEP_LOSS_MAX  0.001
#define SYN_SWEEP_RATE_KEPT 0.95

struct syn_many {
    struct session *session;
    struct syn_output *output;
    uint64_t answers;
};

/* As they come: a sweep of a hundred million targets has no room for them. */
static int syn_many_answer(void *context, const struct sweep_observation *answer, int64_t when_ns)
{
    struct syn_many *r = context;
    struct output *base = &r->output->base;
    int err = 0;

    if (r->output->drawn)
        output_progress_end();
    r->output->drawn = false;
    if (base->options->format == FORMAT_TEXT)
        err = report_sweep_text(base->file, answer);
    else if (base->options->format == FORMAT_CSV)
        err = report_sweep_csv(base->file, answer);
    else if (base->options->format == FORMAT_JSONL)
        err = report_sweep_event(base->file, answer, netio_to_unix(r->session->io, when_ns));
    else if (answer->answer <= SWEEP_UNREACHABLE)
        err = report_sweep_json(base->file, answer, r->answers++ == 0);
    output_note(base, err);
    return base->error;
}

static int syn_many_progress(void *context, const struct syn_sweep_progress *progress)
{
    struct syn_many *r = context;
    struct syn_output *output = r->output;
    int64_t now = netio_now(r->session->io);
    char words[64];

    output_flush(&output->base);
    if (now >= r->session->options->deadline_ns && r->session->options->deadline_ns)
        return -EINTR;
    if (!output->base.progress || !output_may_draw(&output->base, now))
        return output->base.error;
    snprintf(words, sizeof(words), "%.0f a second, %llu open", progress->rate_pps,
             (unsigned long long)progress->counts.open);
    output_progress((uint64_t)(1000 * progress->counts.progress), 1000, words);
    output->drawn = true;
    return output->base.error;
}

static void syn_many_begin(struct syn_many *r, int64_t start_unix_ns)
{
    struct output *base = &r->output->base;

    if (base->options->format == FORMAT_JSON)
        output_note(base, report_sweep_json_begin(base->file, start_unix_ns));
    else if (base->options->format == FORMAT_CSV)
        output_note(base, report_sweep_csv_header(base->file));
}

static void syn_many_end(struct syn_many *r, const struct report_sweep *run)
{
    struct output *base = &r->output->base;

    if (r->output->drawn)
        output_progress_end();
    if (base->error)
        return;
    if (base->options->format == FORMAT_TEXT)
        output_note(base, report_sweep_text_end(base->file, run));
    else if (base->options->format == FORMAT_JSON)
        output_note(base, report_sweep_json_end(base->file, run));
    else if (base->options->format == FORMAT_JSONL)
        output_note(base, report_sweep_summary_event(base->file, run));
}

static struct probe syn_many_shape(const struct syn_config *config)
{
    struct probe shape;

    syn_sweep_shape(&shape);
    if (config->ttl)
        shape.ttl = config->ttl;
    shape.dscp = config->dscp;
    return shape;
}

static struct sweep_config syn_many_config(const struct syn_many *r,
                                           const struct syn_config *config,
                                           const struct syn_ranges *ranges)
{
    return (struct sweep_config){
        .ranges = ranges->ranges,
        .nranges = ranges->count,
        .ports = ranges->ports.ports,
        .nports = ranges->ports.count,
        .source_port = config->source_port,
        .source_ports = config->source_port ? config->source_ports : 0, /* its own block */
        .rate_pps = config->rate_pps,
        .probes = r->output->request->repeats_chosen ? config->repeats + 1 : 1,
        .timeout_ns = config->timeout_ns,
        .seed = session_seed(r->session),
    };
}

/* Fine when everything answered and is open; silence is as critical as for a single target. */
static int syn_many_status(const struct syn_sweep_result *result, bool inconclusive)
{
    const struct sweep_counts *c = &result->counts;

    if (c->failed && !c->asked)
        return EXIT_UNKNOWN;
    if (c->open < c->asked)
        return EXIT_CRITICAL;
    return inconclusive ? EXIT_WARNING : EXIT_FINE;
}

static int syn_many_sweep(struct syn_many *r, const struct syn_config *config,
                          const struct syn_ranges *ranges)
{
    const struct syn_sweep_network network = {
        .io = r->session->io, .raw = r->session->raw, .loop = r->session->loop};
    const struct syn_sweep_output output = {
        .context = r, .answer = syn_many_answer, .progress = syn_many_progress};
    struct sweep_config sweep = syn_many_config(r, config, ranges);
    struct probe shape = syn_many_shape(config);
    int64_t start_unix_ns = netio_to_unix(r->session->io, netio_now(r->session->io));
    struct syn_sweep_result result;
    char error[IO_ERROR_SIZE];
    int err;

    syn_many_begin(r, start_unix_ns);
    err = syn_sweep_run(&network, &sweep, &shape, &output, &result, error);
    struct report_sweep run = {
        .counts = &result.counts,
        .start_unix_ns = start_unix_ns,
        .elapsed_ns = result.elapsed_ns,
        .rate_pps = config->rate_pps,
        .rate_missed = config->rate_pps > 0 && !result.counts.interrupted &&
                       result.counts.achieved_pps<SYN_SWEEP_RATE_KEPT * config->rate_pps,
                                                  .capture_dropped = result.capture_dropped,
                                                  .inconclusive = (double)result.capture_dropped>
                               SYN_SWEEP_LOSS_MAX *
                           (double)(result.counts.open + result.counts.refused),
    };
    if (err && err != -EINTR && !r->output->base.error) {
        fprintf(stderr, "netdx syn: %s\n", error);
        run.error_code = "network.lost";
        run.error_message = error;
    }
    syn_many_end(r, &run);
    return run.error_code ? EXIT_UNKNOWN : syn_many_status(&result, run.inconclusive);
}

int syn_many_run(struct session *session, struct syn_output *output,
                 const struct syn_config *config, const struct target_list *list)
{
    struct syn_many report = {.session = session, .output = output};
    struct failure failure = {0};
    struct syn_ranges ranges;
    int err = syn_ranges_collect(&ranges, session, output->request, list, &failure);
    int status = EXIT_UNKNOWN, signal_number;

    if (!err) {
        status = syn_many_sweep(&report, config, &ranges);
        if (ranges.status > status)
            status = ranges.status;
    } else {
        if (err == -EINTR)
            failure_set(&failure, err, "interrupted", "nothing was swept", "the run was ended");
        fprintf(stderr, "netdx syn: %s\n", failure.message);
        syn_output_failure(output, &failure);
    }
    syn_ranges_release(&ranges);
    signal_number = loop_signal(session->loop);
    return signal_number ? 128 + signal_number : status;
}
