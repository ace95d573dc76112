#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/timespan.h"
#include "report/banner.h"
#include "report/csv.h"
#include "report/escape.h"

int report_banner_csv_header(FILE *out)
{
    fputs("target,address,port,protocol,tls,status,products,connect_ms,tls_ms,first_byte_ms,"
          "total_ms,error_code,error_message\n",
          out);
    return ferror(out) ? -EIO : 0;
}

static double csv_time(const struct report_banner *b, size_t offset)
{
    int64_t ns = -1;

    if (b->service)
        memcpy(&ns, (const char *)&b->service->timing + offset, sizeof(ns));
    return ns < 0 ? NAN : ns_to_ms(ns);
}

/* "nginx/1.24.0 PHP/8.2": escaped already. */
static void csv_products(FILE *out, const struct version_list *list)
{
    char text[1024] = "";
    size_t len = 0;

    for (size_t i = 0; list && i < list->count && len < sizeof(text); i++) {
        const struct version_product *p = &list->products[i];

        len += text_format(text + len, sizeof(text) - len, "%s%s%s%s", i ? " " : "", p->name,
                           *p->version ? "/" : "", p->version);
    }
    fputc(',', out);
    csv_quote(out, text);
}

int report_banner_csv(FILE *out, const struct report_banner *b)
{
    const struct service_facts *s = b->service;
    const char *code = report_banner_code(b);
    char target[REPORT_TEXT_SIZE];

    report_escape(target, b->target);
    csv_quote(out, target);
    csv_address(out, &b->address);
    csv_count(out, b->port);
    csv_text(out, s ? s->protocol : NULL);
    csv_text(out, b->tls ? b->tls->version : NULL);
    csv_number(out, s && s->has_http && s->http.status ? s->http.status : NAN);
    csv_products(out, b->products);
    csv_ms(out, csv_time(b, offsetof(struct service_timing, connect_ns)));
    csv_ms(out, csv_time(b, offsetof(struct service_timing, tls_ns)));
    csv_ms(out, csv_time(b, offsetof(struct service_timing, first_byte_ns)));
    csv_ms(out, csv_time(b, offsetof(struct service_timing, total_ns)));
    if (!code && b->server_error)
        csv_error(out, b->server_error->code, b->server_error->detail);
    else
        csv_error(out, code, b->error_message ? b->error_message : s ? s->cause.detail : NULL);
    return ferror(out) ? -EIO : 0;
}
