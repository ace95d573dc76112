/* Matrices of versions, and baselines, from anybody; what is read is filled, judged and kept. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Services that answer with one of a few Server headers each; some do not. */
static int fill(const struct matrix *m, struct matrix_seen *seen)
{
    static const char *const banners[] = {
        "nginx/1.25.3",       "nginx/1.22.1", "Apache/2.4.57 (Debian)",
        "Apache/2.4 PHP/8.2", "nginx",        NULL};
    static struct version_list list;
    size_t n = 0;
    int err = 0;

    for (size_t c = 0; c < m->ncomponents; c++) {
        for (size_t e = 0; e < m->nenvironments; e++) {
            for (size_t t = 0; !err && t < m->components[c].cells[e].ntargets && t < 16; t++) {
                const char *banner = banners[n++ % 6];
                struct matrix_member member = {.component = c, .environment = e, .target = t};

                list = (struct version_list){0};
                member.state = banner ? MATRIX_ANSWERED : MATRIX_FAILED;
                if (banner)
                    version_identify(VERSION_HTTP_SERVER, banner, strlen(banner), &list);
                err = matrix_seen_add(seen, &member, &list);
            }
        }
    }
    return err;
}

static void judge(const struct matrix *m, const struct matrix_baseline *baseline)
{
    struct matrix_seen seen = {0};
    struct matrix_result *result = NULL;
    struct matrix_baseline *again = NULL;
    struct document_error error;
    bool changed;
    char *text;

    if (!fill(m, &seen) && !matrix_judge(m, &seen, baseline, &result)) {
        text = matrix_baseline_write(result, baseline, true, &changed);
        /* what is written can be read */
        if (text && matrix_baseline_parse(text, strlen(text), &again, &error))
            abort();
        free(text);
    }
    matrix_baseline_free(again);
    matrix_result_free(result);
    matrix_seen_release(&seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char two[] = "environments: [a, b]\ncomponents: {w: {targets: {a: x, b: y}}}";
    struct matrix_baseline *baseline = NULL;
    struct matrix *matrix = NULL;
    struct document_error error;

    matrix_baseline_parse((const char *)data, size, &baseline, &error);
    if (!matrix_parse((const char *)data, size, &matrix, &error))
        judge(matrix, NULL);
    else if (baseline && !matrix_parse(two, sizeof(two) - 1, &matrix, &error))
        judge(matrix, baseline);
    matrix_free(matrix);
    matrix_baseline_free(baseline);
    return 0;
}
