#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/check.h"
#include "report/check_performance.h"
#include "report/escape.h"
#include "report/words.h"

/* --- text --------------------------------------------------------------------------------------
 */

/* Safe text, without the one character that ends it here. */
static void check_put(FILE *out, const char *safe)
{
    for (; *safe; safe++)
        if (*safe == '|')
            fputs("\\x7c", out);
        else
            fputc(*safe, out);
}

/* "api.example:443", the URL where there is one, what the user wrote where there is nothing yet. */
static void check_label(const struct report_banner *b, char *out, size_t size)
{
    char host[REPORT_TEXT_SIZE];
    struct words w = words_init(out, size);

    report_escape(host, b->url || !b->host ? b->target : b->host);
    if (b->url || !b->host)
        words_add(&w, "%s", host);
    else
        words_add(&w, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, b->port);
}

/* The address of a name, where there may be others. */
static void check_address(const struct report_banner *b, char out[ADDRESS_TEXT_SIZE])
{
    address_format(&b->address, out);
    if (b->host && !strcmp(b->host, out))
        *out = '\0';
}

static void check_products(FILE *out, const struct version_list *list)
{
    for (size_t i = 0; list && i < list->count; i++) {
        const struct version_product *p = &list->products[i];

        fputs(i ? ", " : " ", out);
        check_put(out, p->name);
        fputs(*p->version ? " " : "", out);
        check_put(out, p->version);
        fputs(*p->version && version_is_lower_bound(p) ? " or later" : "", out);
    }
}

static void check_answer(FILE *out, const struct report_banner *b)
{
    const struct service_facts *s = b->service;

    if (b->error_code || !s || *s->cause.code)
        return;
    if (s->has_http && s->http.status)
        fprintf(out, " %d", s->http.status);
    else
        fprintf(out, " %s", s->protocol ? s->protocol : "unknown protocol");
    check_products(out, b->products);
}

static void check_findings(FILE *out, const struct check_verdict *v)
{
    for (size_t i = 0; i < v->nfindings; i++) {
        fputs(i ? "; " : ": ", out);
        check_put(out, v->findings[i].detail);
        fputs(" (", out);
        check_put(out, v->findings[i].code);
        fputc(')', out);
    }
}

static const char *check_word(enum check_level level)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

    return words[level];
}

int report_check_text(FILE *out, const struct report_check *check, bool several)
{
    const struct report_banner *b = check->banner;
    char label[REPORT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];

    check_label(b, label, sizeof(label));
    check_address(b, address);
    fprintf(out, "%s ", check_word(check->verdict->level));
    check_put(out, label);
    if (several && *address)
        fprintf(out, " (%s)", address);
    check_answer(out, b);
    check_findings(out, check->verdict);
    if (check->tries > 1)
        fprintf(out, ", %u tries", check->tries);
    return ferror(out) ? -EIO : 0;
}

int report_check_summary(FILE *out, const struct report_check_run *run)
{
    uint64_t all = 0;
    const char *between = ": ";

    for (size_t i = 0; i <= CHECK_UNKNOWN; i++)
        all += run->counts[i];
    fprintf(out, "%s %llu services", check_word(run->level), (unsigned long long)all);
    for (size_t i = CHECK_UNKNOWN + 1; i-- > 0;) {
        if (!run->counts[i])
            continue;
        fprintf(out, "%s%llu %s", between, (unsigned long long)run->counts[i],
                check_level_name((enum check_level)i));
        between = ", ";
    }
    if (run->interrupted)
        fputs(", ended before all were checked", out);
    return ferror(out) ? -EIO : 0;
}

int report_check_failure(FILE *out, const char *message)
{
    fputs("UNKNOWN ", out);
    check_put(out, message);
    fputc('\n', out);
    return ferror(out) ? -EIO : 0;
}

/* --- performance data --------------------------------------------------------------------------
 */

/* The label's own characters and what would end the line of labels. */
static void check_put_label(FILE *out, const char *safe)
{
    for (; *safe; safe++)
        fputc(strchr("='|", *safe) ? '_' : *safe, out);
}

/* Without an exponent, which the guidelines do not know, and without zeros at the end. */
static void check_number(FILE *out, double number)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%.9f", number);

    while (len > 1 && text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    fprintf(out, "%.*s", len, text);
}

static void check_limit(FILE *out, const struct check_value *value, double limit)
{
    fputc(';', out);
    if (isnan(limit))
        return;
    check_number(out, limit);
    fputs(value->is_least ? ":" : "", out);
}

static void check_value_put(FILE *out, const struct check_value *value)
{
    if (isnan(value->value))
        fputs("=U", out);
    else if (value->is_time)
        fprintf(out, "=%.6fs", value->value);
    else
        fprintf(out, "=%.0f", value->value);
    check_limit(out, value, value->warn);
    check_limit(out, value, value->crit);
    if (isnan(value->min))
        return;
    fputc(';', out);
    check_number(out, value->min);
}

int report_check_performance(FILE *out, const struct report_check *check, bool several)
{
    struct check_value values[CHECK_VALUES_MAX];
    size_t count = check_values(check, values);
    char label[REPORT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];

    check_label(check->banner, label, sizeof(label));
    check_address(check->banner, address);
    for (size_t i = 0; i < count; i++) {
        if (several) {
            fputs(" '", out);
            check_put_label(out, label);
            fprintf(out, "%s%s %s'", *address ? " " : "", address, values[i].label);
        } else {
            fprintf(out, " %s", values[i].label);
        }
        check_value_put(out, &values[i]);
    }
    return ferror(out) ? -EIO : 0;
}
