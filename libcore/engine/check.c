#include "engine/check.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"

#define CHECK_STATUS_MIN      100
#define CHECK_SECONDS_PER_DAY 86400

/* What makes a client turn away, in contrast to what is about to be wrong or merely bad style. */
#define CHECK_DISTRUST                                                                             \
    (TLS_CERT_EXPIRED | TLS_CERT_NOT_YET_VALID | TLS_CERT_NAME_MISMATCH | TLS_CERT_SELF_SIGNED |   \
     TLS_CERT_SELF_SIGNED_IN_CHAIN | TLS_CERT_UNTRUSTED | TLS_CERT_INCOMPLETE_CHAIN |              \
     TLS_CERT_REVOKED)

const char *check_level_name(enum check_level level)
{
    static const char *const names[] = {"ok", "warning", "critical", "unknown"};

    return names[level];
}

/* --- statuses ----------------------------------------------------------------------------------
 */

/* Three digits; the text moves behind them. -1: none. */
static int check_status(const char **text)
{
    const char *at = *text;
    int status = 0;

    for (; at - *text < 3 && *at >= '0' && *at <= '9'; at++)
        status = status * 10 + (*at - '0');
    if (at - *text != 3 || status < CHECK_STATUS_MIN || status > CHECK_STATUS_MAX)
        return -1;
    *text = at;
    return status;
}

int check_statuses_parse(const char *text, bool statuses[CHECK_STATUS_MAX + 1])
{
    bool wanted[CHECK_STATUS_MAX + 1] = {false};

    do {
        int first = check_status(&text), last = first;

        if (first >= 0 && *text == '-') {
            text++;
            last = check_status(&text);
        }
        if (first < 0 || last < first)
            return -EINVAL;
        for (int status = first; status <= last; status++)
            wanted[status] = true;
    } while (*text++ == ',');
    if (text[-1])
        return -EINVAL;
    memcpy(statuses, wanted, sizeof(wanted));
    return 0;
}

/* --- findings ----------------------------------------------------------------------------------
 */

/* Of one service a failure that is certain outweighs what could not be told. */
static int check_rank(enum check_level level)
{
    static const int ranks[] = {
        [CHECK_OK] = 0, [CHECK_WARNING] = 1, [CHECK_UNKNOWN] = 2, [CHECK_CRITICAL] = 3};

    return ranks[level];
}

static void check_find(struct check_verdict *v, enum check_level level, const char *code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void check_find(struct check_verdict *v, enum check_level level, const char *code,
                       const char *format, ...)
{
    size_t i = v->nfindings;
    va_list list;

    if (check_rank(level) > check_rank(v->level))
        v->level = level;
    if (level == CHECK_OK || v->nfindings == CHECK_FINDINGS_MAX)
        return;
    for (; i > 0 && check_rank(v->findings[i - 1].level) < check_rank(level); i--)
        v->findings[i] = v->findings[i - 1];
    v->findings[i].level = level;
    text_format(v->findings[i].code, sizeof(v->findings[i].code), "%s", code);
    va_start(list, format);
    text_format_list(v->findings[i].detail, sizeof(v->findings[i].detail), format, list);
    va_end(list);
    v->nfindings++;
}

/* True: it has not answered, and there is nothing more to judge. */
static bool check_failure(const struct check_facts *f, struct check_verdict *v)
{
    if (f->error_code)
        check_find(v, f->error_level, f->error_code, "%s",
                   f->error_message ? f->error_message : "");
    else if (f->service && *f->service->cause.code)
        check_find(v, CHECK_CRITICAL, f->service->cause.code, "%s", f->service->cause.detail);
    else if (f->redirect_code)
        check_find(v, CHECK_CRITICAL, f->redirect_code, "the redirects lead nowhere");
    return v->nfindings > 0;
}

static void check_status_of(const struct check_limits *limits, const struct service_facts *service,
                            struct check_verdict *v)
{
    int status = service->has_http ? service->http.status : 0;
    char code[CAUSE_CODE_SIZE];

    if (!status || (status > 0 && status <= CHECK_STATUS_MAX && limits->statuses[status]))
        return;
    text_format(code, sizeof(code), "http.status.%d", status);
    check_find(v, CHECK_CRITICAL, code, "the status is none of those asked for");
}

static void check_time(const struct check_limits *limits, const struct service_facts *service,
                       struct check_verdict *v)
{
    char took[TIMESPAN_TEXT_SIZE], limit[TIMESPAN_TEXT_SIZE];
    int64_t total_ns = service->timing.total_ns;
    bool critical = limits->crit_ns && total_ns >= limits->crit_ns;

    if (!critical && (!limits->warn_ns || total_ns < limits->warn_ns))
        return;
    timespan_format(total_ns - total_ns % (total_ns < 10 * NS_PER_MS ? NS_PER_US : NS_PER_MS),
                    took);
    timespan_format(critical ? limits->crit_ns : limits->warn_ns, limit);
    check_find(v, critical ? CHECK_CRITICAL : CHECK_WARNING, "check.slow",
               "took %s, the limit is %s", took, limit);
}

/* Whole days, rounded down also below zero. */
static int64_t check_days(int64_t seconds)
{
    return seconds >= 0 ? seconds / CHECK_SECONDS_PER_DAY
                        : -((-seconds + CHECK_SECONDS_PER_DAY - 1) / CHECK_SECONDS_PER_DAY);
}

static void check_certificate(const struct check_limits *limits, const struct check_facts *f,
                              struct check_verdict *v)
{
    if (!f->tls || !f->tls->has_certificate)
        return;
    v->has_cert_days = true;
    v->cert_days = check_days(f->tls->certificate.not_after_unix - f->unix_seconds);
    for (unsigned bit = 0; bit < TLS_PROBLEMS; bit++) {
        unsigned problem = f->tls->problems & 1u << bit;
        enum check_level level = problem & CHECK_DISTRUST ? limits->distrust : CHECK_WARNING;

        if (problem == TLS_CERT_EXPIRING)
            check_find(v, level, tls_problem_code(bit), "the certificate expires in %lld day%s",
                       (long long)v->cert_days, v->cert_days == 1 ? "" : "s");
        else if (problem)
            check_find(v, level, tls_problem_code(bit), "%s", tls_problem_words(bit));
    }
}

static enum check_level check_expectation_level(const struct version_verdict *verdict)
{
    if (verdict->result == VERSION_MET)
        return CHECK_OK;
    if (verdict->result == VERSION_OPEN)
        return CHECK_UNKNOWN;
    return verdict->may_be_patched ? CHECK_WARNING : CHECK_CRITICAL;
}

static void check_expectation(const char *text, const struct version_verdict *verdict,
                              struct check_verdict *v)
{
    const struct version_product *p = verdict->product;
    char safe[TEXT_ESCAPED_SIZE(64)];

    text_escape(safe, sizeof(safe), text, strlen(text));
    if (verdict->result == VERSION_OPEN)
        check_find(v, CHECK_UNKNOWN, "check.version", "%s cannot be told: %s", safe,
                   verdict->reason);
    else if (verdict->result == VERSION_VIOLATED)
        check_find(v, check_expectation_level(verdict), "check.version", "%s is not met by %s %s%s",
                   safe, p->name, p->version,
                   verdict->may_be_patched ? ", which may have been patched" : "");
}

static void check_versions(const struct check_limits *limits, const struct version_list *products,
                           struct check_verdict *v)
{
    static const struct version_list none;

    for (size_t i = 0; i < limits->nexpectations; i++) {
        struct version_verdict verdict =
            version_expect_judge_all(&limits->expectations[i], products ? products : &none);

        check_expectation(limits->texts[i], &verdict, v);
    }
}

void check_judge(const struct check_limits *limits, const struct check_facts *f,
                 struct check_verdict *v)
{
    *v = (struct check_verdict){.level = CHECK_OK};
    if (!check_failure(f, v) && f->service) {
        check_status_of(limits, f->service, v);
        check_versions(limits, f->products, v);
        check_time(limits, f->service, v);
    }
    check_certificate(limits, f, v);
}
