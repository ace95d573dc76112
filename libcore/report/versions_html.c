/*
 * One page that needs nothing else: its style is in it, it has no script, and its policy forbids
 * both scripts and fetching (Content Security Policy Level 3).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "report/versions.h"
#include "report/versions_words.h"

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { font: 15px/1.4 system-ui, sans-serif; margin: 2em }\n"
    "table { border-collapse: collapse }\n"
    "th, td { border: 1px solid #8886; padding: .4em .7em; text-align: left; "
    "vertical-align: top }\n"
    ".warning, .unknown { background: #fb02 }\n"
    ".critical { background: #f003 }\n"
    ".absent { color: #888 }\n"
    ".marks { font-weight: bold }\n"
    "li { margin: .3em 0; padding: .2em .4em }\n"
    "code { color: #888 }\n"
    "</style>\n";

/* HTML 13.1.4: these five mean something in text or in a quoted attribute. */
static void html_text(FILE *out, const char *safe)
{
    for (const char *at = safe; *at; at++) {
        switch (*at) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*at, out);
        }
    }
}

static void html_title(FILE *out, const struct matrix *m, const char *element)
{
    fprintf(out, "<%s>Versions", element);
    if (m->name) {
        fputs(" of ", out);
        html_text(out, m->name);
    }
    fprintf(out, "</%s>\n", element);
}

static void html_cell(FILE *out, const struct matrix_result *result, size_t c, size_t e)
{
    const struct matrix_cell_result *cell = matrix_result_cell(result, c, e);
    char line[VERSIONS_LINE_SIZE];

    if (!result->matrix->components[c].cells[e].ntargets) {
        fputs("<td class=\"absent\">-</td>", out);
        return;
    }
    fprintf(out, "<td class=\"%s\">", matrix_severity_name(cell->severity));
    for (size_t n = 0; versions_cell_line(line, cell, n); n++) {
        fputs(n ? "<br>" : "", out);
        html_text(out, line);
    }
    versions_marks(line, cell);
    if (*line)
        fprintf(out, "<br><span class=\"marks\">%s</span>", line);
    fputs("</td>", out);
}

static void html_table(FILE *out, const struct matrix_result *result)
{
    const struct matrix *m = result->matrix;

    fputs("<table>\n<thead><tr><th></th>", out);
    for (size_t e = 0; e < m->nenvironments; e++) {
        fputs("<th scope=\"col\">", out);
        html_text(out, m->environments[e]);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t c = 0; c < m->ncomponents; c++) {
        fputs("<tr><th scope=\"row\">", out);
        html_text(out, m->components[c].name);
        fputs("</th>", out);
        for (size_t e = 0; e < m->nenvironments; e++)
            html_cell(out, result, c, e);
        fputs("</tr>\n", out);
    }
    fputs("</tbody>\n</table>\n", out);
}

static int html_findings(FILE *out, const struct matrix_result *result)
{
    if (!result->nfindings)
        return 0;
    fputs("<h2>Findings</h2>\n<ul>\n", out);
    for (size_t i = 0; i < result->nfindings; i++) {
        const struct matrix_finding *f = &result->findings[i];
        const char *severity = matrix_severity_name(f->severity);
        char *words = versions_finding(result, f);

        if (!words)
            return -ENOMEM;
        fprintf(out, "<li class=\"%s\"><b>%s</b> ", severity, severity);
        html_text(out, words);
        fprintf(out, " <code>%s</code></li>\n", matrix_finding_id(f->kind));
        free(words);
    }
    fputs("</ul>\n", out);
    return 0;
}

int report_versions_html(FILE *out, const struct matrix_result *result,
                         const struct report_versions_run *run)
{
    char text[VERSIONS_LINE_SIZE], start[TIME_RFC3339_SIZE];
    int err;

    errno = 0;
    time_format_rfc3339(run->start_unix_ns, start);
    fputs(html_head, out);
    html_title(out, result->matrix, "title");
    fputs("</head>\n<body>\n", out);
    html_title(out, result->matrix, "h1");
    html_table(out, result);
    err = html_findings(out, result);
    versions_summary(text, result, run);
    fprintf(out, "<p>%.19sZ, netdx " NETDX_VERSION ": ", start);
    html_text(out, text);
    fputs("</p>\n</body>\n</html>\n", out);
    return err ? err : ferror(out) ? -(errno ? errno : EIO) : 0;
}
