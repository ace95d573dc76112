/* CommonMark 0.31.2 with the tables of GitHub Flavored Markdown. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/timespan.h"
#include "report/versions.h"
#include "report/versions_words.h"

/*
 * CommonMark 2.4: a backslash takes the meaning of any ASCII punctuation. Links that GFM finds by
 * itself (6.9) begin with a scheme, "www." or have an "@" in them. Outside text never begins a
 * line, so that what has a meaning there alone stays.
 */
static bool markdown_is_special(const char *text, const char *at)
{
    if (strchr("\\`*_{}[]<>#|!~&@$^", *at))
        return true;
    if (*at == ':')
        return !isdigit((unsigned char)at[1]) && at[1] != ' ';
    return *at == '.' && at - text >= 3 && !strncasecmp(at - 3, "www", 3);
}

static void markdown_text(FILE *out, const char *safe)
{
    for (const char *at = safe; *at; at++) {
        if (markdown_is_special(safe, at))
            fputc('\\', out);
        fputc(*at, out);
    }
}

static void markdown_cell(FILE *out, const struct matrix_result *result, size_t c, size_t e)
{
    const struct matrix_cell_result *cell = matrix_result_cell(result, c, e);
    char line[VERSIONS_LINE_SIZE];

    if (!result->matrix->components[c].cells[e].ntargets)
        fputs(" -", out);
    for (size_t n = 0; versions_cell_line(line, cell, n); n++) {
        fputs(n ? "<br>" : " ", out);
        markdown_text(out, line);
    }
    versions_marks(line, cell);
    if (*line)
        fprintf(out, "<br>**%s**", line);
    fputs(" |", out);
}

static void markdown_table(FILE *out, const struct matrix_result *result)
{
    const struct matrix *m = result->matrix;

    fputs("| |", out);
    for (size_t e = 0; e < m->nenvironments; e++) {
        fputc(' ', out);
        markdown_text(out, m->environments[e]);
        fputs(" |", out);
    }
    fputs("\n|---|", out);
    for (size_t e = 0; e < m->nenvironments; e++)
        fputs("---|", out);
    fputc('\n', out);
    for (size_t c = 0; c < m->ncomponents; c++) {
        fputs("| **", out);
        markdown_text(out, m->components[c].name);
        fputs("** |", out);
        for (size_t e = 0; e < m->nenvironments; e++)
            markdown_cell(out, result, c, e);
        fputc('\n', out);
    }
}

static int markdown_findings(FILE *out, const struct matrix_result *result)
{
    for (size_t i = 0; i < result->nfindings; i++) {
        const struct matrix_finding *f = &result->findings[i];
        char *words = versions_finding(result, f);

        if (!words)
            return -ENOMEM;
        fprintf(out, "%s- **%s** ", i ? "" : "\n", matrix_severity_name(f->severity));
        markdown_text(out, words);
        fprintf(out, " (`%s`)\n", matrix_finding_id(f->kind));
        free(words);
    }
    return 0;
}

int report_versions_markdown(FILE *out, const struct matrix_result *result,
                             const struct report_versions_run *run)
{
    char text[VERSIONS_LINE_SIZE], start[TIME_RFC3339_SIZE];
    int err;

    errno = 0;
    time_format_rfc3339(run->start_unix_ns, start);
    fputs("# Versions", out);
    if (result->matrix->name) {
        fputs(" of ", out);
        markdown_text(out, result->matrix->name);
    }
    fputs("\n\n", out);
    markdown_table(out, result);
    err = markdown_findings(out, result);
    versions_summary(text, result, run);
    fprintf(out, "\n%.19sZ, netdx " NETDX_VERSION ": ", start);
    markdown_text(out, text);
    fputc('\n', out);
    return err ? err : ferror(out) ? -(errno ? errno : EIO) : 0;
}
