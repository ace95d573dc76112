#include "tools/target_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define TARGET_LIST_PATH_SHOWN 80

static int target_list_add(struct target_list *list, char *text, size_t line)
{
    if (list->count == list->size) {
        size_t size = list->size ? 2 * list->size : 16;
        struct target_text *grown = reallocarray(list->items, size, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        list->items = grown;
        list->size = size;
    }
    if (list->count == TARGET_LIST_MAX)
        return -E2BIG;
    list->items[list->count++] = (struct target_text){text, line};
    return 0;
}

/* One target a line; blanks around it and what follows '#' do not count. */
static int target_list_split(struct target_list *list)
{
    char *next = list->file, *text;
    int err = 0;

    for (size_t line = 1; !err && (text = strsep(&next, "\n")); line++) {
        text += strspn(text, " \t\r");
        text[strcspn(text, " \t\r#")] = '\0';
        if (*text)
            err = target_list_add(list, text, line);
    }
    return err;
}

static int target_list_read(struct target_list *list, const char *path)
{
    FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
    size_t size = 0;
    int err = 0;

    if (!in)
        return -errno;
    list->path = path;
    errno = 0;
    if (getdelim(&list->file, &size, '\0', in) < 0 && ferror(in))
        err = -(errno ? errno : EIO);
    if (in != stdin)
        fclose(in);
    return err || !list->file ? err : target_list_split(list);
}

int target_list_collect(struct target_list *list, const struct common_options *options,
                        struct failure *failure)
{
    int err = 0;

    for (size_t i = 0; i < options->ntargets && !err; i++)
        err = target_list_add(list, options->targets[i], 0);
    if (!err && options->targets_file)
        err = target_list_read(list, options->targets_file);
    if (!err && list->count)
        return 0;
    return failure_refuse(failure, err ? err : -EINVAL, "usage", "list of targets",
                          options->targets_file ? options->targets_file : "",
                          err ? strerror(-err) : "is empty");
}

void target_list_release(struct target_list *list)
{
    free(list->items);
    free(list->file);
    *list = (struct target_list){0};
}

void target_list_locate(const struct target_list *list, size_t index,
                        char message[OPTIONS_ERROR_SIZE])
{
    char path[TEXT_ESCAPED_SIZE(TARGET_LIST_PATH_SHOWN)], located[OPTIONS_ERROR_SIZE];
    size_t line = list->items[index].line;

    if (!line)
        return;
    text_escape(path, sizeof(path), list->path, strnlen(list->path, TARGET_LIST_PATH_SHOWN));
    text_format(located, sizeof(located), "%s, line %zu: %s",
                strcmp(list->path, "-") ? path : "standard input", line, message);
    memcpy(message, located, sizeof(located));
}
