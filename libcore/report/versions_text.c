#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/table.h"
#include "report/versions.h"
#include "report/versions_words.h"

#define TEXT_CELL_MAX 48 /* columns */
#define TEXT_GAP      2

struct text_table {
    FILE *out;
    const struct matrix_result *result;
    bool color;
    size_t widths[MATRIX_ENVIRONMENTS_MAX + 1]; /* components, then environments */
};

static void text_widen(size_t *width, const char *safe)
{
    size_t columns = text_columns(safe);

    columns = columns > TEXT_CELL_MAX ? TEXT_CELL_MAX : columns;
    *width = columns > *width ? columns : *width;
}

/* The n-th line of a cell, the marks behind the others. */
static bool text_line(char out[VERSIONS_LINE_SIZE], const struct matrix_component *component,
                      size_t environment, const struct matrix_cell_result *cell, size_t n)
{
    char marks[VERSIONS_LINE_SIZE];
    size_t lines = 0;

    if (!component->cells[environment].ntargets) {
        text_format(out, VERSIONS_LINE_SIZE, "-");
        return n == 0;
    }
    if (versions_cell_line(out, cell, n))
        return true;
    while (versions_cell_line(out, cell, lines))
        lines++;
    versions_marks(marks, cell);
    text_format(out, VERSIONS_LINE_SIZE, "[%.*s]", VERSIONS_LINE_SIZE - 3, marks);
    return *marks && n == lines;
}

static void text_measure(struct text_table *t)
{
    const struct matrix *m = t->result->matrix;
    char line[VERSIONS_LINE_SIZE];

    for (size_t c = 0; c < m->ncomponents; c++) {
        text_widen(&t->widths[0], m->components[c].name);
        for (size_t e = 0; e < m->nenvironments; e++) {
            const struct matrix_cell_result *cell = matrix_result_cell(t->result, c, e);

            for (size_t n = 0; text_line(line, &m->components[c], e, cell, n); n++)
                text_widen(&t->widths[e + 1], line);
        }
    }
    for (size_t e = 0; e < m->nenvironments; e++)
        text_widen(&t->widths[e + 1], m->environments[e]);
}

/* Padded, but not behind the last column. */
static void text_cell(const struct text_table *t, size_t column, char *safe, const char *color)
{
    bool last = column == t->result->matrix->nenvironments;
    size_t columns;

    table_cut(safe, TEXT_CELL_MAX);
    columns = text_columns(safe);
    fprintf(t->out, "%s%s%s", t->color ? color : "", safe, t->color && *color ? TABLE_END : "");
    if (!last)
        fprintf(t->out, "%*s", (int)(t->widths[column] - columns + TEXT_GAP), "");
}

static void text_head(const struct text_table *t)
{
    const struct matrix *m = t->result->matrix;
    char text[VERSIONS_LINE_SIZE] = "";

    text_cell(t, 0, text, "");
    for (size_t e = 0; e < m->nenvironments; e++) {
        text_format(text, sizeof(text), "%s", m->environments[e]);
        text_cell(t, e + 1, text, TABLE_BOLD);
    }
    fputc('\n', t->out);
}

static const char *text_color(enum matrix_severity severity)
{
    static const char *const colors[] = {"", TABLE_YELLOW, TABLE_RED, TABLE_YELLOW};

    return colors[severity];
}

/* The n-th line of a row. False: there is none. */
static bool text_row_line(const struct text_table *t, size_t c, size_t n)
{
    const struct matrix *m = t->result->matrix;
    char line[VERSIONS_LINE_SIZE];
    size_t last = 0;

    for (size_t e = 0; e < m->nenvironments; e++)
        if (text_line(line, &m->components[c], e, matrix_result_cell(t->result, c, e), n))
            last = e + 1;
    if (!last)
        return false;
    text_format(line, sizeof(line), "%s", n ? "" : m->components[c].name);
    text_cell(t, 0, line, TABLE_BOLD);
    for (size_t e = 0; e < last; e++) {
        const struct matrix_cell_result *cell = matrix_result_cell(t->result, c, e);

        if (!text_line(line, &m->components[c], e, cell, n))
            *line = '\0';
        text_cell(t, e + 1 == last ? m->nenvironments : e + 1, line,
                  *line ? text_color(cell->severity) : "");
    }
    fputc('\n', t->out);
    return true;
}

static int text_findings(FILE *out, const struct matrix_result *result, bool color)
{
    for (size_t i = 0; i < result->nfindings; i++) {
        const struct matrix_finding *f = &result->findings[i];
        const char *paint = color ? text_color(f->severity) : "";
        char *words = versions_finding(result, f);

        if (!words)
            return -ENOMEM;
        fprintf(out, "%s%s%-8s%s  %s (%s)\n", i ? "" : "\n", paint,
                matrix_severity_name(f->severity), *paint ? TABLE_END : "", words,
                matrix_finding_id(f->kind));
        free(words);
    }
    return 0;
}

static void text_members(FILE *out, const struct matrix_result *result)
{
    const struct matrix *m = result->matrix;
    char text[VERSIONS_LINE_SIZE];

    for (size_t i = 0; i < result->seen->count; i++) {
        const struct matrix_member *member = &result->seen->members[i];

        versions_member(text, m, member);
        fprintf(out, "%s%s in %s: %s: ", i ? "" : "\n", m->components[member->component].name,
                m->environments[member->environment], text);
        fputs(*member->code ? member->code : member->protocol ? member->protocol : "answered", out);
        for (size_t k = 0; k < member->nproducts; k++) {
            versions_product(text, &member->products[k]);
            fprintf(out, "%s%s", k ? ", " : "  ", text);
        }
        fputc('\n', out);
    }
}

int report_versions_text(FILE *out, const struct matrix_result *result,
                         const struct report_versions_run *run,
                         const struct report_versions_text_options *options)
{
    struct text_table table = {.out = out, .result = result, .color = options->color};
    char summary[VERSIONS_LINE_SIZE];
    int err;

    errno = 0;
    text_measure(&table);
    text_head(&table);
    for (size_t c = 0; c < result->matrix->ncomponents; c++)
        for (size_t n = 0; text_row_line(&table, c, n); n++)
            ;
    if (options->verbose)
        text_members(out, result);
    err = text_findings(out, result, options->color);
    versions_summary(summary, result, run);
    fprintf(out, "\n%s\n", summary);
    return err ? err : ferror(out) ? -(errno ? errno : EIO) : 0;
}
