#include "tools/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"

#define OPTIONS_VALUE_SHOWN 80 /* bytes of a refused value worth repeating */

void options_refuse(char error[OPTIONS_ERROR_SIZE], const char *what, const char *text,
                    const char *complaint)
{
    char shown[TEXT_ESCAPED_SIZE(OPTIONS_VALUE_SHOWN)];
    size_t len = strnlen(text, OPTIONS_VALUE_SHOWN);

    text_escape(shown, sizeof(shown), text, len);
    snprintf(error, OPTIONS_ERROR_SIZE, "%s \"%s%s\"%s%s", what, shown, text[len] ? "..." : "",
             *complaint ? " " : "", complaint);
}

static bool options_has_short(const struct argp_option *row)
{
    return row->key > ' ' && row->key < 0x7f;
}

static bool options_row_ends(const struct argp_option *row)
{
    return !row->key && !row->name && !row->doc;
}

static size_t options_count(const struct argp_option *rows)
{
    size_t n = 0;

    while (!options_row_ends(&rows[n]))
        n++;
    return n;
}

static int options_arity(const struct argp_option *row)
{
    if (!row->arg)
        return no_argument;
    return row->flags & OPTION_ARG_OPTIONAL ? optional_argument : required_argument;
}

/* The rows as getopt_long wants them; the caller frees both. */
static int options_tables(const struct options *options, struct option **longs, char **shorts)
{
    size_t n = options_count(options->rows);
    char *s;

    *longs = calloc(n + 1, sizeof(**longs));
    *shorts = s = malloc(3 * n + 3);
    if (!*longs || !s)
        return -ENOMEM;
    if (options->in_order)
        *s++ = '+';
    *s++ = ':';
    for (size_t i = 0, out = 0; i < n; i++) {
        const struct argp_option *row = &options->rows[i];
        int arity = options_arity(row);

        if (row->name && row->key)
            (*longs)[out++] = (struct option){row->name, arity, NULL, row->key};
        if (!options_has_short(row))
            continue;
        *s++ = (char)row->key;
        for (int colons = arity; colons > 0; colons--)
            *s++ = ':';
    }
    *s = '\0';
    return 0;
}

/* The long name of a key, for messages. */
static const char *options_name(const struct options *options, int key)
{
    for (const struct argp_option *row = options->rows; !options_row_ends(row); row++)
        if (row->key == key && row->name)
            return row->name;
    return NULL;
}

static void options_explain(const struct options *options, int answer, char **argv,
                            char error[OPTIONS_ERROR_SIZE])
{
    const char *name = optopt ? options_name(options, optopt) : NULL;
    char shown[64] = {'-', (char)optopt, '\0'};

    if (name)
        snprintf(shown, sizeof(shown), "--%s", name);
    if (answer == ':')
        options_refuse(error, "option", shown, "needs a value");
    else if (name)
        options_refuse(error, "option", shown, "takes no value");
    else if (optopt > 0 && optopt < OPTIONS_LONG_ONLY)
        options_refuse(error, "unknown option", shown, "");
    else
        options_refuse(error, "unknown or ambiguous option", argv[optind - 1], "");
}

/* Goes on after an error, so that --json is known wherever it stands; the first error stays. */
static int options_each(const struct options *options, int argc, char **argv, void *context,
                        const char *shorts, const struct option *longs,
                        char error[OPTIONS_ERROR_SIZE])
{
    char later[OPTIONS_ERROR_SIZE];
    int err = 0;

    optind = 0; /* start over, also after another table */
    opterr = 0;
    for (;;) {
        int key = getopt_long(argc, argv, shorts, longs, NULL);
        char *message = err ? later : error;

        if (key == -1)
            return err;
        if (key == '?' || key == ':') {
            options_explain(options, key, argv, message);
            err = -EINVAL;
        } else if (options->set(context, key, optarg, message)) {
            err = -EINVAL;
        }
    }
}

int options_parse(const struct options *options, int argc, char **argv, void *context, int *first,
                  char error[OPTIONS_ERROR_SIZE])
{
    struct option *longs = NULL;
    char *shorts = NULL;
    int err = options_tables(options, &longs, &shorts);

    if (err)
        snprintf(error, OPTIONS_ERROR_SIZE, "out of memory");
    else
        err = options_each(options, argc, argv, context, shorts, longs, error);
    *first = optind;
    free(longs);
    free(shorts);
    return err;
}

void options_help(const struct options *options, FILE *out)
{
    char name[64], doc[256];
    struct argp argp = {.options = options->rows, .args_doc = options->arguments, .doc = doc};

    snprintf(name, sizeof(name), "netdx %s", options->command);
    snprintf(doc, sizeof(doc), "%s\vSee netdx-%s(1).", options->summary, options->command);
    argp_help(&argp, out, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
}

static void options_complete_words(const struct options *options, FILE *out)
{
    const char *space = "";

    for (const struct argp_option *row = options->rows; !options_row_ends(row); row++) {
        if (row->flags & OPTION_HIDDEN)
            continue;
        if (options_has_short(row)) {
            fprintf(out, "%s-%c", space, row->key);
            space = " ";
        }
        if (row->name) {
            fprintf(out, "%s--%s", space, row->name);
            space = " ";
        }
    }
}

void options_complete_bash(const struct options *const *tables, size_t count, FILE *out)
{
    fputs("# bash completion for netdx\n_netdx()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[0]##*/} words=\n"
          "    case $command in\n    netdx-*) command=${command#netdx-} ;;\n"
          "    *) command=${COMP_WORDS[1]} ;;\n    esac\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ] && [ \"${COMP_WORDS[0]##*/}\" = netdx ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s ", tables[i]->command);
    fputs("completion help --help --version' -- \"$cur\")\n        return\n    fi\n"
          "    case $command in\n",
          out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "    %s) words='", tables[i]->command);
        options_complete_words(tables[i], out);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n    case $cur in\n"
          "    -*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n    esac\n}\n"
          "complete -o default -F _netdx netdx",
          out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, " netdx-%s", tables[i]->command);
    fputc('\n', out);
}

int options_number(const char *what, const char *text, uint32_t min, uint32_t max, uint32_t *out,
                   char error[OPTIONS_ERROR_SIZE])
{
    char complaint[64], *end;
    unsigned long value;
    bool number;

    errno = 0;
    value = strtoul(text, &end, 10);
    number = *text >= '0' && *text <= '9' && !*end;
    if (number && !errno && value >= min && value <= max) {
        *out = (uint32_t)value;
        return 0;
    }
    snprintf(complaint, sizeof(complaint), "is %s (%u to %u)",
             number ? "out of range" : "not a number", min, max);
    options_refuse(error, what, text, complaint);
    return -EINVAL;
}

int options_duration(const char *what, const char *text, int64_t min_ns, int64_t max_ns,
                     int64_t *out_ns, char error[OPTIONS_ERROR_SIZE])
{
    char complaint[128], low[TIMESPAN_TEXT_SIZE], high[TIMESPAN_TEXT_SIZE];
    int64_t value = 0;
    int err = timespan_parse(text, &value);

    if (!err && value >= min_ns && value <= max_ns) {
        *out_ns = value;
        return 0;
    }
    timespan_format(min_ns, low);
    timespan_format(max_ns, high);
    if (err == -EINVAL)
        snprintf(complaint, sizeof(complaint), "is not a duration (like 250ms, 5s, 2m)");
    else
        snprintf(complaint, sizeof(complaint), "is out of range (%s to %s)", low, high);
    options_refuse(error, what, text, complaint);
    return -EINVAL;
}

int options_choice(const char *what, const char *text, const char *const *choices, int *out,
                   char error[OPTIONS_ERROR_SIZE])
{
    char complaint[256] = "is not one of";
    size_t len = strlen(complaint);

    for (int i = 0; choices[i]; i++) {
        if (!strcmp(text, choices[i])) {
            *out = i;
            return 0;
        }
    }
    for (int i = 0; choices[i] && len < sizeof(complaint); i++)
        len += (size_t)snprintf(complaint + len, sizeof(complaint) - len, "%s %s", i ? "," : "",
                                choices[i]);
    options_refuse(error, what, text, complaint);
    return -EINVAL;
}
