#include "report/csv.h"

#include <math.h>
#include <string.h>

#include "report/escape.h"

void csv_quote(FILE *out, const char *safe)
{
    fputc('"', out);
    if (*safe && strchr("=+-@", *safe))
        fputc('\'', out);
    for (const char *c = safe; *c; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

void csv_text(FILE *out, const char *raw)
{
    char escaped[REPORT_TEXT_SIZE];

    fputc(',', out);
    if (!raw)
        return;
    report_escape(escaped, raw);
    csv_quote(out, escaped);
}

void csv_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ",%.6g", value);
    else
        fputc(',', out);
}

void csv_ms(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ",%.6f", value);
    else
        fputc(',', out);
}

void csv_address(FILE *out, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE] = "";

    if (address && address->family)
        address_format(address, text);
    fprintf(out, ",%s", text);
}

void csv_count(FILE *out, uint64_t value)
{
    fprintf(out, ",%llu", (unsigned long long)value);
}

void csv_distribution(FILE *out, const struct stats *s, const struct quantile *q)
{
    static const double shares[] = {0.50, 0.95, 0.99};
    bool any = s->count > 0;

    csv_ms(out, any ? s->min : NAN);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        csv_ms(out, quantile_get(q, shares[i]));
    csv_ms(out, any ? s->mean : NAN);
    csv_ms(out, any ? s->max : NAN);
    csv_ms(out, stats_stddev(s));
}

void csv_error(FILE *out, const char *code, const char *message)
{
    csv_text(out, code);
    fputc(',', out);
    if (code && message)
        csv_quote(out, message);
    fputc('\n', out);
}
