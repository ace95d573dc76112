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
    list->items[list->count++] = (struct target_text){.text = text, .line = line};
    return 0;
}

/* Ends a line where its target does: blanks around it and what follows '#' do not count. */
static char *target_list_trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r");
    len = strcspn(text, "#");
    while (len && strchr(" \t\r", text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* One target a line; of two, the first would be asked and the other forgotten. */
static int target_list_split(struct target_list *list)
{
    char *next = list->file, *text;
    int err = 0;

    for (size_t line = 1; !err && (text = strsep(&next, "\n")); line++) {
        text = target_list_trim(text);
        if (*text)
            err = target_list_add(list, text, line);
    }
    return err;
}

static int target_list_read(struct target_list *list, const char *path)
{
    FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
    size_t size = 0;
    ssize_t len;
    int err = 0;

    if (!in)
        return -errno;
    list->path = path;
    errno = 0;
    len = getdelim(&list->file, &size, '\0', in);
    if (len < 0 && ferror(in))
        err = -(errno ? errno : EIO);
    else if (len > 0 && !list->file[len - 1])
        err = -EILSEQ; /* a NUL byte: this is no text */
    if (in != stdin)
        fclose(in);
    return err || len < 0 ? err : target_list_split(list);
}

static int target_list_fail(const char *path, int err, struct failure *failure)
{
    char complaint[128];

    if (!err)
        return failure_refuse(failure, -EINVAL, "usage", "list of targets", path, "is empty");
    snprintf(complaint, sizeof(complaint), "cannot be read: %s",
             err == -EILSEQ ? "it holds a NUL byte" : strerror(-err));
    return failure_refuse(failure, err, "file.open", "list of targets", path, complaint);
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
    return target_list_fail(options->targets_file ? options->targets_file : "", err, failure);
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
    const char *text = list->items[index].text, *begin = text;
    char path[TEXT_ESCAPED_SIZE(TARGET_LIST_PATH_SHOWN)], located[OPTIONS_ERROR_SIZE];
    size_t line = list->items[index].line;

    if (!line)
        return;
    while (begin > list->file && begin[-1]) /* where the line before it was ended */
        begin--;
    text_escape(path, sizeof(path), list->path, strnlen(list->path, TARGET_LIST_PATH_SHOWN));
    text_format(located, sizeof(located), "%s, line %zu, column %td: %s",
                strcmp(list->path, "-") ? path : "standard input", line, text - begin + 1, message);
    memcpy(message, located, sizeof(located));
}
