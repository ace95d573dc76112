#include "report/versions_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/words.h"

#define WORDS_ADDRESSES 8 /* that are named in one sentence */

void versions_product(char out[VERSIONS_LINE_SIZE], const struct version_product *p)
{
    struct words w = words_init(out, VERSIONS_LINE_SIZE);
    bool has_version = *p->version != '\0';

    words_add(&w, "%s%s%s%s", p->name, has_version ? " " : "", p->version,
              has_version && version_is_lower_bound(p) ? " or later" : "");
    if (*p->distro)
        words_add(&w, " (%s)", p->distro);
}

/* --- cells ------------------------------------------------------------------------------------ */

static void words_value(char out[VERSIONS_LINE_SIZE], const struct matrix_cell_result *cell,
                        const struct matrix_value *value)
{
    struct words w = words_init(out, VERSIONS_LINE_SIZE);

    if (value->product) {
        versions_product(out, value->product);
        w.len = strlen(out);
    } else {
        words_add(&w, "names no product");
    }
    if (value->members != cell->nmembers)
        words_add(&w, " (%zu of %zu)", value->members, cell->nmembers);
}

static bool words_share(char out[VERSIONS_LINE_SIZE], const struct matrix_cell_result *cell,
                        size_t count, const char *what)
{
    struct words w = words_init(out, VERSIONS_LINE_SIZE);

    if (cell->nmembers > 1)
        words_add(&w, "%zu of %zu ", count, cell->nmembers);
    words_add(&w, "%s", what);
    return true;
}

bool versions_cell_line(char out[VERSIONS_LINE_SIZE], const struct matrix_cell_result *cell,
                        size_t n)
{
    if (n < cell->nvalues) {
        words_value(out, cell, &cell->values[n]);
        return true;
    }
    n -= cell->nvalues;
    if (cell->failed && n-- == 0)
        return words_share(out, cell, cell->failed, "unreachable");
    if (cell->unmeasured && n == 0)
        return words_share(out, cell, cell->unmeasured, "not asked to the end");
    return false;
}

void versions_marks(char out[VERSIONS_LINE_SIZE], const struct matrix_cell_result *cell)
{
    /* What a line of the cell says already is left out. */
    static const unsigned said = 1u << MATRIX_UNREACHABLE | 1u << MATRIX_UNFINISHED;
    struct words w = words_init(out, VERSIONS_LINE_SIZE);

    for (unsigned kind = 0; kind < MATRIX_KINDS; kind++)
        if (cell->marks & ~said & 1u << kind)
            words_add(&w, "%s%s", w.len ? ", " : "", strchr(matrix_finding_id(kind), '.') + 1);
}

/* --- members ---------------------------------------------------------------------------------- */

static void words_endpoint(struct words *w, const struct matrix_member *member)
{
    char text[ADDRESS_TEXT_SIZE];

    address_format(&member->address, text);
    words_add(w, member->address.family == 6 ? "[%s]:%u" : "%s:%u", text, member->port);
}

static const char *words_target(const struct matrix *matrix, const struct matrix_member *m)
{
    return matrix->components[m->component].cells[m->environment].targets[m->target].text;
}

void versions_member(char out[VERSIONS_LINE_SIZE], const struct matrix *matrix,
                     const struct matrix_member *member)
{
    char endpoint[ADDRESS_TEXT_SIZE + 16];
    struct words w = words_init(out, VERSIONS_LINE_SIZE);
    struct words e = words_init(endpoint, sizeof(endpoint));

    words_add(&w, "%s", words_target(matrix, member));
    if (!member->address.family)
        return;
    words_endpoint(&e, member);
    if (strcmp(endpoint, words_target(matrix, member)) != 0)
        words_add(&w, " (%s)", endpoint);
}

/* --- findings; written to a stream, because nobody knows how long a row is ---------------------
 */

static void say_product(FILE *out, const struct version_product *product)
{
    char text[VERSIONS_LINE_SIZE];

    versions_product(text, product);
    fputs(text, out);
}

static void say_member(FILE *out, const struct matrix *m, const struct matrix_member *member)
{
    char text[VERSIONS_LINE_SIZE];

    versions_member(text, m, member);
    fputs(text, out);
}

static void say_require(FILE *out, const struct matrix_result *r, const struct matrix_finding *f)
{
    if (f->result == VERSION_OPEN) {
        fprintf(out, "nobody can tell whether \"%s\" holds: %s: ", f->rule, f->reason);
    } else {
        say_product(out, f->first);
        fprintf(out, " breaks \"%s\"%s: ", f->rule,
                f->may_be_patched ? " by its number, though who built it may have mended it" : "");
    }
    say_member(out, r->matrix, f->member);
}

static void say_side(FILE *out, const struct matrix_result *r, const struct matrix_member *member,
                     const struct version_product *product)
{
    say_product(out, product);
    fprintf(out, " (%s, ", r->matrix->components[member->component].name);
    say_member(out, r->matrix, member);
    fputc(')', out);
}

static void say_incompatible(FILE *out, const struct matrix_result *r,
                             const struct matrix_finding *f)
{
    say_side(out, r, f->member, f->first);
    fputs(f->result == VERSION_OPEN ? " may be incompatible with " : " is incompatible with ", out);
    say_side(out, r, f->other, f->second);
    fprintf(out, ": \"%s\"", f->rule);
    if (f->reason)
        fprintf(out, ", and %s", f->reason);
    if (f->may_be_patched)
        fputs(" by the number, though who built it may have mended it", out);
    if (f->because)
        fprintf(out, ": %s", f->because);
}

static void say_changed(FILE *out, const struct matrix_cell_result *cell)
{
    fputs("was ", out);
    for (size_t i = 0; i < cell->nwas; i++)
        fprintf(out, "%s%s%s%s%s%s%s", i ? ", " : "", cell->was[i].name,
                *cell->was[i].version ? " " : "", cell->was[i].version,
                *cell->was[i].distro ? " (" : "", cell->was[i].distro,
                *cell->was[i].distro ? ")" : "");
    fputs(cell->nwas ? ", is " : "no product, is ", out);
    for (size_t i = 0; i < cell->nvalues; i++) {
        fputs(i ? ", " : "", out);
        if (cell->values[i].product)
            say_product(out, cell->values[i].product);
        else
            fputs("no product", out);
    }
}

/* "staging nginx 1.25.3; production nginx 1.22.1, nginx 1.20.1" */
static void say_row(FILE *out, const struct matrix_result *r, size_t component, const char *name)
{
    const char *between = "";

    for (size_t e = 0; e < r->matrix->nenvironments; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(r, component, e);
        bool begun = false;

        for (size_t i = 0; i < cell->nvalues; i++) {
            const struct version_product *p = cell->values[i].product;

            if (!p || (name && strcasecmp(cell->values[i].name, name) != 0))
                continue;
            fprintf(out, "%s%s ", begun ? "," : between, begun ? "" : r->matrix->environments[e]);
            say_product(out, p);
            begun = true;
            between = "; ";
        }
    }
}

static void say_drift(FILE *out, const struct matrix_result *r, const struct matrix_finding *f)
{
    if (f->product)
        fprintf(out, "%s is not the same everywhere: ", f->product);
    else
        fputs("other software: ", out);
    say_row(out, r, f->component, f->product);
}

static bool words_shows(const struct matrix_component *component,
                        const struct matrix_member *member, const struct version_product *value)
{
    bool any = false;

    for (size_t i = 0; i < member->nproducts; i++) {
        const struct version_product *p = &member->products[i];

        if (!matrix_counts(component, p))
            continue;
        any = true;
        if (value && !strcmp(p->name, value->name) && !strcmp(p->version, value->version) &&
            !strcmp(p->distro, value->distro))
            return true;
    }
    return !value && !any;
}

static void say_addresses(FILE *out, const struct matrix_result *r, size_t component,
                          const struct matrix_cell_result *cell, const struct matrix_value *value)
{
    char text[VERSIONS_LINE_SIZE];
    size_t said = 0;

    for (size_t i = 0; i < cell->nmembers && said < WORDS_ADDRESSES; i++) {
        const struct matrix_member *m = &r->seen->members[cell->first_member + i];
        struct words w = words_init(text, sizeof(text));

        if (m->state != MATRIX_ANSWERED ||
            !words_shows(&r->matrix->components[component], m, value->product))
            continue;
        words_endpoint(&w, m);
        fprintf(out, "%s%s", said++ ? ", " : " at ", text);
    }
    if (value->members > said)
        fprintf(out, " and %zu more", value->members - said);
}

static void say_members(FILE *out, const struct matrix_result *r, const struct matrix_finding *f)
{
    const struct matrix_cell_result *cell = matrix_result_cell(r, f->component, f->environment);

    fputs("its addresses differ: ", out);
    for (size_t i = 0; i < cell->nvalues; i++) {
        fputs(i ? "; " : "", out);
        if (cell->values[i].product)
            say_product(out, cell->values[i].product);
        else
            fputs("no product", out);
        say_addresses(out, r, f->component, cell, &cell->values[i]);
    }
}

static void say_silent(FILE *out, const struct matrix_result *r, const struct matrix_finding *f)
{
    say_member(out, r->matrix, f->member);
    fprintf(out, ": %s%s%s", f->member->code, *f->member->detail ? ": " : "", f->member->detail);
}

static void say_hidden(FILE *out, const struct matrix_result *r, const struct matrix_finding *f)
{
    const struct matrix_cell_result *cell = matrix_result_cell(r, f->component, f->environment);
    const struct version_product *p = cell->values[0].product;

    fputs("no version is shown", out);
    if (p)
        fprintf(out, " (%s)", p->name);
}

/* "web in production: " */
static void say_where(FILE *out, const struct matrix *m, const struct matrix_finding *f)
{
    if (f->component != MATRIX_NONE)
        fputs(m->components[f->component].name, out);
    if (f->environment != MATRIX_NONE)
        fprintf(out, "%s%s", f->component != MATRIX_NONE ? " in " : "",
                m->environments[f->environment]);
    fputs(": ", out);
}

static void say_finding(FILE *out, const struct matrix_result *r, const struct matrix_finding *f)
{
    say_where(out, r->matrix, f);
    switch (f->kind) {
    case MATRIX_REQUIRE:
        return say_require(out, r, f);
    case MATRIX_INCOMPATIBLE:
        return say_incompatible(out, r, f);
    case MATRIX_CHANGED:
        return say_changed(out, matrix_result_cell(r, f->component, f->environment));
    case MATRIX_DRIFT:
        return say_drift(out, r, f);
    case MATRIX_MEMBERS:
        return say_members(out, r, f);
    case MATRIX_UNREACHABLE:
    case MATRIX_UNFINISHED:
        return say_silent(out, r, f);
    default:
        return say_hidden(out, r, f);
    }
}

char *versions_finding(const struct matrix_result *result, const struct matrix_finding *finding)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    say_finding(out, result, finding);
    if (!fclose(out))
        return text;
    free(text);
    return NULL;
}

/* --- the last line ---------------------------------------------------------------------------- */

static void words_counts(struct words *w, const struct matrix_result *result)
{
    static const char *const plural[] = {"notices", "warnings", "critical", "unknown"};
    const char *between = "; ";

    for (int severity = MATRIX_UNKNOWN; severity >= MATRIX_NOTICE; severity--) {
        size_t count = 0;

        for (size_t i = 0; i < result->nfindings; i++)
            count += (int)result->findings[i].severity == severity;
        if (!count)
            continue;
        words_add(w, "%s%zu %s", between, count,
                  count == 1 ? matrix_severity_name((enum matrix_severity)severity)
                             : plural[severity]);
        between = ", ";
    }
    if (!result->nfindings)
        words_add(w, "; no findings");
}

void versions_summary(char out[VERSIONS_LINE_SIZE], const struct matrix_result *result,
                      const struct report_versions_run *run)
{
    struct words w = words_init(out, VERSIONS_LINE_SIZE);

    words_add(&w, "%s%zu address%s asked, %zu answered",
              run->interrupted ? "ended before it was done: " : "", result->asked,
              result->asked == 1 ? "" : "es", result->answered);
    if (result->failed)
        words_add(&w, ", %zu unreachable", result->failed);
    if (result->unmeasured)
        words_add(&w, ", %zu not asked to the end", result->unmeasured);
    words_counts(&w, result);
    if (run->baseline)
        words_add(&w, "; baseline %s", run->baseline);
}
