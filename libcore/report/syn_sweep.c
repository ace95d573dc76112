#include "report/syn_sweep.h"

#include <errno.h>
#include <math.h>

#include "base/timespan.h"
#include "report/csv.h"
#include "report/value.h"
#include "report/words.h"

#define SWEEP_SCHEMA "netdx.syn/1"

typedef unsigned long long ull;

/* --- text --------------------------------------------------------------------------------------
 */

int report_sweep_text(FILE *out, const struct sweep_observation *answer)
{
    char text[ADDRESS_TEXT_SIZE], why[128];
    struct words w = words_init(why, sizeof(why));

    if (answer->answer == SWEEP_SUSPECT || answer->answer == SWEEP_REPEATED)
        return 0;
    errno = 0;
    address_format(&answer->address, text);
    if (answer->answer == SWEEP_UNREACHABLE) {
        words_icmp(&w, answer->address.family, answer->icmp_type, answer->icmp_code);
        words_address(&w, ", says ", &answer->responder, "");
    } else {
        words_add(&w, "%s", sweep_answer_name(answer->answer));
    }
    fprintf(out, answer->address.family == 6 ? "[%s]:%u %s\n" : "%s:%u %s\n", text, answer->port,
            why);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}

/* What went wrong on our own side. */
static void sweep_own_losses(FILE *out, const struct report_sweep *run)
{
    const struct sweep_counts *c = run->counts;
    char text[128];

    for (size_t i = 0; i < SWEEP_ERRORS_MAX && c->errors[i].count; i++) {
        struct words w = words_init(text, sizeof(text));

        words_errno(&w, c->errors[i].error);
        fprintf(out, "warning: %llu SYN%s could not be sent%s\n", (ull)c->errors[i].count,
                words_plural(c->errors[i].count), text);
    }
    if (c->postponed)
        fprintf(out, "note: the kernel had no room for a SYN %llu time%s; it was sent later\n",
                (ull)c->postponed, words_plural(c->postponed));
    if (run->capture_dropped)
        fprintf(out,
                "%s: our own capture dropped %llu packet%s: silent targets may have answered\n",
                run->inconclusive ? "warning" : "notice", (ull)run->capture_dropped,
                words_plural(run->capture_dropped));
    if (run->rate_missed)
        fprintf(out, "note: %g SYNs a second were asked for, %.0f were achieved\n", run->rate_pps,
                c->achieved_pps);
}

int report_sweep_text_end(FILE *out, const struct report_sweep *run)
{
    const struct sweep_counts *c = run->counts;

    errno = 0;
    sweep_own_losses(out, run);
    fprintf(out, "%s%llu of %llu asked: %llu open, %llu refused, %llu unreachable, %llu silent",
            c->interrupted ? "interrupted; " : "", (ull)c->asked, (ull)c->targets, (ull)c->open,
            (ull)c->refused, (ull)c->unreachable, (ull)c->silent);
    if (c->pending)
        fprintf(out, ", %llu pending", (ull)c->pending);
    if (c->suspects)
        fprintf(out, "; %llu suspect answer%s did not count", (ull)c->suspects,
                words_plural(c->suspects));
    fprintf(out, "; %llu SYNs in %.1f s", (ull)c->sent, (double)run->elapsed_ns / 1e9);
    if (isfinite(c->achieved_pps))
        fprintf(out, ", %.0f a second", c->achieved_pps);
    fputc('\n', out);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static json_t *sweep_answer(const struct sweep_observation *a)
{
    bool icmp = a->answer == SWEEP_UNREACHABLE;
    json_t *object = json_object();

    json_object_set_new(object, "address", value_address(&a->address));
    json_object_set_new(object, "port", value_count(a->port));
    json_object_set_new(object, "outcome", json_string(sweep_answer_name(a->answer)));
    json_object_set_new(object, "responder", value_address(&a->responder));
    json_object_set_new(object, "reply_ttl", value_known(a->ttl));
    json_object_set_new(object, "icmp_type", icmp ? value_count(a->icmp_type) : json_null());
    json_object_set_new(object, "icmp_code", icmp ? value_count(a->icmp_code) : json_null());
    return object;
}

static json_t *sweep_errors(const struct sweep_counts *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < SWEEP_ERRORS_MAX && c->errors[i].count; i++) {
        json_t *error = json_object();

        json_object_set_new(error, "errno", value_count((uint64_t)c->errors[i].error));
        json_object_set_new(error, "count", value_count(c->errors[i].count));
        json_array_append_new(list, error);
    }
    return list;
}

static json_t *sweep_counters(const struct report_sweep *run)
{
    const struct sweep_counts *c = run->counts;
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"targets", c->targets},
        {"asked", c->asked},
        {"open", c->open},
        {"refused", c->refused},
        {"unreachable", c->unreachable},
        {"silent", c->silent},
        {"pending", c->pending},
        {"sent", c->sent},
        {"repeated", c->repeated},
        {"suspects", c->suspects},
        {"foreign", c->foreign},
        {"postponed", c->postponed},
        {"send_errors", c->failed},
        {"capture_dropped", run->capture_dropped},
    };
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        json_object_set_new(object, counters[i].name, value_count(counters[i].value));
    json_object_set_new(object, "errors", sweep_errors(c));
    return object;
}

static void sweep_set_run(json_t *document, const struct report_sweep *run)
{
    json_t *rate = json_object();

    json_object_set_new(rate, "asked_pps", value_number(run->rate_pps > 0 ? run->rate_pps : NAN));
    json_object_set_new(rate, "achieved_pps", value_number(run->counts->achieved_pps));
    json_object_set_new(rate, "missed", json_boolean(run->rate_missed));
    json_object_set_new(document, "elapsed_ms", value_number(ns_to_ms(run->elapsed_ns)));
    json_object_set_new(document, "interrupted", json_boolean(run->counts->interrupted));
    json_object_set_new(document, "privilege", json_string("raw"));
    json_object_set_new(document, "method", json_string("sweep"));
    json_object_set_new(document, "counters", sweep_counters(run));
    json_object_set_new(document, "rate", rate);
    json_object_set_new(document, "inconclusive", json_boolean(run->inconclusive));
    json_object_set_new(document, "error", value_error(run->error_code, run->error_message));
}

int report_sweep_json_begin(FILE *out, int64_t start_unix_ns)
{
    return value_write_begin(out, SWEEP_SCHEMA, start_unix_ns);
}

int report_sweep_json(FILE *out, const struct sweep_observation *answer, bool first)
{
    return value_write_target(out, sweep_answer(answer), first);
}

int report_sweep_json_end(FILE *out, const struct report_sweep *run)
{
    json_t *rest = json_object();

    sweep_set_run(rest, run);
    return value_write_end(out, rest);
}

int report_sweep_event(FILE *out, const struct sweep_observation *answer, int64_t when_unix_ns)
{
    json_t *event = json_object(), *values = sweep_answer(answer);

    json_object_set_new(event, "event", json_string("answer"));
    json_object_set_new(event, "received", value_time(when_unix_ns));
    json_object_update(event, values);
    json_decref(values);
    return value_write_line(out, event);
}

int report_sweep_summary_event(FILE *out, const struct report_sweep *run)
{
    json_t *document = value_head(SWEEP_SCHEMA, run->start_unix_ns);

    sweep_set_run(document, run);
    return value_write_line(out, value_summary(document));
}

/* --- CSV ---------------------------------------------------------------------------------------
 */

int report_sweep_csv_header(FILE *out)
{
    errno = 0;
    if (fputs("outcome,address,port,responder,reply_ttl,icmp_type,icmp_code\n", out) < 0)
        return -(errno ? errno : EIO);
    return 0;
}

int report_sweep_csv(FILE *out, const struct sweep_observation *a)
{
    bool icmp = a->answer == SWEEP_UNREACHABLE;

    if (a->answer == SWEEP_SUSPECT || a->answer == SWEEP_REPEATED)
        return 0;
    errno = 0;
    fputs(sweep_answer_name(a->answer), out);
    csv_address(out, &a->address);
    csv_count(out, a->port);
    csv_address(out, &a->responder);
    csv_number(out, a->ttl ? a->ttl : NAN);
    csv_number(out, icmp ? a->icmp_type : NAN);
    csv_number(out, icmp ? a->icmp_code : NAN);
    fputc('\n', out);
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
