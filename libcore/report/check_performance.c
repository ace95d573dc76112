#include "report/check_performance.h"

#include <math.h>

#include "base/timespan.h"

static double check_seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_SEC;
}

static struct check_value check_time_value(const struct report_check *check, const char *label,
                                           int64_t ns)
{
    const struct check_limits *limits = check->limits;

    return (struct check_value){
        .label = label,
        .value = ns < 0 ? NAN : check_seconds(ns),
        .is_time = true,
        .warn = limits->warn_ns ? check_seconds(limits->warn_ns) : NAN,
        .crit = limits->crit_ns ? check_seconds(limits->crit_ns) : NAN,
        .min = 0,
    };
}

size_t check_values(const struct report_check *check, struct check_value out[CHECK_VALUES_MAX])
{
    static const struct service_timing none = {-1, -1, -1, -1};
    const struct report_banner *b = check->banner;
    const struct service_timing *t = b->service ? &b->service->timing : &none;
    size_t n = 0;

    out[n++] = check_time_value(check, "connect", t->connect_ns);
    if (b->tls)
        out[n++] = check_time_value(check, "tls", t->tls_ns);
    out[n++] = check_time_value(check, "first_byte", t->first_byte_ns);
    out[n++] =
        check_time_value(check, "total", b->service && !*b->service->cause.code ? t->total_ns : -1);
    if (check->verdict->has_cert_days)
        out[n++] = (struct check_value){
            .label = "cert_days",
            .value = (double)check->verdict->cert_days,
            .warn = check->cert_days,
            .crit = 0,
            .min = NAN,
            .is_least = true,
        };
    return n;
}
