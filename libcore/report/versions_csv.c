#include <errno.h>

#include "report/csv.h"
#include "report/versions.h"

/* Products are rows of their own; a member without any is a row, too. */
static void csv_row(FILE *out, const struct matrix_result *r, const struct matrix_member *member,
                    const struct version_product *p)
{
    const struct matrix_component *c = &r->matrix->components[member->component];
    const char *between = "";

    csv_quote(out, c->name);
    fputc(',', out);
    csv_quote(out, r->matrix->environments[member->environment]);
    fputc(',', out);
    csv_quote(out, c->cells[member->environment].targets[member->target].text);
    csv_address(out, &member->address);
    csv_count(out, member->port);
    csv_text(out, member->protocol);
    fputc(',', out);
    if (p)
        csv_quote(out, p->name);
    fputc(',', out);
    if (p && *p->version)
        csv_quote(out, p->version);
    fputc(',', out);
    if (p && *p->distro)
        csv_quote(out, p->distro);
    fprintf(out, ",%s,\"", !p ? "" : version_is_lower_bound(p) ? "true" : "false");
    for (unsigned kind = 0; kind < MATRIX_KINDS; kind++) {
        if (!(matrix_result_cell(r, member->component, member->environment)->marks & 1u << kind))
            continue;
        fprintf(out, "%s%s", between, matrix_finding_id(kind));
        between = " ";
    }
    fputc('"', out);
    csv_text(out, *member->code ? member->code : NULL);
    fputc(',', out);
    if (*member->code && *member->detail)
        csv_quote(out, member->detail);
    fputc('\n', out);
}

int report_versions_csv(FILE *out, const struct matrix_result *result)
{
    errno = 0;
    fputs("component,environment,target,address,port,protocol,product,version,distro,lower_bound,"
          "findings,error_code,error_message\n",
          out);
    for (size_t i = 0; i < result->seen->count; i++) {
        const struct matrix_member *member = &result->seen->members[i];

        for (size_t k = 0; k < member->nproducts; k++)
            csv_row(out, result, member, &member->products[k]);
        if (!member->nproducts)
            csv_row(out, result, member, NULL);
    }
    return ferror(out) ? -(errno ? errno : EIO) : 0;
}
