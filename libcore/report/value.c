#include "report/value.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/timespan.h"
#include "report/escape.h"

/* Values are rounded to nanoseconds, so that fifteen digits print the shortest form. */
#define VALUE_FLAGS JSON_REAL_PRECISION(15)

json_t *value_number(double value)
{
    return isfinite(value) ? json_real(round(value * 1e6) / 1e6) : json_null();
}

json_t *value_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *value_known(uint64_t value)
{
    return value ? value_count(value) : json_null();
}

json_t *value_text(const char *raw)
{
    char escaped[REPORT_TEXT_SIZE];

    if (!raw)
        return json_null();
    report_escape(escaped, raw);
    return json_string(escaped);
}

/* Escaping again would double backslashes. */
json_t *value_safe(const char *safe)
{
    json_t *text = json_string(safe);

    return text ? text : value_text(safe);
}

json_t *value_address(const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];

    if (!address->family)
        return json_null();
    address_format(address, text);
    return json_string(text);
}

json_t *value_time(int64_t unix_ns)
{
    char text[TIME_RFC3339_SIZE];

    time_format_rfc3339(unix_ns, text);
    return json_string(text);
}

json_t *value_error(const char *code, const char *message)
{
    json_t *error;

    if (!code)
        return json_null();
    error = json_object();
    json_object_set_new(error, "code", json_string(code));
    json_object_set_new(error, "message", value_safe(message ? message : code));
    return error;
}

json_t *value_distribution(const struct stats *s, const struct quantile *q)
{
    json_t *value = json_object();
    bool any = s->count > 0;

    json_object_set_new(value, "min", value_number(any ? s->min : NAN));
    json_object_set_new(value, "p50", value_number(quantile_get(q, 0.50)));
    json_object_set_new(value, "p95", value_number(quantile_get(q, 0.95)));
    json_object_set_new(value, "p99", value_number(quantile_get(q, 0.99)));
    json_object_set_new(value, "mean", value_number(any ? s->mean : NAN));
    json_object_set_new(value, "max", value_number(any ? s->max : NAN));
    json_object_set_new(value, "stddev", value_number(stats_stddev(s)));
    return value;
}

json_t *value_head(const char *schema, int64_t start_unix_ns)
{
    json_t *head = json_object();

    json_object_set_new(head, "schema", json_string(schema));
    json_object_set_new(head, "netdx", json_string(NETDX_VERSION));
    json_object_set_new(head, "start", value_time(start_unix_ns));
    return head;
}

json_t *value_failure(const char *schema, const char *code, const char *message)
{
    json_t *document = json_object();

    json_object_set_new(document, "schema", json_string(schema));
    json_object_set_new(document, "netdx", json_string(NETDX_VERSION));
    json_object_set_new(document, "interrupted", json_false());
    json_object_set_new(document, "error", value_error(code, message));
    return document;
}

json_t *value_summary(json_t *document)
{
    json_t *event = json_object();

    json_object_set_new(event, "event", json_string("summary"));
    json_object_update(event, document);
    json_decref(document);
    return event;
}

static int value_write(FILE *out, json_t *value, size_t flags, const char *after)
{
    int err = 0;

    if (!value)
        return -ENOMEM;
    errno = 0;
    if (json_dumpf(value, out, flags | VALUE_FLAGS) || fputs(after, out) < 0)
        err = -(errno ? errno : ENOMEM);
    json_decref(value);
    return err;
}

int value_write_document(FILE *out, json_t *value)
{
    return value_write(out, value, JSON_INDENT(2), "\n");
}

int value_write_line(FILE *out, json_t *value)
{
    return value_write(out, value, JSON_COMPACT, "\n");
}

int value_write_begin(FILE *out, const char *schema, int64_t start_unix_ns)
{
    return value_write_begin_array(out, schema, start_unix_ns, "targets");
}

int value_write_begin_array(FILE *out, const char *schema, int64_t start_unix_ns, const char *name)
{
    char start[TIME_RFC3339_SIZE];

    time_format_rfc3339(start_unix_ns, start);
    errno = 0;
    if (fprintf(out,
                "{\n\"schema\": \"%s\",\n\"netdx\": \"" NETDX_VERSION "\",\n"
                "\"start\": \"%s\",\n\"%s\": [",
                schema, start, name) < 0)
        return -(errno ? errno : EIO);
    return 0;
}

int value_write_next_array(FILE *out, const char *name)
{
    errno = 0;
    return fprintf(out, "\n],\n\"%s\": [", name) < 0 ? -(errno ? errno : EIO) : 0;
}

int value_write_target(FILE *out, json_t *target, bool first)
{
    errno = 0;
    if (fputs(first ? "\n" : ",\n", out) < 0) {
        json_decref(target);
        return -(errno ? errno : EIO);
    }
    return value_write(out, target, JSON_INDENT(2), "");
}

int value_write_end(FILE *out, json_t *rest)
{
    errno = 0;
    if (fputs("\n],", out) < 0) {
        json_decref(rest);
        return -(errno ? errno : EIO);
    }
    /* The members of an object without its opening brace. */
    return value_write(out, rest, JSON_INDENT(2) | JSON_EMBED, "}\n");
}
