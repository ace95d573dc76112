#include "tools/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"
#include "tools/scenarios.h"

#define LAB_SCENARIO_MAX (1024 * 1024) /* bytes of a scenario file */

const struct builtin_scenario *lab_load_builtin(const char *name)
{
    for (size_t i = 0; i < nbuiltin_scenarios; i++)
        if (!strcmp(builtin_scenarios[i].name, name))
            return &builtin_scenarios[i];
    return NULL;
}

static int lab_load_parse(const char *name, const char *yaml, size_t len, struct scenario **out,
                          char error[LAB_ERROR_SIZE])
{
    struct document_error where = {.line = 0};
    int err = scenario_parse(yaml, len, out, &where);
    char place[32] = "";

    if (!err)
        return 0;
    if (err != -EINVAL) {
        snprintf(error, LAB_ERROR_SIZE, "reading scenario \"%s\" failed: %s", name, strerror(-err));
        return err;
    }
    if (where.line)
        snprintf(place, sizeof(place), ":%zu:%zu", where.line, where.column);
    snprintf(error, LAB_ERROR_SIZE, "%s%s: %s%s%s", name, place, where.field,
             *where.field ? ": " : "", where.message);
    return err;
}

/* Up to LAB_SCENARIO_MAX bytes into `text`; the length or -errno. */
static ssize_t lab_load_read(const char *path, char *text)
{
    FILE *file = fopen(path, "re");
    ssize_t len;

    if (!file)
        return -errno;
    len = (ssize_t)fread(text, 1, LAB_SCENARIO_MAX + 1, file);
    if (ferror(file))
        len = errno ? -errno : -EIO;
    else if (len > LAB_SCENARIO_MAX)
        len = -EFBIG;
    fclose(file);
    return len;
}

int lab_load_file(const char *path, struct scenario **out, char error[LAB_ERROR_SIZE])
{
    char *text = malloc(LAB_SCENARIO_MAX + 1);
    ssize_t len = text ? lab_load_read(path, text) : -ENOMEM;
    int err;

    if (len >= 0) {
        err = lab_load_parse(path, text, (size_t)len, out, error);
    } else {
        char complaint[128];

        err = (int)len;
        snprintf(complaint, sizeof(complaint), "cannot be read: %s", strerror(-err));
        options_refuse(error, "scenario file", path, complaint);
    }
    free(text);
    return err;
}

int lab_load_name(const char *name, struct scenario **out, char error[LAB_ERROR_SIZE])
{
    const struct builtin_scenario *builtin = lab_load_builtin(name);

    if (builtin)
        return lab_load_parse(name, builtin->yaml, builtin->len, out, error);
    if (strpbrk(name, "/."))
        return lab_load_file(name, out, error);
    options_refuse(error, "unknown scenario", name,
                   "(netdx lab --list shows them; a file has a \".\" or \"/\" in its name)");
    return -EINVAL;
}
