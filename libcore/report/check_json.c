#include "base/timespan.h"
#include "report/banner_value.h"
#include "report/check.h"
#include "report/check_performance.h"

#define JSON_SCHEMA "netdx.check/1"

static json_t *json_findings(const struct check_verdict *v)
{
    json_t *findings = json_array();

    for (size_t i = 0; i < v->nfindings; i++) {
        json_t *finding = json_object();

        json_object_set_new(finding, "level", json_string(check_level_name(v->findings[i].level)));
        json_object_set_new(finding, "code", value_safe(v->findings[i].code));
        json_object_set_new(finding, "detail", value_safe(v->findings[i].detail));
        json_array_append_new(findings, finding);
    }
    return findings;
}

static json_t *json_target(const struct report_check *check)
{
    const struct check_verdict *v = check->verdict;
    json_t *target = json_object(), *banner = report_banner_value(check->banner);

    json_object_set_new(target, "level", json_string(check_level_name(v->level)));
    json_object_set_new(target, "findings", json_findings(v));
    json_object_set_new(target, "tries", value_known(check->tries));
    json_object_set_new(target, "certificate_days",
                        v->has_cert_days ? json_integer(v->cert_days) : json_null());
    json_object_update_missing_new(target, banner);
    return target;
}

static void json_run(json_t *value, const struct report_check_run *run)
{
    json_t *counts = json_object();

    for (size_t i = 0; i <= CHECK_UNKNOWN; i++)
        json_object_set_new(counts, check_level_name((enum check_level)i),
                            value_count(run->counts[i]));
    json_object_set_new(value, "elapsed_ms", value_number(ns_to_ms(run->elapsed_ns)));
    json_object_set_new(value, "interrupted", json_boolean(run->interrupted));
    json_object_set_new(value, "privilege", json_string(run->privilege));
    json_object_set_new(value, "level", json_string(check_level_name(run->level)));
    json_object_set_new(value, "services", counts);
}

int report_check_json_begin(FILE *out, int64_t start_unix_ns)
{
    return value_write_begin(out, JSON_SCHEMA, start_unix_ns);
}

int report_check_json_target(FILE *out, const struct report_check *check, bool first)
{
    return value_write_target(out, json_target(check), first);
}

int report_check_json_end(FILE *out, const struct report_check_run *run)
{
    json_t *rest = json_object();

    json_run(rest, run);
    return value_write_end(out, rest);
}

int report_check_json_error(FILE *out, const char *code, const char *message)
{
    return value_write_document(out, value_failure(JSON_SCHEMA, code, message));
}

int report_check_event(FILE *out, const struct report_check *check)
{
    json_t *line = json_object();

    json_object_set_new(line, "event", json_string("check"));
    json_object_update_missing_new(line, json_target(check));
    return value_write_line(out, line);
}

int report_check_summary_event(FILE *out, const struct report_check_run *run)
{
    json_t *document = value_head(JSON_SCHEMA, run->start_unix_ns);

    json_run(document, run);
    return value_write_line(out, value_summary(document));
}

int report_check_failure_event(FILE *out, const char *code, const char *message)
{
    return value_write_line(out, value_summary(value_failure(JSON_SCHEMA, code, message)));
}
