#include "tools/versions_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tools/aim.h"

#define VERSIONS_BASELINE_MAX (16 * 1024 * 1024)
#define VERSIONS_PATH_SHOWN   80

/* Up to `max` bytes. The length, or -errno. */
static ssize_t versions_read(const char *path, size_t max, char **out)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
    char *text = NULL;
    size_t size = 0;
    ssize_t len = 0;

    if (!file)
        return -errno;
    /* Grown step by step: a file may be a pipe, and most are small. */
    while (!feof(file) && !ferror(file) && (size_t)len <= max) {
        char *grown;

        size = size ? 2 * size : 65536;
        size = size > max + 1 ? max + 1 : size;
        grown = realloc(text, size);
        if (!grown) {
            errno = ENOMEM;
            break;
        }
        text = grown;
        len += (ssize_t)fread(text + len, 1, size - (size_t)len, file);
    }
    if (ferror(file) || !text)
        len = errno ? -errno : -EIO;
    else if ((size_t)len > max)
        len = -EFBIG;
    if (file != stdin)
        fclose(file);
    *out = text;
    return len;
}

/* "shop.yaml:3:5: components.web.port: MESSAGE" */
static int versions_fail(const char *path, const struct document_error *where, const char *code,
                         struct failure *failure)
{
    char shown[TEXT_ESCAPED_SIZE(VERSIONS_PATH_SHOWN)], place[48] = "";

    text_escape(shown, sizeof(shown), path, strnlen(path, VERSIONS_PATH_SHOWN));
    if (where->line)
        snprintf(place, sizeof(place), ":%zu:%zu", where->line, where->column);
    failure->code = code;
    failure->status = EXIT_UNKNOWN;
    text_format(failure->message, sizeof(failure->message), "%s%s: %s%s%s",
                strcmp(path, "-") ? shown : "standard input", place, where->field,
                *where->field ? ": " : "", where->message);
    return -EINVAL;
}

static int versions_fail_read(const char *what, const char *path, int err, struct failure *failure)
{
    char complaint[128];

    snprintf(complaint, sizeof(complaint), "cannot be read: %s", strerror(-err));
    return failure_refuse(failure, err, "file.open", what, path, complaint);
}

int versions_file_matrix(const char *path, struct matrix **out, struct failure *failure)
{
    struct document_error error = {0};
    char *text = NULL;
    ssize_t len = versions_read(path, DOCUMENT_TEXT_MAX, &text);
    int err = len < 0 ? (int)len : matrix_parse(text, (size_t)len, out, &error);

    free(text);
    if (err == -EINVAL && len >= 0)
        return versions_fail(path, &error, "file.format", failure);
    return err ? versions_fail_read("matrix", path, err, failure) : 0;
}

int versions_file_baseline(const char *path, struct matrix_baseline **out, struct failure *failure)
{
    struct document_error error = {0};
    char *text = NULL;
    ssize_t len = versions_read(path, VERSIONS_BASELINE_MAX, &text);
    int err = len < 0 ? (int)len : matrix_baseline_parse(text, (size_t)len, out, &error);

    free(text);
    if (len == -ENOENT)
        return 0;
    if (err == -EINVAL && len >= 0)
        return versions_fail(path, &error, "file.format", failure);
    return err ? versions_fail_read("baseline", path, err, failure) : 0;
}

/* --- targets ---------------------------------------------------------------------------------- */

/* A target that cannot be used is the file's mistake, and is told before anybody is asked. */
static int targets_check(const struct matrix *m, const struct versions_place *place,
                         const char *path, struct failure *failure)
{
    const struct matrix_component *c = &m->components[place->component];
    const struct matrix_target *target = &c->cells[place->environment].targets[place->target];
    struct document_error where = {.line = target->line, .column = target->column};
    char complaint[OPTIONS_ERROR_SIZE];
    struct aim aim;

    if (!aim_parse(target->text, &aim, complaint)) {
        aim_release(&aim);
        return 0;
    }
    text_format(where.field, sizeof(where.field), "components.%s.targets.%s", c->name,
                m->environments[place->environment]);
    text_format(where.message, sizeof(where.message), "%s", complaint);
    return versions_fail(path, &where, "file.format", failure);
}

static void targets_add(struct versions_targets *t, const struct matrix *m, size_t component,
                        size_t environment, size_t target)
{
    const struct matrix_component *c = &m->components[component];
    struct port_list *ports = &t->ports[component];

    t->places[t->list.count] = (struct versions_place){component, environment, target, false};
    t->list.items[t->list.count++] = (struct target_text){
        .text = c->cells[environment].targets[target].text,
        .line = c->cells[environment].targets[target].line,
        .ports = ports->count ? ports : NULL,
        .protocol = c->protocol,
    };
}

static int targets_ports(struct versions_targets *t, const struct matrix *m)
{
    char text[8], error[OPTIONS_ERROR_SIZE];
    int err = 0;

    for (size_t c = 0; !err && c < m->ncomponents; c++) {
        if (!m->components[c].port)
            continue;
        snprintf(text, sizeof(text), "%u", m->components[c].port);
        err = port_list_parse("port", text, &t->ports[c], error);
    }
    return err;
}

static int targets_collect(struct versions_targets *t, const struct matrix *m, const char *path,
                           struct failure *failure)
{
    int err = 0;

    for (size_t c = 0; c < m->ncomponents; c++)
        for (size_t e = 0; e < m->nenvironments; e++)
            for (size_t i = 0; i < m->components[c].cells[e].ntargets; i++)
                targets_add(t, m, c, e, i);
    for (size_t i = 0; !err && i < t->list.count; i++)
        err = targets_check(m, &t->places[i], path, failure);
    return err;
}

int versions_targets_init(struct versions_targets *targets, const struct matrix *matrix,
                          const char *path, struct failure *failure)
{
    *targets = (struct versions_targets){.ncomponents = matrix->ncomponents};
    targets->list.items = calloc(MATRIX_TARGETS_MAX, sizeof(*targets->list.items));
    targets->places = calloc(MATRIX_TARGETS_MAX, sizeof(*targets->places));
    targets->ports = calloc(matrix->ncomponents, sizeof(*targets->ports));
    if (!targets->list.items || !targets->places || !targets->ports ||
        targets_ports(targets, matrix))
        return failure_set(failure, -ENOMEM, "memory", "cannot start", strerror(ENOMEM));
    targets->list.path = path;
    return targets_collect(targets, matrix, path, failure);
}

void versions_targets_release(struct versions_targets *targets)
{
    for (size_t c = 0; targets->ports && c < targets->ncomponents; c++)
        port_list_release(&targets->ports[c]);
    free(targets->ports);
    free(targets->places);
    target_list_release(&targets->list);
}
