#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "tools/options.c"

enum { KEY_LONG = OPTIONS_LONG_ONLY, KEY_MAYBE };

static const struct argp_option rows[] = {
    {NULL,      0, NULL, 0, "Group:", 1},
    {"plain",     'p', NULL, 0, "No value", 0},
    {"value", 'v', "TEXT", 0, "A value", 0},
    {"long",         KEY_LONG, "N", 0, "Long only", 0},
    {"maybe",  KEY_MAYBE, "N", OPTION_ARG_OPTIONAL, "Optional value", 0},
    {NULL,        '4', NULL, 0, "Short only", 0},
    {0       },
};

struct seen {
    char text[256];
};

static int set(void *context, int key, const char *value, char *error)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);

    if (value && !strcmp(value, "bad")) {
        options_refuse(error, "value", value, "is refused");
        return -EINVAL;
    }
    snprintf(seen->text + len, sizeof(seen->text) - len, "%d=%s;", key, value ? value : "");
    return 0;
}

static const struct options table = {
    .command = "test", .arguments = "TARGET", .summary = "A test.", .rows = rows, .set = set};

/* Parses blank-separated words; the result is what set() saw. */
static int parse(const char *line, struct seen *seen, char *error, int *first, char **argv)
{
    static char words[256];
    char *next = words, *word;
    int argc = 0;

    snprintf(words, sizeof(words), "test %s", line);
    while ((word = strsep(&next, " ")))
        if (*word)
            argv[argc++] = word;
    argv[argc] = NULL;
    seen->text[0] = error[0] = '\0';
    return options_parse(&table, argc, argv, seen, first, error);
}

static void test_values_arrive(void **state)
{
    char error[OPTIONS_ERROR_SIZE], *argv[32];
    struct seen seen;
    int first;

    (void)state;
    assert_int_equal(parse("a -p --value=x -vy -4 --maybe --maybe=3 b", &seen, error, &first, argv),
                     0);
    assert_string_equal(seen.text, "112=;118=x;118=y;52=;257=;257=3;");
    assert_int_equal(first, 7);
    assert_string_equal(argv[first], "a");
    assert_string_equal(argv[first + 1], "b");
}

static void test_double_dash_ends_options(void **state)
{
    char error[OPTIONS_ERROR_SIZE], *argv[32];
    struct seen seen;
    int first;

    (void)state;
    assert_int_equal(parse("-p -- -v", &seen, error, &first, argv), 0);
    assert_string_equal(seen.text, "112=;");
    assert_string_equal(argv[first], "-v");
}

static void test_mistakes_are_named(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"--bogus",     "unknown or ambiguous option \"--bogus\""},
        {"-x",          "unknown option \"-x\""                  },
        {"-4x",         "unknown option \"-x\""                  },
        {"--value",     "option \"--value\" needs a value"       },
        {"-v",          "option \"--value\" needs a value"       },
        {"--plain=3",   "option \"--plain\" takes no value"      },
        {"--value bad", "value \"bad\" is refused"               },
    };
    char error[OPTIONS_ERROR_SIZE], *argv[32];
    struct seen seen;
    int first;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].line, &seen, error, &first, argv), -EINVAL);
        assert_string_equal(error, cases[i].error);
    }
}

/* --json behind a mistake must still make the failure a document. */
static void test_first_error_stays_and_the_rest_is_read(void **state)
{
    char error[OPTIONS_ERROR_SIZE], *argv[32];
    struct seen seen;
    int first;

    (void)state;
    assert_int_equal(parse("--bogus -x -p", &seen, error, &first, argv), -EINVAL);
    assert_string_equal(error, "unknown or ambiguous option \"--bogus\"");
    assert_string_equal(seen.text, "112=;");
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"0",                    "port \"0\" is out of range (1 to 65535)"                   },
        {"70000",                "port \"70000\" is out of range (1 to 65535)"               },
        {"99999999999999999999", "port \"99999999999999999999\" is out of range (1 to 65535)"},
        {"4294967297",           "port \"4294967297\" is out of range (1 to 65535)"          },
        {"-1",                   "port \"-1\" is not a number (1 to 65535)"                  },
        {" 1",                   "port \" 1\" is not a number (1 to 65535)"                  },
        {"1x",                   "port \"1x\" is not a number (1 to 65535)"                  },
        {"",                     "port \"\" is not a number (1 to 65535)"                    },
        {"\033[2J",              "port \"\\x1b[2J\" is not a number (1 to 65535)"            },
    };
    char error[OPTIONS_ERROR_SIZE];
    uint32_t n = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(options_number("port", cases[i].text, 1, 65535, &n, error), -EINVAL);
        assert_string_equal(error, cases[i].error);
        assert_int_equal(n, 7);
    }
    assert_int_equal(options_number("port", "65535", 1, 65535, &n, error), 0);
    assert_int_equal(n, 65535);
}

static void test_durations(void **state)
{
    char error[OPTIONS_ERROR_SIZE];
    int64_t ns = 7;

    (void)state;
    assert_int_equal(options_duration("timeout", "soon", 1, NS_PER_SEC, &ns, error), -EINVAL);
    assert_string_equal(error, "timeout \"soon\" is not a duration (like 250ms, 5s, 2m)");
    assert_int_equal(options_duration("timeout", "2s", NS_PER_MS, NS_PER_SEC, &ns, error), -EINVAL);
    assert_string_equal(error, "timeout \"2s\" is out of range (1ms to 1s)");
    assert_int_equal(ns, 7);
    assert_int_equal(options_duration("timeout", "250ms", NS_PER_MS, NS_PER_SEC, &ns, error), 0);
    assert_int_equal(ns, 250 * NS_PER_MS);
}

static void test_choices(void **state)
{
    static const char *const choices[] = {"text", "json", NULL};
    char error[OPTIONS_ERROR_SIZE];
    int choice = 7;

    (void)state;
    assert_int_equal(options_choice("format", "xml", choices, &choice, error), -EINVAL);
    assert_string_equal(error, "format \"xml\" is not one of text, json");
    assert_int_equal(options_choice("format", "json", choices, &choice, error), 0);
    assert_int_equal(choice, 1);
}

static void test_long_values_are_cut(void **state)
{
    char error[OPTIONS_ERROR_SIZE], *text = malloc(65537);

    (void)state;
    assert_non_null(text);
    memset(text, '\033', 65536);
    text[65536] = '\0';
    options_refuse(error, "target", text, "is refused");
    assert_true(strlen(error) < 400);
    assert_null(strchr(error, '\033'));
    assert_non_null(strstr(error, "...\" is refused"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_arrive),
        cmocka_unit_test(test_double_dash_ends_options),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_first_error_stays_and_the_rest_is_read),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_long_values_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
